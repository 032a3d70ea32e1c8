//! Which goroutines can never run again, what only they keep, and what keeps the others.
//!
//! | module | subject |
//! |---|---|
//! | `capture` | all that a proof looks at, copied at one moment; `queues`, `threads`, `foreign` are its parts |
//! | `blocked` | what a goroutine waits for |
//! | `mark`, `frontier`, `stack` | what is reachable |
//! | `proof` | who may run again, and so who may not |
//! | `holders`, `retained` | who keeps the unproven ones, and what only the proven ones keep |
//! | `policy` | looking without stopping first, and stopping only for what looks like a leak |

mod blocked;
mod capture;
mod foreign;
mod frontier;
mod holders;
mod mark;
mod policy;
mod proof;
mod queues;
mod report;
mod retained;
mod stack;
mod take;
pub(crate) mod threads;

pub(crate) use policy::at_rest;
pub use policy::{Method, Options as ProveOptions, Progress as ProveProgress, Prover, prove};
