//! What was left → leaks by test, without what is known or meant to stay.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gostray_model::{Snapshot, StackId, groups};
use gostray_verdict::{EvidenceKind, Judged, Judgement, Policy, Verdict, judge, known};

use super::baseline::Baseline;
use super::events::{Package, Status};
use super::known::Meant;
use super::wire::{Left, WireOrigin};

/// Whose goroutines are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A test's, by its full name.
    Test(String),
    /// They were there before the tests: of `init`, of a variable, of `TestMain`.
    Package,
    /// They came while tests ran, and nothing says from which.
    Unknown,
}

impl Origin {
    /// The test.
    #[must_use]
    pub fn test(&self) -> Option<&str> {
        match self {
            Self::Test(test) => Some(test),
            _ => None,
        }
    }
}

/// Goroutines of one kind that were left behind.
#[derive(Debug)]
pub struct Leak {
    /// The goroutines, and what is thought of them.
    pub judged: Judged,
    /// For how long they were seen after their test had ended.
    pub stayed: Duration,
    /// They ended later, before the other tests did.
    pub ended: bool,
    /// They count as a leak. Those that a package starts for itself do only if it is proven.
    pub is_leak: bool,
    /// Why it is no failure: a baseline knows them, or somebody says that they are meant to stay.
    pub accepted: Option<String>,
    /// In how many of how many runs of the test it was seen, where it was run again.
    pub seen: Option<(usize, usize)>,
    /// What `check` says of the statement that starts them or at which they wait.
    pub finding: Option<Matched>,
}

/// A finding in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// `GS101 early-return-send`
    pub rule: String,
    /// What is wrong.
    pub message: String,
    /// What to do, if `check` has a fix.
    pub fix: Option<String>,
}

impl Leak {
    /// Does it fail the run?
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_leak && self.accepted.is_none() && !self.is_flaky()
    }

    /// It was not seen again when its test was run again, and is not proven.
    #[must_use]
    pub fn is_flaky(&self) -> bool {
        self.judged.judgement.verdict != Verdict::Proven && self.seen.is_some_and(|(seen, of)| seen == 1 && of > 1)
    }
}

/// What one test left behind.
#[derive(Debug)]
pub struct Leaks {
    /// The import path of the package.
    pub package: String,
    /// Whose.
    pub origin: Origin,
    /// The goroutines.
    pub snapshot: Snapshot,
    /// The same by kind, the surest first.
    pub leaks: Vec<Leak>,
}

impl Leaks {
    /// How many goroutines count as leaked, known ones left out.
    #[must_use]
    pub fn new_goroutines(&self) -> u64 {
        self.leaks.iter().filter(|leak| leak.is_new()).map(|leak| leak.judged.group.count).sum()
    }

    /// How sure it is of the surest new one.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.leaks.iter().filter(|leak| leak.is_new()).map(|leak| leak.judged.judgement.verdict).min()
    }
}

impl Package {
    /// Why it could not be seen whether its tests leave something behind.
    #[must_use]
    pub fn not_checked(&self) -> Option<&str> {
        match (self.status, &self.left) {
            (Status::BuildFailed | Status::NoTests | Status::Interrupted, _) => None,
            (_, None) => Some("nothing was heard from its test binary"),
            (_, Some(left)) => left.not_checked.as_deref(),
        }
    }

    /// The folder that it lies in, if its tests were run.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        self.left.as_ref().map(|left| PathBuf::from(&left.folder))
    }

    /// What its tests left behind.
    pub(crate) fn leaks(&self, meant: &mut Meant, baseline: Option<&Baseline>) -> Vec<Leaks> {
        let Some(left) = &self.left else { return Vec::new() };
        left.origins().iter().map(|origin| self.leaks_of(left, origin, meant, baseline)).collect()
    }

    fn leaks_of(&self, left: &Left, wire: &WireOrigin, meant: &mut Meant, baseline: Option<&Baseline>) -> Leaks {
        let snapshot = left.snapshot(&self.path, wire);
        let origin = match wire {
            WireOrigin::Package => Origin::Package,
            WireOrigin::Test(test) => Origin::Test(test.clone()),
            WireOrigin::Unknown => Origin::Unknown,
        };
        // Who may stay and who may not are no group, though they wait for the same.
        let mut parts: BTreeMap<Option<String>, Snapshot> = BTreeMap::new();
        let mut known: BTreeMap<StackId, Option<String>> = BTreeMap::new();
        for record in &snapshot.records {
            let tables = &snapshot.tables;
            let why = || meant.why(&snapshot, tables.stack(record.stack), Path::new(&left.folder));
            let why = known.entry(record.stack).or_insert_with(why).clone();
            let part = parts.entry(why).or_insert_with(|| Snapshot { records: Vec::new(), ..snapshot.clone() });
            part.records.push(*record);
        }
        let mut leaks: Vec<Leak> = Vec::new();
        for (meant, part) in &parts {
            for group in groups(part) {
                let own = || left.goroutines.iter().filter(|own| group.ids.binary_search(&own.id).is_ok());
                let stayed = Duration::from_nanos(own().map(|own| own.stayed_ns).min().unwrap_or(0));
                let ended = own().all(|own| own.ended);
                let mut judgement = judge(part, &group, &Policy::default());
                let is_leak = judgement.verdict == Verdict::Proven || origin != Origin::Package;
                if is_leak && judgement.verdict != Verdict::Proven {
                    judgement = left_behind(part, &group, &origin, stayed, ended);
                }
                let test = origin.test().unwrap_or_default();
                let is_known = baseline.is_some_and(|own| own.knows(&self.path, test, &group.signature.to_string()));
                let accepted = is_known.then(|| "the baseline knows it".to_owned()).or_else(|| meant.clone());
                let judged = Judged { group, judgement };
                leaks.push(Leak { judged, stayed, ended, is_leak, accepted, seen: None, finding: None });
            }
        }
        leaks.sort_by_key(|leak| leak.judged.judgement.verdict);
        Leaks { package: self.path.clone(), origin, snapshot, leaks }
    }
}

/// Not proven, but it should not be there.
fn left_behind(
    snapshot: &Snapshot,
    group: &gostray_model::Group,
    origin: &Origin,
    stayed: Duration,
    ended: bool,
) -> Judgement {
    let seconds = stayed.as_secs_f64();
    let detail = match (origin, ended) {
        (Origin::Test(_), false) => format!("still there {seconds:.1} s after its test had ended"),
        (Origin::Test(_), true) => {
            format!("still there {seconds:.1} s after its test had ended; it ended before the last test did")
        }
        _ => "it came while tests ran and was still there when all had ended; it has lost the label of its test".into(),
    };
    let judgement = Judgement::new(Verdict::Likely, EvidenceKind::Age, detail);
    match known(&snapshot.tables, group) {
        Some(entry) => judgement.and(EvidenceKind::Known, entry.reason.clone()),
        None => judgement,
    }
}
