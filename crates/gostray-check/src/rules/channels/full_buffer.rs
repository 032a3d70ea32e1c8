//! More is sent than is received and there is room for.
//!
//! ## What it finds
//!
//! A goroutine sends several values, on some way more than the function receives and the channel holds: often
//! a `return` is missing after the send of an error.
//!
//! ## Example
//!
//! ```go
//! func load() (int, error) {
//! 	ch := make(chan result)
//! 	go func() {
//! 		v, err := fetch()
//! 		if err != nil {
//! 			ch <- result{err: err} // and on: return is missing
//! 		}
//! 		ch <- result{v: v}
//! 	}()
//! 	r := <-ch
//! 	return r.v, r.err
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 		if err != nil {
//! 			ch <- result{err: err}
//! 			return
//! 		}
//! ```
//!
//! ## When it is wrong
//!
//! When the two sends exclude each other for a reason that the code does not show.
//!
//! ## Fix
//!
//! Safe where there is room for a number of values that is known; whether a `return` is missing, look yourself.

use crate::channel::{Shape, Stranded, make_room};
use crate::finding::Tier;
use crate::rules::{Check, Rule, Told};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS109",
    name: "full-buffer",
    // How much is sent, and when there is room, hangs on more than can be seen.
    tier: Tier::Likely,
    text: include_str!("full_buffer.rs"),
    chinese: include_str!("full_buffer.zh-CN.md"),
    check: Check::Stranded(&[Shape::MoreThanReceived], tell),
};

fn tell(s: &Stranded<'_, '_>) -> Told {
    Told {
        message: format!(
            "this send can wait for ever: more is sent on {} than is received and there is room for",
            s.story.name()
        ),
        why: "the last sender never goes on, and whatever it holds is kept".to_owned(),
        fix: make_room(s),
    }
}
