//! The Go source of a commit, out of a clone.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// What `gostray check` reads of a repository.
const READ: [&str; 5] = ["*.go", "*go.mod", "*go.sum", "*go.work", "*modules.txt"];
/// Says that a folder has all of a commit.
const MARK: &str = ".whole";

/// Writes the Go source of a commit into a folder, unless it is there.
pub(super) fn get(clone: &Path, commit: &str, into: &Path) -> anyhow::Result<()> {
    if into.join(MARK).is_file() {
        return Ok(());
    }
    let clone = [clone.to_owned(), clone.join("repo")].into_iter().find(|folder| folder.join("objects").is_dir());
    let clone = clone.with_context(|| format!("no clone for {}: git clone --bare it there", into.display()))?;
    fs::create_dir_all(into)?;
    let index = tempfile::tempdir()?;
    let git = || {
        let mut git = Command::new("git");
        git.arg("--git-dir").arg(&clone).arg("--work-tree").arg(into).current_dir(into);
        git.env("GIT_INDEX_FILE", index.path().join("index")).env("GIT_NO_LAZY_FETCH", "1");
        git
    };
    let read = git().args(["read-tree", commit]).status()?;
    ensure!(read.success(), "{} has no commit {commit}", clone.display());
    let listed = git().args(["ls-files", "-z", "--"]).args(READ).output()?;
    ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let mut written = git()
        .args(["checkout-index", "--quiet", "--force", "-z", "--stdin"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    written.stdin.take().context("no standard input")?.write_all(&listed.stdout)?;
    // A clone may lack its largest files, which are no source; git says so with its exit code.
    written.wait()?;
    fs::write(into.join(MARK), "")?;
    Ok(())
}

/// Makes a folder a module, where the commit is older than modules: its `vendor` folder is read, too.
pub(super) fn make_module(folder: &Path, path: &str) -> anyhow::Result<()> {
    fs::write(folder.join("go.mod"), format!("module {path}\n\ngo 1.14\n"))?;
    if folder.join("vendor").is_dir() {
        fs::write(folder.join("vendor/modules.txt"), "")?;
    }
    Ok(())
}
