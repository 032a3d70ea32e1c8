//! The caller gives up (a timeout, a cancelled context), and the goroutine still sends.
//!
//! ## What it finds
//!
//! The function waits in a `select` for the answer of a goroutine and for a timeout or a context. When the
//! other case is chosen, nobody receives the answer any more, and the goroutine waits at its send for ever.
//!
//! ## Example
//!
//! ```go
//! func call(ctx context.Context) (int, error) {
//! 	ch := make(chan int)
//! 	go func() { ch <- slow() }()
//! 	select {
//! 	case n := <-ch:
//! 		return n, nil
//! 	case <-ctx.Done():
//! 		return 0, ctx.Err() // nobody receives
//! 	}
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	ch := make(chan int, 1)
//! ```
//!
//! ## When it is wrong
//!
//! When the other case drains the channel in a way that can't be seen.
//!
//! ## Fix
//!
//! Safe under the conditions of `early-return-send`.

use crate::channel::{Shape, Stranded, make_room};
use crate::finding::Tier;
use crate::rules::channels::owner;
use crate::rules::{Check, Rule, Told};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS102",
    name: "timeout-abandon",
    tier: Tier::Proven,
    text: include_str!("timeout_abandon.rs"),
    chinese: include_str!("timeout_abandon.zh-CN.md"),
    check: Check::Stranded(&[Shape::GivesUp], tell),
};

fn tell(s: &Stranded<'_, '_>) -> Told {
    Told {
        message: format!(
            "this send waits for ever when {} gives up: nobody receives from {} any more",
            owner(s),
            s.story.name()
        ),
        why: "every timeout leaves a goroutine behind, just when the service is slow already".to_owned(),
        fix: make_room(s),
    }
}
