//! What changed between two snapshots, in absolute counts.

use std::collections::BTreeMap;

use crate::group::{Group, groups};
use crate::signature::Signature;
use crate::snapshot::Snapshot;

/// How a kind of goroutine changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// Only in the second snapshot.
    New,
    /// More in the second.
    Grown,
    /// As many in both.
    Same,
    /// Fewer in the second.
    Shrunk,
    /// Only in the first.
    Gone,
}

/// One signature in both snapshots.
#[derive(Debug, Clone)]
pub struct Change {
    /// The signature.
    pub signature: Signature,
    /// Its count in the first snapshot.
    pub before: u64,
    /// Its count in the second.
    pub after: u64,
    /// Its groups in the first snapshot; more than one where some are proven and some not.
    pub before_groups: Vec<Group>,
    /// Its groups in the second.
    pub after_groups: Vec<Group>,
    /// How its goroutines moved, where both snapshots have ids.
    pub movement: Option<Movement>,
}

/// Ids are never reused, so two snapshots with ids tell a leak from a queue at the same count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    /// Goroutines of the first snapshot that are still there.
    pub stayed: u64,
    /// Goroutines of the first that are gone.
    pub ended: u64,
    /// Goroutines only in the second.
    pub born: u64,
}

impl Change {
    /// How it changed.
    #[must_use]
    pub fn kind(&self) -> ChangeKind {
        match (self.before, self.after) {
            (0, _) => ChangeKind::New,
            (_, 0) => ChangeKind::Gone,
            (before, after) if after > before => ChangeKind::Grown,
            (before, after) if after < before => ChangeKind::Shrunk,
            _ => ChangeKind::Same,
        }
    }

    /// The change in count.
    #[must_use]
    pub fn delta(&self) -> i64 {
        self.after.cast_signed() - self.before.cast_signed()
    }
}

/// The difference of two snapshots.
#[derive(Debug, Clone)]
pub struct Diff {
    /// One entry a signature: the largest rise first, the largest fall last.
    pub changes: Vec<Change>,
    /// The first snapshot's goroutines.
    pub before: u64,
    /// The second snapshot's goroutines.
    pub after: u64,
}

impl Diff {
    /// Compares two snapshots by signature. The snapshots need not come from the same build.
    #[must_use]
    pub fn between(before: &Snapshot, after: &Snapshot) -> Self {
        let mut by_signature: BTreeMap<Signature, (Vec<Group>, Vec<Group>)> = BTreeMap::new();
        for group in groups(before) {
            by_signature.entry(group.signature).or_default().0.push(group);
        }
        for group in groups(after) {
            by_signature.entry(group.signature).or_default().1.push(group);
        }
        let ids = before.has_ids() && after.has_ids();
        let mut changes: Vec<Change> = by_signature
            .into_iter()
            .map(|(signature, (before_groups, after_groups))| {
                let count = |groups: &[Group]| groups.iter().map(|g| g.count).sum();
                Change {
                    signature,
                    before: count(&before_groups),
                    after: count(&after_groups),
                    movement: ids.then(|| movement(&before_groups, &after_groups)),
                    before_groups,
                    after_groups,
                }
            })
            .collect();
        changes
            .sort_by(|a, b| b.delta().cmp(&a.delta()).then(b.after.cmp(&a.after)).then(a.signature.cmp(&b.signature)));
        Self { changes, before: before.goroutines(), after: after.goroutines() }
    }
}

fn movement(before: &[Group], after: &[Group]) -> Movement {
    let all = |groups: &[Group]| {
        let mut ids: Vec<u64> = groups.iter().flat_map(|g| g.ids.iter().copied()).collect();
        ids.sort_unstable();
        ids
    };
    let (old, new) = (all(before), all(after));
    let stayed = old.iter().filter(|id| new.binary_search(id).is_ok()).count();
    Movement { stayed: stayed as u64, ended: (old.len() - stayed) as u64, born: (new.len() - stayed) as u64 }
}
