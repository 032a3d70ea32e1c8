//! Configuration → targets.
//!
//! Each mechanism of each job has a task of its own, which gives groups of addresses with labels
//! whenever they change. What it gave last stays when it fails, and the failure is told. All groups are
//! put through the job's relabelling and merged.

pub mod guard;
mod mechanisms;
pub mod relabel;
mod run;
mod targets;

pub use run::{Remembered, SdStatus, run};
pub use targets::targets_of;
