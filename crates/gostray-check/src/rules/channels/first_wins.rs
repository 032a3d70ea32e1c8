//! Several goroutines send, and only the first answer is received.
//!
//! ## What it finds
//!
//! The function starts several goroutines that each send an answer on one channel, and receives fewer than
//! that. The others wait at their sends for ever.
//!
//! ## Example
//!
//! ```go
//! func fastest(urls []string) string {
//! 	ch := make(chan string)
//! 	for _, url := range urls {
//! 		go func() { ch <- get(url) }()
//! 	}
//! 	return <-ch // the others stay
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	ch := make(chan string, len(urls))
//! ```
//!
//! ## When it is wrong
//!
//! When the slice is known to have one element only.
//!
//! ## Fix
//!
//! Safe where there is room for one value of each element of a slice that does not change.

use crate::channel::{Shape, Stranded, make_room};
use crate::finding::Tier;
use crate::rules::channels::owner;
use crate::rules::{Check, Rule, Told};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS103",
    name: "first-wins",
    tier: Tier::Proven,
    text: include_str!("first_wins.rs"),
    chinese: include_str!("first_wins.zh-CN.md"),
    check: Check::Stranded(&[Shape::FirstWins], tell),
};

fn tell(s: &Stranded<'_, '_>) -> Told {
    Told {
        message: format!(
            "all but the first of these sends wait for ever: {} receives fewer values from {} than are sent",
            owner(s),
            s.story.name()
        ),
        why: "every call leaves the slower goroutines behind".to_owned(),
        fix: make_room(s),
    }
}
