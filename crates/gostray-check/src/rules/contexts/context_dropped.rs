//! A request starts work with a context of its own that nobody cancels.
//!
//! ## What it finds
//!
//! In a function that gets an `*http.Request`, a goroutine is started with a context that comes from
//! `context.Background()` or `context.TODO()` and has no time limit: it goes on when the request is gone.
//!
//! ## Example
//!
//! ```go
//! func handle(w http.ResponseWriter, r *http.Request) {
//! 	go watch(context.Background())
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
//! 	go func() { defer cancel(); watch(ctx) }()
//! ```
//!
//! ## When it is wrong
//!
//! When the work is meant to outlive the request, and ends by itself.
//!
//! ## Fix
//!
//! Unsafe: `r.Context()` ends the work with the request.

use gostray_golang::ast::{ExprId, ExprKind, Node, Walk};
use gostray_golang::types::VarId;

use crate::finding::{Edit, Finding, Fix, Safety, Tier};
use crate::program::{Body, Callee, What, is_named, names, parameters};
use crate::rules::{Check, Rule, finding, spawn_span, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS402",
    name: "context-dropped",
    tier: Tier::Likely,
    text: include_str!("context_dropped.rs"),
    chinese: include_str!("context_dropped.zh-CN.md"),
    check: Check::Body(check),
};

/// The request that a function handles.
pub(in crate::rules) fn request(body: &Body<'_>) -> Option<ExprId> {
    let ast = body.ast();
    let names = parameters(ast, body.function().signature);
    let [_, Some(request)] = names.as_slice() else { return None };
    is_named(body.program.world, body.tree.types.ty(*request), "net/http", "Request").then_some(*request)
}

/// The call of `context.Background` or `context.TODO` in an expression, if no time limits it.
fn unlimited(body: &Body<'_>, expr: ExprId, depth: u32) -> Option<ExprId> {
    let ast = body.ast();
    let expr = ast.unparen(expr);
    if let ExprKind::Call { .. } = ast[expr].kind {
        let Callee::Func(function) = body.callee(expr) else { return None };
        return match names(body.program.world, function)? {
            ("context", None, "Background" | "TODO") => Some(expr),
            ("context", None, "WithCancel" | "WithValue" | "WithCancelCause") => {
                unlimited(body, *body.arguments(expr).first()?, depth)
            }
            _ => None,
        };
    }
    if depth > 3 {
        return None;
    }
    let variable = body.tree.types.variable(expr)?;
    let VarId::Local { ident, .. } = variable else { return None };
    // What it was made from.
    let mut call = None;
    for (_, event) in body.flow().all() {
        if let What::Call { call: own } = event.what
            && let Some((left, _)) = crate::program::targets(body, own)
            && left.first() == Some(&ident)
        {
            call = Some(own);
        }
    }
    unlimited(body, call?, depth + 1)
}

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    let Some(request) = request(body) else { return };
    let ast = body.ast();
    for (_, event) in body.flow().all() {
        let What::Go { call } = event.what else { continue };
        let mut contexts = body.arguments(call);
        if let ExprKind::Call { function, .. } = ast[call].kind
            && let ExprKind::Func { body: block, .. } = ast[ast.unparen(function)].kind
        {
            ast.walk(Node::Stmt(block), 0, &mut |node, _| {
                if let Node::Expr(inner) = node
                    && let ExprKind::Call { .. } = ast[inner].kind
                {
                    contexts.extend(body.arguments(inner));
                }
                Walk::Into
            });
        }
        let Some(background) = contexts.into_iter().find_map(|expr| {
            is_named(body.program.world, body.tree.types.ty(expr), "context", "Context")
                .then(|| unlimited(body, expr, 0))
                .flatten()
        }) else {
            continue;
        };
        let span = ast[background].span;
        let message = format!("this goroutine goes on when the request is gone: its context is {}", body.text(span));
        let mut finding = finding(&RULE, Tier::Likely, body, span, message);
        finding.why = "every request adds a goroutine that nobody ends".to_owned();
        finding.spawned_at = Some(body.place(spawn_span(body, call)));
        finding.path.push(step(body, span, "the context comes from here"));
        finding.path.push(step(body, spawn_span(body, call), "the goroutine is started here"));
        let text = format!("{}.Context()", body.text_of(request));
        finding.fix = Some(Fix {
            safety: Safety::Unsafe,
            title: format!("end it with the request: {text}"),
            edits: vec![Edit { file: body.source.path.clone(), start: span.start, end: span.end, text }],
        });
        found.push(finding);
    }
}
