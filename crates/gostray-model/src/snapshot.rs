//! The goroutines of one process at one instant, and what is known of how they were seen.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::record::Record;
use crate::tables::{StackId, Tables};

/// What a snapshot was taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetKind {
    /// A pprof endpoint.
    Url,
    /// A saved dump or profile, or standard input.
    #[default]
    File,
    /// A living process.
    Process,
    /// A core file.
    Core,
}

impl TargetKind {
    /// The word of the JSON schema.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::File => "file",
            Self::Process => "process",
            Self::Core => "core",
        }
    }
}

/// The process behind a snapshot; whatever the source does not tell is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// How it was reached.
    pub kind: TargetKind,
    /// What the user called it: a URL without credentials, a file name, `-`.
    pub name: String,
    /// Its process id on this machine.
    pub pid: Option<u32>,
    /// The Go release that built it: `go1.27.3`.
    pub go_version: Option<String>,
    /// The build id of its executable.
    pub build_id: Option<String>,
    /// Its main module.
    pub module: Option<String>,
    /// When the process started.
    pub started_at: Option<Timestamp>,
}

/// What a note says about the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// Something is missing from it: it is not complete.
    Missing,
    /// Something the reader should know before trusting it.
    Warning,
    /// How a fact was got.
    Source,
}

/// A sentence that travels with a snapshot to every output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it says.
    pub kind: NoteKind,
    /// The sentence, without a full stop.
    pub text: String,
}

/// One goroutine up the chain of creators, from a traceback with `GODEBUG=tracebackancestors=N`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    /// The id of the goroutine whose traceback shows it.
    pub of: u64,
    /// Its own id; it may have ended long ago.
    pub id: u64,
    /// Its stack when it executed the `go` statement.
    pub stack: StackId,
}

/// The goroutines of one process at one instant. It never pretends to be complete: see
/// [`Snapshot::is_complete`] and [`Snapshot::notes`].
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The process.
    pub target: Target,
    /// When it was taken, where known.
    pub taken_at: Option<Timestamp>,
    /// How long the process was held up for it, where gostray held it.
    pub pause: Option<Duration>,
    /// What is missing, what to be wary of, and where the facts come from.
    pub notes: Vec<Note>,
    /// What repeats.
    pub tables: Tables,
    /// The goroutines.
    pub records: Vec<Record>,
    /// Creators of creators, where the dump has them.
    pub ancestors: Vec<Ancestor>,
    /// What looking into the memory of the process told of a goroutine, by its id.
    pub facts: BTreeMap<u64, Fact>,
}

/// What looking into the memory of a process told of a goroutine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fact {
    /// It can never run again: nothing that may run can reach what it waits for.
    pub proven: bool,
    /// The bytes that it alone keeps: its stack, and what can be reached through it only. What
    /// several goroutines keep is counted for one of them.
    pub retained: u64,
    /// The shortest way by which what it waits for can be reached, in words.
    pub held_by: Option<Box<str>>,
}

impl Snapshot {
    /// How many goroutines the snapshot holds.
    #[must_use]
    pub fn goroutines(&self) -> u64 {
        self.records.iter().map(|r| u64::from(r.count)).sum()
    }

    /// Is nothing known to be missing?
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.notes.iter().all(|n| n.kind != NoteKind::Missing)
    }

    /// Does every goroutine have an id?
    #[must_use]
    pub fn has_ids(&self) -> bool {
        self.records.iter().all(|r| r.id != 0)
    }

    /// Adds a note unless it is there already.
    pub fn note(&mut self, kind: NoteKind, text: impl Into<String>) {
        let note = Note { kind, text: text.into() };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// How many goroutines the source proved leaked.
    #[must_use]
    pub fn leaked(&self) -> u64 {
        self.records.iter().filter(|r| self.tables.status(r.status).leaked).map(|r| u64::from(r.count)).sum()
    }
}
