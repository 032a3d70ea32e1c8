//! Packages and their leaks: what there is to say of a run.

use std::path::PathBuf;

use gostray_check::Finding;
use gostray_explain::{Located, Places, find};
use gostray_model::Frame;

use super::baseline::Baseline;
use super::events::{Package, Status, TestStatus};
use super::known::Meant;
use super::leak::{Leak, Leaks, Matched};

/// What is no failure.
#[derive(Debug, Default)]
pub struct Rules {
    meant: Meant,
    baseline: Option<Baseline>,
}

impl Rules {
    /// `ignore` are functions whose goroutines are meant to stay.
    #[must_use]
    pub fn new(ignore: &[String], baseline: Option<Baseline>) -> Self {
        Self { meant: Meant::new(ignore), baseline }
    }

    /// A package with what its tests left behind.
    pub fn apply(&mut self, package: Package) -> Tested {
        let leaks = package.leaks(&mut self.meant, self.baseline.as_ref());
        Tested { package, leaks }
    }
}

/// A package, and what its tests left behind.
#[derive(Debug)]
pub struct Tested {
    /// The package.
    pub package: Package,
    /// By test.
    pub leaks: Vec<Leaks>,
}

impl Tested {
    /// Does it fail the run?
    #[must_use]
    pub fn has_failed(&self) -> bool {
        matches!(self.package.status, Status::Failed | Status::BuildFailed)
            || self.package.not_checked().is_some()
            || self.is_leaky()
    }

    /// Does a test of it leave something behind that is not known?
    #[must_use]
    pub fn is_leaky(&self) -> bool {
        self.leaks.iter().any(|leaks| leaks.new_goroutines() > 0)
    }

    /// What does not fail the run, goroutines that a package keeps for itself left out.
    pub fn accepted(&self) -> impl Iterator<Item = &Leak> {
        self.leaks.iter().flat_map(|leaks| &leaks.leaks).filter(|leak| leak.is_leak && !leak.is_new())
    }

    /// The tests without their subtests.
    #[must_use]
    pub fn top_tests(&self) -> usize {
        self.package
            .tests
            .iter()
            .filter(|(name, status)| !name.contains('/') && **status != TestStatus::Skipped)
            .count()
    }

    /// Says what `check` says of what is left.
    pub fn explain(&mut self, findings: &[Finding]) {
        for leaks in &mut self.leaks {
            let tables = &leaks.snapshot.tables;
            for leak in &mut leaks.leaks {
                let group = &leak.judged.group;
                let located = |frame: Option<&Frame>| {
                    frame.map(|frame| Located { file: PathBuf::from(&*frame.file), line: frame.line })
                };
                let places = Places {
                    blocked: located(group.blocked_at(tables)),
                    created: located(group.created_at(tables)),
                    function: None,
                };
                leak.finding = find(findings, &places, &[]).map(|finding| Matched {
                    rule: format!("{} {}", finding.rule.code, finding.rule.name),
                    message: finding.message.clone(),
                    fix: finding.fix.as_ref().map(|fix| fix.title.clone()),
                });
            }
        }
    }
}
