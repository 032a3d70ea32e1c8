//! A producer sends on and on, and its consumer has left.
//!
//! ## What it finds
//!
//! A goroutine sends in a loop, and the function that receives has a way out before the end. The producer
//! waits at its next send for ever.
//!
//! ## Example
//!
//! ```go
//! func find(words []string) string {
//! 	ch := make(chan string)
//! 	go func() {
//! 		defer close(ch)
//! 		for _, w := range words {
//! 			ch <- w // waits for ever after the return
//! 		}
//! 	}()
//! 	for w := range ch {
//! 		if match(w) {
//! 			return w
//! 		}
//! 	}
//! 	return ""
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 		select {
//! 		case ch <- w:
//! 		case <-ctx.Done():
//! 			return
//! 		}
//! ```
//!
//! ## When it is wrong
//!
//! When what makes the consumer leave is always the last value.
//!
//! ## Fix
//!
//! Shown only: the producer needs a way to hear that nobody listens.

use crate::channel::{Shape, Stranded};
use crate::finding::Tier;
use crate::rules::channels::owner;
use crate::rules::{Check, Rule, Told};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS114",
    name: "stuck-producer",
    tier: Tier::Proven,
    text: include_str!("stuck_producer.rs"),
    chinese: include_str!("stuck_producer.zh-CN.md"),
    check: Check::Stranded(&[Shape::StuckProducer], tell),
};

fn tell(s: &Stranded<'_, '_>) -> Told {
    Told {
        message: format!(
            "this producer waits for ever when {} leaves before the end: nobody receives from {} any more",
            owner(s),
            s.story.name()
        ),
        why: "the producer, and everything it reads from, stays until the process ends".to_owned(),
        fix: None,
    }
}
