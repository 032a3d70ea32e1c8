//! What else goes between the owner of a channel and a goroutine that sends on it: what was received from there tells what
//! the goroutine has done, and who waits for it is stuck with it.

use gostray_golang::ast::{ExprId, StmtId, StmtKind};
use gostray_golang::types::Builtin;

use crate::actor::loop_around;
use crate::channel::story::{Deed, Goroutine, Story};
use crate::path::Way;
use crate::program::{Body, Callee, Cell, Parent, What, parameters};

/// The other channels that a goroutine sends on or closes; or only those that it closes at its end, when it has left its loops.
fn fed(story: &Story<'_>, goroutine: &Goroutine, by_end: bool) -> Vec<Cell> {
    let program = story.owner.program;
    let mut fed: Vec<Cell> = Vec::new();
    let root = program.body(goroutine.root());
    let (spawner, call) = goroutine.spawn();
    let spawner = program.body(spawner);
    // What the goroutine gets as a parameter its owner knows by another name.
    let is_called = crate::actor::callee_body(&spawner, call) == Some(root.id);
    let names = parameters(root.ast(), root.function().signature).into_iter().filter(|_| is_called);
    let given: Vec<(Option<Cell>, Option<Cell>)> = names
        .zip(spawner.arguments(call))
        .map(|(name, argument)| (name.and_then(|name| root.cell(name)), spawner.cell(argument)))
        .collect();
    let of_owner = |cell: Cell| {
        let own = given.iter().find(|(inner, _)| *inner == Some(cell));
        own.and_then(|(_, outer)| *outer).unwrap_or(cell)
    };
    for body in root.family() {
        for (_, event) in body.flow().all() {
            let channel = match event.what {
                What::Send { channel } | What::Close { channel } if !by_end => Some(channel),
                What::Close { channel } if body.id == root.id && loop_around(&body, channel).is_none() => Some(channel),
                What::Deferred { call } if !by_end || body.id == root.id && is_close(&body, call) => {
                    body.arguments(call).first().copied()
                }
                _ => None,
            };
            fed.extend(channel.and_then(|channel| body.cell(channel)).map(of_owner));
        }
    }
    let cell = |deed: &Deed| program.body(deed.operation.body).cell(deed.operation.expr);
    let own: Vec<Cell> = story.deeds.iter().filter_map(cell).collect();
    fed.retain(|cell| !own.contains(cell));
    fed
}

fn is_close(body: &Body<'_>, call: ExprId) -> bool {
    matches!(body.callee(call), Callee::Builtin(Builtin::Close))
}

/// Does the owner wait on the way for something else that the goroutine gives? If the goroutine is stuck, so is the owner.
pub(super) fn joins(story: &Story<'_>, goroutine: &Goroutine, way: &Way) -> bool {
    let (owner, fed) = (&story.owner, fed(story, goroutine, false));
    let flow = owner.flow();
    let blocks = way.edges.iter().map(|(block, _)| *block).chain([way.last]);
    blocks.flat_map(|block| &flow.events[block.index()]).any(|event| match event.what {
        What::Receive { channel } => {
            event.select.is_none() && owner.cell(channel).is_some_and(|cell| fed.contains(&cell))
        }
        _ => false,
    })
}

/// The cases that receive from a channel which the goroutine sends on or closes, too: where one of them was
/// chosen, the goroutine did that, and not what would leave it waiting.
pub(super) fn served(story: &Story<'_>, goroutine: &Goroutine, by_end: bool) -> Vec<StmtId> {
    let owner = &story.owner;
    let ast = owner.ast();
    let fed = fed(story, goroutine, by_end);
    let mut clauses = Vec::new();
    for (_, event) in owner.flow().all() {
        let What::Receive { channel } = event.what else { continue };
        let is_fed = owner.cell(channel).is_some_and(|cell| fed.contains(&cell));
        if event.select.is_none() || !is_fed {
            continue;
        }
        // Up to the clause that it is the case of.
        let mut at = owner.tree.directly_around(channel);
        while let Parent::Expr(outer) = at {
            at = owner.tree.directly_around(outer);
        }
        if let Parent::Stmt(comm) = at
            && let Parent::Stmt(clause) = owner.tree.around_stmt(comm)
            && matches!(ast[clause].kind, StmtKind::Comm { .. })
        {
            clauses.push(clause);
        }
    }
    clauses
}
