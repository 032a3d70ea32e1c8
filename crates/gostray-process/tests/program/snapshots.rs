//! Snapshots that prove, and what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gostray_model::Snapshot;
use gostray_process::{Method, ProveOptions};

/// Nothing here depends on how long it takes, and the machine may be slow.
pub(crate) fn options(method: Method) -> ProveOptions {
    ProveOptions { method, max_pause: Duration::from_secs(30), ..ProveOptions::default() }
}

/// The function that started each goroutine, by its id.
pub(crate) fn starters(snapshot: &Snapshot) -> BTreeMap<u64, String> {
    let tables = &snapshot.tables;
    let all = snapshot.records.iter().filter_map(|record| {
        let creator = tables.frame(tables.stack(record.stack).created_by?);
        Some((record.id, creator.function.strip_prefix("main.")?.to_owned()))
    });
    all.collect()
}

pub(crate) fn proven(snapshot: &Snapshot) -> BTreeSet<u64> {
    snapshot.facts.iter().filter(|(_, fact)| fact.proven).map(|(id, _)| *id).collect()
}
