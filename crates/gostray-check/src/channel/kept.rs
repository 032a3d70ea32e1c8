//! A channel that a field or a variable of the package keeps: who uses it is every function of the package.

use gostray_golang::ast::ExprKind;
use gostray_golang::flow::Exit;
use gostray_golang::package::PackageId;
use gostray_golang::types::VarId;

use crate::path::{Watch, Way, search};
use crate::program::{
    Body, BodyId, Cell, Event, Operation, Program, Trail, Usage, What, follow_cell, select_of, usage,
};

/// A channel that is kept, and all that is done with it.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) cell: Cell,
    pub(crate) trail: Trail,
    /// Is every channel that is kept there made without room?
    pub(crate) is_unbuffered: bool,
    /// Is one ever kept there, and only such that were made for it?
    pub(crate) is_fresh: bool,
}

/// The channels that a package keeps, where all their uses are seen.
pub(crate) fn kept(program: &Program<'_>, package: PackageId) -> Vec<Kept> {
    let mut cells: Vec<Cell> = Vec::new();
    let mut found = Vec::new();
    for (file, _) in program.package(package).files() {
        for body in program.bodies(file) {
            for (_, event) in body.flow().all() {
                let (What::Send { channel } | What::Receive { channel } | What::Range { channel }) = event.what else {
                    continue;
                };
                let Some(cell @ (Cell::Field(..) | Cell::Var(VarId::Global { .. }))) = body.cell(channel) else {
                    continue;
                };
                if cells.contains(&cell) || !program.is_seen_whole(cell) {
                    continue;
                }
                cells.push(cell);
                let trail = follow_cell(program, file, cell);
                if trail.is_whole() {
                    let (is_fresh, is_unbuffered) = room(program, cell);
                    found.push(Kept { cell, trail, is_unbuffered, is_fresh });
                }
            }
        }
    }
    found
}

impl Kept {
    pub(crate) fn operations(&self, is_wanted: fn(&Usage) -> bool) -> impl Iterator<Item = &Operation> {
        self.trail.operations.iter().filter(move |operation| is_wanted(&operation.usage))
    }

    pub(crate) fn sends(&self) -> impl Iterator<Item = &Operation> {
        self.operations(|usage| matches!(usage, Usage::Send(_)))
    }

    pub(crate) fn receives(&self) -> impl Iterator<Item = &Operation> {
        self.operations(|usage| matches!(usage, Usage::Receive(_) | Usage::Range(_)))
    }

    /// Does a function ask how many values there are?
    pub(crate) fn is_measured(&self, program: &Program<'_>, body: BodyId) -> bool {
        let (ast, tree) = (program.ast(body.file), program.tree(body.file));
        let uses = tree.uses.get(&self.cell).into_iter().flatten().copied();
        uses.filter(|expr| tree.owner(*expr) == Some(body.at)).any(|expr| usage(ast, &tree, expr) == Usage::Measure)
    }

    pub(crate) fn closes(&self) -> impl Iterator<Item = &Operation> {
        self.operations(|usage| matches!(usage, Usage::Close(_)))
    }
}

/// Does an operation wait for the other side and for nothing else?
pub(crate) fn waits_alone(program: &Program<'_>, operation: &Operation) -> bool {
    let (ast, tree) = (program.ast(operation.file), program.tree(operation.file));
    let stmt = match operation.usage {
        Usage::Send(stmt) => Some(stmt),
        Usage::Receive(receive) => match tree.around(ast, receive) {
            crate::program::Parent::Stmt(stmt) => Some(stmt),
            _ => None,
        },
        _ => None,
    };
    stmt.is_none_or(|stmt| select_of(ast, &tree, stmt).is_none())
}

/// Is a cell only ever set to channels that are made for it; and always to such without room?
pub(crate) fn room(program: &Program<'_>, cell: Cell) -> (bool, bool) {
    let mut values = program.fills(cell);
    let mut is_clear = true;
    for (file, expr) in program.uses(cell) {
        let (ast, tree) = (program.ast(file), program.tree(file));
        match usage(ast, &tree, expr) {
            Usage::Gets(Some(value)) => values.push((file, value)),
            Usage::Gets(None) | Usage::Address(_) => is_clear = false,
            _ => {}
        }
    }
    let (mut is_fresh, mut is_unbuffered, mut count) = (is_clear, is_clear, 0);
    for (file, value) in values {
        let (ast, tree) = (program.ast(file), program.tree(file));
        let value = ast.unparen(value);
        match ast[value].kind {
            ExprKind::Call { arguments, .. } if tree.channels.contains(&value) => {
                count += 1;
                is_unbuffered &= arguments.len() == 1;
            }
            // It may be set to nil in between.
            ExprKind::Ident(name) if name == "nil" => {}
            _ => (is_fresh, is_unbuffered) = (false, false),
        }
    }
    (is_fresh && count > 0, is_unbuffered && count > 0)
}

/// A way out of a goroutine that uses a channel in a loop, on which it uses it no more.
struct Leaves<'b, 'p> {
    body: &'b Body<'p>,
    operation: &'b Operation,
}

impl Watch for Leaves<'_, '_> {
    /// Has it come to the channel?
    type State = bool;

    fn start(&self) -> bool {
        false
    }

    fn event(&self, _state: bool, event: &Event) -> Option<bool> {
        // It closes the channel: whoever waits goes on.
        if let What::Close { .. } = event.what
            && self.is_of(event)
        {
            return None;
        }
        Some(true)
    }

    fn is_found(&self, _state: &bool, exit: Exit) -> bool {
        exit == Exit::Return
    }
}

impl Leaves<'_, '_> {
    fn is_of(&self, event: &Event) -> bool {
        let What::Close { channel } = event.what else { return false };
        self.body.cell(channel).is_some() && self.body.cell(channel) == self.body.cell(self.operation.expr)
    }
}

/// The way out of a function that uses a channel in a loop.
pub(crate) fn way_out(body: &Body<'_>, operation: &Operation) -> Option<Way> {
    search(body, &Leaves { body, operation })
}
