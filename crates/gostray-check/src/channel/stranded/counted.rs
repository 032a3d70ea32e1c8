//! How sure it is that more is sent than received: conditions that count, and senders that nobody counted.

use gostray_golang::Token;
use gostray_golang::ast::{ExprId, ExprKind, Node, StmtKind, Walk};
use gostray_golang::types::Object;

use super::Passes;
use crate::actor::loop_around;
use crate::channel::story::{Act, Story};
use crate::path::search;
use crate::program::{Body, Cell, Parent};

/// Does the last condition ask for a variable that counts?
pub(super) fn leaves_by_counting(owner: &Body<'_>, condition: Option<ExprId>) -> bool {
    let Some(condition) = condition else { return false };
    let (ast, tree) = (owner.ast(), &owner.tree);
    let mut counts = false;
    ast.walk(Node::Expr(condition), 0, &mut |node, _| {
        if let Node::Expr(expr) = node
            && let Some(variable) = tree.types.variable(expr)
        {
            let uses = tree.uses.get(&Cell::Var(variable)).into_iter().flatten();
            counts |= uses.copied().any(|mention| match tree.around(ast, mention) {
                Parent::Stmt(stmt) => match ast[stmt].kind {
                    StmtKind::IncDec { .. } => true,
                    StmtKind::Assign { operator, .. } => {
                        matches!(operator, Token::AddAssign | Token::SubAssign)
                    }
                    _ => false,
                },
                _ => false,
            });
        }
        Walk::Into
    });
    counts
}

/// Does each goroutine send, and once, whatever happens to it? Where there is room, those count that send.
pub(super) fn always_sends(story: &Story<'_>) -> bool {
    story.goroutines.iter().filter(|goroutine| story.most(goroutine, Act::Send) > 0).all(|goroutine| {
        let root = story.owner.program.body(goroutine.root());
        let sends = || story.of_goroutine(goroutine, Act::Send);
        let channels: Vec<ExprId> = sends().map(|deed| deed.operation.expr).collect();
        sends().all(|deed| deed.operation.body == root.id)
            && search(&root, &Passes { body: &root, channels: &channels }).is_none()
    })
}

/// Does the last condition ask whether something that is no error is nil? That may never be so.
pub(super) fn leaves_by_nil(owner: &Body<'_>, condition: Option<ExprId>) -> bool {
    let (ast, types) = (owner.ast(), &owner.tree.types);
    let Some(condition) = condition.map(|condition| ast.unparen(condition)) else { return false };
    let ExprKind::Binary { operator: Token::Equal, x, y } = ast[condition].kind else { return false };
    let is_nil = |expr: ExprId| matches!(types.objects.get(&ast.unparen(expr)), Some(Object::Nil));
    let asked = match (is_nil(x), is_nil(y)) {
        (false, true) => x,
        (true, false) => y,
        _ => return false,
    };
    !matches!(types.ty(asked).display(owner.program.world).to_string().as_str(), "error")
}

/// Is it known how often the goroutines send? Not where they are started in loops of what is called, or send
/// in what they call only under a condition.
pub(super) fn is_counted(story: &Story<'_>) -> bool {
    let program = story.owner.program;
    story.goroutines.iter().filter(|g| story.most(g, Act::Send) > 0).all(|goroutine| {
        let is_nested = goroutine.is_many && loop_around(&story.owner, goroutine.call()).is_none();
        let is_called_often = story.most(goroutine, Act::Send) > 1
            && story.of_goroutine(goroutine, Act::Send).any(|deed| {
                deed.links.len() > goroutine.links.len() && {
                    let inner = program.body(deed.operation.body);
                    search(&inner, &Passes { body: &inner, channels: &[deed.operation.expr] }).is_some()
                }
            });
        !is_nested && !is_called_often
    })
}
