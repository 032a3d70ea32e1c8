//! Leaks told from load, over the history of a fleet.
//!
//! # Shape
//! A kind of goroutine in one run of a process has an [`Envelope`]: the least number of them in each
//! half hour. Whatever ends at all is at its least at some time within half an hour; what never ends
//! raises the envelope for good. Beside it stands the [`Load`] of the process, read from the same
//! profiles.
//!
//! [`assess`] asks whether the envelopes of the service's processes rise as only leaks make them. Each goroutine that
//! stayed is evidence by when it came (`bounded`): evenly, or as to something that has an end, a cache that fills or a pool
//! that follows the load. All processes are weighed together, those that speak against a leak and those that have ended
//! included: of many series there is always one in which chance looks like a leak. Steps from which nothing comes back
//! count as such (`steps`), and what rises by hundreds an hour is told by the last hour alone (`fast`).
//!
//! A [`Tracker`] remembers what was thought before, asks for confirmation (the runtime's leak profile, or whether
//! goroutines stay: `lists`), and gives a verdict. Only a proof gives *proven*.
//!
//! # Numbers
//! Thresholds that their own line gives no other reason for were chosen on seeds 1 to 10 of the simulator (`cargo xtask
//! bench-detector`). What they are worth is measured on seeds that nobody has looked at, and on real programs
//! (`crates/gostray/tests/fleet`).
//!
//! Everything is a function of what was pushed and of the time that is given; nothing here has a
//! clock. Times are milliseconds since 1970.

mod assess;
mod bounded;
mod envelope;
mod fast;
mod growth;
mod handlers;
mod lists;
mod statistics;
mod steps;
mod tracker;

pub use assess::{Assessment, Run, RunAssessment, Weighed, assess};
pub use envelope::{BUCKET, Envelope, FAST_BUCKET, Load};
pub use handlers::serves_requests;
pub use lists::Survival;
pub use tracker::{Outlook, Tracker, Wanted};

/// A time, in milliseconds since 1970 (UTC).
pub type Millis = i64;

/// An hour.
pub const HOUR: Millis = 3_600_000;
/// A minute.
pub const MINUTE: Millis = 60_000;
