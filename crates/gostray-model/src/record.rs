//! One goroutine as a snapshot keeps it, and the status a traceback header prints for it.

use std::borrow::Cow;
use std::time::Duration;

use crate::tables::{LabelsId, StackId, StatusId};

/// How long a goroutine has been waiting, as far as its source knows.
///
/// The Go runtime counts whole minutes from the first garbage collection that saw the goroutine
/// parked, so an age is a lower bound. Most goroutines have none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Age(u32);

impl Age {
    /// Nothing is known of the age.
    pub const UNKNOWN: Self = Self(u32::MAX);

    /// An age of whole seconds; more than 136 years is kept as 136 years.
    #[must_use]
    pub fn from_secs(secs: u64) -> Self {
        Self(u32::try_from(secs).unwrap_or(u32::MAX).min(u32::MAX - 1))
    }

    /// The age, if known.
    #[must_use]
    pub fn known(self) -> Option<Duration> {
        (self != Self::UNKNOWN).then(|| Duration::from_secs(u64::from(self.0)))
    }
}

impl std::fmt::Debug for Age {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.known() {
            Some(age) => write!(f, "{}s", age.as_secs()),
            None => f.write_str("unknown"),
        }
    }
}

/// One goroutine, or `count` that the source does not tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The goroutine's id; 0 where the source has none. Ids are never reused within a process.
    pub id: u64,
    /// The id of the goroutine that started it; 0 where unknown (or where the runtime did).
    pub creator_id: u64,
    /// How many goroutines this record stands for; 1 whenever `id` is known.
    pub count: u32,
    /// How long it has been waiting.
    pub age: Age,
    /// Its stack, in [`crate::Tables`].
    pub stack: StackId,
    /// Its status, in [`crate::Tables`].
    pub status: StatusId,
    /// Its pprof labels, in [`crate::Tables`].
    pub labels: LabelsId,
}

/// What stands between the brackets of a traceback header, without the age.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Status {
    /// The runtime's own wait reason or status: `chan send`, `select`, `running`, …
    pub reason: Cow<'static, str>,
    /// It was proven that it can never run again: by the runtime's leak profile, or from the memory of
    /// the process (see [`crate::Fact`]).
    pub leaked: bool,
    /// The source did not print the reason; it was derived from the frames.
    pub derived: bool,
    /// A garbage collection was scanning its stack.
    pub scan: bool,
    /// Blocked in a way that only its `testing/synctest` bubble can end.
    pub durable: bool,
    /// `runtime.LockOSThread` is in force.
    pub locked_to_thread: bool,
    /// Its `testing/synctest` bubble (Go 1.24 calls it group).
    pub bubble: Option<u64>,
}

impl Status {
    /// A status with nothing but a reason.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }
}
