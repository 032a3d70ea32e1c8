//! Several dumps in one log: a service that crashed twice, `SIGQUIT` sent again and again.

use std::collections::HashSet;

use gostray_model::Snapshot;

/// Remembers where other text stood between goroutines: there a new dump may begin.
#[derive(Default)]
pub(super) struct Dumps {
    /// Indices of the first records behind other text.
    starts: Vec<usize>,
    foreign: bool,
}

/// What was left out.
#[derive(Default)]
pub(super) struct Earlier {
    pub(super) dumps: u64,
    pub(super) goroutines: u64,
}

impl Dumps {
    /// A line of other text.
    pub(super) fn foreign_line(&mut self) {
        self.foreign = true;
    }

    /// The goroutine of record `at` begins.
    pub(super) fn goroutine(&mut self, at: usize) {
        if std::mem::take(&mut self.foreign) && at > 0 {
            self.starts.push(at);
        }
    }

    /// A snapshot is one process at one instant, so ids are distinct in it. Where one comes again
    /// behind other text, another dump began; keeps the last.
    pub(super) fn keep_last(&self, snapshot: &mut Snapshot) -> Earlier {
        let mut earlier = Earlier::default();
        if self.starts.is_empty() {
            return earlier;
        }
        let mut dump_start = 0;
        let mut seen: HashSet<u64> = HashSet::new();
        let ends = self.starts.iter().copied().chain([snapshot.records.len()]);
        let mut start = 0;
        for end in ends {
            let segment = &snapshot.records[start..end];
            if segment.iter().any(|record| seen.contains(&record.id)) {
                seen.clear();
                dump_start = start;
                earlier.dumps += 1;
            }
            seen.extend(segment.iter().map(|record| record.id));
            start = end;
        }
        earlier.goroutines = dump_start as u64;
        snapshot.records.drain(..dump_start);
        let kept = &snapshot.records;
        snapshot.ancestors.retain(|ancestor| kept.iter().any(|record| record.id == ancestor.of));
        earlier
    }
}
