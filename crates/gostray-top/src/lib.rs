//! The goroutines of a program, live in a terminal.
//!
//! # Shape
//! State and view are apart: `state` takes snapshots and keys and knows nothing of terminals, `view` draws a state and
//! changes nothing, so that a test is a state and the screen that it gives. Snapshots are taken by a thread of their own
//! ([`run`]), as often as asked for, but never for more than a twentieth of the time.
//!
//! | module | subject |
//! |---|---|
//! | `history` | how groups have grown, and since when goroutines have been seen |
//! | `state` | what is shown, and what keys do |
//! | `view` | a state → a screen |
//! | `run` | the terminal, the thread, and the loop |
#![warn(missing_docs)]

mod history;
mod run;
mod state;
#[cfg(test)]
mod tests;
mod view;

pub use run::{Options, Take, run};
