//! The user's `go`, and what is asked of it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why `go` could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// It could not be started.
    #[error("can't run {go}: {source}; gostray test runs the go command that is on the path")]
    Start {
        /// What was to be run.
        go: String,
        /// Why not.
        source: io::Error,
    },
    /// It failed.
    #[error("go env failed: {0}")]
    Env(String),
}

/// The toolchain that `go` chooses for a folder.
#[derive(Debug, Clone)]
pub(crate) struct Toolchain {
    pub(crate) go: OsString,
    /// `GOROOT`.
    pub(crate) root: PathBuf,
    /// `GOVERSION`: `go1.27.3`.
    pub(crate) version: String,
    /// `GOOS` and `GOARCH`: `linux/amd64`.
    pub(crate) platform: String,
    /// `GOFLAGS`, in words.
    pub(crate) flags: Vec<String>,
    /// `GOMODCACHE`.
    modules: PathBuf,
}

impl Toolchain {
    pub(crate) fn of(go: &OsString, folder: &Path) -> Result<Self, ToolchainError> {
        let names = ["GOROOT", "GOVERSION", "GOOS", "GOARCH", "GOFLAGS", "GOMODCACHE"];
        let output = Command::new(go)
            .args(["env", "-json"])
            .args(names)
            .current_dir(folder)
            .output()
            .map_err(|source| ToolchainError::Start { go: go.display().to_string(), source })?;
        if !output.status.success() {
            return Err(ToolchainError::Env(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let mut values: HashMap<String, String> =
            serde_json::from_slice(&output.stdout).map_err(|error| ToolchainError::Env(error.to_string()))?;
        let mut take = |name: &str| values.remove(name).unwrap_or_default();
        Ok(Self {
            go: go.clone(),
            root: take("GOROOT").into(),
            version: take("GOVERSION"),
            platform: format!("{}/{}", take("GOOS"), take("GOARCH")),
            flags: take("GOFLAGS").split_whitespace().map(str::to_owned).collect(),
            modules: take("GOMODCACHE").into(),
        })
    }

    /// The same under another name where it lies in the module cache, as those do that `go` fetches for itself:
    /// since Go 1.25, no file there may be replaced. The link is kept below `cache`.
    pub(crate) fn outside_the_module_cache(self, cache: &Path) -> io::Result<Self> {
        if self.modules.as_os_str().is_empty() || !self.root.starts_with(&self.modules) {
            return Ok(self);
        }
        let name = format!("{}-{:016x}", self.version, super::overlay::hash(&self.root.display().to_string()));
        let link = cache.join("go").join(name);
        if std::fs::read_link(&link).ok().as_deref() != Some(&*self.root) {
            let folder = cache.join("go");
            std::fs::create_dir_all(&folder)?;
            // Whoever makes it at the same time makes the same.
            let new = tempfile::Builder::new().make_in(&folder, |path| std::os::unix::fs::symlink(&self.root, path))?;
            new.into_temp_path().persist(&link)?;
        }
        Ok(Self { go: link.join("bin/go").into(), root: link, ..self })
    }
}
