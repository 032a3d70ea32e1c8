//! The `stop` function of `context.AfterFunc` is thrown away.
//!
//! ## What it finds
//!
//! `context.AfterFunc` registers a function with a context until the context ends. Where its result is thrown away,
//! the function, and all that it refers to, stays with a context that lives on, one for each call. Reported with
//! `--hygiene`.
//!
//! ## Example
//!
//! ```go
//! func (s *server) serve(ctx context.Context, conn net.Conn) error {
//! 	context.AfterFunc(ctx, func() { conn.Close() })
//! 	return s.read(conn) // the connection stays with ctx
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	stop := context.AfterFunc(ctx, func() { conn.Close() })
//! 	defer stop()
//! ```
//!
//! ## When it is wrong
//!
//! When the context ends with the function anyway, or the function is meant to run after it.
//!
//! ## Fix
//!
//! Unsafe: after it, the function is not run if the context ends later.

use gostray_golang::ast::StmtKind;

use crate::finding::{Edit, Finding, Fix, Safety, Tier};
use crate::program::{Body, Parent, calls, targets};
use crate::rules::{Check, Rule, finding, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS408",
    name: "after-func",
    tier: Tier::Hygiene,
    text: include_str!("after_func.rs"),
    chinese: include_str!("after_func.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    if body.is_main() {
        return;
    }
    let ast = body.ast();
    for (call, names) in calls(body) {
        if !matches!(names, ("context", None, "AfterFunc")) {
            continue;
        }
        let Parent::Stmt(stmt) = body.tree.around(ast, call) else { continue };
        let is_blank = targets(body, call).is_some_and(|(left, _)| {
            left.iter().all(|target| ast.name(*target).is_some_and(gostray_golang::Name::is_blank))
        });
        if !is_blank && !matches!(ast[stmt].kind, StmtKind::Expr(_)) {
            continue;
        }
        let span = ast[call].span;
        let message = "nobody can take this function back: the result of context.AfterFunc is thrown away".to_owned();
        let mut finding = finding(&RULE, Tier::Hygiene, body, span, message);
        finding.why = "it stays with its context, and every call adds one".to_owned();
        finding.path.push(step(body, span, "it is registered here until the context ends"));
        let edit = |start, end, text: &str| Edit { file: body.source.path.clone(), start, end, text: text.to_owned() };
        finding.fix = Some(Fix {
            safety: Safety::Unsafe,
            title: "take it back when the function ends".to_owned(),
            edits: vec![edit(ast[stmt].span.start, span.start, "defer "), edit(span.end, span.end, "()")],
        });
        found.push(finding);
    }
}
