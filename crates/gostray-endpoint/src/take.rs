//! The order of the requests, and when to stop.

use std::fmt;
use std::time::Instant;

use gostray_model::{NoteKind, Snapshot, Target, TargetKind};
use gostray_profile::{Profile, ProfileKind};
use jiff::Timestamp;

use crate::address::Address;
use crate::client::{Fetcher, Resource};
use crate::error::EndpointError;
use crate::index::Index;
use crate::join::{Leaks, Marked, mark_by_id};
use crate::options::Options;
use crate::park::foreign_park;

/// Above so many goroutines only `debug=0` is fetched: a dump would be cut at 64 MiB and stop the
/// target for seconds.
pub const DUMP_CEILING: u64 = 50_000;
/// Above so many goroutines nothing is fetched without [`Options::force`].
pub const FORCE_ABOVE: u64 = 200_000;

/// Bytes of an index page; Go's has 4 KiB.
const MAX_INDEX: u64 = 256 << 10;
const NO_LEAK_PROFILE: &str =
    "the target has no goroutineleak profile (Go 1.27, or 1.26 with GOEXPERIMENT=goroutineleakprofile)";

/// What is being asked for; its text suits a progress line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The index page.
    Index,
    /// Stacks and counts.
    Profile,
    /// Ids and ages.
    Dump {
        /// Of how many goroutines.
        goroutines: u64,
    },
    /// The runtime's leak profile.
    LeakProfile,
    /// Ids of leaked goroutines.
    LeakedIds,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index => f.write_str("asking for the index page"),
            Self::Profile => f.write_str("asking for goroutine?debug=0"),
            Self::Dump { goroutines } => {
                write!(f, "asking for goroutine?debug=2 ({})", plural(*goroutines, "goroutine"))
            }
            Self::LeakProfile => f.write_str("asking for goroutineleak?debug=0 (one garbage collection)"),
            Self::LeakedIds => f.write_str("asking for goroutine?debug=2 again: which goroutines are leaked"),
        }
    }
}

/// Takes a snapshot of the process behind an endpoint, and calls `progress` before each request.
///
/// A process with very many goroutines, or without a leak profile, gives a poorer snapshot, not an
/// error: its notes say what was left out, and which request told what.
///
/// # Errors
/// If the endpoint can't be reached or gives no goroutine profile, or if asking could hurt it.
/// Failures of the requests after the first profile are notes.
pub async fn take(
    address: &Address,
    options: &Options,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<Snapshot, EndpointError> {
    let session = Session::new(address, options)?;
    progress(Step::Index);
    let index = session.index().await?;
    if let Some(index) = index.filter(|index| index.goroutines > FORCE_ABOVE && !options.force) {
        return Err(EndpointError::TooManyGoroutines { count: index.goroutines });
    }
    progress(Step::Profile);
    let mut snapshot = session.counts().await?;
    snapshot.note(NoteKind::Source, "stacks and counts: goroutine?debug=0");
    let count = snapshot.goroutines();
    let mut foreign = foreign_park(&snapshot).map(str::to_owned);

    let is_dumped = session.dump(&mut snapshot, count, progress).await;
    foreign = foreign.or_else(|| foreign_park(&snapshot).map(str::to_owned));
    let has_leak_profile = index.is_none_or(|index| index.has_leak_profile);
    match foreign {
        _ if !options.leak_profile => note_earlier_marks(&mut snapshot),
        _ if !has_leak_profile => snapshot.note(NoteKind::Source, NO_LEAK_PROFILE),
        _ if count > DUMP_CEILING => snapshot.note(
            NoteKind::Warning,
            format!("the runtime's leak profile was not taken: it holds {count} goroutines up for too long (more than {DUMP_CEILING})"),
        ),
        Some(function) => snapshot.note(
            NoteKind::Warning,
            format!("the runtime's leak profile was not taken: {}", EndpointError::ForeignPark { function }),
        ),
        None => session.leaks(&mut snapshot, is_dumped, progress).await,
    }
    Ok(snapshot)
}

/// One conversation with a target, for those who ask it again and again and decide for themselves
/// what is worth asking; [`take`] is for all others.
pub struct Session<'a> {
    fetcher: Fetcher<'a>,
    address: &'a Address,
    options: &'a Options,
}

