//! A goroutine that loops for ever, and has nothing to end it.
//!
//! ## What it finds
//!
//! A goroutine runs a loop without condition, without any way out and without waiting for anything that could
//! end it. Started once for the process that may be meant; started for every request, it piles up.
//!
//! ## Example
//!
//! ```go
//! func handle(w http.ResponseWriter, r *http.Request) {
//! 	go func() {
//! 		for {
//! 			refresh()
//! 		}
//! 	}()
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 		for r.Context().Err() == nil {
//! ```
//!
//! ## When it is wrong
//!
//! When the goroutine is meant to live as long as the process: say so with `//gostray:background`. What `main`, `init` or
//! the `Run` of a command alone calls in its package is known to.
//!
//! ## Fix
//!
//! Shown only.

use gostray_golang::ast::{ExprKind, Node, StmtKind, Walk};

use crate::finding::{Finding, Tier};
use crate::program::Body;
use crate::rules::contexts::context_dropped::request;
use crate::rules::{Check, Rule, finding, spawn_span, step};
use crate::worker::{subject, workers};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS601",
    name: "infinite-loop",
    tier: Tier::Likely,
    text: include_str!("infinite_loop.rs"),
    chinese: include_str!("infinite_loop.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    for worker in workers(body) {
        if !worker.waits.is_empty() || worker.is_of_the_process() || !loops(&worker.root) {
            continue;
        }
        let has_closer = subject(&worker).is_some_and(|(_, closer)| closer.is_some());
        let tier = if request(body).is_some() || has_closer { Tier::Likely } else { Tier::Hygiene };
        let spawn = spawn_span(body, worker.call);
        let message = "this goroutine loops for ever, and nothing ends it".to_owned();
        let mut finding = finding(&RULE, tier, body, spawn, message);
        finding.why = if request(body).is_some() {
            "every request adds one".to_owned()
        } else {
            format!("every call of {} adds one", body.program.body(body.outermost()).name())
        };
        finding.spawned_at = Some(body.place(spawn));
        finding.path.push(step(body, spawn, "the goroutine is started here"));
        found.push(finding);
    }
}

/// Is there a loop without condition?
fn loops(body: &Body<'_>) -> bool {
    let ast = body.ast();
    let mut found = false;
    ast.walk(Node::Stmt(body.function().block), 0, &mut |node, _| {
        match node {
            Node::Stmt(stmt) => found |= matches!(ast[stmt].kind, StmtKind::For { condition: None, .. }),
            Node::Expr(expr) if matches!(ast[expr].kind, ExprKind::Func { .. }) => return Walk::Over,
            _ => {}
        }
        Walk::Into
    });
    found
}
