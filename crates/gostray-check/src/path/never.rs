//! Edges that are never taken: the source looks as if they could be, but what is called there says no.

use gostray_golang::ast::{ExprId, ExprKind, StmtId, StmtKind};
use gostray_golang::flow::{BlockId, Edge, Step};
use gostray_golang::types::{Object, VarId};

use crate::path::failing::source;
use crate::path::implied;
use crate::path::silent::received_from;
use crate::program::{Body, Callee, Cell, Flow, Usage, What, is_named, names, parameters, usage};
use crate::worker::is_of_time;

/// Functions that give a context are followed so deep.
const MAX_DEPTH: u32 = 3;

/// The edges of a function that are never taken.
pub(super) fn never_taken(body: &Body<'_>, flow: &Flow) -> Vec<(BlockId, Edge)> {
    let mut edges = Vec::new();
    for (id, block) in flow.graph.blocks() {
        for (edge, _) in &block.next {
            let is_never = match (edge, block.steps.last()) {
                (Edge::Clause(clause), _) => waits_for_no_end(body, *clause),
                (Edge::True | Edge::False, Some(Step::Expr(condition))) => {
                    says_that_it_failed(body, flow, id, *condition, *edge == Edge::True)
                }
                // A clock never says that there are no more ticks.
                (Edge::Done, Some(Step::Stmt(_))) => flow.events[id.index()]
                    .iter()
                    .any(|event| matches!(event.what, What::Range { channel } if is_of_time(body, channel))),
                _ => false,
            };
            if is_never {
                edges.push((id, *edge));
            }
        }
    }
    edges
}

/// Is it the case of a `select` for the end of a context that never ends?
fn waits_for_no_end(body: &Body<'_>, clause: StmtId) -> bool {
    let channel = received_from(body, clause);
    channel.and_then(|channel| context_of(body, channel)).is_some_and(|context| never_ends(body, context, &[], 0))
}

/// `ctx` of `ctx.Done()`.
pub(super) fn context_of(body: &Body<'_>, call: ExprId) -> Option<ExprId> {
    let ExprKind::Call { .. } = body.ast()[call].kind else { return None };
    let Callee::Abstract(of, name) = body.callee(call) else { return None };
    let is_done = name == "Done" && is_named(body.program.world, &of, "context", "Context");
    body.receiver(call).filter(|_| is_done)
}

/// Is it a context that nobody can end?
pub(crate) fn is_endless(body: &Body<'_>, context: ExprId) -> bool {
    never_ends(body, context, &[], 0)
}

/// Is it a context that nobody can end? Of some parameters that is known.
fn never_ends(body: &Body<'_>, expr: ExprId, known: &[ExprId], depth: u32) -> bool {
    let (ast, program) = (body.ast(), body.program);
    let expr = ast.unparen(expr);
    if depth > MAX_DEPTH {
        return false;
    }
    if let ExprKind::Call { .. } = ast[expr].kind {
        let Callee::Func(function) = body.callee(expr) else { return false };
        let arguments = body.arguments(expr);
        let is_endless = |argument: &ExprId| never_ends(body, *argument, known, depth + 1);
        return match names(program.world, function) {
            Some(("context", None, "Background" | "TODO" | "WithoutCancel")) => true,
            Some(("context", None, "WithValue")) => arguments.first().is_some_and(is_endless),
            _ if is_named(program.world, body.tree.types.ty(expr), "context", "Context") => {
                program.body_of(function).is_some_and(|callee| {
                    let names = parameters(callee.ast(), callee.function().signature);
                    let given = names.into_iter().zip(&arguments);
                    let known: Vec<ExprId> =
                        given.filter(|(_, given)| is_endless(given)).filter_map(|(name, _)| name).collect();
                    gives_only(&callee, &known, depth + 1)
                })
            }
            _ => false,
        };
    }
    let Some(VarId::Local { ident, file }) = body.tree.types.variable(expr) else { return false };
    let cell = Cell::Var(VarId::Local { file, ident });
    if known.contains(&ident) {
        let uses = body.tree.uses.get(&cell).into_iter().flatten();
        return uses.copied().all(|own| !matches!(usage(ast, &body.tree, own), Usage::Gets(_) | Usage::Address(_)));
    }
    program.single_value(cell).is_some_and(|(_, value)| never_ends(body, value, known, depth + 1))
}

/// Does a function give nothing but contexts that never end?
fn gives_only(body: &Body<'_>, known: &[ExprId], depth: u32) -> bool {
    let ast = body.ast();
    let flow = body.flow();
    let mut returns = flow.all().filter_map(|(_, event)| match event.what {
        What::Return { stmt } => Some(stmt),
        _ => None,
    });
    let is_endless = |stmt: StmtId| match ast[stmt].kind {
        StmtKind::Return(results) if results.len() == 1 => {
            ast.at(results, 0).is_some_and(|result| never_ends(body, result, known, depth))
        }
        _ => false,
    };
    returns.next().is_some_and(|first| is_endless(first) && returns.all(is_endless))
}

/// Does an edge mean that an error is there, or not nil, of a call that cannot fail?
fn says_that_it_failed(body: &Body<'_>, flow: &Flow, block: BlockId, condition: ExprId, holds: bool) -> bool {
    let mut atoms = Vec::new();
    implied(body, condition, holds, &mut atoms);
    atoms.iter().filter(|(_, is_nil, _)| !is_nil).any(|(atom, ..)| {
        let error = atom.compared_to_nil(body).and_then(|expr| body.tree.types.variable(expr));
        let Some(error) = error else { return false };
        let last = flow.events[block.index()].iter().rev().find_map(|event| match event.what {
            What::Assign { name } if body.tree.types.objects.get(&name) == Some(&Object::Var(error)) => Some(name),
            _ => None,
        });
        last.and_then(|name| source(body, name)).is_some_and(|call| cannot_fail(body, call))
    })
}

/// Calls of the standard library whose error is always nil, as their documentation says.
fn cannot_fail(body: &Body<'_>, call: ExprId) -> bool {
    let function = match body.callee(call) {
        Callee::Func(function) => function,
        // "It never returns an error", says the interface of itself.
        Callee::Abstract(_, name) => {
            let Some(hash) = body.receiver(call).map(|receiver| body.tree.types.ty(receiver)) else { return false };
            let is_hash = |own| is_named(body.program.world, hash, "hash", own);
            return name == "Write" && ["Hash", "Hash32", "Hash64"].into_iter().any(is_hash);
        }
        _ => return false,
    };
    match names(body.program.world, function) {
        Some(("bytes", Some("Buffer"), "Write" | "WriteString" | "WriteByte" | "WriteRune"))
        | Some(("strings", Some("Builder"), "Write" | "WriteString" | "WriteByte" | "WriteRune")) => true,
        // It crashes instead.
        Some(("crypto/rand", None, "Read")) => body.minor() >= 24,
        Some(("compress/gzip" | "compress/flate" | "compress/zlib", None, "NewWriterLevel"))
        | Some(("compress/flate", None, "NewWriter")) => body.arguments(call).get(1).is_some_and(|level| {
            let level = body.program.world.integer(&body.tree.types, body.id.file, *level);
            level.is_some_and(|level| (-2..=9).contains(&level))
        }),
        _ => false,
    }
}
