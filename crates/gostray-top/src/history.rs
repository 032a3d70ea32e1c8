//! How groups have grown, and since when goroutines have been seen.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gostray_model::{Group, Signature, Snapshot};
use rustc_hash::{FxHashMap, FxHashSet};

/// A rate is told over so long.
const WINDOW: Duration = Duration::from_secs(60);
/// So many totals are kept for the curve.
const TOTALS: usize = 60;

/// What earlier snapshots showed.
#[derive(Debug, Default)]
pub(crate) struct History {
    counts: FxHashMap<Signature, VecDeque<(Instant, u64)>>,
    /// When each goroutine was first seen. Ids are never used again.
    first_seen: FxHashMap<u64, Instant>,
    pub(crate) totals: VecDeque<u64>,
    last: Option<Instant>,
}

impl History {
    pub(crate) fn add(&mut self, snapshot: &Snapshot, groups: &[Group], now: Instant) {
        let before = self.last.replace(now);
        self.totals.push_back(snapshot.goroutines());
        if self.totals.len() > TOTALS {
            self.totals.pop_front();
        }
        let mut seen: FxHashMap<Signature, u64> = FxHashMap::default();
        for group in groups {
            // Proven ones are groups of their own.
            *seen.entry(group.signature).or_default() += group.count;
        }
        for (signature, counts) in &mut self.counts {
            if !seen.contains_key(signature) {
                counts.push_back((now, 0));
            }
        }
        for (signature, count) in seen {
            let counts = self.counts.entry(signature).or_default();
            // There were none when it was last looked.
            if let (Some(before), true) = (before, counts.is_empty()) {
                counts.push_back((before, 0));
            }
            counts.push_back((now, count));
        }
        for counts in self.counts.values_mut() {
            // The last one before the window begins says how many there were then.
            while counts.get(1).is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
                counts.pop_front();
            }
        }
        self.counts.retain(|_, counts| counts.iter().any(|(_, count)| *count > 0));
        let alive: FxHashSet<u64> = snapshot.records.iter().map(|record| record.id).collect();
        self.first_seen.retain(|id, _| alive.contains(id));
        for id in alive {
            self.first_seen.entry(id).or_insert(now);
        }
    }

    /// How many more there are a minute; `None` until there are two snapshots.
    pub(crate) fn per_minute(&self, signature: Signature) -> Option<f64> {
        let counts = self.counts.get(&signature)?;
        let (first, last) = (counts.front()?, counts.back()?);
        let apart = last.0.duration_since(first.0);
        #[expect(clippy::cast_precision_loss, reason = "counts of goroutines are far below 2^52")]
        let more = last.1 as f64 - first.1 as f64;
        (apart > Duration::ZERO).then(|| more * 60.0 / apart.as_secs_f64())
    }

    /// For how long the oldest of a group has waited, as the runtime says, or has been seen here.
    pub(crate) fn oldest(&self, group: &Group, now: Instant) -> Option<Duration> {
        let seen = group.ids.iter().filter_map(|id| self.first_seen.get(id)).map(|at| now.duration_since(*at)).max();
        group.oldest.max(seen)
    }
}
