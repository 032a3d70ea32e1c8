//! What Go 1.18 to 1.27 write, read against the truth.
//!
//! fixtures/golden holds what one program wrote: it puts goroutines into every state there is,
//! writes all profiles at one moment, and beside them what it knows of its goroutines. Up to Go
//! 1.20 the dumps are made by hand.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

mod counts;
mod dumps;
mod leaks;
mod tracebacks;
