//! What ends a resource though nobody gives it back: the context it was got with, or a time limit.

use gostray_golang::ast::{Ast, ExprId, ExprKind, StmtId, StmtKind};
use gostray_golang::types::VarId;

use crate::actor::spawns;
use crate::path::Way;
use crate::program::{Body, BodyId, Callee, Cell, Parent, Usage, What, is_named, names, targets, usage};

/// Is a call given a context that ends soon after the function, or a request with such a one?
pub(super) fn is_ended_by_context(body: &Body<'_>, call: ExprId) -> bool {
    body.arguments(call).into_iter().any(|argument| {
        let ty = body.tree.types.ty(argument);
        let world = body.program.world;
        if is_named(world, ty, "context", "Context") {
            return ends(body, argument, 0);
        }
        is_named(world, ty, "net/http", "Request")
            && request_context(body, argument).is_some_and(|own| ends(body, own, 0))
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
    .take(MAX_VALUES)
    .collect()
}

/// Functions that give a context, its parent or a client are followed so deep, and so many of the values that they give or that a
/// variable gets.
const MAX_DEPTH: u32 = 4;
const MAX_VALUES: usize = 16;

/// Does a context end by itself, with the test, with the function that it is made in, or with its parent?
fn ends(body: &Body<'_>, context: ExprId, depth: u32) -> bool {
    let program = body.program;
    depth < MAX_DEPTH
        && calls_of(body, context).into_iter().any(|call| {
            let ends_with_parent = || {
                body.arguments(call).first().is_some_and(|parent| {
                    is_named(program.world, body.tree.types.ty(*parent), "context", "Context")
                        && ends(body, *parent, depth + 1)
                })
            };
            match body.callee(call) {
                Callee::Func(function) => match names(program.world, function) {
                    Some((
                        "context",
                        None,
                        "WithTimeout" | "WithDeadline" | "WithTimeoutCause" | "WithDeadlineCause",
                    ))
                    | Some(("testing", Some(_), "Context")) => true,
                    Some(
                        ("context", None, "WithCancel" | "WithCancelCause") | ("os/signal", None, "NotifyContext"),
                    ) => is_cancelled_later(body, call) || ends_with_parent(),
                    Some(("context", None, "WithValue")) => ends_with_parent(),
                    Some(("context", ..)) | None => false,
                    // `testcontext.New(t)`
                    _ => program.body_of(function).is_some_and(|inner| gives_what_ends(&inner, depth + 1)),
                },
                Callee::Abstract(of, name) => name == "Context" && is_named(program.world, &of, "testing", "TB"),
                _ => false,
            }
        })
}

/// Does a function give a context that ends, whatever it is given?
fn gives_what_ends(body: &Body<'_>, depth: u32) -> bool {
    let flow = body.flow();
    let returned = flow.all().filter_map(|(_, event)| match event.what {
        What::Return { stmt } => match body.ast()[stmt].kind {
            StmtKind::Return(results) => Some(body.ast().at(results, 0)),
            _ => None,
        },
        _ => None,
    });
    let mut is_any = false;
    let is_so = returned.take(MAX_VALUES).all(|value| {
        is_any = true;
        value.is_some_and(|value| {
            is_named(body.program.world, body.tree.types.ty(value), "context", "Context") && ends(body, value, depth)
        })
    });
    is_any && is_so
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

/// Is a goroutine started on a way that writes to a pipe? Only that one is kept by a reader that goes away.
pub(super) fn is_written_on(body: &Body<'_>, pipe: ExprId, way: &Way) -> bool {
    let (ast, tree) = (body.ast(), &body.tree);
    let writer = targets(body, pipe).and_then(|(left, _)| tree.types.variable(*left.get(1)?));
    let Some(writer) = writer else { return true };
    let mentions = || tree.uses.get(&Cell::Var(writer)).into_iter().flatten().map(|name| ast[*name].span);
    let starts: Vec<ExprId> = spawns(body)
        .into_iter()
        .map(|(call, _)| call)
        .filter(|call| mentions().any(|at| ast[*call].span.start <= at.start && at.end <= ast[*call].span.end))
        .collect();
    way.passes(body, |event| matches!(event.what, What::Go { call } | What::Call { call } if starts.contains(&call)))
}

/// Is a request made by a client that has a time limit?
pub(super) fn has_time_limit(body: &Body<'_>, call: ExprId) -> bool {
    let program = body.program;
    let Some(client) = body.receiver(call) else { return false };
    let Some(cell) = body.cell(client) else { return false };
    let mut values = program.fills(cell);
    values.extend(program.uses(cell).into_iter().filter_map(|(file, name)| {
        match usage(program.ast(file), &program.tree(file), name) {
            Usage::Gets(Some(value)) => Some((file, value)),
            _ => None,
        }
    }));
    is_limited(body, client, 0)
        || values.into_iter().any(|(file, value)| match program.tree(file).owner(value) {
            Some(at) => is_limited(&program.body(BodyId { file, at }), value, 0),
            // A variable of the package.
            None => {
                let ty = program.tree(file).types.ty(value).pointed().clone();
                is_named(program.world, &ty, "net/http", "Client") && sets_time_limit(program.ast(file), value)
            }
        })
}

/// Has a client a time limit, as it is written there, set before or given by a function?
fn is_limited(body: &Body<'_>, client: ExprId, depth: u32) -> bool {
    let (ast, tree, program) = (body.ast(), &body.tree, body.program);
    let client = ast.unparen(client);
    if depth > MAX_DEPTH {
        return false;
    }
    match ast[client].kind {
        ExprKind::Ident(_) if is_client(body, client) => {
            let Some(cell) = body.cell(client) else { return false };
            // `client.Timeout = limit`
            let is_set = |name: &ExprId| match usage(ast, tree, *name) {
                Usage::Base(field) => {
                    body.text_of(field).ends_with(".Timeout") && matches!(usage(ast, tree, field), Usage::Gets(_))
                }
                _ => false,
            };
            let written = program.single_value(cell).map(|(_, value)| value);
            let mut values = calls_of(body, client).into_iter().chain(written);
            tree.uses.get(&cell).into_iter().flatten().any(is_set)
                || values.any(|value| is_limited(body, value, depth + 1))
        }
        ExprKind::Call { .. } => {
            let Callee::Func(function) = body.callee(client) else { return false };
            let Some(inner) = program.body_of(function) else { return false };
            let gives = |stmt: StmtId| match inner.ast()[stmt].kind {
                StmtKind::Return(results) => inner
                    .ast()
                    .list(results)
                    .any(|result| is_client(&inner, result) && is_limited(&inner, result, depth + 1)),
                _ => false,
            };
            let flow = inner.flow();
            let returns = flow.all().filter_map(|(_, event)| match event.what {
                What::Return { stmt } => Some(stmt),
                _ => None,
            });
            returns.take(MAX_VALUES).any(gives)
        }
        _ => is_client(body, client) && sets_time_limit(ast, client),
    }
}

fn is_client(body: &Body<'_>, expr: ExprId) -> bool {
    is_named(body.program.world, body.tree.types.ty(expr).pointed(), "net/http", "Client")
}

/// `&http.Client{Timeout: limit}`
fn sets_time_limit(ast: &Ast, client: ExprId) -> bool {
    let client = ast.unparen(client);
    match ast[client].kind {
        ExprKind::Unary { x, .. } => sets_time_limit(ast, x),
        ExprKind::Composite { elements, .. } => ast.list(elements).any(|element| match ast[element].kind {
            ExprKind::KeyValue { key, .. } => ast.name(key).is_some_and(|key| key == "Timeout"),
            _ => false,
        }),
        _ => false,
    }
}
