//! A loop over a ticker that never ends.
//!
//! ## What it finds
//!
//! A goroutine waits for the ticks of a ticker and for nothing else, and has no way out. `Stop` does not close
//! the channel: after it, the goroutine waits for ever for the next tick.
//!
//! ## Example
//!
//! ```go
//! func open() *cache {
//! 	c := &cache{ticker: time.NewTicker(time.Minute)}
//! 	go func() {
//! 		for range c.ticker.C { // does not end when the ticker is stopped
//! 			c.sweep()
//! 		}
//! 	}()
//! 	return c
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 		for {
//! 			select {
//! 			case <-c.ticker.C:
//! 				c.sweep()
//! 			case <-c.done:
//! 				return
//! 			}
//! 		}
//! ```
//!
//! ## When it is wrong
//!
//! When the goroutine is meant to live as long as the process: say so with `//gostray:background`. What `main`, `init` or
//! the `Run` of a command alone calls in its package is known to. In a function that gives nothing which the goroutine could
//! belong to, and is as a rule called once, it is *hygiene*.
//!
//! ## Fix
//!
//! Shown only: the goroutine needs something that tells it to end.

use gostray_golang::types::Type;

use crate::finding::{Finding, Tier};
use crate::program::{Body, names};
use crate::rules::{Check, Rule, finding, spawn_span, step};
use crate::worker::workers;

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS404",
    name: "ticker-loop",
    tier: Tier::Likely,
    text: include_str!("ticker_loop.rs"),
    chinese: include_str!("ticker_loop.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    for worker in workers(body) {
        let Some(wait) = worker.ticker() else { continue };
        if worker.waits.len() > 1 || worker.is_of_the_process() || body.program.body(body.outermost()).is_main() {
            continue;
        }
        let spawn = spawn_span(body, worker.call);
        let message = "this goroutine never ends: a ticker that is stopped does not close its channel".to_owned();
        // A function that gives nothing which the goroutine could belong to is as a rule called once; a method belongs to its value.
        let outer = body.program.body(body.outermost());
        let is_light = gives_nothing(&outer) && !is_method(&worker.root);
        let tier = if is_light { Tier::Hygiene } else { Tier::Likely };
        let mut finding = finding(&RULE, tier, &worker.root, wait.span, message);
        finding.why = format!("every call of {} leaves one behind", body.program.body(body.outermost()).name());
        finding.spawned_at = Some(body.place(spawn));
        finding.blocks_at = Some(worker.root.place(wait.span));
        finding.path.push(step(body, spawn, "the goroutine is started here"));
        finding.path.push(step(&worker.root, wait.span, "it waits here, and has no way out"));
        found.push(finding);
    }
}

/// Is it a function without a receiver and results, errors apart, and no test?
fn gives_nothing(body: &Body<'_>) -> bool {
    let Some(function) = body.declaration().filter(|_| !body.source.is_test) else { return false };
    !is_method(body) && body.program.world.signature(function).results.iter().all(|ty| *ty == Type::Error)
}

fn is_method(body: &Body<'_>) -> bool {
    let names = body.declaration().and_then(|function| names(body.program.world, function));
    names.is_some_and(|(_, receiver, _)| receiver.is_some())
}
