//! Files that the go command sees in place of those that are there, so that none of the user's is changed.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

pub(crate) struct Overlay {
    // What is laid over lies in it, for as long as this lives.
    folder: TempDir,
    replaced: serde_json::Map<String, serde_json::Value>,
}

impl Overlay {
    /// One that changes nothing yet.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self { folder: tempfile::tempdir().context("no folder for temporary files")?, replaced: Default::default() })
    }

    /// Lays a text over a file, which need not be there.
    pub(crate) fn lay(&mut self, path: &Path, text: &[u8]) -> anyhow::Result<()> {
        let file = self.folder.path().join(format!("{}.go", self.replaced.len()));
        std::fs::write(&file, text).with_context(|| file.display().to_string())?;
        self.replaced.insert(real(path).display().to_string(), file.display().to_string().into());
        Ok(())
    }

    /// Takes a file out of sight.
    pub(crate) fn hide(&mut self, path: &Path) {
        self.replaced.insert(real(path).display().to_string(), "".into());
    }

    /// The flag for the go command.
    pub(crate) fn flag(&self) -> anyhow::Result<String> {
        let path = self.folder.path().join("overlay.json");
        std::fs::write(&path, serde_json::json!({ "Replace": self.replaced }).to_string())
            .with_context(|| path.display().to_string())?;
        Ok(format!("-overlay={}", path.display()))
    }
}

/// As the go command calls it: without symbolic links on the way to its folder.
fn real(path: &Path) -> PathBuf {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}
