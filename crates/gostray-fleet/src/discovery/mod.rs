//! Configuration → targets.
//!
//! Each mechanism of each job has a task of its own, which gives groups of addresses with labels
//! whenever they change. What it gave last stays when it fails, and the failure is told. All groups are
//! put through the job's relabelling and merged.

mod consul;
mod dns;
mod fetch;
mod files;
pub mod guard;
mod http;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
mod mechanism;
mod processes;
mod regexp;
pub mod relabel;
mod run;
mod targets;

pub use consul::Consul;
pub use mechanism::Mechanism;
pub use run::{Remembered, SdStatus, run};
pub(crate) use targets::PROFILE_PATH;
pub use targets::{Found, found, targets_of};
