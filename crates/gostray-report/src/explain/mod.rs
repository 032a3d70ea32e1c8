//! How explanations look. One file a format.

mod full;
mod json;

use std::io;
use std::path::Path;

use gostray_check::{Account, Finding, Place, Safety};
use gostray_explain::Explanation;
use gostray_model::Snapshot;
use gostray_verdict::Judged;

/// A way to show explanations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainFormat {
    /// For people: each leak with its story, in the source.
    Full,
    /// `gostray.snapshot/v1`, with an explanation in each group.
    Json,
    /// One page for a browser, with all goroutines.
    Html,
}

/// A judged snapshot, and what the source says of its leaks.
#[derive(Debug)]
pub struct ExplainReport<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// The groups that are explained.
    pub judged: &'a [Judged],
    /// What the source says of each.
    pub explanations: &'a [Explanation],
    /// The groups that are not.
    pub others: &'a [Judged],
    /// Paths are shown relative to this folder.
    pub base: &'a Path,
    /// How binary and source fit together.
    pub notes: &'a [String],
}

impl ExplainReport<'_> {
    /// Writes it in a format.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write(&self, format: ExplainFormat, out: &mut dyn io::Write) -> io::Result<()> {
        match format {
            ExplainFormat::Full => full::write(self, out),
            ExplainFormat::Json => json::write(self, out),
            ExplainFormat::Html => crate::leak::write_explained(self, out),
        }
    }

    pub(crate) fn at(&self, place: &Place) -> String {
        let path = place.file.strip_prefix(self.base).unwrap_or(&place.file);
        format!("{}:{}:{}", path.display(), place.position.line, place.position.column)
    }

    /// `it receives from items, which a send or close would end`
    pub(crate) fn waits(account: &Account) -> String {
        format!("{} {}", account.waiting.words(), account.operand)
    }

    /// The command that mends what a finding is about, where it can be mended.
    pub(crate) fn mend(&self, finding: &Finding) -> Option<String> {
        let fix = finding.fix.as_ref().filter(|fix| !fix.edits.is_empty())?;
        let flag = match fix.safety {
            Safety::Safe => "--fix",
            Safety::Unsafe => "--unsafe-fixes",
            Safety::Display => return None,
        };
        let folder = finding.place.file.parent().unwrap_or(self.base);
        let folder = folder.strip_prefix(self.base).unwrap_or(folder).display().to_string();
        let folder = if folder.is_empty() { ".".to_owned() } else { format!("./{folder}") };
        Some(format!("gostray check {flag} --verify test {folder}"))
    }
}
