//! What becomes of something that is handed to a call: is it only used there, or does it leave with what the call gives?

use gostray_golang::ast::ExprId;
use gostray_golang::types::VarId;

use crate::program::{Body, Callee, Cell, Usage, is_named, names, targets, usage};

/// Does what a call gives leave the function, or what a method of that gives? The call wraps something that is to be
/// closed here. What is not clear leaves.
pub(super) fn leaves(body: &Body<'_>, wrapper: ExprId) -> bool {
    let (ast, tree) = (body.ast(), &body.tree);
    let stays = |value: ExprId| match usage(ast, tree, value) {
        Usage::Method { call, .. } => !(is_stub(body, wrapper) && gives_away(body, call)),
        Usage::Argument { call, .. } => reads_only(body, call) && !(wraps(body, call) && leaves(body, call)),
        Usage::Range(_) | Usage::Compare | Usage::Gets(_) | Usage::Declared => true,
        _ => false,
    };
    match usage(ast, tree, wrapper) {
        Usage::Becomes(name) => match tree.types.variable(name) {
            Some(variable @ VarId::Local { .. }) => {
                !tree.uses.get(&Cell::Var(variable)).into_iter().flatten().all(|name| stays(*name))
            }
            _ => true,
        },
        _ => !stays(wrapper),
    }
}

/// Does the function hand on what a method gives: a stream of a client, for example?
fn gives_away(body: &Body<'_>, call: ExprId) -> bool {
    let (ast, tree) = (body.ast(), &body.tree);
    let first = targets(body, call).and_then(|(left, _)| tree.types.variable(*left.first()?));
    match first {
        Some(variable) => tree.uses.get(&Cell::Var(variable)).into_iter().flatten().any(|name| {
            !matches!(
                usage(ast, tree, *name),
                Usage::Method { .. }
                    | Usage::Base(_)
                    | Usage::Range(_)
                    | Usage::Compare
                    | Usage::Gets(_)
                    | Usage::Declared
            )
        }),
        None => matches!(usage(ast, tree, call), Usage::Returned(_) | Usage::Sent(_) | Usage::Element { .. }),
    }
}

/// Is it a generated client of a connection, which it uses and does not close?
fn is_stub(body: &Body<'_>, call: ExprId) -> bool {
    let world = body.program.world;
    let Callee::Func(function) = body.callee(call) else { return false };
    names(world, function).is_some_and(|(_, _, name)| name.starts_with("New") && name.ends_with("Client"))
        && world.signature(function).parameters.first().is_some_and(|ty| {
            ["ClientConnInterface", "ClientConn"].iter().any(|name| is_named(world, ty, "google.golang.org/grpc", name))
        })
}

/// Does a call give something that goes on using what it got?
pub(super) fn wraps(body: &Body<'_>, call: ExprId) -> bool {
    let Callee::Func(function) = body.callee(call) else { return true };
    let Some((path, _, name)) = names(body.program.world, function) else { return true };
    !matches!(
        (path, name),
        ("fmt" | "net/http/httputil", _) | ("io" | "io/ioutil", "ReadAll" | "Copy" | "CopyN" | "ReadFull")
    )
}

/// Does a call use what it gets without taking it over?
pub(crate) fn reads_only(body: &Body<'_>, call: ExprId) -> bool {
    let Callee::Func(function) = body.callee(call) else { return false };
    let Some((path, _, name)) = names(body.program.world, function) else { return false };
    is_stub(body, call)
        || matches!(
            (path, name),
            ("io", "ReadAll" | "Copy" | "CopyN" | "LimitReader" | "ReadFull")
                | ("io/ioutil", "ReadAll")
                | ("encoding/json" | "encoding/xml", "NewDecoder")
                | ("bufio", "NewReader" | "NewScanner")
                | ("fmt", _)
                | ("net/http/httputil", "DumpResponse")
        )
}
