//! Evidence → verdict.
//!
//! # Shape
//! A verdict is reached by an ordered list of questions ([`judge`](judge())), the first of which
//! that has an answer decides: is there proof, is it a goroutine that is meant to wait (the
//! [`catalogue`](Known), which is data), is it blocked on something only its own program can end,
//! for how long, and how many of its kind. Each answer is an [`Evidence`] in words a reader can
//! check. Only proof gives [`Verdict::Proven`].
#![warn(missing_docs)]

mod catalogue;
mod growth;
pub mod history;
mod judge;
mod verdict;

pub use catalogue::{Known, known};
pub use growth::weigh_growth;
pub use judge::{Judged, Policy, judge, judge_all};
pub use verdict::{Evidence, EvidenceKind, Judgement, Verdict};
