//! Something is awaited on a channel that nobody ever sends on or closes.
//!
//! ## What it finds
//!
//! All uses of the channel are seen, and none of them sends or closes. Who receives from it waits for ever.
//!
//! ## Example
//!
//! ```go
//! func start() {
//! 	stop := make(chan struct{})
//! 	go func() {
//! 		<-stop // nobody closes it
//! 		cleanup()
//! 	}()
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	defer close(stop)
//! ```
//!
//! ## When it is wrong
//!
//! When it is meant to wait for ever: `select {}` says so more clearly.
//!
//! ## Fix
//!
//! Shown only: where the channel is to be closed, only its author knows.

use crate::channel::{Shape, Stranded};
use crate::finding::Tier;
use crate::rules::{Check, Rule, Told};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS106",
    name: "receive-never",
    tier: Tier::Proven,
    text: include_str!("receive_never.rs"),
    chinese: include_str!("receive_never.zh-CN.md"),
    check: Check::Stranded(&[Shape::NoSender], tell),
};

fn tell(s: &Stranded<'_, '_>) -> Told {
    Told {
        message: format!("this receive waits for ever: nobody sends on {} or closes it", s.story.name()),
        why: "who receives never goes on, and whatever it holds is kept".to_owned(),
        fix: None,
    }
}
