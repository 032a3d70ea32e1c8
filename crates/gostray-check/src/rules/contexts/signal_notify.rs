//! `signal.Notify` with a channel that has no room.
//!
//! ## What it finds
//!
//! `signal.Notify` does not wait for a receiver: a signal that comes while nobody receives is lost. A goroutine that
//! waits for it then waits until the next one. Reported with `--hygiene`.
//!
//! ## Example
//!
//! ```go
//! 	stop := make(chan os.Signal)
//! 	signal.Notify(stop, os.Interrupt)
//! 	server := start() // a signal that comes now is lost
//! 	<-stop
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	stop := make(chan os.Signal, 1)
//! ```
//!
//! ## When it is wrong
//!
//! When somebody receives at all times.
//!
//! ## Fix
//!
//! Safe: room for one signal.

use gostray_golang::ast::ExprId;

use crate::finding::{Edit, Finding, Fix, Safety, Tier};
use crate::program::{Body, calls};
use crate::rules::{Check, Rule, finding, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS407",
    name: "signal-notify",
    tier: Tier::Hygiene,
    text: include_str!("signal_notify.rs"),
    chinese: include_str!("signal_notify.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    for (call, names) in calls(body) {
        if !matches!(names, ("os/signal", None, "Notify")) {
            continue;
        }
        let Some(make) = body.arguments(call).first().and_then(|channel| made(body, *channel)) else { continue };
        let [ty] = body.arguments(make)[..] else { continue };
        let span = body.ast()[call].span;
        let message = "a signal that comes while nobody receives is lost: the channel has no room".to_owned();
        let mut finding = finding(&RULE, Tier::Hygiene, body, span, message);
        finding.why = "who waits for the signal waits for the next one".to_owned();
        finding.path.push(step(body, body.ast()[make].span, "the channel is made without room"));
        finding.path.push(step(body, span, "and signals are sent to it without waiting"));
        let end = body.ast()[ty].span.end;
        finding.fix = Some(Fix {
            safety: Safety::Safe,
            title: "make room for one signal".to_owned(),
            edits: vec![Edit { file: body.source.path.clone(), start: end, end, text: ", 1".to_owned() }],
        });
        found.push(finding);
    }
}

/// The `make` that a channel comes from.
fn made(body: &Body<'_>, channel: ExprId) -> Option<ExprId> {
    let is_made = |expr: &ExprId| body.tree.channels.contains(expr);
    let channel = body.ast().unparen(channel);
    if is_made(&channel) {
        return Some(channel);
    }
    let (file, value) = body.program.single_value(body.cell(channel)?)?;
    Some(body.ast().unparen(value)).filter(|value| file == body.id.file && is_made(value))
}
