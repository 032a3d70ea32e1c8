//! Room for every sender: a channel that holds all that is sent on it lets every sender go on.

use gostray_golang::ast::{ExprKind, StmtKind};

use crate::actor::loop_around;
use crate::channel::{Act, MANY, Stranded};
use crate::finding::{Edit, Fix, Safety};
use crate::program::{Usage, What};

/// A fix that makes room, if it can be said for how many.
pub(crate) fn make_room(stranded: &Stranded<'_, '_>) -> Option<Fix> {
    let story = stranded.story;
    let owner = &story.owner;
    let ast = owner.ast();
    let senders: Vec<_> = story.goroutines.iter().filter(|g| story.most(g, Act::Send) > 0).collect();
    let (size, title) = if stranded.sends < MANY {
        let size = stranded.sends.to_string();
        let title = if stranded.sends == 1 {
            format!("make room for one value in {}", story.name())
        } else {
            format!("make room for {} values in {}", stranded.sends, story.name())
        };
        (size, title)
    } else {
        // One send for each element of something that can be counted.
        let [goroutine] = senders.as_slice() else { return None };
        if !goroutine.is_direct() || story.most(goroutine, Act::Send) != 1 || story.own(Act::Send).next().is_some() {
            return None;
        }
        let stmt = loop_around(owner, goroutine.call())?;
        if loop_around_stmt(owner, stmt) {
            return None;
        }
        let StmtKind::Range(range) = ast[stmt].kind else { return None };
        // It is known, and the same, where the channel is made.
        let name = ast.unparen(range.x);
        let ExprKind::Ident(text) = ast[name].kind else { return None };
        let variable = owner.tree.types.variable(name)?;
        let is_counted = matches!(
            owner.program.world.underlying(owner.tree.types.ty(name)),
            gostray_golang::types::Type::Slice(_) | gostray_golang::types::Type::Map(_)
        );
        let cell = crate::program::Cell::Var(variable);
        let block = ast[owner.function().block].span;
        let is_before = |at: u32| at < ast[story.make].span.start;
        let uses = owner.tree.uses.get(&cell)?;
        let is_parameter = uses.iter().any(|expr| ast[*expr].span.start < block.start);
        let is_declared_before = is_parameter || uses.iter().any(|expr| is_before(ast[*expr].span.start));
        let is_steady = uses.iter().all(|expr| {
            !matches!(crate::program::usage(ast, &owner.tree, *expr), Usage::Gets(_) | Usage::Address(_))
                || is_before(ast[*expr].span.start)
        });
        if !is_counted || !is_declared_before || !is_steady {
            return None;
        }
        (format!("len({text})"), format!("make room for one value of each of {text}"))
    };
    let ExprKind::Call { .. } = ast[story.make].kind else { return None };
    let arguments = owner.arguments(story.make);
    let ty = *arguments.first()?;
    let end = ast[*arguments.last()?].span.end;
    let edit = Edit { file: owner.source.path.clone(), start: ast[ty].span.end, end, text: format!(", {size}") };
    let is_measured = is_measured(stranded);
    // Where there is some room already, senders do not wait for receivers anyway.
    let has_room = !matches!(story.room, crate::channel::Room::Values(0));
    let safety = if is_measured || !has_room && goes_on(stranded) { Safety::Unsafe } else { Safety::Safe };
    Some(Fix { safety, title, edits: vec![edit] })
}

fn loop_around_stmt(owner: &crate::program::Body<'_>, stmt: gostray_golang::ast::StmtId) -> bool {
    let mut at = owner.tree.around_stmt(stmt);
    while let crate::program::Parent::Stmt(outer) = at {
        if matches!(owner.ast()[outer].kind, StmtKind::For { .. } | StmtKind::Range(_)) {
            return true;
        }
        at = owner.tree.around_stmt(outer);
    }
    false
}

/// Does anybody ask how much the channel holds?
fn is_measured(stranded: &Stranded<'_, '_>) -> bool {
    let story = stranded.story;
    let program = story.owner.program;
    let mut seen = Vec::new();
    for deed in &story.deeds {
        let body = program.body(deed.operation.body);
        let Some(cell) = body.cell(deed.operation.expr) else { continue };
        if seen.contains(&cell) {
            continue;
        }
        seen.push(cell);
        let is_measured = program
            .uses(cell)
            .into_iter()
            .any(|(file, expr)| crate::program::usage(program.ast(file), &program.tree(file), expr) == Usage::Measure);
        if is_measured {
            return true;
        }
    }
    false
}

/// Does a sender do anything after it has sent, which would now happen before the value is received?
fn goes_on(stranded: &Stranded<'_, '_>) -> bool {
    let story = stranded.story;
    story.goroutines.iter().any(|goroutine| {
        story.of_goroutine(goroutine, Act::Send).any(|deed| {
            let body = story.owner.program.body(deed.operation.body);
            let at = body.ast()[deed.operation.expr].span.start;
            // What comes later in the text of a function without loops comes later.
            loop_around(&body, deed.operation.expr).is_some()
                || body.flow().all().any(|(_, event)| {
                    event.span.start > at
                        && match event.what {
                            What::Call { call } => body.known(call).is_none(),
                            What::Receive { .. } | What::Range { .. } | What::Close { .. } | What::Go { .. } => true,
                            What::Assign { .. } => false,
                            _ => false,
                        }
                        && !is_within_send(&body, event.span, deed)
                })
        })
    })
}

/// What is sent is evaluated before.
fn is_within_send(
    body: &crate::program::Body<'_>,
    span: gostray_golang::Span,
    deed: &crate::channel::story::Deed,
) -> bool {
    match deed.operation.usage {
        Usage::Send(stmt) => {
            let send = body.ast()[stmt].span;
            send.start <= span.start && span.end <= send.end
        }
        _ => false,
    }
}
