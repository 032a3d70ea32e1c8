//! `time.After` in a loop, before Go 1.23.
//!
//! ## What it finds
//!
//! Each round of a loop makes a timer with `time.After` as a case of a `select`. Where another case is chosen, the
//! timer stays until its time is up. Since Go 1.23 the collector takes timers that nobody refers to, so that this is
//! only reported in modules whose `go.mod` names an older release, and only with `--hygiene`: no goroutine waits.
//!
//! ## Example
//!
//! ```go
//! 	for {
//! 		select {
//! 		case job := <-jobs:
//! 			job()
//! 		case <-time.After(time.Hour): // a timer for every job, for an hour
//! 			return
//! 		}
//! 	}
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	idle := time.NewTimer(time.Hour)
//! 	defer idle.Stop()
//! 	for {
//! 		idle.Reset(time.Hour)
//! ```
//!
//! ## When it is wrong
//!
//! When the time is short, or the other cases are rare.
//!
//! ## Fix
//!
//! Shown only: before Go 1.23 a timer has to be drained before it is set again.

use gostray_golang::ast::ExprKind;

use crate::actor::loop_around;
use crate::finding::{Finding, Tier};
use crate::program::{Body, Callee, What, names};
use crate::rules::{Check, Rule, finding, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS405",
    name: "after-in-loop",
    tier: Tier::Hygiene,
    text: include_str!("after_in_loop.rs"),
    chinese: include_str!("after_in_loop.zh-CN.md"),
    check: Check::Body(check),
};

/// The collector takes timers since this minor version of Go.
const COLLECTED_SINCE: u32 = 23;

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    for (_, event) in body.flow().all() {
        let What::Receive { channel } = event.what else { continue };
        let channel = body.ast().unparen(channel);
        if event.select.is_none() || !matches!(body.ast()[channel].kind, ExprKind::Call { .. }) {
            continue;
        }
        let Callee::Func(function) = body.callee(channel) else { continue };
        let is_after = matches!(names(body.program.world, function), Some(("time", None, "After")));
        if !is_after || loop_around(body, channel).is_none() || body.minor() >= COLLECTED_SINCE {
            continue;
        }
        let span = body.ast()[channel].span;
        let message = "each round of the loop makes a timer here, which stays until its time is up".to_owned();
        let mut finding = finding(&RULE, Tier::Hygiene, body, span, message);
        finding.why = "before Go 1.23 the runtime keeps it, though nobody waits for it any more".to_owned();
        finding.path.push(step(body, span, "a new timer in every round"));
        found.push(finding);
    }
}
