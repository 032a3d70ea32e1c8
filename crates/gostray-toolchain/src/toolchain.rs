//! A Go that can be run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::ToolchainError;
use crate::find;
use crate::machine::Machine;
use crate::version::{Request, Version};

/// A `go` command of a known release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    pub(crate) go: PathBuf,
    /// The value of `GOTOOLCHAIN` it is run with.
    pub(crate) gotoolchain: String,
    pub(crate) version: Version,
    /// The value of `GOEXPERIMENT` it is run with.
    pub(crate) experiment: Option<String>,
}

impl Toolchain {
    /// Finds or fetches a Go on this machine; `progress` is told before a step that takes long.
    ///
    /// # Errors
    /// If no way leads to one; the message lists what was tried and what to do.
    pub fn find(request: Request, progress: &mut dyn FnMut(&str)) -> Result<Self, ToolchainError> {
        Self::find_on(&Machine::this(), request, progress)
    }

    /// [`Self::find`] on a machine that is described.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn find_on(
        machine: &Machine,
        request: Request,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self, ToolchainError> {
        find::find(machine, request, progress)
    }

    /// Its release.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The `go` command that is run.
    #[must_use]
    pub fn go(&self) -> &Path {
        &self.go
    }

    /// The same with a `GOEXPERIMENT`, which changes the runtime that is built into programs.
    #[must_use]
    pub fn with_experiment(mut self, name: &str) -> Self {
        self.experiment = Some(name.to_owned());
        self
    }

    /// A command that runs it; add arguments and a folder.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.go);
        command.env("GOTOOLCHAIN", &self.gotoolchain).env_remove("GOROOT").stdin(Stdio::null());
        if let Some(experiment) = &self.experiment {
            command.env("GOEXPERIMENT", experiment);
        }
        command
    }

    /// Its root folder (`go env GOROOT`), with the source of the standard library.
    ///
    /// # Errors
    /// If it can't be run or doesn't know.
    pub fn root(&self) -> Result<PathBuf, ToolchainError> {
        let output = self.command().args(["env", "GOROOT"]).output().map_err(|e| self.spawn(e))?;
        let root = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && !root.is_empty() {
            return Ok(PathBuf::from(root));
        }
        let stderr = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        Err(ToolchainError::Root { command: self.go.clone(), stderr })
    }

    /// Builds the main package in `dir` into the file `output`.
    ///
    /// # Errors
    /// If it does not compile.
    pub fn build<A: AsRef<OsStr>>(
        &self,
        dir: &Path,
        output: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> Result<(), ToolchainError> {
        let mut command = self.command();
        // Version control is none of a build's business here, and fails in odd checkouts.
        command.current_dir(dir).args(["build", "-buildvcs=false", "-o"]).arg(output).args(args).arg(".");
        let built = command.output().map_err(|e| self.spawn(e))?;
        if built.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&built.stderr).trim_end().to_owned();
        Err(ToolchainError::Build { dir: dir.to_owned(), stderr })
    }

    fn spawn(&self, source: std::io::Error) -> ToolchainError {
        ToolchainError::Spawn { command: self.go.clone(), source }
    }
}
