//! How often something is done on a way through a function.

use std::cell::Cell;

use gostray_golang::flow::Exit;
use gostray_golang::types::VarId;

use crate::path::{Atom, Watch, search};
use crate::program::{Body, Event};

/// As often as one likes; also where counting was given up. More than a counted loop runs.
pub(crate) const MANY: u8 = 20;

struct Count<'w, 'p> {
    body: &'w Body<'p>,
    weight: &'w dyn Fn(&Event) -> u8,
    nils: &'w [VarId],
    most: Cell<u8>,
}

impl Watch for Count<'_, '_> {
    type State = u8;

    fn start(&self) -> u8 {
        0
    }

    fn event(&self, state: u8, event: &Event) -> Option<u8> {
        let count = state.saturating_add((self.weight)(event)).min(MANY);
        self.most.set(self.most.get().max(count));
        Some(count)
    }

    fn fact(&self, state: u8, atom: &Atom, holds: bool) -> Option<u8> {
        let compared = atom.compared_to_nil(self.body).and_then(|expr| self.body.tree.types.variable(expr));
        (holds || compared.is_none_or(|variable| !self.nils.contains(&variable))).then_some(state)
    }

    fn is_found(&self, state: &u8, _exit: Exit) -> bool {
        // More can't be found.
        *state >= MANY
    }

    fn is_found_before(&self, state: &u8, _event: &Event) -> bool {
        *state >= MANY
    }
}

/// The most that is done on one way, each event weighing what `weight` says; at most [`MANY`]. Loops that run
/// a few times are counted. `nils` are variables that are nil.
pub(crate) fn most(body: &Body<'_>, weight: &dyn Fn(&Event) -> u8, nils: &[VarId]) -> u8 {
    let count = Count { body, weight, nils, most: Cell::new(0) };
    search(body, &count);
    count.most.get()
}
