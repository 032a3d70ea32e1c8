//! A pprof endpoint → a [`Snapshot`](gostray_model::Snapshot), without hurting the target.
//!
//! # What a request costs the target
//! * The index page (`/debug/pprof/`) costs nothing and tells the number of goroutines.
//! * `goroutine?debug=0` runs beside the program, but takes memory for each goroutine.
//! * `goroutine?debug=2` stops the whole program while it writes, up to seven times: 11 ms for
//!   1,000 goroutines, seconds for 100,000. It alone has ids and ages.
//! * `goroutineleak` is one garbage collection, and erases the ages of the goroutines it proves
//!   leaked.
//!
//! So [`take`] asks in this order and stops where the next answer would cost too much:
//!
//! | goroutines | what is fetched |
//! |---|---|
//! | up to [`Options::max_dump`] | `debug=0`, `debug=2`, the leak profile |
//! | up to [`DUMP_CEILING`] | `debug=0`, the leak profile |
//! | up to [`FORCE_ABOVE`] | `debug=0` |
//! | more | nothing, unless [`Options::force`]: then `debug=0` |
//!
//! What was left out and why, and where each fact comes from, are notes of the snapshot. `cmdline`
//! is never fetched: command lines hold secrets. Credentials never show in an address, an error or
//! a note, and never follow a redirect.
//!
//! # Shape
//! | module | subject |
//! |---|---|
//! | `address` | what a user types → where the profiles are |
//! | `client` | one bounded `GET` |
//! | `index` | what the index page tells |
//! | `park` | targets that a leak profile could crash |
//! | `join` | the leak profile's counts → marks on a snapshot's goroutines |
//! | `take` | the order of the requests |
#![warn(missing_docs)]

mod address;
mod client;
mod error;
mod index;
mod join;
mod options;
mod park;
mod take;

pub use address::{Address, AddressError};
pub use client::prepare_tls;
pub use error::EndpointError;
pub use options::Options;
pub use take::{DUMP_CEILING, FORCE_ABOVE, Session, Step, take};
