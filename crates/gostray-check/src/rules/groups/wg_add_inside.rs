//! `Add` is called in the goroutine that it counts.
//!
//! ## What it finds
//!
//! `wg.Add(1)` is the goroutine's own first act. `Wait` may be reached before the goroutine has come that far,
//! and does not wait for it.
//!
//! ## Example
//!
//! ```go
//! 	go func() {
//! 		wg.Add(1)
//! 		defer wg.Done()
//! 		…
//! 	}()
//! 	wg.Wait()
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	wg.Add(1)
//! 	go func() {
//! 		defer wg.Done()
//! 		…
//! 	}()
//! ```
//!
//! ## When it is wrong
//!
//! When something else makes sure that the goroutine has come that far.
//!
//! ## Fix
//!
//! Shown only.

use crate::actor::Manner;
use crate::finding::{Finding, Tier};
use crate::program::{Body, Known, Usage};
use crate::rules::groups::wg_mismatch::groups;
use crate::rules::{Check, Rule, finding, spawn_span, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS302",
    name: "wg-add-inside",
    // It is a race, and nothing stays because of it alone.
    tier: Tier::Hygiene,
    text: include_str!("wg_add_inside.rs"),
    chinese: include_str!("wg_add_inside.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    for group in groups(body) {
        let has_own = group.deeds.iter().any(|deed| deed.known == Known::Add && deed.links.is_empty());
        let waits = group
            .deeds
            .iter()
            .any(|deed| deed.known == Known::Wait && deed.links.iter().all(|link| link.manner != Manner::Spawned));
        if has_own || !waits {
            continue;
        }
        for deed in group.deeds.iter().filter(|deed| deed.known == Known::Add) {
            let [link] = deed.links.as_slice() else { continue };
            if link.manner != Manner::Spawned {
                continue;
            }
            let Usage::Method { call, .. } = deed.operation.usage else { continue };
            let inner = body.program.body(deed.operation.body);
            let span = inner.ast()[call].span;
            let name = inner.text_of(deed.operation.expr);
            let message = format!("{name}.Add is called in the goroutine that it counts: Wait may not wait for it");
            let mut finding = finding(&RULE, Tier::Hygiene, &inner, span, message);
            finding.why = "Wait returns at once when it comes before Add".to_owned();
            finding.spawned_at = Some(body.place(spawn_span(body, link.call)));
            finding.path.push(step(body, spawn_span(body, link.call), "the goroutine is started here"));
            finding.path.push(step(&inner, span, "and counts itself only here"));
            found.push(finding);
        }
    }
}
