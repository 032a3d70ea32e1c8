//! Ways out, through what was deferred: the last first, what may not have been deferred perhaps not.

use crate::ast::{Ast, ExprId, ExprKind, Node, Walk};
use crate::flow::build::{Builder, WayOut};
use crate::flow::{BlockId, Edge, Ending, Exit, Step};

/// Functions that defer in more places are left without.
const MAX_DEFERS: usize = 64;

/// Deferred calls, a bit each: those that were deferred on every way here, and on some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Deferred {
    must: u64,
    may: u64,
}

pub(super) fn run(builder: &mut Builder<'_>) {
    let calls: Vec<ExprId> = builder.defers.iter().map(|(_, _, call)| *call).take(MAX_DEFERS).collect();
    let states = states(builder);
    let outs = std::mem::take(&mut builder.outs);
    // Ways out that run the same share it.
    let mut made: Vec<(Exit, Deferred, BlockId)> = Vec::new();
    for WayOut { block, exit } in outs {
        let Some(state) = states[block.index()] else { continue };
        if state.may == 0 {
            builder.blocks[block.index()].exit = Some(exit);
            continue;
        }
        let known = made.iter().find(|(own, of, _)| *own == exit && *of == state).map(|(_, _, first)| *first);
        let first = known.unwrap_or_else(|| {
            let first = chain(builder, &calls, state, exit);
            made.push((exit, state, first));
            first
        });
        builder.edge(block, Edge::Next, first);
    }
}

/// The blocks that run what was deferred: the first of them.
fn chain(builder: &mut Builder<'_>, calls: &[ExprId], state: Deferred, exit: Exit) -> BlockId {
    let end = builder.block();
    builder.blocks[end.index()].exit = Some(exit);
    // A panic that a deferred call recovers ends in a return.
    let recovered = (exit == Exit::Panic && calls.iter().any(|call| recovers(builder.ast, *call))).then(|| {
        let end = builder.block();
        builder.blocks[end.index()].exit = Some(Exit::Return);
        end
    });
    // Built from the first that was deferred, which runs last; beside it what runs after a recovery.
    let (mut next, mut next_recovered) = (end, recovered);
    for (at, call) in calls.iter().enumerate() {
        let bit = 1 << at;
        if state.may & bit == 0 {
            continue;
        }
        let does_recover = recovers(builder.ast, *call);
        let ends_all = (builder.ending)(*call) == Some(Ending::Process);
        let mut link = |after: BlockId, recovers_to: Option<BlockId>| {
            let block = builder.block();
            builder.blocks[block.index()].steps.push(Step::Deferred(*call));
            if ends_all {
                builder.blocks[block.index()].exit = Some(Exit::Process);
            } else {
                builder.edge(block, Edge::Next, after);
            }
            if let Some(to) = recovers_to {
                builder.edge(block, Edge::Recovered, to);
            }
            if state.must & bit != 0 {
                return block;
            }
            let choice = builder.block();
            builder.edge(choice, Edge::Next, block);
            builder.edge(choice, Edge::NotDeferred, after);
            choice
        };
        let to = next_recovered.filter(|_| does_recover);
        let (after, after_recovered) = (next, next_recovered);
        next = link(after, to);
        next_recovered = after_recovered.map(|after| link(after, None));
    }
    next
}

/// Does a deferred call recover: is it a closure that calls `recover`?
fn recovers(ast: &Ast, call: ExprId) -> bool {
    let ExprKind::Call { function, .. } = ast[call].kind else { return false };
    let ExprKind::Func { body, .. } = ast[ast.unparen(function)].kind else { return false };
    let mut found = false;
    ast.walk(Node::Stmt(body), 0, &mut |node, _| match node {
        Node::Expr(inner) => match ast[inner].kind {
            // It recovers only what the deferred call itself asks for.
            ExprKind::Func { .. } => Walk::Over,
            ExprKind::Call { function, .. } => {
                found |= ast.name(function).is_some_and(|name| name == "recover");
                Walk::Into
            }
            _ => Walk::Into,
        },
        _ => Walk::Into,
    });
    found
}

/// What was deferred at the end of every block that can be reached.
fn states(builder: &Builder<'_>) -> Vec<Option<Deferred>> {
    let count = builder.blocks.len();
    let mut own = vec![0u64; count];
    for (at, (block, _, _)) in builder.defers.iter().enumerate().take(MAX_DEFERS) {
        own[block.index()] |= 1 << at;
    }
    let mut states: Vec<Option<Deferred>> = vec![None; count];
    let mut pending = vec![(0usize, Deferred { must: 0, may: 0 })];
    while let Some((at, before)) = pending.pop() {
        let after = Deferred { must: before.must | own[at], may: before.may | own[at] };
        let merged = match states[at] {
            None => after,
            Some(known) => Deferred { must: known.must & after.must, may: known.may | after.may },
        };
        if states[at] != Some(merged) {
            states[at] = Some(merged);
            // What comes in is not kept apart from what this block defers: that it does on every way.
            let out = Deferred { must: merged.must, may: merged.may };
            pending.extend(builder.blocks[at].next.iter().map(|(_, to)| (to.index(), out)));
        }
    }
    states
}
