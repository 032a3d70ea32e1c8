//! Samples → candidates → leaks with a life.
//!
//! One task sees every outcome of the scraper in order. It keeps what is known now ([`Shared`]), hands
//! counts to the store, lets [`gostray_verdict::history`] weigh them, asks targets for confirmation,
//! and keeps the life of each leak. Nothing else changes a leak, so there is nothing to lock.

mod advance;
mod advice;
mod detection;
mod leak;
mod life;
mod order;
mod run;
mod runs;
mod spark;
mod stacks;
mod state;

pub use advice::advice;
pub use leak::{Acceptance, Event, EventKind, Leak, LeakEvidence, Spread, State as LeakState};
pub use life::leak_id;
pub use order::{Decision, Order};
pub use run::{Settings, Watch};
pub use spark::Spark;
pub use state::{Seen, Shared, State};
