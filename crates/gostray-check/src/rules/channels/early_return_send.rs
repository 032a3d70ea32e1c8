//! A way out leaves before it receives what a goroutine sends.
//!
//! ## What it finds
//!
//! The function starts a goroutine that sends on a channel without room, and has a way out (an error, a
//! condition) on which nothing is received. On that way the goroutine waits at its send for ever, with all
//! that it holds.
//!
//! ## Example
//!
//! ```go
//! func load(id string) (Item, error) {
//! 	ch := make(chan Item)
//! 	go func() { ch <- fetch(id) }()
//! 	if err := check(id); err != nil {
//! 		return Item{}, err // nobody receives
//! 	}
//! 	return <-ch, nil
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	ch := make(chan Item, 1) // the goroutine can always send, and end
//! ```
//!
//! ## When it is wrong
//!
//! When something outside of the function receives from the channel in a way that can't be seen, which is
//! why the rule keeps silent as soon as the channel leaves the function.
//!
//! ## Fix
//!
//! Safe where the number of values is known, nobody asks for `len` or `cap` of the channel and the goroutine
//! does nothing after it has sent; else unsafe.

use crate::channel::{Shape, Stranded, make_room};
use crate::finding::Tier;
use crate::rules::channels::owner;
use crate::rules::{Check, Rule, Told};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS101",
    name: "early-return-send",
    tier: Tier::Proven,
    text: include_str!("early_return_send.rs"),
    chinese: include_str!("early_return_send.zh-CN.md"),
    check: Check::Stranded(&[Shape::EarlyReturn], tell),
};

fn tell(s: &Stranded<'_, '_>) -> Told {
    Told {
        message: format!("this send waits for ever when {} returns early: nobody receives from {} any more", owner(s), s.story.name()),
        why: "the goroutine, and everything it holds, stays until the process ends; every call that takes this way out adds one".to_owned(),
        fix: make_room(s),
    }
}
