//! A goroutine that does nothing but wait for ever.
//!
//! ## What it finds
//!
//! `select {}` in a goroutine. In `main` it keeps the program alive; in a goroutine it keeps the goroutine, and
//! all that it holds, for nothing. So does a `select` whose every case is on a channel that is made in place.
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

use gostray_golang::ast::{ExprKind, Node, StmtId, StmtKind, Walk};
use gostray_golang::flow::Exit;
use gostray_golang::{Span, Token};

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
    // Who never returns itself means it to be so.
    if !body.flow().graph.exits().contains(&Exit::Return) {
        return;
    }
    for (call, root) in spawns(body) {
        let Some(root) = root.map(|root| body.program.body(root)) else { continue };
        let ast = root.ast();
        ast.walk(Node::Stmt(root.function().block), 0, &mut |node, _| {
            match node {
                Node::Expr(inner) if matches!(ast[inner].kind, ExprKind::Func { .. }) => {
                    return Walk::Over;
                }
                Node::Stmt(stmt) => {
                    if let StmtKind::Select(block) = ast[stmt].kind
                        && let StmtKind::Block(clauses) = ast[block].kind
                        && ast.list(clauses).all(|clause| is_dead(&root, clause))
                    {
                        let span = if clauses.is_empty() {
                            ast[stmt].span
                        } else {
                            Span { start: ast[stmt].span.start, end: ast[stmt].span.start + 6 }
                        };
                        let message = if clauses.is_empty() {
                            "this goroutine waits for ever: select {} never goes on".to_owned()
                        } else {
                            "this goroutine waits for ever: nobody else has the channels of these cases".to_owned()
                        };
                        // In a test that is what is to be tested, as a rule.
                        let tier = if root.source.is_test { Tier::Hygiene } else { Tier::Proven };
                        let mut finding = finding(&RULE, tier, &root, span, message);
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

/// Is a case on a channel that is made in place, so that nobody else has it?
fn is_dead(body: &Body<'_>, clause: StmtId) -> bool {
    let ast = body.ast();
    let StmtKind::Comm { comm: Some(comm), .. } = ast[clause].kind else { return false };
    let mut channel = None;
    ast.walk(Node::Stmt(comm), 0, &mut |node, _| {
        match node {
            Node::Stmt(stmt) => {
                if let StmtKind::Send { channel: to, .. } = ast[stmt].kind {
                    channel = Some(to);
                }
            }
            Node::Expr(expr) => {
                if let ExprKind::Unary { operator: Token::Arrow, x } = ast[expr].kind {
                    channel = channel.or(Some(x));
                }
            }
            _ => {}
        }
        Walk::Into
    });
    channel.is_some_and(|channel| body.tree.channels.contains(&ast.unparen(channel)))
}
