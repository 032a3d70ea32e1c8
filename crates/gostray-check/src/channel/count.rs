//! How often something is done on a way through a function.

use std::cell::Cell;

use gostray_golang::flow::Exit;

use crate::path::{Watch, search};
use crate::program::{Body, Event};

/// As often as one likes; also where counting was given up. More than a counted loop runs.
pub(crate) const MANY: u8 = 20;

struct Count<'w> {
    weight: &'w dyn Fn(&Event) -> u8,
    most: Cell<u8>,
}

impl Watch for Count<'_> {
    type State = u8;

    fn start(&self) -> u8 {
        0
    }

    fn event(&self, state: u8, event: &Event) -> Option<u8> {
        let count = state.saturating_add((self.weight)(event)).min(MANY);
        self.most.set(self.most.get().max(count));
        Some(count)
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
/// a few times are counted.
pub(crate) fn most(body: &Body<'_>, weight: &dyn Fn(&Event) -> u8) -> u8 {
    let count = Count { weight, most: Cell::new(0) };
    search(body, &count);
    count.most.get()
}
