//! A channel may be closed twice.
//!
//! ## What it finds
//!
//! Several goroutines close the same channel, without anything that lets only the first of them do it. The
//! second close panics, and ends the process.
//!
//! ## Example
//!
//! ```go
//! 	for _, n := range items {
//! 		go func() {
//! 			if bad(n) {
//! 				close(stop) // the second one panics
//! 			}
//! 		}()
//! 	}
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	var once sync.Once
//! 	…
//! 				once.Do(func() { close(stop) })
//! ```
//!
//! ## When it is wrong
//!
//! When something that the code does not show lets only one of them close.
//!
//! ## Fix
//!
//! Unsafe: `sync.OnceFunc` around the close (Go 1.21).

use crate::actor::Manner;
use crate::channel::{Act, stories};
use crate::finding::{Finding, Tier};
use crate::program::{Body, Known, Usage, What};
use crate::rules::{Check, Rule, finding, spawn_span, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS113",
    name: "double-close",
    tier: Tier::Likely,
    text: include_str!("double_close.rs"),
    chinese: include_str!("double_close.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    for story in stories(body) {
        if !story.is_local() {
            continue;
        }
        let closes: Vec<_> = story.deeds.iter().filter(|deed| deed.act == Act::Close).collect();
        let is_once = closes.iter().any(|deed| {
            deed.links.iter().any(|link| body.program.body(link.body).known(link.call) == Some(Known::Runs))
        });
        let spawned: Vec<_> =
            closes.iter().filter(|deed| deed.links.iter().any(|link| link.manner == Manner::Spawned)).collect();
        let many = spawned.iter().find(|deed| {
            story.goroutines.iter().any(|goroutine| goroutine.is_many && deed.links.starts_with(&goroutine.links))
        });
        if is_once {
            continue;
        }
        let Some(deed) = many else { continue };
        let inner = body.program.body(deed.operation.body);
        // A lock, a check or a counter: only one of them comes here.
        let is_guarded = inner.flow().all().any(|(_, event)| match event.what {
            What::Call { call } => {
                matches!(inner.known(call), Some(Known::Lock | Known::Wait))
                    || inner.text_of(call).contains("CompareAndSwap")
                    || inner.text_of(call).contains(".Add")
                    || inner.text_of(call).contains("Swap(")
            }
            What::Receive { .. } => event.select.is_some(),
            _ => false,
        });
        let Usage::Close(call) = deed.operation.usage else { continue };
        if is_guarded {
            continue;
        }
        let Some(link) = deed.links.first() else { continue };
        let span = inner.ast()[call].span;
        let name = story.name();
        let message = format!("{name} is closed by each of these goroutines: the second close panics");
        let mut finding = finding(&RULE, Tier::Likely, &inner, span, message);
        finding.why = "a panic in a goroutine ends the process".to_owned();
        finding.spawned_at = Some(body.place(spawn_span(body, link.call)));
        finding.path.push(step(body, spawn_span(body, link.call), "several goroutines are started here"));
        finding.path.push(step(&inner, span, "and each of them may close"));
        found.push(finding);
    }
}
