//! Goroutine leaks in Go source: findings with their path, and fixes.
//!
//! # Shape
//!
//! | module | subject |
//! |---|---|
//! | `account` | who could wake what waits at a place |
//! | `finding` | what is reported, and how it is mended |
//! | `rules` | the rules, one file each |
//! | `program` | functions with what they do, and where values go |
//! | `path` | is there a way through a function on which something is missed? |
//! | `actor` | who does something: the function, or a goroutine that it starts |
//! | `runner` | functions that run what they are given, in a goroutine or before they return |
//! | `channel` | the story of a channel: who sends, receives, closes, how often |
//! | `worker` | goroutines that never end by themselves |
//! | `starter` | goroutines that a function starts for a value, and what ends them |
//! | `given` | what a function is given where it is called, as far as that is written there |
//! | `lock` | which lock a call takes or gives back, and what functions do to those they are given |
//! | `obligation` | something that is got and has to be given back |
//! | `check` | runs the rules over packages |
//! | `kept` | what is kept from one look to the next, so that only what changed is looked at again |
//! | `fix` | puts fixes together |
//! | `rung` | how far a fix that was made is verified |
//! | `witness` | a test that fails before a fix and passes after it |
//! | `suppress`, `background`, `baseline`, `config` | what a project does not want to hear |
//!
//! A rule asks one of two things. *Is everything seen?* A value is followed from where it is made through
//! variables, parameters, results and fields; where it gets out of sight a rule keeps silent or says less.
//! *Is there a way?* A search over the control flow, with what is known of conditions, gives a way on which
//! something is missed, and that way is what the finding tells. Only if both are answered, and what comes from outside
//! alone decides that the way is taken (`path::decided`), is a finding `proven`: readings of code that no rule had been
//! tuned on showed that what is wrong with a finding is nearly always a way on which values would have to be other than
//! they ever are.

mod account;
mod actor;
mod background;
mod baseline;
mod channel;
mod check;
mod config;
mod contained;
mod finding;
mod fix;
mod given;
mod kept;
mod lock;
mod obligation;
mod path;
mod program;
mod rules;
mod rung;
mod runner;
mod starter;
mod suppress;
mod witness;
mod worker;

pub use account::{Account, Waiting, Waker, accounts, function_at};
pub use baseline::{Baseline, BaselineError};
pub use check::{Failed, Options, Report, Suppressed, check};
pub use config::{CheckConfig, Config, ConfigError, Owner, RuleSetting, TestConfig};
pub use contained::is_contained;
pub use finding::{Edit, Finding, Fix, Place, Safety, Step, Tier};
pub use fix::{Change, Plan, plan};
pub use kept::{Cache, CacheError};
pub use rules::{RULES, Rule, rule};
pub use rung::{Fixed, Rung};
pub use witness::{Left, WITNESS, Witness, WitnessTest, Witnessed, witness_test};
