//! A request starts a goroutine that may wait without bound.
//!
//! ## What it finds
//!
//! A function that gets an `*http.Request` starts a goroutine that waits at a channel of the whole process,
//! with nothing that ends the waiting. When the other side is slow, goroutines pile up with the requests.
//!
//! ## Example
//!
//! ```go
//! func handle(w http.ResponseWriter, r *http.Request) {
//! 	go func() { audit <- r.URL.Path }()
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	select {
//! 	case audit <- r.URL.Path:
//! 	case <-r.Context().Done():
//! 	}
//! ```
//!
//! ## When it is wrong
//!
//! When the other side never lets anybody wait for long.
//!
//! ## Fix
//!
//! Shown only: what to do when the other side is slow is for the author to say.

use crate::actor::spawns;
use crate::finding::{Finding, Tier};
use crate::program::{Body, Cell, What};
use crate::rules::contexts::context_dropped::request;
use crate::rules::{Check, Rule, finding, spawn_span, step};
use gostray_golang::types::VarId;

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS602",
    name: "handler-spawn",
    tier: Tier::Likely,
    text: include_str!("handler_spawn.rs"),
    chinese: include_str!("handler_spawn.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    if request(body).is_none() {
        return;
    }
    for (call, root) in spawns(body) {
        let Some(root) = root.map(|root| body.program.body(root)) else { continue };
        let wait = root.flow().all().find_map(|(_, event)| match event.what {
            What::Send { channel } if event.select.is_none() => match root.cell(channel)? {
                Cell::Var(VarId::Global { .. }) | Cell::Field(..) => Some(event.span),
                _ => None,
            },
            _ => None,
        });
        let Some(span) = wait else { continue };
        let spawn = spawn_span(body, call);
        let message = "every request starts a goroutine that may wait without bound".to_owned();
        let mut finding = finding(&RULE, Tier::Likely, body, spawn, message);
        finding.why = "when the other side is slow, goroutines pile up with the requests".to_owned();
        finding.spawned_at = Some(body.place(spawn));
        finding.blocks_at = Some(root.place(span));
        finding.path.push(step(body, spawn, "the goroutine is started here"));
        finding.path.push(step(&root, span, "it may wait here, and nothing ends that"));
        found.push(finding);
    }
}
