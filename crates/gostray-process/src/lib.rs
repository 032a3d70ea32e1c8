//! A living Go process or its core → a [`Snapshot`](gostray_model::Snapshot), from outside: no pprof endpoint, no
//! agent, no rebuild, no symbols. Linux on amd64; Go 1.21 to 1.27.
//!
//! # Shape
//! All is read from memory, so that stripped, position-independent and deleted binaries are no
//! different. [`take`] lists goroutines without stopping the process; [`prove`] shows which of them can
//! never run again, and stops it for a moment only if something looks like that.
//!
//! | module | subject |
//! |---|---|
//! | `memory` | memory behind one small trait: what follows does not know whose it is |
//! | `process` | what a process is beyond its memory, be it alive or kept in a core |
//! | `live` | a living process: `/proc/PID/mem`, `maps`, and why they may be refused |
//! | `corefile` | a core: its segments, its threads, and the executable for what it lacks |
//! | `machine` | what differs between processors |
//! | `buildinfo`, `image`, `pclntab`, `stackmap`, `types` | the Go image: release, module data, functions, files, lines, inlined calls, pointers of frames, types |
//! | `layout`, `dwarf` | where the fields of the runtime's structures lie; generated from DWARF, or from the program's own, validated before use |
//! | `globals` | variables of the runtime, by code that refers to them and by their shape |
//! | `goroutine`, `labels`, `site`, `standing`, `unwind` | a goroutine's record, its labels, where it stands and its frames |
//! | `attached`, `listing`, `take` | all of it → a snapshot |
//! | `heap` | spans, objects, and which of their words are pointers |
//! | `hold` | holding the process up for a moment: fork or stop, by a process of its own that undoes everything |
//! | `prove` | which goroutines can never run again, what only they keep, and who holds the others |
//! | `symbols` | names of variables, where the executable has them |
//! | `sys` | the system calls that have no safe form: all `unsafe` of the crate |
//! | `processes` | the Go processes of this machine |
//!
//! What does not validate is refused: [`ProcessError::Layout`] rather than something wrong. What is
//! unclear to a proof counts as alive.
#![warn(missing_docs)]
#![deny(unsafe_code)]
#![cfg(target_os = "linux")]

mod attached;
mod buildinfo;
mod corefile;
#[cfg(test)]
mod corrupted;
mod dwarf;
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
mod process;
mod processes;
mod prove;
#[cfg(test)]
mod recorded;
mod site;
mod stackmap;
mod standing;
mod symbols;
#[allow(unsafe_code)]
mod sys;
mod take;
mod types;
mod unwind;

pub use buildinfo::BuildInfo;
pub use corefile::CoreFile;
pub use dwarf::{DwarfError, RuntimeLayout};
pub use error::{ProcessError, Subject};
pub use hold::HoldError;
pub use processes::{GoProcess, processes};
pub use prove::{Method, ProveOptions, ProveProgress, Prover, prove};
pub use take::{Reader, build_info, take};