impl<'a> Session<'a> {
    /// Prepares for a target; nothing is sent.
    ///
    /// # Errors
    /// If a header is not allowed, or no client can be made.
    pub fn new(address: &'a Address, options: &'a Options) -> Result<Self, EndpointError> {
        Ok(Self { fetcher: Fetcher::new(address, options)?, address, options })
    }

    /// How many goroutines there are, as the index page says; `None` where there is no such page.
    /// It costs the target nothing.
    ///
    /// # Errors
    /// If the endpoint can't be reached at all.
    pub async fn goroutines(&self) -> Result<Option<u64>, EndpointError> {
        Ok(self.index().await?.map(|index| index.goroutines))
    }

    /// Stacks and counts (`goroutine?debug=0`).
    ///
    /// # Errors
    /// If it can't be had, or is something else.
    pub async fn counts(&self) -> Result<Snapshot, EndpointError> {
        let mut snapshot = self.profile("goroutine", 0).await?.snapshot;
        self.name(&mut snapshot);
        Ok(snapshot)
    }

    /// Goroutines with ids and ages (`goroutine?debug=2`): the target stands still while it writes.
    ///
    /// # Errors
    /// If it can't be had, or is something else.
    pub async fn goroutines_with_ids(&self) -> Result<Snapshot, EndpointError> {
        let mut snapshot = self.profile("goroutine", 2).await?.snapshot;
        self.name(&mut snapshot);
        Ok(snapshot)
    }

    /// The goroutines that the runtime proves leaked (`goroutineleak?debug=0`): one garbage
    /// collection. `counted` is what the target looked like before.
    ///
    /// # Errors
    /// If it can't be had, is something else, or could crash the target
    /// ([`EndpointError::ForeignPark`]).
    pub async fn leaked(&self, counted: &Snapshot) -> Result<Snapshot, EndpointError> {
        if let Some(function) = foreign_park(counted) {
            return Err(EndpointError::ForeignPark { function: function.to_owned() });
        }
        let mut snapshot = self.profile("goroutineleak", 0).await?.snapshot;
        self.name(&mut snapshot);
        Ok(snapshot)
    }

    fn name(&self, snapshot: &mut Snapshot) {
        let target = std::mem::take(&mut snapshot.target);
        snapshot.target = Target { kind: TargetKind::Url, name: self.address.to_string(), ..target };
        snapshot.taken_at = snapshot.taken_at.or_else(|| Some(Timestamp::now()));
    }

    /// What the index page tells; many routers have none.
    async fn index(&self) -> Result<Option<Index>, EndpointError> {
        match self.fetcher.get(Resource { name: "", debug: None, limit: MAX_INDEX }).await {
            Ok(page) => Ok(Index::parse(&page)),
            Err(e) if e.is_final() => Err(e),
            Err(_) => Ok(None),
        }
    }

    /// Fetches and reads one profile, and makes sure that it is the one asked for.
    async fn profile(&self, name: &'static str, debug: u8) -> Result<Profile, EndpointError> {
        let limit = if debug == 0 { self.options.max_compressed } else { self.options.max_text };
        let body = self.fetcher.get(Resource { name, debug: Some(debug), limit }).await?;
        let url = || format!("{}{name}?debug={debug}", self.address);
        let profile = gostray_profile::read(&body[..], &self.options.limits)
            .map_err(|source| EndpointError::Profile { url: url(), source })?;
        let wanted = if name == "goroutine" { ProfileKind::Goroutine } else { ProfileKind::GoroutineLeak };
        if profile.kind == wanted { Ok(profile) } else { Err(EndpointError::WrongProfile { url: url(), wanted: name }) }
    }

