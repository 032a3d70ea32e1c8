//! How findings look. One file a format.

mod agent;
mod concise;
mod full;
mod github;
mod html;
mod json;
mod jsonl;
mod junit;
mod sarif;

use std::io;
use std::path::Path;
use std::time::Duration;

use gostray_check::{Finding, Fixed, Place, Report};

pub(crate) use full::write_one;
pub(crate) use github::{data, property};
pub(crate) use html::story;
pub use json::findings_schema;
pub(crate) use json::{FindingJson, of as finding_json};
pub(crate) use junit::escape;

/// A way to show findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingsFormat {
    /// For people: each with its story, in the source.
    Full,
    /// One clickable line a finding.
    Concise,
    /// `gostray.findings/v1`.
    Json,
    /// A finding a line, as in it.
    Jsonl,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
    /// JUnit XML.
    Junit,
    /// One page.
    Html,
    /// For assistants.
    Agent,
}

/// What was found, and what there is to say of it.
#[derive(Debug)]
pub struct FindingsReport<'a> {
    /// What was found.
    pub report: &'a Report,
    /// Paths are shown relative to this folder.
    pub base: &'a Path,
    /// How long it took.
    pub elapsed: Duration,
    /// What could not be read.
    pub notes: &'a [String],
    /// What was mended before.
    pub fixed: &'a [Fixed],
}

impl FindingsReport<'_> {
    /// Writes it in a format.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write(&self, format: FindingsFormat, out: &mut dyn io::Write) -> io::Result<()> {
        match format {
            FindingsFormat::Full => full::write(self, out),
            FindingsFormat::Concise => concise::write(self, out),
            FindingsFormat::Json => json::write(self, out),
            FindingsFormat::Jsonl => jsonl::write(self, out),
            FindingsFormat::Sarif => sarif::write(self, out),
            FindingsFormat::Github => github::write(self, out),
            FindingsFormat::Junit => junit::write(self, out),
            FindingsFormat::Html => html::write(self, out),
            FindingsFormat::Agent => agent::write(self, out),
        }
    }

    /// The summary of a job of GitHub Actions, Markdown.
    #[must_use]
    pub fn github_summary(&self) -> String {
        github::summary(self)
    }

    fn findings(&self) -> &[Finding] {
        &self.report.findings
    }

    /// A path as it is shown: relative where it can be.
    fn path(&self, path: &Path) -> String {
        shown(self.base, path)
    }

    /// `path:line:column`
    fn at(&self, place: &Place) -> String {
        format!("{}:{}:{}", self.path(&place.file), place.position.line, place.position.column)
    }
}

/// A path as it is shown: relative where it can be.
fn shown(base: &Path, path: &Path) -> String {
    path.strip_prefix(base).unwrap_or(path).display().to_string()
}
