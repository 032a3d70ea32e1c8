//! Goroutine leaks in Go source: findings with their path, and fixes.
//!
//! # Shape
//!
//! | module | subject |
//! |---|---|
//! | `finding` | what is reported, and how it is mended |
//! | `rules` | the rules, one file each |
//! | `program` | functions with what they do, and where values go |
//! | `path` | is there a way through a function on which something is missed? |
//! | `actor` | who does something: the function, or a goroutine that it starts |
//! | `channel` | the story of a channel: who sends, receives, closes, how often |
//! | `check` | runs the rules over packages |
//!
//! A rule asks one of two things. *Is everything seen?* A value is followed from where it is made through
//! variables, parameters, results and fields; where it gets out of sight a rule keeps silent or says less.
//! *Is there a way?* A search over the control flow, with what is known of conditions, gives a way on which
//! something is missed, and that way is what the finding tells. Only if both are answered is a finding
//! `proven`.

mod actor;
mod channel;
mod check;
mod finding;
mod lock;
mod obligation;
mod path;
mod program;
mod rules;
mod worker;

pub use check::{Options, Report, check};
pub use finding::{Edit, Finding, Fix, Place, Safety, Step, Tier};
pub use rules::{RULES, Rule, rule};
