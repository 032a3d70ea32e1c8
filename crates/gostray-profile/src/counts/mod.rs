//! `debug=1`: stacks with their counts, as text.
//!
//! ```text
//! goroutine profile: total 3
//! 2 @ 0x43a9ee 0x407025 0x406c77 0x4ee6fa 0x468641
//! # labels: {"route":"/buy"}
//! #  0x4ee6f9  main.sender+0x19  /src/main.go:14
//! ```
//!
//! (with tabs between the columns): the counts and stacks of `debug=0` without the runtime's frames at the inner end, which tell the
//! state; but their return addresses are in the list behind the `@`.

mod goquote;
mod hidden;
mod line;
mod reader;

pub(crate) use reader::read;
