//! A loop that receives the answers of several goroutines is left before its end.
//!
//! ## What it finds
//!
//! The function starts goroutines that each send an answer, and receives them in a loop that has another way
//! out, at the first error for example. The goroutines whose answers were not received wait for ever.
//!
//! ## Example
//!
//! ```go
//! func all(jobs []job) error {
//! 	errs := make(chan error)
//! 	for _, j := range jobs {
//! 		go func() { errs <- j.run() }()
//! 	}
//! 	for range jobs {
//! 		if err := <-errs; err != nil {
//! 			return err // the others stay
//! 		}
//! 	}
//! 	return nil
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	errs := make(chan error, len(jobs)) // or golang.org/x/sync/errgroup
//! ```
//!
//! ## When it is wrong
//!
//! When what comes after the loop drains the channel in a way that can't be seen.
//!
//! ## Fix
//!
//! Safe where there is room for one value of each element of a slice that does not change.

use crate::channel::{Shape, Stranded, make_room};
use crate::finding::Tier;
use crate::rules::channels::owner;
use crate::rules::{Check, Rule, Told};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS104",
    name: "partial-collect",
    tier: Tier::Proven,
    text: include_str!("partial_collect.rs"),
    chinese: include_str!("partial_collect.zh-CN.md"),
    check: Check::Stranded(&[Shape::PartialCollect], tell),
};

fn tell(s: &Stranded<'_, '_>) -> Told {
    Told {
        message: format!(
            "sends that {} does not receive any more wait for ever: its loop over {} has another way out",
            owner(s),
            s.story.name()
        ),
        why: "every error leaves goroutines behind".to_owned(),
        fix: make_room(s),
    }
}
