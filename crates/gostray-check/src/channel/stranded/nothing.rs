//! `nil` that is received where errors are sent: the channel was closed, or it is what is sent at last. Either way nothing
//! is sent after it.

use gostray_golang::Token;
use gostray_golang::ast::{ExprId, ExprKind, StmtKind};
use gostray_golang::flow::Exit;
use gostray_golang::types::{Object, Type, VarId};

use crate::channel::story::{Act, Deed, Story};
use crate::path::{Atom, Watch, search};
use crate::program::{Body, Callee, Cell, Event, Parent, Usage, What, names, usage};

/// Does a condition that holds, `err == nil`, say that the only sender is done?
pub(super) fn is_done(story: &Story<'_>, atom: &Atom) -> bool {
    let owner = &story.owner;
    let Some(error) = atom.compared_to_nil(owner).and_then(|expr| owner.tree.types.variable(expr)) else {
        return false;
    };
    let [sender] = story.goroutines.as_slice() else { return false };
    if sender.is_many || !was_received(story, error) || story.own(Act::Send).next().is_some() {
        return false;
    }
    let root = owner.program.body(sender.root());
    let sends: Vec<&Deed> = story.of_goroutine(sender, Act::Send).collect();
    let channels: Vec<ExprId> = sends.iter().map(|deed| deed.operation.expr).collect();
    sends.iter().all(|deed| {
        deed.operation.body == root.id
            && (is_error_for_sure(&root, deed)
                || search(&root, &Again { first: deed.operation.expr, channels: &channels }).is_none())
    })
}

/// Does a variable get what the channel gives?
fn was_received(story: &Story<'_>, variable: VarId) -> bool {
    let owner = &story.owner;
    let (ast, tree) = (owner.ast(), &owner.tree);
    tree.uses.get(&Cell::Var(variable)).into_iter().flatten().any(|name| {
        let Usage::Gets(Some(value)) = usage(ast, tree, *name) else { return false };
        let ExprKind::Unary { operator: Token::Arrow, x } = ast[ast.unparen(value)].kind else { return false };
        story
            .own(Act::Receive)
            .any(|deed| deed.operation.body == owner.id && ast.unparen(deed.operation.expr) == ast.unparen(x))
    })
}

/// Is an error sent that is not nil: one that is made there, or that was asked for?
fn is_error_for_sure(body: &Body<'_>, deed: &Deed) -> bool {
    let (ast, tree) = (body.ast(), &body.tree);
    let Usage::Send(stmt) = deed.operation.usage else { return false };
    let StmtKind::Send { value, .. } = ast[stmt].kind else { return false };
    let value = ast.unparen(value);
    if let ExprKind::Call { .. } = ast[value].kind {
        let Callee::Func(function) = body.callee(value) else { return false };
        return matches!(names(body.program.world, function), Some(("errors", None, "New") | ("fmt", None, "Errorf")));
    }
    let Some(variable) = tree.types.variable(value).filter(|_| *tree.types.ty(value) == Type::Error) else {
        return false;
    };
    let mut at = tree.around_stmt(stmt);
    while let Parent::Stmt(outer) = at {
        if let StmtKind::If { condition, then, .. } = ast[outer].kind
            && ast[then].span.start <= ast[stmt].span.start
            && ast[stmt].span.end <= ast[then].span.end
            && let ExprKind::Binary { operator: Token::NotEqual, x, y } = ast[ast.unparen(condition)].kind
            && matches!(tree.types.objects.get(&ast.unparen(y)), Some(Object::Nil))
            && tree.types.variable(ast.unparen(x)) == Some(variable)
        {
            return true;
        }
        at = tree.around_stmt(outer);
    }
    false
}

/// Looks for a way from a send to another one.
struct Again<'c> {
    first: ExprId,
    channels: &'c [ExprId],
}

impl Watch for Again<'_> {
    type State = bool;

    fn start(&self) -> bool {
        false
    }

    fn event(&self, has_sent: bool, event: &Event) -> Option<bool> {
        Some(has_sent || matches!(event.what, What::Send { channel } if channel == self.first))
    }

    fn is_found(&self, _has_sent: &bool, _exit: Exit) -> bool {
        false
    }

    fn is_found_before(&self, has_sent: &bool, event: &Event) -> bool {
        *has_sent && matches!(event.what, What::Send { channel } if self.channels.contains(&channel))
    }
}
