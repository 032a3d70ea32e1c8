//! A fleet that never was: services, load, deploys, incidents, and leaks that are known.
//!
//! It measures leak detectors. A [`World`] is wholly determined by its seed and [`Shape`]. Each of its services is
//! simulated on its own ([`World::service`]), so memory stays that of one service. A detector implements
//! [`Detector`]; [`evaluate`] shows it every scrape in order and [`Score`] compares its alerts with the truth.
//! [`peers`] holds the rules that people use today.
//!
//! The generator was written apart from gostray's own detector and knows nothing of it.

mod behaviour;
mod detector;
mod leak;
mod load;
mod oracle;
pub mod peers;
mod random;
mod schedule;
mod score;
mod service;
mod world;

pub use behaviour::{Kind, State};
pub use detector::{Alert, Detector, Maker, Raised, evaluate};
pub use oracle::{Oracle, ServiceOracle, Survival};
pub use score::{Interval, Score, Tally, table};
pub use service::{Scrape, Service};
pub use world::{Shape, Trigger, Truth, World};
