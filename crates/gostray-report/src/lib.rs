//! How results look. One file a format; each takes what [`Report`] or [`DiffReport`] holds and
//! writes it to any [`std::io::Write`]. Colours are written as ANSI sequences always; the binary
//! strips them where they don't belong.
#![warn(missing_docs)]

mod agent;
mod concise;
mod explain;
mod findings;
mod full;
mod html;
mod json;
mod leak;
mod processes;
mod soak;
mod style;
mod table;
mod tests;
pub mod words;

use std::io;
use std::time::Duration;

use gostray_model::{Diff, Snapshot};
use gostray_verdict::{Judged, Policy, Verdict, judge_all, weigh_growth};

pub use explain::{ExplainFormat, ExplainReport};
pub use findings::{FindingsFormat, FindingsReport, findings_schema};
pub use json::snapshot_schema;
pub use processes::{ProcessRow, write_processes, write_processes_json};
pub use soak::{SoakFormat, SoakReport, soak_schema};
pub use tests::{TestsFormat, TestsReport};

/// A way to show results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people: a table, then what is known of each suspicious group.
    Full,
    /// One clickable line a group.
    Concise,
    /// `gostray.snapshot/v1`.
    Json,
    /// One line a suspicious group, for assistants.
    Agent,
}

/// How much a format shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detail {
    /// Every goroutine, not only groups.
    pub goroutines: bool,
    /// Columns of the terminal; `None` where there is none, and nothing is shortened.
    pub width: Option<usize>,
}

/// A judged snapshot.
#[derive(Debug)]
pub struct Report<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// Its groups (or those that a filter left), most suspicious first.
    pub judged: &'a [Judged],
}

/// Two judged snapshots and what changed.
#[derive(Debug)]
pub struct DiffReport<'a> {
    /// The first snapshot.
    pub before: &'a Snapshot,
    /// The second.
    pub after: &'a Snapshot,
    /// What changed between them.
    pub diff: &'a Diff,
    /// How groups of the second are judged.
    pub policy: &'a Policy,
}

impl Report<'_> {
    /// Writes it in a format.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write(&self, format: Format, detail: &Detail, out: &mut dyn io::Write) -> io::Result<()> {
        match format {
            Format::Full => full::write_report(self, detail, out),
            Format::Concise => concise::write_report(self, out),
            Format::Json => json::write_report(self, detail, out),
            Format::Agent => agent::write_report(self, out),
        }
    }

    /// Writes one page for a browser, which loads nothing. It is no [`Format`], as a difference has none.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write_page(&self, detail: &Detail, out: &mut dyn io::Write) -> io::Result<()> {
        leak::write_report(self, detail, out)
    }

    /// How many goroutines have a verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> u64 {
        self.judged.iter().filter(|j| j.judgement.verdict == verdict).map(|j| j.group.count).sum()
    }
}

impl DiffReport<'_> {
    /// Writes it in a format.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write(&self, format: Format, detail: &Detail, out: &mut dyn io::Write) -> io::Result<()> {
        match format {
            Format::Full => full::write_diff(self, detail, out),
            Format::Concise => concise::write_diff(self, out),
            Format::Json => json::write_diff(self, out),
            Format::Agent => agent::write_diff(self, out),
        }
    }

    /// The judged groups of one change: those of the second snapshot, or where it is gone the first's.
    #[must_use]
    pub fn judged(&self, change: &gostray_model::Change) -> Vec<Judged> {
        if change.after_groups.is_empty() {
            return judge_all(self.before, change.before_groups.clone(), self.policy);
        }
        let mut judged = judge_all(self.after, change.after_groups.clone(), self.policy);
        weigh_growth(&mut judged, change, self.apart(), self.policy);
        judged
    }

    /// The time between the snapshots, where both say when they were taken.
    #[must_use]
    pub fn apart(&self) -> Option<Duration> {
        Some(self.after.taken_at?.duration_since(self.before.taken_at?).unsigned_abs())
    }

    /// The snapshot that [`Self::judged`] takes a change's groups from.
    #[must_use]
    pub fn side(&self, change: &gostray_model::Change) -> &Snapshot {
        if change.after_groups.is_empty() { self.before } else { self.after }
    }

    /// Did goroutines that leak (proven or likely) become more?
    #[must_use]
    pub fn has_new_leaks(&self) -> bool {
        self.diff
            .changes
            .iter()
            .filter(|c| c.delta() > 0)
            .any(|c| self.judged(c).iter().any(|j| j.judgement.verdict.is_leak()))
    }
}
