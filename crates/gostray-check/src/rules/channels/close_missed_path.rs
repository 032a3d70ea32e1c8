//! A way out neither sends nor closes what somebody waits for.
//!
//! ## What it finds
//!
//! Somebody receives from the channel, and who should send or close has a way out on which it does neither.
//!
//! ## Example
//!
//! ```go
//! func watch(path string) error {
//! 	done := make(chan struct{})
//! 	go func() { <-done; cleanup() }()
//! 	f, err := os.Open(path)
//! 	if err != nil {
//! 		return err // done is not closed
//! 	}
//! 	use(f)
//! 	close(done)
//! 	return nil
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	done := make(chan struct{})
//! 	defer close(done)
//! ```
//!
//! ## When it is wrong
//!
//! When the way out can't be taken for a reason that the code does not show.
//!
//! ## Fix
//!
//! Unsafe: `defer close(…)` also closes on the ways that did before, later than they did.

use crate::channel::{Shape, Stranded};
use crate::finding::Tier;
use crate::rules::{Check, Rule, Told};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS107",
    name: "close-missed-path",
    tier: Tier::Proven,
    text: include_str!("close_missed_path.rs"),
    chinese: include_str!("close_missed_path.zh-CN.md"),
    check: Check::Stranded(&[Shape::CloseMissed], tell),
};

fn tell(s: &Stranded<'_, '_>) -> Told {
    Told {
        message: format!("this waits for ever on a way that neither sends on {} nor closes it", s.story.name()),
        why: "the way is usually that of an error: goroutines pile up just when something is wrong already".to_owned(),
        fix: None,
    }
}
