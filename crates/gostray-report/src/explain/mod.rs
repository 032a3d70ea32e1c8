//! How explanations look. One file a format.

mod full;
mod json;

use std::io;
use std::path::Path;

use gostray_check::{Account, Place};
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
        }
    }

    fn at(&self, place: &Place) -> String {
        let path = place.file.strip_prefix(self.base).unwrap_or(&place.file);
        format!("{}:{}:{}", path.display(), place.position.line, place.position.column)
    }

    /// `it receives from items, which a send or close would end`
    fn waits(account: &Account) -> String {
        format!("{} {}", account.waiting.words(), account.operand)
    }
}