    /// Replaces the counted goroutines by a dump with ids and ages, where that is affordable.
    /// `true` if it did.
    async fn dump(&self, counted: &mut Snapshot, count: u64, progress: &mut (dyn FnMut(Step) + Send)) -> bool {
        let max = self.options.max_dump.min(DUMP_CEILING);
        if count > max {
            let limit = if self.options.max_dump > DUMP_CEILING { "" } else { "--max-dump " };
            let text = format!(
                "ids and ages not taken: {count} goroutines are more than {limit}{max}, and a dump stops the target"
            );
            counted.note(NoteKind::Warning, text);
            return false;
        }
        progress(Step::Dump { goroutines: count });
        let started = Instant::now();
        let mut dump = match self.profile("goroutine", 2).await {
            Ok(profile) => profile.snapshot,
            Err(e) => {
                counted.note(NoteKind::Warning, format!("ids and ages not taken: {e}"));
                return false;
            }
        };
        // Where the dump was cut, the counts are worth more than the ids.
        if !dump.is_complete() && dump.goroutines() < count - count / 10 {
            let text = format!("ids and ages left out: the dump has only {} of {count} goroutines", dump.goroutines());
            counted.note(NoteKind::Warning, text);
            return false;
        }
        dump.target = std::mem::take(&mut counted.target);
        dump.taken_at = counted.taken_at;
        let elapsed = started.elapsed().as_millis();
        dump.note(NoteKind::Source, "build id and time: goroutine?debug=0");
        let text = format!("stacks, ids, states, ages and creators: goroutine?debug=2 ({elapsed} ms)");
        dump.note(NoteKind::Source, text);
        *counted = dump;
        true
    }

    /// Asks for the leak profile and marks what it proves.
    async fn leaks(&self, snapshot: &mut Snapshot, has_ids: bool, progress: &mut (dyn FnMut(Step) + Send)) {
        progress(Step::LeakProfile);
        let profile = match self.profile("goroutineleak", 0).await {
            Ok(profile) => profile.snapshot,
            Err(EndpointError::NotFound { .. }) => return snapshot.note(NoteKind::Source, NO_LEAK_PROFILE),
            Err(e) => {
                return snapshot.note(NoteKind::Warning, format!("the runtime's leak profile was not taken: {e}"));
            }
        };
        let leaks = Leaks::of(&profile);
        snapshot.note(NoteKind::Source, format!("leaks: goroutineleak?debug=0 ({} leaked)", leaks.count()));
        // That outer frames are missing is no loss here: inner ones tell the stacks apart.
        let is_cut = profile.records.iter().any(|r| profile.tables.stack(r.stack).truncated);
        for note in profile.notes.iter().filter(|note| note.kind == NoteKind::Missing && !is_cut) {
            snapshot.note(NoteKind::Warning, format!("in the runtime's leak profile: {}", note.text));
        }
        let mut marked = None;
        if has_ids && leaks.count() > 0 {
            progress(Step::LeakedIds);
            marked = self.leaked_ids(snapshot).await;
        }
        let Marked { newer, anonymous } = marked.unwrap_or_else(|| leaks.mark(snapshot));
        if newer > 0 {
            let text = format!("{} appeared after the other goroutines were listed", plural(newer, "leaked goroutine"));
            snapshot.note(NoteKind::Warning, text);
        }
        if anonymous > 0 {
            let text = format!(
                "the ids of {} are left out: the leak profile tells how many with their stacks are leaked, not which",
                plural(anonymous, "goroutine")
            );
            snapshot.note(NoteKind::Warning, text);
        }
    }

    /// After a leak profile a plain dump shows which goroutines are leaked. `None` if this one
    /// doesn't.
    async fn leaked_ids(&self, snapshot: &mut Snapshot) -> Option<Marked> {
        let later = self.profile("goroutine", 2).await.ok()?.snapshot;
        if later.leaked() == 0 || !later.is_complete() {
            return None;
        }
        snapshot.note(NoteKind::Source, "which goroutines are leaked: a second goroutine?debug=2");
        Some(mark_by_id(snapshot, &later))
    }
}

/// Without a leak profile of our own, marks in the dump are somebody else's.
fn note_earlier_marks(snapshot: &mut Snapshot) {
    if snapshot.leaked() > 0 {
        snapshot.note(NoteKind::Source, "leaks: marks that an earlier goroutineleak profile left in the target");
    }
}

fn plural(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
