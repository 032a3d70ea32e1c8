//! A living Go process → a [`Snapshot`](gostray_model::Snapshot), from outside: no pprof endpoint, no
//! agent, no rebuild, no symbols. Linux on amd64; Go 1.21 to 1.27.
//!
//! # Shape
//! All is read from the memory of the process through `/proc/PID/mem`, which neither stops it nor
//! writes to it, so that stripped, position-independent and deleted binaries are no different. There
//! is no `unsafe` in it.
//!
//! | module | subject |
//! |---|---|
//! | `memory` | memory behind one small trait: what follows does not know whose it is |
//! | `live` | a living process: `/proc/PID/mem`, `maps`, and why they may be refused |
//! | `buildinfo`, `image`, `pclntab` | the Go image: release, module data, functions, files, lines, inlined calls |
//! | `layout` | where the fields of the runtime's structures lie; generated from DWARF, validated before use |
//! | `globals` | variables of the runtime, by code that refers to them and by their shape |
//! | `goroutine`, `unwind` | a goroutine's record and its frames |
//! | `take` | all of it → a snapshot |
//! | `processes` | the Go processes of this machine |
//!
//! What does not validate is refused: [`ProcessError::Layout`] rather than something wrong.
#![warn(missing_docs)]
#![deny(unsafe_code)]
#![cfg(target_os = "linux")]

mod attached;
mod buildinfo;
#[cfg(test)]
mod corrupted;
mod error;
mod globals;
mod goroutine;
mod heap;
mod hold;
mod image;
mod labels;
mod layout;
mod listing;
mod live;
mod machine;
mod memory;
mod pclntab;
mod processes;
mod prove;
#[cfg(test)]
mod recorded;
mod site;
mod stackmap;
mod symbols;
#[allow(unsafe_code)]
mod sys;
mod take;
mod types;
mod unwind;

pub use buildinfo::BuildInfo;
pub use error::ProcessError;
pub use hold::HoldError;
pub use memory::Memory;
pub use processes::{GoProcess, processes};
pub use prove::{Method, ProveOptions, ProveProgress, Prover, prove};
pub use take::take;
