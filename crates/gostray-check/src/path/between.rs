//! What lies between two things that a function does.

use gostray_golang::flow::Exit;

use crate::path::{Watch, search};
use crate::program::{Body, Callee, Event, Known, What, names};

/// Does a function that has done one thing always come straight to another? Not if it can leave before, or does something
/// that may keep it, or end it: whether it comes there may then hang on the same thing as what it waits for.
pub(crate) fn comes_straight(body: &Body<'_>, from: &dyn Fn(&Event) -> bool, to: &dyn Fn(&Event) -> bool) -> bool {
    search(body, &Between { body, from, to }).is_none()
}

struct Between<'b, 'p> {
    body: &'b Body<'p>,
    from: &'b dyn Fn(&Event) -> bool,
    to: &'b dyn Fn(&Event) -> bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Before,
    Between,
    /// Something happened in between.
    Kept,
}

impl Watch for Between<'_, '_> {
    type State = Place;

    fn start(&self) -> Place {
        Place::Before
    }

    fn event(&self, state: Place, event: &Event) -> Option<Place> {
        if (self.from)(event) {
            return Some(Place::Between);
        }
        match state {
            Place::Between if (self.to)(event) => None,
            Place::Between if self.may_keep(event) => Some(Place::Kept),
            _ => Some(state),
        }
    }

    fn is_found(&self, state: &Place, _exit: Exit) -> bool {
        *state != Place::Before
    }

    fn is_found_before(&self, state: &Place, _event: &Event) -> bool {
        *state == Place::Kept
    }
}

impl Between<'_, '_> {
    fn may_keep(&self, event: &Event) -> bool {
        match event.what {
            What::Send { .. } | What::Receive { .. } | What::Range { .. } => true,
            What::Call { call } => {
                !matches!(self.body.known(call), Some(Known::Add | Known::Done | Known::WaitGo | Known::Unlock))
                    && !comes_back(self.body, call)
            }
            _ => false,
        }
    }
}

/// Does a call always come back, and soon?
fn comes_back(body: &Body<'_>, call: gostray_golang::ast::ExprId) -> bool {
    let Callee::Func(function) = body.callee(call) else { return false };
    matches!(
        names(body.program.world, function),
        Some(("fmt" | "time" | "strings" | "strconv" | "errors" | "math" | "bytes" | "runtime", None, _))
    )
}
