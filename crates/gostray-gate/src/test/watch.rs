//! Which goroutines of a test binary are there, whose they are, and which of them stay.
//!
//! Two kinds of looks, none of which stops the binary. When all tests have ended, it waits, and what is
//! still there after the time to settle is left behind. Before that, while other tests go on, a test's
//! goroutines are looked at when its own time to settle is over, so that what a test leaves does not depend
//! on which tests come after it.

use std::time::{Duration, Instant};

use gostray_model::{NoteKind, Operation, Record, Snapshot, StackId, start_function};
use gostray_process::{ProcessError, ProveOptions, Prover, Reader};
use rustc_hash::{FxHashMap, FxHashSet};

use super::wire::{Left, WireOrigin};

/// The label that says whose a goroutine is.
const LABEL: &str = "gostray.test";
/// The value of the leak that has to be found.
const PLANTED: &str = "gostray.planted";

/// Between two looks while tests run: they shall not notice.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// Of the time at most one part in so many is spent on looks.
const SHARE: u32 = 20;
/// A test binary is held up for a proof while nothing else happens in it.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// So often a proof is tried: the binary moves in between.
const ATTEMPTS: u32 = 3;

/// Goroutines of the test framework, and those of the standard library that live as long as the process, by
/// what they are started with.
const EXEMPT: [&str; 8] = [
    "testing.",
    "os/signal.loop",
    "os/signal.init",
    "runtime/pprof.profileWriter",
    "runtime/trace.Start",
    "runtime/trace.(*",
    "runtime.",
    "main.main",
];

/// One test binary that is looked at.
pub(crate) struct Watch {
    pid: u32,
    settle: Duration,
    reader: Reader,
    /// What was there before the tests.
    before: FxHashSet<u64>,
    /// Whose goroutines were when they were seen: what is started from them may have lost its label.
    owners: FxHashMap<u64, Box<str>>,
    ended: FxHashMap<Box<str>, Ended>,
    next_look: Option<Instant>,
    left: Left,
    stacks: FxHashMap<StackId, u32>,
    /// What was proven stays proven.
    prover: Option<Prover>,
    attempts: u32,
    /// Goroutines that stayed too long, with the place of their record in `left`.
    late: FxHashMap<u64, usize>,
}

/// A test that has ended.
struct Ended {
    at: Instant,
    /// Its goroutines when its time was over, in the first of two looks.
    seen: Option<FxHashSet<u64>>,
    judged: bool,
}

/// What is left when all tests have ended.
pub(crate) struct Rest {
    snapshot: Snapshot,
    /// Goroutines of tests that should have ended.
    ids: FxHashSet<u64>,
    has_planted: bool,
}

impl Rest {
    /// Is there nothing that still may end?
    pub(crate) fn is_settled(&self) -> bool {
        self.ids.is_empty()
    }
}

impl Watch {
    /// Looks at what is there before the tests begin.
    pub(crate) fn begin(pid: u32, settle: Duration) -> Result<Self, ProcessError> {
        let reader = Reader::attach(pid)?;
        let snapshot = reader.take()?;
        Ok(Self {
            pid,
            settle,
            reader,
            before: snapshot.records.iter().map(|record| record.id).collect(),
            owners: FxHashMap::default(),
            ended: FxHashMap::default(),
            next_look: None,
            left: Left::default(),
            stacks: FxHashMap::default(),
            prover: None,
            attempts: 0,
            late: FxHashMap::default(),
        })
    }

    /// A test begins in a goroutine, perhaps not for the first time.
    pub(crate) fn start(&mut self, goroutine: Option<u64>, test: &str) {
        // Examples and the root of benchmarks run in the main goroutine, which has started all that was there before.
        if let Some(id) = goroutine.filter(|id| *id != 1) {
            self.owners.insert(id, test.into());
        }
        // What is seen from now on may be of this run: only the end will tell.
        self.ended.remove(test);
    }

    /// A test has ended.
    pub(crate) fn end(&mut self, test: &str) {
        let now = Instant::now();
        self.ended.insert(test.into(), Ended { at: now, seen: None, judged: false });
        self.next_look.get_or_insert(now + self.settle);
    }

