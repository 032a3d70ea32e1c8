//! A close by the only one who sends.

use gostray_golang::ast::{ExprId, StmtKind};

use crate::actor::Manner;
use crate::channel::{Act, Stranded};
use crate::finding::{Edit, Fix, Safety};
use crate::program::{Body, Parent};

/// A fix that closes the channel when its only sender ends.
pub(crate) fn close_after(stranded: &Stranded<'_, '_>) -> Option<Fix> {
    let story = stranded.story;
    let owner = &story.owner;
    let goroutines: Vec<_> =
        story.goroutines.iter().filter(|g| story.of_goroutine(g, Act::Send).next().is_some()).collect();
    let own = story.own(Act::Send).all(|deed| deed.links.iter().all(|link| link.manner == Manner::Called));
    let title = format!("close {} when its only sender ends", story.name());
    match goroutines.as_slice() {
        // The owner alone sends: it closes when it returns.
        [] if own => {
            let stmt = statement(owner, story.make)?;
            let name = story.name();
            let edit = insert_after(owner, stmt, &format!("defer close({name})"));
            Some(Fix { safety: Safety::Unsafe, title, edits: vec![edit] })
        }
        [one] if !one.is_many && story.own(Act::Send).next().is_none() => {
            let deed = story.of_goroutine(one, Act::Send).next()?;
            let root = owner.program.body(one.root());
            if deed.operation.body != root.id {
                return None;
            }
            let name = root.text_of(deed.operation.expr);
            let edit = insert_first(&root, &format!("defer close({name})"));
            Some(Fix { safety: Safety::Unsafe, title, edits: vec![edit] })
        }
        _ => None,
    }
}

/// The statement that an expression belongs to.
pub(crate) fn statement(body: &Body<'_>, expr: ExprId) -> Option<gostray_golang::ast::StmtId> {
    let mut at = body.tree.directly_around(expr);
    loop {
        at = match at {
            Parent::Expr(outer) => body.tree.directly_around(outer),
            Parent::Spec(spec) => body.tree.around_spec(spec),
            Parent::Stmt(stmt) => return Some(stmt),
            _ => return None,
        };
    }
}

/// A statement of its own after another one.
pub(crate) fn insert_after(body: &Body<'_>, stmt: gostray_golang::ast::StmtId, text: &str) -> Edit {
    let span = body.ast()[stmt].span;
    let indent = indent(body, span.start);
    Edit { file: body.source.path.clone(), start: span.end, end: span.end, text: format!("\n{indent}{text}") }
}

/// A statement before all others of a function.
pub(crate) fn insert_first(body: &Body<'_>, text: &str) -> Edit {
    let ast = body.ast();
    let block = ast[body.function().block];
    let open = block.span.start + 1;
    let first = match block.kind {
        StmtKind::Block(list) => ast.at(list, 0),
        _ => None,
    };
    let own = indent(body, block.span.start);
    let is_one_line = !body.text(block.span).contains('\n');
    let text = match first {
        Some(_) if is_one_line => format!(" {text};"),
        _ => format!("\n{own}\t{text}"),
    };
    Edit { file: body.source.path.clone(), start: open, end: open, text }
}

/// What a line begins with.
pub(crate) fn indent(body: &Body<'_>, at: u32) -> String {
    let source = &body.source.source;
    let start = source[..at as usize].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let blank = source[start..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    String::from_utf8_lossy(&source[start..start + blank]).into_owned()
}
