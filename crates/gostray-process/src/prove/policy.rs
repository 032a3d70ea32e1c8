//! Looking without stopping first, and stopping only for what looks like a leak.
//!
//! Two scans of the running process come first. It goes on meanwhile, so that they prove nothing; but
//! who can be reached in either is no leak, and without a goroutine that looks unreachable in both the
//! process is not stopped at all. For the others one snapshot is taken, by fork or by stopping and
//! reading, and what is unreachable in it is proven: nothing can change that any more, so that proofs
//! of several snapshots add up.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use gostray_model::{Age, NoteKind, Snapshot};
use rustc_hash::FxHashMap;

use crate::attached::Attached;
use crate::error::ProcessError;
use crate::globals::HeapGlobals;
use crate::hold::Hold;
use crate::listing::{Listing, plural};
use crate::memory::Memory;
use crate::prove::blocked::Wait;
use crate::prove::capture::{Capture, Recycled};
use crate::prove::proof::{self, Findings, Questions};
use crate::prove::report;
use crate::prove::take::take;
use crate::prove::threads::Thread;
use crate::site::Sites;

/// A running process changes while it is read; what does not fit is read again so often.
const ATTEMPTS: u32 = 7;
/// Before it is read the second time, so long is waited, and twice as long each further time: what changes
/// everything at once, such as a beginning collection, is soon over.
const BREATH: Duration = Duration::from_millis(1);
/// So often the running process is looked at. With one look a busy program without leaks has a
/// candidate in two of three cases; with two hardly ever.
const LOOKS: u32 = 2;
/// What looks unreachable but is not so in one snapshot may be in the next: a word that was left
/// behind in a register is gone by then. It is worth that only for a kind of which nothing is proven yet.
const SNAPSHOTS: u32 = 3;

/// How a snapshot is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// By fork if that is possible, otherwise by stopping.
    #[default]
    Auto,
    /// The process is made to fork, and its copy is read while it goes on.
    Fork,
    /// The process stands still while it is read.
    Stop,
}

/// How a proof is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// How a snapshot is taken.
    pub method: Method,
    /// The process is never held up for longer. It is predicted first, and enforced.
    pub max_pause: Duration,
    /// The copy of a fork is given up when it has cost the process so many bytes; `None` for a quarter
    /// of what it may still use.
    pub max_copy: Option<u64>,
    /// A goroutine must have been seen waiting for so long by this prover.
    pub min_wait: Duration,
    /// Look at the running process first, and take no snapshot if nothing looks like a leak. Only tests
    /// have a reason not to.
    pub look_first: bool,
    /// Fork also where a seccomp filter might forbid it, and kill for it.
    pub fork_under_seccomp: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            method: Method::Auto,
            max_pause: Duration::from_millis(100),
            max_copy: None,
            min_wait: Duration::ZERO,
            look_first: true,
            fork_under_seccomp: false,
        }
    }
}

/// What a proof is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It looks for candidates, the first or second time, without stopping the process.
    Looking(u32),
    /// It takes a snapshot for so many candidates.
    Snapshot(usize),
    /// It looks through the snapshot.
    Proving,
}

/// Proves goroutines of one process leaked, again and again if need be.
pub struct Prover {
    attached: Attached,
    globals: HeapGlobals,
    hold: Hold,
    seen: Seen,
}

/// What earlier looks have found.
#[derive(Default)]
struct Seen {
    /// Goroutines that have been proven: ids are never used again.
    proven: BTreeSet<u64>,
    /// Since when a goroutine has been seen to wait, and for what.
    since: FxHashMap<u64, (u64, Instant)>,
    /// The memory of the last copy of the heap, and of stacks.
    recycled: Recycled,
}

