//! Somebody waits for a condition that nobody signals.
//!
//! ## What it finds
//!
//! All uses of a `sync.Cond` are seen; one of them is `Wait`, and none is `Signal` or `Broadcast`. Whoever
//! waits, waits for ever.
//!
//! ## Example
//!
//! ```go
//! func (g *gate) unlock() {
//! 	g.mu.Lock()
//! 	g.open = true // nobody is told
//! 	g.mu.Unlock()
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	g.open = true
//! 	g.cond.Broadcast()
//! ```
//!
//! ## When it is wrong
//!
//! When the signal is in a file that is not built for this system.
//!
//! ## Fix
//!
//! Shown only: what makes the condition hold, only its author knows.

use gostray_golang::ast::ExprKind;
use gostray_golang::package::{FileId, PackageId};
use gostray_golang::types::VarId;

use crate::account::arguments;
use crate::finding::{Finding, Tier};
use crate::program::{Cell, Known, Parent, Program, Usage, What, follow_cell, is_named, usage};
use crate::rules::{Check, Rule, finding, step};

/// Through so many calls a condition is followed back.
const MAX_DEPTH: usize = 4;

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS205",
    name: "cond-no-signal",
    tier: Tier::Proven,
    text: include_str!("cond_no_signal.rs"),
    chinese: include_str!("cond_no_signal.zh-CN.md"),
    check: Check::Package(check),
};

fn check(program: &Program<'_>, package: PackageId, found: &mut Vec<Finding>) {
    let mut seen: Vec<Cell> = Vec::new();
    for (file, _) in program.package(package).files() {
        for body in program.bodies(file) {
            for (_, event) in body.flow().all() {
                let What::Call { call } = event.what else { continue };
                if body.known(call) != Some(Known::CondWait) {
                    continue;
                }
                // One that is embedded is used through all that embeds it.
                let ExprKind::Call { function, .. } = body.ast()[call].kind else { continue };
                let selection = body.tree.types.selections.get(&body.ast().unparen(function));
                if selection.is_some_and(|selection| !selection.through.is_empty()) {
                    continue;
                }
                let Some(cell) = body.receiver(call).and_then(|receiver| body.cell(receiver)) else { continue };
                if seen.contains(&cell) {
                    continue;
                }
                seen.push(cell);
                if !sources(program, cell, 0).into_iter().any(|source| is_never_signalled(program, file, source)) {
                    continue;
                }
                let name = body.receiver(call).map_or("the condition", |receiver| body.text_of(receiver));
                let message = format!("this waits for ever: nobody calls Signal or Broadcast of {name}");
                let mut finding = finding(&RULE, Tier::Proven, &body, event.span, message);
                finding.why = "that what it waits for holds does not wake it: only a signal does".to_owned();
                finding.blocks_at = Some(body.place(event.span));
                finding.path.push(step(&body, event.span, "it waits here, for ever"));
                found.push(finding);
            }
        }
    }
}

/// What holds the conditions that a cell is given: itself, or where it is a parameter what calls pass for it.
fn sources(program: &Program<'_>, cell: Cell, depth: usize) -> Vec<Cell> {
    let Cell::Var(VarId::Local { file, ident }) = cell else { return vec![cell] };
    if program.tree(file).around(program.ast(file), ident) != Parent::Other {
        return vec![cell];
    }
    let is_changed = program.uses(cell).into_iter().any(|(file, expr)| {
        let usage = usage(program.ast(file), &program.tree(file), expr);
        matches!(usage, Usage::Gets(_) | Usage::Address(_))
    });
    if depth >= MAX_DEPTH || is_changed {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (file, argument) in arguments(program, file, ident) {
        let (ast, tree) = (program.ast(file), program.tree(file));
        let is_condition = is_named(program.world, tree.types.ty(argument), "sync", "Cond");
        if is_condition && let Some(other) = program.cell(&tree, ast, argument) {
            found.extend(sources(program, other, depth + 1));
        }
    }
    found
}

/// Is everything seen that is done with a condition, and is no signal among it?
fn is_never_signalled(program: &Program<'_>, file: FileId, cell: Cell) -> bool {
    let trail = follow_cell(program, file, cell);
    let is_signalled = trail.operations.iter().any(|operation| match operation.usage {
        Usage::Method { call, .. } => {
            matches!(program.body(operation.body).known(call), Some(Known::Signal | Known::Broadcast))
        }
        _ => false,
    });
    trail.is_whole() && !is_signalled && is_made_for(program, cell)
}

/// Is a condition only ever set to one that is made for it? Another one may be signalled elsewhere.
fn is_made_for(program: &Program<'_>, cell: Cell) -> bool {
    let mut values = program.fills(cell);
    for (file, expr) in program.uses(cell) {
        match usage(program.ast(file), &program.tree(file), expr) {
            Usage::Gets(Some(value)) => values.push((file, value)),
            Usage::Gets(None) => return false,
            _ => {}
        }
    }
    values.into_iter().all(|(file, value)| {
        let ast = program.ast(file);
        !matches!(ast[ast.unparen(value)].kind, ExprKind::Ident(_) | ExprKind::Selector { .. })
    })
}
