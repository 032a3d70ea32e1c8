//! A channel is used that was never made.
//!
//! ## What it finds
//!
//! A variable or field of a channel's type never gets a value. A send or receive on a nil channel waits for
//! ever.
//!
//! ## Example
//!
//! ```go
//! 	var ready chan bool
//! 	go func() { ready <- true }() // nil: waits for ever
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	ready := make(chan bool, 1)
//! ```
//!
//! ## When it is wrong
//!
//! When the channel is set by reflection. In tests, which make peers that never answer, it is *hygiene*.
//!
//! ## Fix
//!
//! Shown only: how much room the channel needs, only its author knows.

use gostray_golang::package::PackageId;
use gostray_golang::types::{Type, VarId};

use crate::finding::{Finding, Tier};
use crate::program::{Body, BodyId, Cell, Program, Usage, What, follow_cell, usage};
use crate::rules::{Check, Rule, finding, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS111",
    name: "nil-channel",
    tier: Tier::Proven,
    text: include_str!("nil_channel.rs"),
    chinese: include_str!("nil_channel.zh-CN.md"),
    check: Check::Package(check),
};

fn check(program: &Program<'_>, package: PackageId, found: &mut Vec<Finding>) {
    let mut seen: Vec<Cell> = Vec::new();
    for (file, _) in program.package(package).files() {
        for body in program.bodies(file) {
            for (_, event) in body.flow().all() {
                let (What::Send { channel } | What::Receive { channel } | What::Range { channel }) = event.what else {
                    continue;
                };
                let Some(cell) = body.cell(channel) else { continue };
                // In a select a nil channel is a way to switch a case off, but not one that is never on.
                if event.select.is_some() && !matches!(cell, Cell::Field(..)) {
                    continue;
                }
                if seen.contains(&cell) {
                    continue;
                }
                seen.push(cell);
                if !is_never_set(&body, cell) {
                    continue;
                }
                let name = body.text_of(channel);
                let (tier, message) = match event.select {
                    Some(_) => (Tier::Hygiene, format!("this case is never chosen: {name} is never made")),
                    // A test makes peers that never answer.
                    None if body.source.is_test => {
                        (Tier::Hygiene, format!("this waits for ever: {name} is never made"))
                    }
                    None => (Tier::Proven, format!("this waits for ever: {name} is never made")),
                };
                let mut finding = finding(&RULE, tier, &body, event.span, message);
                finding.why = "a send or receive on a nil channel never goes on".to_owned();
                finding.blocks_at = Some(body.place(event.span));
                finding.path.push(step(&body, event.span, "it waits here, for ever"));
                found.push(finding);
            }
        }
    }
}

fn is_never_set(body: &Body<'_>, cell: Cell) -> bool {
    let program = body.program;
    if !program.is_seen_whole(cell) || !program.fills(cell).is_empty() {
        return false;
    }
    let mut is_declared = matches!(cell, Cell::Field(..) | Cell::Var(VarId::Global { .. }));
    for (file, expr) in program.uses(cell) {
        let (ast, tree) = (program.ast(file), program.tree(file));
        match usage(ast, &tree, expr) {
            // A parameter, a result, what a range or type switch declares.
            Usage::Declared => {
                let in_var = matches!(tree.directly_around(expr), crate::program::Parent::Spec(_));
                let owner = tree.owner(expr).map(|at| program.body(BodyId { file, at }));
                let in_body = owner.is_some_and(|owner| {
                    let block = owner.ast()[owner.function().block].span;
                    ast[expr].span.start > block.start
                });
                if !in_var || !in_body && matches!(cell, Cell::Var(VarId::Local { .. })) {
                    return false;
                }
                is_declared = true;
            }
            Usage::Gets(_) | Usage::Address(_) => return false,
            // Who asks whether it is nil does not use it then.
            Usage::Compare => return false,
            _ => {}
        }
    }
    // A struct that is converted to, or filled by, something else.
    if let Cell::Field(decl, _) = cell {
        let ty = Type::Named(decl, std::sync::Arc::new([]));
        let Type::Struct(_) = program.world.underlying(&ty) else { return false };
        if is_filled_elsewhere(program, decl) {
            return false;
        }
    }
    is_declared && follow_cell(program, body.id.file, cell).escapes.iter().all(|escape| escape.file == body.id.file)
}

/// Is a struct converted from another type, or given to something that may fill it by reflection?
fn is_filled_elsewhere(program: &Program<'_>, decl: gostray_golang::types::TypeDecl) -> bool {
    let package = program.package(decl.file.package);
    package.files().any(|(file, _)| {
        let (ast, tree) = (program.ast(file), program.tree(file));
        ast.exprs().any(|(id, expr)| match expr.kind {
            gostray_golang::ast::ExprKind::Call { function, .. } => {
                matches!(tree.types.objects.get(&ast.unparen(function)), Some(gostray_golang::types::Object::Type(Type::Named(own, _))) if *own == decl)
                    && tree.directly_around(id) != crate::program::Parent::None
            }
            _ => false,
        })
    })
}