/// Proves goroutines of a process leaked: a [`Prover`] for once.
///
/// # Errors
/// As [`Prover::prove`].
pub fn prove(pid: u32, options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Snapshot, ProcessError> {
    Prover::attach(pid)?.prove(options, progress)
}

impl Prover {
    /// Prepares for a process, which is only read.
    ///
    /// # Errors
    /// If the process has ended, may not be read, is not Go, or is of a release that is not known or
    /// does not look as it should.
    pub fn attach(pid: u32) -> Result<Self, ProcessError> {
        // It is forked while we are small: what we have then is what it has.
        let hold = Hold::start(pid)?;
        let attached = Attached::open(pid)?;
        attached.can_prove()?;
        let globals = HeapGlobals::find(attached.memory(), &attached.image)
            .map_err(|what| attached.process.explain(attached.misfit(what)))?;
        Ok(Self { attached, globals, hold, seen: Seen::default() })
    }

    /// Looks at every goroutine, and proves those leaked that can never run again. The snapshot has
    /// facts of them and of those that wait for what can still be reached.
    ///
    /// # Errors
    /// If the process ends meanwhile, does not look as it should, or can't be held up for a snapshot
    /// within the limits of `options`.
    pub fn prove(&mut self, options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Snapshot, ProcessError> {
        let proven = self.look_and_prove(options, progress);
        proven.map_err(|error| self.attached.process.explain(error))
    }

    fn look_and_prove(
        &mut self,
        options: &Options,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Snapshot, ProcessError> {
        let Self { attached, globals, hold, seen } = self;
        let began = Instant::now();
        let mut candidates: Option<BTreeSet<u64>> = None;
        let mut heap_size = 0;
        for number in 1..=if options.look_first { LOOKS } else { 0 } {
            progress(Progress::Looking(number));
            let mut listing = Listing::new(attached);
            let sites = &mut listing.unwinder.sites;
            let Some(capture) = capture_running(attached, globals, seen, sites)? else {
                // It changes too fast to be read: the snapshot will tell.
                candidates = None;
                break;
            };
            heap_size = capture.heap.copied;
            let look = Look::new(capture, attached, sites);
            let found = look.find(attached, sites, false);
            seen.remember(&look.capture, &found);
            let unreachable = seen.unreachable(&look.capture, &found, attached, options.min_wait);
            let both = match &candidates {
                Some(first) => first.intersection(&unreachable).copied().collect(),
                None => unreachable,
            };
            if both.is_empty() {
                let proven = seen.proven_of(&look.capture);
                let found = look.find(attached, sites, true);
                let mut snapshot = report::snapshot(listing, attached, &look.capture, found, &proven);
                seen.age(&mut snapshot, began);
                snapshot.note(NoteKind::Source, NOT_STOPPED);
                seen.recycled = look.capture.recycle();
                return Ok(snapshot);
            }
            candidates = Some(both);
            drop(found);
            seen.recycled = look.capture.recycle();
        }
        let candidates = candidates.unwrap_or_default();
        let (mut pause, mut attempt) = (Duration::ZERO, 0);
        loop {
            attempt += 1;
            progress(Progress::Snapshot(candidates.difference(&seen.proven).count()));
            let mut listing = Listing::new(attached);
            let sites = &mut listing.unwinder.sites;
            let recycled = std::mem::take(&mut seen.recycled);
            let (capture, held) = take(attached, globals, hold, options, heap_size, recycled, sites)?;
            progress(Progress::Proving);
            pause = pause.max(held.pause);
            let look = Look::new(capture, attached, sites);
            let found = look.find(attached, sites, true);
            let unreachable = seen.unreachable(&look.capture, &found, attached, options.min_wait);
            seen.proven.extend(unreachable);
            let alive: BTreeSet<u64> = look.capture.goroutines.iter().map(|goroutine| goroutine.id).collect();
            let left: BTreeSet<u64> =
                candidates.iter().filter(|id| alive.contains(id) && !seen.proven.contains(id)).copied().collect();
            if attempt < SNAPSHOTS && has_new_kind(&look.capture, &found, &left, &seen.proven) {
                drop(found);
                seen.recycled = look.capture.recycle();
                continue;
            }
            let proven = seen.proven_of(&look.capture);
            let mut snapshot = report::snapshot(listing, attached, &look.capture, found, &proven);
            seen.age(&mut snapshot, began);
            snapshot.pause = Some(pause);
            snapshot.note(NoteKind::Source, held.how(pause, attempt));
            if !left.is_empty() {
                let text = format!("{} looked unreachable before, and could not be proven", plural(left.len() as u64));
                snapshot.note(NoteKind::Warning, text);
            }
            seen.recycled = look.capture.recycle();
            return Ok(snapshot);
        }
    }
}

const NOT_STOPPED: &str =
    "read from the memory of the process, which was not stopped: nothing looked like a leak that was not known";

/// A capture with what there is to ask about it.
struct Look<'m> {
    capture: Capture<'m>,
    questions: Questions,
}

impl<'m> Look<'m> {
    fn new(mut capture: Capture<'m>, attached: &Attached, sites: &mut Sites<'_>) -> Self {
        let questions = proof::ask(&mut capture, attached, sites);
        Self { capture, questions }
    }

    fn find(&self, attached: &Attached, sites: &mut Sites<'_>, has_trail: bool) -> Findings<'_, 'm> {
        proof::find(&self.capture, &self.questions, attached, sites, has_trail)
    }
}

/// Is one of these of a kind of which none is proven? Those of a kind stand in the same calls.
fn has_new_kind(capture: &Capture<'_>, found: &Findings<'_, '_>, ids: &BTreeSet<u64>, proven: &BTreeSet<u64>) -> bool {
    let kinds = |of: &BTreeSet<u64>| -> BTreeSet<Option<Vec<u32>>> {
        let goroutines = capture.goroutines.iter().zip(found.frames);
        let frames = goroutines.filter(|(goroutine, _)| of.contains(&goroutine.id)).map(|(_, frames)| frames.as_ref());
        frames.map(|frames| Some(frames?.iter().map(|frame| frame.site).collect())).collect()
    };
    !ids.is_empty() && !kinds(ids).is_subset(&kinds(proven))
}

/// Copies the process while it runs; `None` if it never holds still enough to be read.
fn capture_running<'m>(
    attached: &'m Attached,
    globals: &HeapGlobals,
    seen: &mut Seen,
    sites: &mut Sites<'_>,
) -> Result<Option<Capture<'m>>, ProcessError> {
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            std::thread::sleep(BREATH * (1 << (attempt - 1)));
        }
        let recycled = std::mem::take(&mut seen.recycled);
        if let Ok(capture) = Capture::read(attached.memory(), attached, globals, None, sites, recycled) {
            return Ok(Some(capture));
        }
    }
    // Unless it is gone.
    attached.memory().mappings().map(|_| None)
}

