//! What two full dumps, or the runtime's leak profile, would have said.

use std::cell::Cell;

use crate::random::Dice;
use crate::service::Service;

/// Above this many goroutines in a process nobody takes a full dump.
const DUMP_LIMIT: u32 = 2_000;

/// The goroutines of one kind in two dumps of one process, compared by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survival {
    /// In the first dump.
    pub before: u32,
    /// In both.
    pub stayed: u32,
    /// In the second only.
    pub born: u32,
}

/// Questions a detector may ask beside what it scrapes. Times are those of scrapes, by the scraper's clock.
///
/// A real server decides on a dump when it takes it: ask only for a `first` at which the detector would have known
/// that it wanted one.
pub trait Oracle {
    /// What two dumps say. `None` where the instance could not be read at either time, was restarted between them,
    /// or has too many goroutines for a dump.
    fn survival(&self, service: usize, instance: usize, kind: usize, first: i64, second: i64) -> Option<Survival>;

    /// Kinds that the runtime proves leaked, with how many. `None` where there is no such profile or no answer.
    fn leak_profile(&self, service: usize, instance: usize, time: i64) -> Option<Vec<(usize, u32)>>;
}

/// Answers for one simulated service up to a moment, and counts the questions.
pub struct ServiceOracle<'a> {
    service: &'a Service,
    now: usize,
    dumps: Cell<u64>,
    profiles: Cell<u64>,
}

impl<'a> ServiceOracle<'a> {
    /// An oracle that knows nothing after step `now`.
    pub fn new(service: &'a Service, now: usize) -> Self {
        Self { service, now, dumps: Cell::new(0), profiles: Cell::new(0) }
    }

    pub(crate) fn set_now(&mut self, now: usize) {
        self.now = now;
    }

    /// Questions so far: survival, leak profile.
    pub fn asked(&self) -> (u64, u64) {
        (self.dumps.get(), self.profiles.get())
    }

    /// The last step at which the clock said `time`, near the present.
    fn step(&self, time: i64) -> Option<usize> {
        let upto = self.service.clock.get(..=self.now)?;
        upto.iter().rposition(|clock| *clock == time)
    }

    fn row(&self, step: usize, instance: usize) -> Option<usize> {
        let row = step * self.service.instances + instance;
        (instance < self.service.instances && self.service.seen[row].scraped).then_some(row)
    }

    fn total(&self, row: usize) -> u32 {
        let width = self.service.kinds.len();
        self.service.counts[row * width..(row + 1) * width].iter().sum()
    }
}

impl Oracle for ServiceOracle<'_> {
    fn survival(&self, service: usize, instance: usize, kind: usize, first: i64, second: i64) -> Option<Survival> {
        self.dumps.set(self.dumps.get() + 1);
        let own = self.service;
        let width = own.kinds.len();
        if service != own.index || kind >= width {
            return None;
        }
        let (from, to) = (self.step(first)?, self.step(second)?);
        let (row, last) = (self.row(from, instance)?, self.row(to, instance)?);
        let same = own.seen[row].generation == own.seen[last].generation;
        if from > to || !same || self.total(row) > DUMP_LIMIT || self.total(last) > DUMP_LIMIT {
            return None;
        }
        let at = |step: usize| own.populations[(step * own.instances + instance) * width + kind];
        let (start, end) = (at(from), at(to));
        let words = [own.seed, instance as u64, kind as u64, from as u64, to as u64];
        let mut dice = Dice::new(&words);
        let (mut cohort, mut staying) = (start.turning, start.staying);
        for step in from + 1..=to {
            let (before, after) = (at(step - 1), at(step));
            // The newest of those that stay go first, when there are to be fewer.
            staying = staying.min(after.staying);
            if cohort > 0 {
                cohort = if own.in_order[kind] {
                    cohort.saturating_sub(before.turning - after.kept.min(before.turning))
                } else {
                    dice.hypergeometric(before.turning, cohort, after.kept)
                };
            }
        }
        let stayed = cohort + staying + start.leaked;
        Some(Survival { before: start.count(), stayed, born: end.count().saturating_sub(stayed) })
    }

    fn leak_profile(&self, service: usize, instance: usize, time: i64) -> Option<Vec<(usize, u32)>> {
        self.profiles.set(self.profiles.get() + 1);
        let own = self.service;
        if service != own.index || !own.has_leak_profile {
            return None;
        }
        let step = self.step(time)?;
        self.row(step, instance)?;
        let proven = own.truths.iter().filter(|truth| truth.provable).filter_map(|truth| {
            let leaked = own.leaked(step, instance, truth.kind);
            (leaked > 0).then_some((truth.kind, leaked))
        });
        Some(proven.collect())
    }
}
