//! Joins a leak that is running to the statement that causes it.
//!
//! # Shape
//! The process reader knows where goroutines wait and where they were started, as the binary says it; `check` knows
//! why, in source that lies somewhere. [`Sources`] finds the one in the other: a file with the same end of its path, in
//! which the function of that name has the line. Only where a statement stands there that waits as the goroutine does
//! is the source taken for that of the binary: what does not fit is said, never guessed over. Then [`explain`] looks
//! for a finding of `check` at these places; where there is none, it gives an account of who could wake the goroutine.
//!
//! | module | subject |
//! |---|---|
//! | `source` | frames of a binary → places of a source tree |
//! | `matching` | a group of goroutines → the finding that is about it |
//! | `explanation` | all of it, for the groups of a snapshot |
#![warn(missing_docs)]

mod explanation;
mod matching;
mod source;

pub use explanation::{Cause, Explanation, Verified, explain, folders_of};
pub use matching::{Places, find, of_dependency};
pub use source::{Located, Misfit, Sources};
