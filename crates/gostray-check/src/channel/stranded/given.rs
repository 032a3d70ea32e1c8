//! A channel that the owner gives to somebody, on some of its ways: on the others nobody else has it.

use gostray_golang::ast::ExprId;
use gostray_golang::types::VarId;

use crate::actor::{Manner, runs};
use crate::channel::story::Story;
use crate::program::{BodyId, Cell, Origin, Usage, usage};

/// Where the owner gives the channel to somebody else: passes it, keeps it in something, returns it. `None` if that is
/// not known: it is in no variable of its own, or a closure that may run at any time has it.
pub(super) fn given(story: &Story<'_>) -> Option<Vec<ExprId>> {
    let owner = &story.owner;
    let (ast, tree) = (owner.ast(), &owner.tree);
    let Usage::Becomes(target) = usage(ast, tree, story.make) else { return None };
    let cell @ Cell::Var(VarId::Local { ident, .. }) = owner.cell(target)? else { return None };
    // A result, or a variable from outside, is somebody else's at once.
    let is_own = ident == ast.unparen(target) && tree.owner(ident) == Some(owner.id.at);
    owner.program.single_value(cell).filter(|_| is_own)?;
    let mut given = Vec::new();
    for mention in tree.uses.get(&cell)? {
        let is_used = matches!(
            usage(ast, tree, *mention),
            Usage::Send(_)
                | Usage::Receive(_)
                | Usage::Range(_)
                | Usage::Close(_)
                | Usage::Measure
                | Usage::Compare
                | Usage::Declared
                | Usage::Gets(_)
        );
        let at = BodyId { file: owner.id.file, at: tree.owner(*mention)? };
        if at == owner.id {
            if !is_used {
                given.push(*mention);
            }
            continue;
        }
        // A goroutine of the owner uses it itself.
        let inner = owner.program.body(at);
        let Origin::Closure(closure) = inner.function().origin else { return None };
        let is_started = inner.function().parent == Some(owner.id.at)
            && runs(owner, closure)?.iter().all(|(.., manner)| *manner == Manner::Spawned);
        if !is_used || !is_started {
            return None;
        }
    }
    Some(given)
}
