//! Which lines changed since a revision.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// Lines that changed.
pub(super) struct Changed(Vec<(PathBuf, Vec<(u32, u32)>)>);

impl Changed {
    pub(super) fn has(&self, file: &Path, line: u32) -> bool {
        self.0.iter().any(|(path, ranges)| path == file && ranges.iter().any(|(from, to)| (*from..*to).contains(&line)))
    }
}

/// The lines of Go files that changed since a revision, those that are not committed included.
pub(super) fn changed(base: &Path, revision: &str) -> anyhow::Result<Changed> {
    let git = |args: &[&str]| -> anyhow::Result<String> {
        let output = Command::new("git").current_dir(base).args(args).output().context("--new-from needs git")?;
        if !output.status.success() {
            bail!("git {}: {}", args[0], String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let root = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?.trim_end());
    let mut files: Vec<(PathBuf, Vec<(u32, u32)>)> = Vec::new();
    let diff =
        git(&["diff", "--no-color", "--no-ext-diff", "--unified=0", "--end-of-options", revision, "--", "*.go"])?;
    for line in diff.lines() {
        if let Some(path) = line.strip_prefix("+++ b/") {
            files.push((root.join(path.trim_matches('"')), Vec::new()));
        } else if let Some(hunk) = line.strip_prefix("@@ ") {
            // `-12,3 +14,2 @@`
            let new = hunk.split(' ').find_map(|part| part.strip_prefix('+')).unwrap_or_default();
            let (start, count) = new.split_once(',').unwrap_or((new, "1"));
            let (start, count) = (start.parse().unwrap_or(0u32), count.parse().unwrap_or(0u32));
            if let Some((_, ranges)) = files.last_mut() {
                ranges.push((start, start + count));
            }
        }
    }
    for path in git(&["ls-files", "--others", "--exclude-standard", "--full-name", "--", "*.go"])?.lines() {
        files.push((root.join(path), vec![(0, u32::MAX)]));
    }
    Ok(Changed(files))
}
