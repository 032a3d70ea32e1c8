//! What is remembered: samples, leaks, evidence and deliveries.
//!
//! Two traits, for two kinds of data. [`Samples`] is what grows with the fleet, and what another
//! database may hold for fleets that outgrow a machine; [`Ledger`] is small, and what must never be
//! lost. All calls block: whoever is in an async task uses a blocking thread.

pub(crate) mod chunk;
pub mod sqlite;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::BTreeMap;

use crate::{Millis, TargetId};

/// One run of a process: a target, its build and its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GenerationId(pub i64);

/// A stack that is interned: its frames and what its goroutines wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackId(pub i64);

/// One run of a process, as it is first seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The target.
    pub target: TargetId,
    /// Its service.
    pub service: String,
    /// Its name within the service.
    pub instance: String,
    /// Its job.
    pub job: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The build: version, revision or build id, whatever is the best that is known.
    pub build: String,
    /// When the process started, where known; else when it was first seen.
    pub started_at: Millis,
    /// When it was last seen.
    pub last_seen: Millis,
}

/// A frame of an interned stack, innermost first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Frame {
    /// The function, with its package's path.
    pub function: String,
    /// The file, as the binary has it.
    pub file: String,
    /// The line, from 1; 0 where unknown.
    pub line: u32,
}

/// A stack as it is interned.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stack {
    /// The signature of its goroutines, 16 hex digits.
    pub signature: String,
    /// What they wait for: `chan send`, `select`, `IO wait`, `running`, …
    pub operation: String,
    /// Its frames, innermost first.
    pub frames: Vec<Frame>,
}

/// What one scrape said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrape {
    /// Of which run of which process.
    pub generation: GenerationId,
    /// When.
    pub at: Millis,
    /// How many goroutines have each stack. Each stack at most once.
    pub counts: Vec<(StackId, u32)>,
}

/// The counts of one stack in one run of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Which run.
    pub generation: GenerationId,
    /// Which stack.
    pub stack: StackId,
    /// Time and count, in order of time. A scrape in which the stack is absent is a 0.
    pub points: Vec<(Millis, u32)>,
}

/// Which series.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// From this time on (inclusive).
    pub from: Millis,
    /// Up to this time (exclusive).
    pub to: Millis,
    /// Of these runs; all where empty.
    pub generations: Vec<GenerationId>,
    /// Of these stacks; all where empty.
    pub stacks: Vec<StackId>,
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No room is left.
    #[error("no space is left for the store at {path}: free some, or shorten `storage.retention`")]
    Full {
        /// Where it is.
        path: String,
    },
    /// It is of a newer gostray.
    #[error(
        "the store at {path} has schema {found}, this gostray knows up to {known}: use the newer gostray, or another folder"
    )]
    Newer {
        /// Where it is.
        path: String,
        /// Its schema.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// Another gostray has it open.
    #[error("the store at {path} is in use by another gostray: stop that one, or use another folder (`--storage`)")]
    InUse {
        /// Where it is.
        path: String,
    },
    /// It is damaged.
    #[error("the store at {path} is damaged ({reason}): move it away and start anew, or restore a backup")]
    Damaged {
        /// Where it is.
        path: String,
        /// What does not fit.
        reason: String,
    },
    /// Whatever else the database or the system says.
    #[error("the store at {path}: {reason}")]
    Other {
        /// Where it is.
        path: String,
        /// What it says.
        reason: String,
    },
}

/// What grows with the fleet.
pub trait Samples: Send + Sync {
    /// The ids of these stacks; new ones are kept, whatever their number. An id holds as long as the stack was seen within
    /// the retention; asking again is cheap, so ask for each scrape rather than remember for days.
    ///
    /// # Errors
    /// If the store can't be written.
    fn intern(&self, stacks: &[Stack]) -> Result<Vec<StackId>, StoreError>;

    /// The ids of these stacks of a service; new ones are kept as far as the service's quota goes.
    /// Beyond it, a stack gets the id of one that stands for all others of its operation: what keeps
    /// a target that makes up stacks from filling the store. [`append`](Self::append) adds the
    /// counts of a stack that is named twice, so the sum stays right.
    ///
    /// A store without quotas takes all of them.
    ///
    /// # Errors
    /// If the store can't be written.
    fn intern_for(&self, service: &str, stacks: &[Stack]) -> Result<Vec<StackId>, StoreError> {
        let _ = service;
        self.intern(stacks)
    }

