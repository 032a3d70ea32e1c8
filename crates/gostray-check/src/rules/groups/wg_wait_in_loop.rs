//! `Wait` stands in the loop that starts the goroutines.
//!
//! ## What it finds
//!
//! A wait group is told before the loop how many goroutines there will be, and the loop waits for all of them
//! after it has started the first.
//!
//! ## Example
//!
//! ```go
//! 	wg.Add(len(jobs))
//! 	for _, j := range jobs {
//! 		go func() { defer wg.Done(); j.run() }()
//! 		wg.Wait() // for all, and only one was started
//! 	}
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	for _, j := range jobs {
//! 		…
//! 	}
//! 	wg.Wait()
//! ```
//!
//! ## When it is wrong
//!
//! When there is never more than one.
//!
//! ## Fix
//!
//! Shown only.

use crate::actor::{Manner, loop_around};
use crate::finding::{Finding, Tier};
use crate::program::{Body, Known, Usage};
use crate::rules::groups::wg_mismatch::groups;
use crate::rules::{Check, Rule, finding, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS303",
    name: "wg-wait-in-loop",
    tier: Tier::Proven,
    text: include_str!("wg_wait_in_loop.rs"),
    chinese: include_str!("wg_wait_in_loop.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    for group in groups(body) {
        let own = |known: Known| group.deeds.iter().filter(move |deed| deed.known == known && deed.links.is_empty());
        let Some(wait) = own(Known::Wait).next() else { continue };
        let Some(around) = loop_around(body, wait.operation.expr) else { continue };
        let is_in = |expr| loop_around(body, expr) == Some(around);
        let spawns = group.deeds.iter().any(|deed| {
            deed.known == Known::Done
                && deed.links.first().is_some_and(|link| link.manner == Manner::Spawned && is_in(link.call))
        });
        let adds: Vec<_> = own(Known::Add).collect();
        let [add] = adds.as_slice() else { continue };
        let Usage::Method { call, .. } = add.operation.usage else { continue };
        // As many as there are elements, and the loop goes over them.
        let counts_many = body.arguments(call).first().is_some_and(|count| body.text_of(*count).starts_with("len("));
        if is_in(add.operation.expr) || !spawns || !counts_many {
            continue;
        }
        let Usage::Method { call: wait_call, .. } = wait.operation.usage else { continue };
        let span = body.ast()[wait_call].span;
        let message = "this waits for all goroutines when only the first was started".to_owned();
        let mut finding = finding(&RULE, Tier::Proven, body, span, message);
        finding.why = "the loop never comes to start the others".to_owned();
        finding.blocks_at = Some(body.place(span));
        finding.path.push(step(body, body.ast()[call].span, "all are counted here"));
        finding.path.push(step(body, span, "the loop waits here, for ever"));
        found.push(finding);
    }
}
