//! The model every gostray crate shares: goroutines, their stacks, the snapshot they were seen in,
//! the signature that names their kind, the groups they form, and the difference of two snapshots.
//! No I/O.
//!
//! # Shape
//! A service that leaks has a hundred thousand goroutines and thirty different stacks. A
//! [`Snapshot`] therefore keeps one small fixed-size [`Record`] a goroutine (or one for `count`
//! indistinguishable ones, where the source only counts, as `debug=0` does) and interns all that
//! repeats — frames, stacks, label sets, statuses — in [`Tables`]. Identity is by content, never by
//! hash alone.
//!
//! A [`Signature`] is a function of what *every* source shows: the function the goroutine was
//! started with, the first function outside the standard library it is blocked in, and the
//! [`Operation`]. Go's count profiles (`debug=0`, `debug=1`) do not say who created a goroutine, so
//! the creator can't be part of it; the start function of `go func() {…}()` carries the creator's
//! name anyway. This is what makes the groups of one process the same whichever way it was read.
#![warn(missing_docs)]

mod diff;
mod filter;
mod function;
mod group;
mod operation;
mod record;
mod signature;
mod snapshot;
mod std_packages;
mod tables;

pub use diff::{Change, ChangeKind, Diff, Movement};
pub use filter::{Filter, FilterError};
pub use function::FunctionName;
pub use group::{Group, Grouping, Variant, group_by, groups};
pub use operation::Operation;
pub use record::{Age, Record, Status};
pub use signature::{Signature, blocked_frame, start_function};
pub use snapshot::{Ancestor, Fact, Note, NoteKind, Snapshot, Target, TargetKind};
pub use std_packages::is_std_package;
pub use tables::{Frame, FrameId, Labels, LabelsId, Stack, StackId, StatusId, Tables};
