//! What a sender that is left behind looks like to people.

use gostray_golang::ast::{StmtId, StmtKind};
use gostray_golang::flow::Edge;

use super::Shape;
use crate::actor::loop_around;
use crate::channel::count::MANY;
use crate::channel::story::{Act, Goroutine, Story};
use crate::path::Way;
use crate::program::{Parent, Usage};

/// What it looks like that a goroutine is left behind on a way.
pub(super) fn shape(story: &Story<'_>, goroutine: &Goroutine, way: &Way, has_received: bool) -> Shape {
    let owner = &story.owner;
    let ast = owner.ast();
    let senders = story.goroutines.iter().filter(|g| story.most(g, Act::Send) > 0).count();
    let per_goroutine = story.most(goroutine, Act::Send);
    let is_several = senders > 1 || goroutine.is_many;
    let is_looped =
        story.own(Act::Receive).any(|deed| deed.links.is_empty() && loop_around(owner, deed.operation.expr).is_some())
            || story.own(Act::Range).next().is_some();
    // The last choice of a `select` that could have received.
    let gave_up = way.edges.iter().rev().find_map(|(_, edge)| match edge {
        Edge::Clause(clause) => match ast[*clause].kind {
            StmtKind::Comm { .. } => Some(*clause),
            _ => None,
        },
        _ => None,
    });
    let gave_up = gave_up.is_some_and(|clause| gives_up(story, clause));
    match () {
        () if per_goroutine >= MANY => Shape::StuckProducer,
        () if !has_received && gave_up => Shape::GivesUp,
        () if per_goroutine > 1 => Shape::MoreThanReceived,
        () if is_several && gave_up && is_looped => Shape::PartialCollect,
        () if is_several && is_looped && has_received => Shape::PartialCollect,
        () if is_several && has_received => Shape::FirstWins,
        () if !has_received => Shape::EarlyReturn,
        () => Shape::MoreThanReceived,
    }
}

/// Was another case chosen than the one that receives from the channel?
fn gives_up(story: &Story<'_>, clause: StmtId) -> bool {
    let owner = &story.owner;
    let select = |stmt: StmtId| match owner.tree.around_stmt(stmt) {
        Parent::Stmt(block) => Some(block),
        _ => None,
    };
    let block = select(clause);
    // What is received in what the owner calls stands in other trees.
    story.own(Act::Receive).filter(|deed| deed.operation.body == owner.id).any(|deed| {
        let Usage::Receive(receive) = deed.operation.usage else { return false };
        let mut at = owner.tree.directly_around(receive);
        while let Parent::Expr(outer) = at {
            at = owner.tree.directly_around(outer);
        }
        let Parent::Stmt(comm) = at else { return false };
        match owner.tree.around_stmt(comm) {
            Parent::Stmt(own) => own != clause && select(own) == block,
            _ => false,
        }
    })
}
