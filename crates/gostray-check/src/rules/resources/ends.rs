//! What ends a resource though nobody gives it back: the context it was got with, or a time limit.

use gostray_golang::ast::{ExprId, ExprKind, StmtKind};
use gostray_golang::types::{Type, VarId};

use crate::obligation::targets;
use crate::program::{Body, Callee, Cell, Parent, Usage, What, is_named, names, usage};

/// Is a call given a context that ends soon after the function, or a request with such a one?
pub(super) fn is_ended_by_context(body: &Body<'_>, call: ExprId) -> bool {
    body.arguments(call).into_iter().any(|argument| {
        let ty = body.tree.types.ty(argument);
        let world = body.program.world;
        if is_named(world, ty, "context", "Context") {
            return ends(body, argument);
        }
        is_named(world, ty, "net/http", "Request") && request_context(body, argument).is_some_and(|own| ends(body, own))
    })
}

/// The context that a request is made with: `req, err := http.NewRequestWithContext(ctx, …)`.
fn request_context(body: &Body<'_>, request: ExprId) -> Option<ExprId> {
    calls_of(body, request).into_iter().find_map(|call| {
        let Callee::Func(function) = body.callee(call) else { return None };
        match names(body.program.world, function)? {
            ("net/http", None, "NewRequestWithContext") | ("net/http", Some("Request"), "WithContext" | "Clone") => {
                body.arguments(call).first().copied()
            }
            _ => None,
        }
    })
}

/// The calls that a value comes from: it is one, or what a variable of the function gets.
fn calls_of(body: &Body<'_>, value: ExprId) -> Vec<ExprId> {
    let (ast, tree) = (body.ast(), &body.tree);
    let value = ast.unparen(value);
    if let ExprKind::Call { .. } = ast[value].kind {
        return vec![value];
    }
    let Some(variable @ VarId::Local { .. }) = tree.types.variable(value) else { return Vec::new() };
    let gets = tree.uses.get(&Cell::Var(variable)).into_iter().flatten();
    gets.filter_map(|name| match usage(ast, tree, *name) {
        Usage::Gets(Some(value)) => Some(ast.unparen(value)),
        // `ctx, cancel := …`
        Usage::Gets(None) => match tree.around(ast, *name) {
            Parent::Stmt(stmt) => match ast[stmt].kind {
                StmtKind::Assign { right, .. } if right.len() == 1 => ast.at(right, 0).map(|value| ast.unparen(value)),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    })
    .filter(|value| matches!(ast[*value].kind, ExprKind::Call { .. }))
    .collect()
}

/// Does a context end by itself, with the test, or with the function that it is made in?
fn ends(body: &Body<'_>, context: ExprId) -> bool {
    calls_of(body, context).into_iter().any(|call| match body.callee(call) {
        Callee::Func(function) => match names(body.program.world, function) {
            Some(("context", None, "WithTimeout" | "WithDeadline" | "WithTimeoutCause" | "WithDeadlineCause"))
            | Some(("testing", Some(_), "Context")) => true,
            Some(("context", None, "WithCancel" | "WithCancelCause") | ("os/signal", None, "NotifyContext")) => {
                is_cancelled_later(body, call)
            }
            _ => false,
        },
        Callee::Abstract(of, name) => name == "Context" && is_named(body.program.world, &of, "testing", "TB"),
        _ => false,
    })
}

/// Is the cancel function that comes with a context deferred, or called when the test ends?
fn is_cancelled_later(body: &Body<'_>, call: ExprId) -> bool {
    let (ast, tree) = (body.ast(), &body.tree);
    let cancel = targets(body, call).and_then(|(left, _)| tree.types.variable(*left.get(1)?));
    let Some(cancel) = cancel else { return false };
    let uses: Vec<ExprId> = tree.uses.get(&Cell::Var(cancel)).into_iter().flatten().copied().collect();
    let is_in = |outer: ExprId| {
        let outer = ast[outer].span;
        uses.iter().any(|name| outer.start <= ast[*name].span.start && ast[*name].span.end <= outer.end)
    };
    let is_deferred = body.flow().all().any(|(_, event)| matches!(event.what, What::Defer { call } if is_in(call)));
    let is_cleanup = |name: &ExprId| match usage(ast, tree, *name) {
        Usage::Argument { call, .. } => body.text_of(call).contains(".Cleanup("),
        _ => false,
    };
    is_deferred || uses.iter().any(is_cleanup)
}

/// Is a request made by a client that has a time limit?
pub(super) fn has_time_limit(body: &Body<'_>, call: ExprId) -> bool {
    let program = body.program;
    let Some(cell) = body.receiver(call).and_then(|client| body.cell(client)) else { return false };
    let mut values = program.fills(cell);
    values.extend(program.uses(cell).into_iter().filter_map(|(file, name)| {
        match usage(program.ast(file), &program.tree(file), name) {
            Usage::Gets(Some(value)) => Some((file, value)),
            _ => None,
        }
    }));
    values.into_iter().any(|(file, value)| {
        let ast = program.ast(file);
        let mut value = ast.unparen(value);
        if let ExprKind::Unary { x, .. } = ast[value].kind {
            value = ast.unparen(x);
        }
        let ExprKind::Composite { elements, .. } = ast[value].kind else { return false };
        let is_client = match program.tree(file).types.ty(value) {
            ty @ Type::Named(..) => is_named(program.world, ty, "net/http", "Client"),
            _ => false,
        };
        is_client
            && ast.list(elements).any(|element| match ast[element].kind {
                ExprKind::KeyValue { key, .. } => ast.name(key).is_some_and(|key| key == "Timeout"),
                _ => false,
            })
    })
}
