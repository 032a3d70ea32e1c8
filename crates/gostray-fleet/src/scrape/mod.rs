//! When to ask which target for what, and never too much.
//!
//! Each target has a task of its own. It asks for the counts (`goroutine?debug=0`) at its interval,
//! at a moment of its own within it, so that a fleet is not asked all at once. What is dearer to a
//! target (the leak profile, a dump with ids) is asked only when the watch wants it, and
//! [`Budget`] says how often over the whole fleet. A target with very many goroutines is asked less
//! often, and from [`gostray_endpoint::FORCE_ABOVE`] on only for their number.

mod ask;
mod budget;
mod client;
mod observation;
mod proof;
mod rhythm;
mod run;
mod tls;

pub use ask::{Answer, Ask, AskError, Asker};
pub use budget::Budget;
pub use client::Clients;
pub use observation::{Counted, Observation, stack_of};
pub use proof::InMemory;
pub use rhythm::Rhythm;
pub(crate) use run::now;
pub use run::{Outcome, Scraper, follow};
