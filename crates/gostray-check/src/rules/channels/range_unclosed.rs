//! A loop over a channel that nobody closes.
//!
//! ## What it finds
//!
//! `for … range ch` ends when the channel is closed, and nobody closes it. When all values were sent, who
//! ranges waits for ever.
//!
//! ## Example
//!
//! ```go
//! func process(items []int) {
//! 	ch := make(chan int)
//! 	go func() {
//! 		for v := range ch { // never ends
//! 			use(v)
//! 		}
//! 	}()
//! 	for _, item := range items {
//! 		ch <- item
//! 	}
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	defer close(ch) // in the only function that sends
//! ```
//!
//! ## When it is wrong
//!
//! When the goroutine is meant to live as long as the process: say so with `//gostray:background`.
//!
//! ## Fix
//!
//! Unsafe: with several senders, a close too early makes a send panic.

use crate::channel::{Shape, Stranded};
use crate::finding::Tier;
use crate::rules::{Check, Rule, Told};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS108",
    name: "range-unclosed",
    tier: Tier::Proven,
    text: include_str!("range_unclosed.rs"),
    chinese: include_str!("range_unclosed.zh-CN.md"),
    check: Check::Stranded(&[Shape::Unclosed], tell),
};

fn tell(s: &Stranded<'_, '_>) -> Told {
    Told {
        message: format!("this loop never ends: nobody closes {}", s.story.name()),
        why: "when all values were received it waits for the next one, for ever".to_owned(),
        fix: crate::channel::close_after(s),
    }
}
