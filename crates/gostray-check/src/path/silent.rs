//! Ways that take a case of a `select` which can't be chosen there: its channel is nil on that way, or one that nobody can
//! send on.

use gostray_golang::Token;
use gostray_golang::ast::{ChanDir, ExprId, ExprKind, Node, StmtId, StmtKind, Walk};
use gostray_golang::flow::{BlockId, Edge};
use gostray_golang::types::{Object, Type, VarId};

use super::Way;
use crate::program::{Body, Callee, Cell, Usage, What, usage};

/// The decision that leads a way to a case which can't be chosen on it, if it takes such a one: the last one before it.
pub(super) fn leads_to_silence(body: &Body<'_>, way: &Way) -> Option<(BlockId, Edge)> {
    way.edges.iter().enumerate().find_map(|(at, (_, edge))| {
        let Edge::Clause(clause) = edge else { return None };
        let variable = received_from(body, *clause).and_then(|channel| own_variable(body, channel))?;
        let (assigned, name) = last_assigned(body, way, at, variable)?;
        if !is_silent(body, name) {
            return None;
        }
        let decides = |(_, edge): &&(BlockId, Edge)| matches!(edge, Edge::True | Edge::False);
        way.edges[assigned..at].iter().rev().find(decides).copied()
    })
}

/// The channel that a case receives from.
pub(super) fn received_from(body: &Body<'_>, clause: StmtId) -> Option<ExprId> {
    let ast = body.ast();
    let StmtKind::Comm { comm: Some(comm), .. } = ast[clause].kind else { return None };
    let mut channel = None;
    ast.walk(Node::Stmt(comm), 0, &mut |node, _| {
        if let Node::Expr(expr) = node
            && let ExprKind::Unary { operator: Token::Arrow, x } = ast[expr].kind
        {
            channel = channel.or(Some(ast.unparen(x)));
        }
        Walk::Into
    });
    channel
}

/// A variable that the function alone assigns to.
fn own_variable(body: &Body<'_>, channel: ExprId) -> Option<VarId> {
    let (ast, tree) = (body.ast(), &body.tree);
    let variable = tree.types.variable(channel).filter(|variable| matches!(variable, VarId::Local { .. }))?;
    let uses = tree.uses.get(&Cell::Var(variable))?;
    let is_own = uses.iter().all(|name| match usage(ast, tree, *name) {
        Usage::Gets(_) | Usage::Declared => tree.owner(*name) == Some(body.id.at),
        Usage::Address(_) => false,
        _ => true,
    });
    is_own.then_some(variable)
}

/// Where on a way a variable was last assigned to, or declared.
fn last_assigned(body: &Body<'_>, way: &Way, before: usize, variable: VarId) -> Option<(usize, ExprId)> {
    let flow = body.flow();
    let objects = &body.tree.types.objects;
    way.edges[..=before].iter().enumerate().rev().find_map(|(at, (block, _))| {
        flow.events[block.index()].iter().rev().find_map(|event| match event.what {
            What::Assign { name } if objects.get(&name) == Some(&Object::Var(variable)) => Some((at, name)),
            _ => None,
        })
    })
}

/// Does a name get nil, or a channel that nobody can send on?
fn is_silent(body: &Body<'_>, name: ExprId) -> bool {
    let (ast, tree) = (body.ast(), &body.tree);
    match usage(ast, tree, name) {
        // `var c chan T`; a parameter is never assigned to.
        Usage::Declared => true,
        Usage::Gets(Some(value)) => {
            let value = ast.unparen(value);
            let is_nil = matches!(tree.types.objects.get(&value), Some(Object::Nil));
            let is_made = matches!(ast[value].kind, ExprKind::Call { .. })
                && body.callee(value) == Callee::Builtin(gostray_golang::types::Builtin::Make);
            is_nil || is_made && matches!(tree.types.ty(value), Type::Chan(ChanDir::Receive, _))
        }
        _ => false,
    }
}
