//! Something is sent on a channel that nobody ever receives from.
//!
//! ## What it finds
//!
//! All uses of the channel are seen, and none of them receives. A send on a channel without room waits for a
//! receiver: for ever.
//!
//! ## Example
//!
//! ```go
//! func notify() {
//! 	done := make(chan bool)
//! 	go func() {
//! 		work()
//! 		done <- true // nobody receives
//! 	}()
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	go work() // without the channel; or receive from it
//! ```
//!
//! ## When it is wrong
//!
//! When the receiver is in a file that is not built for this system.
//!
//! ## Fix
//!
//! Shown only: whether the channel is superfluous or a receive is missing, only its author knows.

use crate::channel::{Shape, Stranded};
use crate::finding::Tier;
use crate::rules::{Check, Rule, Told};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS105",
    name: "send-no-receiver",
    tier: Tier::Proven,
    text: include_str!("send_no_receiver.rs"),
    chinese: include_str!("send_no_receiver.zh-CN.md"),
    check: Check::Stranded(&[Shape::NoReceiver], tell),
};

fn tell(s: &Stranded<'_, '_>) -> Told {
    Told {
        message: format!("this send waits for ever: nobody receives from {}", s.story.name()),
        why: "who sends never goes on, and whatever it holds is kept".to_owned(),
        fix: None,
    }
}
