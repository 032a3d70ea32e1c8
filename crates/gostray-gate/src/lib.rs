//! Runs something of the user's, and says what it left behind.
//!
//! # Shape
//! [`mod@test`] runs `go test` over the user's packages. Nothing of theirs is changed: the toolchain gets a
//! package `testing` with a few more lines (`-overlay`), and starts each test binary through gostray
//! (`-exec`), which looks at it from outside, through `gostray-process`. What it finds is a line of the
//! binary's output, so that `go test` keeps it in its cache with the rest.
//!
//! [`mod@soak`] sends requests to a running service and counts, endpoint by endpoint, what stays.
#![warn(missing_docs)]
#![cfg(target_os = "linux")]

pub mod soak;
pub mod test;