impl Seen {
    /// The ids of those that nothing reaches and that have waited long enough.
    fn unreachable(
        &self,
        capture: &Capture<'_>,
        found: &Findings<'_, '_>,
        attached: &Attached,
        min_wait: Duration,
    ) -> BTreeSet<u64> {
        let has_waited = |id: u64, number: usize| {
            self.since
                .get(&id)
                .is_some_and(|(what, since)| *what == waits_for(&found.waits[number]) && since.elapsed() >= min_wait)
        };
        let goroutines = capture.goroutines.iter().enumerate();
        goroutines
            .filter(|(number, _)| !found.may_run[*number])
            .filter(|(_, goroutine)| !self.proven.contains(&goroutine.id) && !attached.is_system(goroutine))
            .filter(|(number, goroutine)| min_wait.is_zero() || has_waited(goroutine.id, *number))
            .map(|(_, goroutine)| goroutine.id)
            .collect()
    }

    /// Those of a capture that have been proven.
    fn proven_of(&self, capture: &Capture<'_>) -> BTreeSet<u64> {
        capture.goroutines.iter().map(|goroutine| goroutine.id).filter(|id| self.proven.contains(id)).collect()
    }

    /// Ages of those that have been seen to wait: by our own clock, as the runtime has none that says
    /// more. A goroutine that was not seen before this time has none.
    fn age(&self, snapshot: &mut Snapshot, began: Instant) {
        for record in &mut snapshot.records {
            let since = self.since.get(&record.id).map(|(_, since)| *since).filter(|since| *since < began);
            if let Some(since) = since {
                record.age = Age::from_secs(since.elapsed().as_secs());
            }
        }
    }

    /// Notes since when goroutines have been seen to wait for what they wait for.
    fn remember(&mut self, capture: &Capture<'_>, found: &Findings<'_, '_>) {
        let now = Instant::now();
        let before = std::mem::take(&mut self.since);
        for (goroutine, wait) in capture.goroutines.iter().zip(found.waits) {
            if *wait == Wait::Unknown {
                continue;
            }
            let what = waits_for(wait);
            let since = before.get(&goroutine.id).filter(|(known, _)| *known == what).map_or(now, |(_, since)| *since);
            self.since.insert(goroutine.id, (what, since));
        }
    }
}

/// What tells one wait of a goroutine from its next.
fn waits_for(wait: &Wait) -> u64 {
    match wait {
        Wait::On { sudogs, .. } => sudogs.first().copied().unwrap_or(0),
        Wait::Forever | Wait::Unknown => 0,
    }
}

/// Looks at memory that does not change, with all its threads: one look is a proof.
pub(crate) fn at_rest(
    memory: &dyn Memory,
    attached: &Attached,
    globals: &HeapGlobals,
    threads: &[Thread],
    mut listing: Listing<'_>,
) -> Result<Snapshot, String> {
    let sites = &mut listing.unwinder.sites;
    let capture = Capture::read(memory, attached, globals, Some(threads), sites, Recycled::default())?;
    let look = Look::new(capture, attached, sites);
    let found = look.find(attached, sites, true);
    let proven = Seen::default().unreachable(&look.capture, &found, attached, Duration::ZERO);
    Ok(report::snapshot(listing, attached, &look.capture, found, &proven))
}
