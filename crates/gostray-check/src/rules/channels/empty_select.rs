//! A goroutine that does nothing but wait for ever.
//!
//! ## What it finds
//!
//! `select {}` in a goroutine. In `main` it keeps the program alive; in a goroutine it keeps the goroutine, and
//! all that it holds, for nothing.
//!
//! ## Example
//!
//! ```go
//! 	go func() {
//! 		serve()
//! 		select {} // never ends
//! 	}()
//! ```
//!
//! Use instead: return.
//!
//! ## When it is wrong
//!
//! When the goroutine holds something that has to be kept: a locked thread, for example.
//!
//! ## Fix
//!
//! Shown only.

use gostray_golang::ast::{Node, StmtKind, Walk};

use crate::actor::spawns;
use crate::finding::{Finding, Tier};
use crate::program::Body;
use crate::rules::{Check, Rule, finding, spawn_span, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS112",
    name: "empty-select",
    tier: Tier::Proven,
    text: include_str!("empty_select.rs"),
    chinese: include_str!("empty_select.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    for (call, root) in spawns(body) {
        let Some(root) = root.map(|root| body.program.body(root)) else { continue };
        let ast = root.ast();
        ast.walk(Node::Stmt(root.function().block), 0, &mut |node, _| {
            match node {
                Node::Expr(inner) if matches!(ast[inner].kind, gostray_golang::ast::ExprKind::Func { .. }) => {
                    return Walk::Over;
                }
                Node::Stmt(stmt) => {
                    if let StmtKind::Select(block) = ast[stmt].kind
                        && let StmtKind::Block(clauses) = ast[block].kind
                        && clauses.is_empty()
                    {
                        let span = ast[stmt].span;
                        let message = "this goroutine waits for ever: select {} never goes on".to_owned();
                        let mut finding = finding(&RULE, Tier::Proven, &root, span, message);
                        finding.why = "the goroutine, and everything it holds, stays until the process ends".to_owned();
                        finding.spawned_at = Some(body.place(spawn_span(body, call)));
                        finding.blocks_at = Some(root.place(span));
                        finding.path.push(step(body, spawn_span(body, call), "the goroutine is started here"));
                        finding.path.push(step(&root, span, "it waits here, for ever"));
                        found.push(finding);
                    }
                }
                _ => {}
            }
            Walk::Into
        });
    }
}