    /// When to look while tests run.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    /// Looks at tests whose time to settle is over, while others run.
    pub(crate) fn look(&mut self) -> Result<(), ProcessError> {
        let began = Instant::now();
        self.next_look = Some(began + BETWEEN_LOOKS);
        let snapshot = self.reader.take()?;
        self.learn(&snapshot);
        let mut of_tests: FxHashMap<Box<str>, Vec<Record>> = FxHashMap::default();
        for record in snapshot.records.iter().filter(|record| self.may_be_left(&snapshot, record)) {
            if let WireOrigin::Test(test) = self.origin(record) {
                of_tests.entry(test.into()).or_default().push(*record);
            }
        }
        let mut late = Vec::new();
        for (test, ended) in self.ended.iter_mut().filter(|(_, ended)| !ended.judged) {
            if ended.at + self.settle > began {
                continue;
            }
            let here = of_tests.remove(test).unwrap_or_default();
            match ended.seen.take() {
                _ if here.is_empty() => ended.judged = true,
                None => ended.seen = Some(here.iter().map(|record| record.id).collect()),
                Some(seen) => {
                    ended.judged = true;
                    let stayed = began - ended.at;
                    late.extend(
                        here.into_iter()
                            .filter(|record| seen.contains(&record.id))
                            .map(|record| (record, WireOrigin::Test(test.to_string()), stayed)),
                    );
                }
            }
        }
        self.left.describe(&snapshot);
        self.stacks.clear();
        for (record, origin, stayed) in late {
            self.late.insert(record.id, self.left.goroutines.len());
            self.left.add(&snapshot, &record, &mut self.stacks, origin, stayed, true);
        }
        let now = Instant::now();
        let pause = BETWEEN_LOOKS.max((now - began) * SHARE);
        let due = self.ended.values().filter(|ended| !ended.judged).map(|ended| ended.at + self.settle).min();
        self.next_look = due.map(|due| due.max(now + pause));
        Ok(())
    }

    /// Looks at what is there when all tests have ended.
    pub(crate) fn rest(&mut self) -> Result<Rest, ProcessError> {
        let snapshot = self.reader.take()?;
        self.learn(&snapshot);
        let has_planted = snapshot.records.iter().any(|record| label(&snapshot, record) == Some(PLANTED));
        let ids = snapshot
            .records
            .iter()
            .filter(|record| self.may_be_left(&snapshot, record))
            .filter(|record| self.origin(record) != WireOrigin::Package)
            .map(|record| record.id)
            .collect();
        Ok(Rest { snapshot, ids, has_planted })
    }

    /// Proves what can be proven of what is left. `None` if more may be when the binary has moved.
    pub(crate) fn prove(&mut self, rest: &Rest) -> Option<Result<Snapshot, String>> {
        let listed = &rest.snapshot;
        let is_left = |id: u64| rest.ids.contains(&id) || self.before.contains(&id);
        if !listed.records.iter().any(|record| is_left(record.id) && self.may_be_left(listed, record)) {
            return Some(Ok(listed.clone()));
        }
        self.attempts += 1;
        let options = ProveOptions { max_pause: MAX_PAUSE, ..ProveOptions::default() };
        let proven = match self.prover.take() {
            Some(prover) => Ok(prover),
            None => Prover::attach(self.pid),
        }
        .and_then(|mut prover| {
            let proven = prover.prove(&options, &mut |_| {});
            self.prover = Some(prover);
            proven
        });
        let proven = proven.map_err(|error| format!("nothing could be proven: {error}").replace('\n', "; "));
        let is_open = proven.as_ref().is_ok_and(|proven| {
            let waits = |record: &&Record| {
                let status = proven.tables.status(record.status);
                let stack = proven.tables.stack(record.stack);
                !status.leaked && Operation::of(&proven.tables, stack, status).is_synchronisation()
            };
            proven.records.iter().filter(|record| rest.ids.contains(&record.id)).any(|record| waits(&record))
        });
        if is_open && self.attempts < ATTEMPTS { None } else { Some(proven) }
    }

