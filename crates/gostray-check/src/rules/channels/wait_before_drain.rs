//! `Wait` comes before what the goroutines need to go on.
//!
//! ## What it finds
//!
//! The function waits for goroutines that wait for the function: they send on a channel without room that is
//! received from only after `Wait`, or not at all.
//!
//! ## Example
//!
//! ```go
//! func all(jobs []job) []int {
//! 	var wg sync.WaitGroup
//! 	ch := make(chan int)
//! 	for _, j := range jobs {
//! 		wg.Add(1)
//! 		go func() { defer wg.Done(); ch <- j.run() }()
//! 	}
//! 	wg.Wait() // nobody receives
//! 	close(ch)
//! 	return collect(ch)
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	go func() { wg.Wait(); close(ch) }()
//! 	return collect(ch)
//! ```
//!
//! ## When it is wrong
//!
//! When there is another receiver that can't be seen, which is why the rule keeps silent as soon as the
//! channel leaves the function.
//!
//! ## Fix
//!
//! Unsafe: the order of what follows changes.

use crate::channel::{Shape, Stranded, make_room};
use crate::finding::Tier;
use crate::rules::channels::owner;
use crate::rules::{Check, Rule, Told};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS304",
    name: "wait-before-drain",
    tier: Tier::Proven,
    text: include_str!("wait_before_drain.rs"),
    chinese: include_str!("wait_before_drain.zh-CN.md"),
    check: Check::Stranded(&[Shape::WaitsFirst], tell),
};

fn tell(s: &Stranded<'_, '_>) -> Told {
    Told {
        message: format!(
            "this send waits for {} to receive from {}, and {0} waits for the goroutine",
            owner(s),
            s.story.name()
        ),
        why: "the function and its goroutines wait for each other, for ever".to_owned(),
        fix: make_room(s),
    }
}
