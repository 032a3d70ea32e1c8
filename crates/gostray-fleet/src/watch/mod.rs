//! Samples → candidates → leaks with a life.

mod leak;

pub use leak::{Acceptance, Event, EventKind, Leak, LeakEvidence, Spread, State};
