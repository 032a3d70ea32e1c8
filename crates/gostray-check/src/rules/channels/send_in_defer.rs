//! A deferred send on a channel that nobody may receive from any more.
//!
//! ## What it finds
//!
//! A goroutine sends in a deferred call, to say that it ended, and the function that should receive has a way
//! out on which it does not. The goroutine never ends.
//!
//! ## Example
//!
//! ```go
//! func run(ctx context.Context) error {
//! 	done := make(chan struct{})
//! 	go func() {
//! 		defer func() { done <- struct{}{} }()
//! 		work()
//! 	}()
//! 	select {
//! 	case <-done:
//! 		return nil
//! 	case <-ctx.Done():
//! 		return ctx.Err()
//! 	}
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 		defer close(done) // or room for one: make(chan struct{}, 1)
//! ```
//!
//! ## When it is wrong
//!
//! When something outside of the function receives from the channel in a way that can't be seen.
//!
//! ## Fix
//!
//! Safe under the conditions of `early-return-send`.

use crate::channel::{Shape, Stranded, make_room};
use crate::finding::Tier;
use crate::rules::channels::owner;
use crate::rules::{Check, Rule, Told};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS110",
    name: "send-in-defer",
    tier: Tier::Proven,
    text: include_str!("send_in_defer.rs"),
    chinese: include_str!("send_in_defer.zh-CN.md"),
    check: Check::Stranded(&[Shape::InDefer], tell),
};

fn tell(s: &Stranded<'_, '_>) -> Told {
    Told {
        message: format!(
            "this deferred send waits for ever when {} has left: nobody receives from {} any more",
            owner(s),
            s.story.name()
        ),
        why: "the goroutine has done its work and still never ends".to_owned(),
        fix: make_room(s),
    }
}
