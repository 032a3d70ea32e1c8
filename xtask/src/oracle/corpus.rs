//! The code on which the front end is compared: Go's own, and real modules, fetched by name.

use std::path::{Path, PathBuf};

use gostray_toolchain::Toolchain;

use crate::oracle::output;

/// Large modules, kept by different people; pinned, so that a difference is ours.
pub(crate) const MODULES: &[&str] = &[
    "k8s.io/client-go@v0.35.0",
    "go.etcd.io/etcd/server/v3@v3.6.7",
    "github.com/prometheus/prometheus@v0.308.0",
    "google.golang.org/grpc@v1.77.0",
    "github.com/cockroachdb/pebble@v1.1.5",
    "tailscale.com@v1.92.2",
    "golang.org/x/tools/gopls@v0.21.0",
    "github.com/caddyserver/caddy/v2@v2.10.2",
    "github.com/docker/docker@v28.5.2+incompatible",
];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folders to compare in the stead of Go's own code and the modules
    folders: Vec<PathBuf>,
    /// Compare Go's own code alone
    #[arg(long, conflicts_with = "folders")]
    std: bool,
}

impl Args {
    /// The folders, each with its name.
    pub(crate) fn folders(&self, go: &Toolchain) -> anyhow::Result<Vec<(String, PathBuf)>> {
        if !self.folders.is_empty() {
            return Ok(self.folders.iter().map(|folder| (folder.display().to_string(), folder.clone())).collect());
        }
        let mut folders = vec![("GOROOT/src".to_owned(), go.root()?.join("src"))];
        if self.std {
            return Ok(folders);
        }
        let test = go.root()?.join("test");
        // A toolchain that go fetched comes without its tests.
        let test = if test.is_dir() { test } else { Path::new("/usr/local/go/test").to_owned() };
        match test.is_dir() {
            true => folders.push(("GOROOT/test".to_owned(), test)),
            false => eprintln!("GOROOT/test: LEFT OUT: no toolchain here has it"),
        }
        for module in MODULES {
            folders.push(((*module).to_owned(), fetch(go, module)?));
        }
        Ok(folders)
    }
}

/// The folder of a module in the module cache.
pub(crate) fn fetch(go: &Toolchain, module: &str) -> anyhow::Result<PathBuf> {
    let text = output(go.command().args(["mod", "download", "-json", module]))?;
    let json: serde_json::Value = serde_json::from_str(&text)?;
    Ok(PathBuf::from(json["Dir"].as_str().unwrap_or_default()))
}

/// The Go files below a folder, sorted.
pub(crate) fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "go") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
