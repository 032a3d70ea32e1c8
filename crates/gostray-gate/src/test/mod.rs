//! Tests: which of them leave goroutines behind.
//!
//! | module | subject |
//! |---|---|
//! | `overlay` | the package `testing` of the user's toolchain, with the lines of `helper.go` |
//! | `binary` | one test binary, run and looked at |
//! | `watch` | which goroutines are there, whose they are, and which stay |
//! | `wire` | what was left behind, as a line of the binary's output |
//! | `toolchain` | the user's `go`, and what is asked of it |
//! | `events` | the stream of `go test -json` → packages |
//! | `run` | `go test` over packages |
//! | `leak` | what was left → leaks by test, without what is known or meant to stay |
//! | `known` | what the source says is meant to stay |
//! | `baseline` | leaks that are known |
//! | `report` | packages and their leaks: what there is to say of a run |

mod baseline;
mod binary;
mod events;
mod known;
mod leak;
mod overlay;
mod report;
mod run;
mod toolchain;
mod watch;
mod wire;

pub use baseline::{Baseline, BaselineError};
pub use binary::{BinaryError, BinaryOptions, run_binary};
pub use events::{Event, Package, Status, TestStatus};
pub use leak::{Leak, Leaks, Matched, Origin};
pub use overlay::OverlayError;
pub use report::{Rules, Tested};
pub use run::{Ended, Options, RunError, run};