    /// What was left behind: the goroutines that were seen in the last look, with what was proven of them.
    pub(crate) fn finish(mut self, rest: Rest, proven: Result<Snapshot, String>) -> Left {
        let Rest { mut snapshot, ids, has_planted } = rest;
        if !has_planted {
            self.left.not_checked = Some("a leak that gostray plants in it was not found".to_owned());
        }
        let package: FxHashSet<u64> = snapshot
            .records
            .iter()
            .filter(|record| self.before.contains(&record.id) && self.may_be_left(&snapshot, record))
            .map(|record| record.id)
            .collect();
        let mut more_notes = Vec::new();
        match proven {
            Ok(proven) => {
                let missing = snapshot.notes.into_iter().filter(|note| note.kind == NoteKind::Missing);
                let missing: Vec<_> = missing.collect();
                snapshot = proven;
                for note in missing {
                    snapshot.note(note.kind, note.text);
                }
                self.learn(&snapshot);
            }
            Err(why) => more_notes.push(why),
        }
        self.left.describe(&snapshot);
        for why in more_notes {
            self.left.notes.push((NoteKind::Warning as u8, why));
        }
        self.stacks.clear();
        let now = Instant::now();
        for record in &snapshot.records {
            let origin = self.origin(record);
            let is_left = match origin {
                // What was there before the tests may well be meant to stay, unless it is proven not to.
                WireOrigin::Package => package.contains(&record.id),
                WireOrigin::Test(_) | WireOrigin::Unknown => ids.contains(&record.id),
            };
            if !is_left {
                continue;
            }
            let stayed = match &origin {
                WireOrigin::Test(test) => self.ended.get(&**test).map(|ended| now - ended.at),
                _ => None,
            };
            let stayed = stayed.unwrap_or(self.settle);
            if let Some(place) = self.late.remove(&record.id) {
                // It is still there, and now more is known of it.
                self.left.goroutines[place].origin = WireOrigin::Unknown;
                self.left.goroutines[place].id = 0;
            }
            self.left.add(&snapshot, record, &mut self.stacks, origin, stayed, false);
        }
        self.left.goroutines.retain(|own| own.id != 0);
        self.left
    }

    /// What is known of a binary that ended before all of its tests had.
    pub(crate) fn abandon(mut self, why: &str) -> Left {
        self.left.not_checked = Some(why.to_owned());
        self.left
    }

    /// Could it be a goroutine that somebody left behind?
    fn may_be_left(&self, snapshot: &Snapshot, record: &Record) -> bool {
        let tables = &snapshot.tables;
        let start = start_function(tables, tables.stack(record.stack));
        record.id != 1
            && label(snapshot, record) != Some(PLANTED)
            && !start.is_some_and(|frame| EXEMPT.iter().any(|exempt| frame.function.starts_with(exempt)))
    }

    /// Notes whose the goroutines are that are seen. What is started from one is of the same test, even
    /// where it has labels of its own.
    fn learn(&mut self, snapshot: &Snapshot) {
        let mut records: Vec<&Record> = snapshot.records.iter().collect();
        // Who starts another is usually the older one.
        records.sort_unstable_by_key(|record| record.id);
        for record in records {
            let owner = label(snapshot, record).map(Box::from);
            if let Some(test) = owner.or_else(|| self.owners.get(&record.creator_id).cloned()) {
                self.owners.insert(record.id, test);
            }
        }
    }

    fn origin(&self, record: &Record) -> WireOrigin {
        match self.owners.get(&record.id) {
            Some(test) => WireOrigin::Test(test.to_string()),
            None if self.before.contains(&record.id) => WireOrigin::Package,
            None => WireOrigin::Unknown,
        }
    }
}

fn label<'a>(snapshot: &'a Snapshot, record: &Record) -> Option<&'a str> {
    snapshot.tables.labels(record.labels).iter().find(|(key, _)| **key == *LABEL).map(|(_, value)| &**value)
}