    /// The stacks with these ids, in this order; `None` for one that is not there.
    ///
    /// # Errors
    /// If the store can't be read.
    fn stacks(&self, ids: &[StackId]) -> Result<Vec<Option<Stack>>, StoreError>;

    /// The ids of all stacks with this signature.
    ///
    /// # Errors
    /// If the store can't be read.
    fn with_signature(&self, signature: &str) -> Result<Vec<StackId>, StoreError>;

    /// The id of this run of a process (its target, build and start); a new one is kept. Of one that
    /// is there, service, instance, job and labels become these.
    ///
    /// # Errors
    /// If the store can't be written.
    fn generation(&self, generation: &Generation) -> Result<GenerationId, StoreError>;

    /// The runs that were seen at or after this time.
    ///
    /// # Errors
    /// If the store can't be read.
    fn generations(&self, since: Millis) -> Result<Vec<(GenerationId, Generation)>, StoreError>;

    /// Keeps scrapes; they are durable when it returns. A run has one scrape a time: a second one of
    /// the same time replaces the first. Times may go back.
    ///
    /// # Errors
    /// If the store can't be written, or a run is not known (it was forgotten, after the retention);
    /// then none of them is kept.
    fn append(&self, scrapes: &[Scrape]) -> Result<(), StoreError>;

    /// Series, in order of run and stack: those with a count other than 0 in the query's time. A
    /// series has one point for each scrape of its run in that time. Where samples were made coarser,
    /// a bucket of 30 minutes has two points: the least count, at the time of its first scrape, and
    /// the last.
    ///
    /// # Errors
    /// If the store can't be read.
    fn series(&self, query: &Query) -> Result<Vec<Series>, StoreError>;

    /// The last scrape of a run at or before a time, with the counts that are not 0.
    ///
    /// # Errors
    /// If the store can't be read.
    fn scrape(&self, generation: GenerationId, at: Millis) -> Result<Option<Scrape>, StoreError>;

    /// Packs what is complete, makes old samples coarser, drops what is older than is kept, and the
    /// evidence of leaks whose document (kind `leak`) is gone. Works for a bounded time and never
    /// blocks writers for long: call it again and again, say each ten seconds.
    ///
    /// # Errors
    /// If the store can't be written.
    fn maintain(&self, now: Millis) -> Result<(), StoreError>;

    /// How large it is.
    ///
    /// # Errors
    /// If the store can't be read.
    fn size(&self) -> Result<Size, StoreError>;
}

/// How large a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Bytes on disk.
    pub bytes: u64,
    /// Samples kept: one is one count of one stack in one scrape.
    pub samples: u64,
}

/// What is small and must never be lost. Values are JSON documents of the modules that own them:
/// the life of a leak belongs to `watch`, a delivery to `alert`.
pub trait Ledger: Send + Sync {
    /// All documents of a kind (`leak`, `delivery`, `target`, …), by their keys.
    ///
    /// # Errors
    /// If the store can't be read.
    fn documents(&self, kind: &str) -> Result<Vec<(String, serde_json::Value)>, StoreError>;

    /// Puts and removes documents, all or none; durable when it returns.
    ///
    /// # Errors
    /// If the store can't be written.
    fn write(&self, changes: &[Change]) -> Result<(), StoreError>;

    /// Keeps a snapshot that is evidence (bytes as the target gave them, or pprof).
    ///
    /// # Errors
    /// If the store can't be written.
    fn keep_evidence(&self, evidence: &Evidence) -> Result<i64, StoreError>;

    /// The evidence of a leak, without the bytes, in order of time.
    ///
    /// # Errors
    /// If the store can't be read.
    fn evidence_of(&self, leak: &str) -> Result<Vec<(i64, Evidence)>, StoreError>;

    /// The bytes of one piece of evidence.
    ///
    /// # Errors
    /// If the store can't be read.
    fn evidence(&self, id: i64) -> Result<Option<Vec<u8>>, StoreError>;
}

/// One change of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// The document; `None` removes it.
    pub document: Option<serde_json::Value>,
}

/// A snapshot that is evidence of a leak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The leak.
    pub leak: String,
    /// When it was taken.
    pub at: Millis,
    /// Of which instance.
    pub instance: String,
    /// What it is: `goroutine?debug=0`, `goroutine?debug=2`, `goroutineleak`, `memory`.
    pub kind: String,
    /// The bytes, as gostray reads them (pprof or traceback); empty in listings.
    pub bytes: Vec<u8>,
}
