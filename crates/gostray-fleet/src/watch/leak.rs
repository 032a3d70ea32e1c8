//! A leak: a signature in a service, with a life.

use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::store::Frame;

/// A signature in a service that grows, with its life. This is what the ledger keeps
/// (kind `leak`, key [`Leak::id`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leak {
    /// 16 hex digits: a hash of service and signature.
    pub id: String,
    /// The service.
    pub service: String,
    /// The signature, 16 hex digits.
    pub signature: String,
    /// Where it is in its life.
    pub state: State,
    /// `proven`, `likely` or `suspect`, as everywhere in gostray.
    pub verdict: String,
    /// What the verdict rests on.
    pub evidence: Vec<LeakEvidence>,
    /// What the goroutines wait for.
    pub operation: String,
    /// The commonest stack, innermost frame first.
    pub stack: Vec<Frame>,
    /// The index in `stack` of the frame that is blocked, as its developer would say.
    pub blocked_at: usize,
    /// How far it has spread, at the last look.
    pub spread: Spread,
    /// When it was first seen to grow.
    pub first_seen: Millis,
    /// When it was last seen to.
    pub last_seen: Millis,
    /// The build that brought it, where an earlier build without it is known; else the build that it was first seen in.
    pub since_build: String,
    /// Was an earlier build seen without it?
    pub is_since_build_sure: bool,
    /// The build that no longer has it.
    pub resolved_build: Option<String>,
    /// Why it is no matter, and until when.
    pub accepted: Option<Acceptance>,
    /// What happened, in order of time.
    pub history: Vec<Event>,
}

/// Where a leak is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It grows as leaks do.
    Open,
    /// Its goroutines were proven leaked, or were seen to stay.
    Confirmed,
    /// Somebody said why it is no matter.
    Accepted,
    /// It is gone.
    Resolved,
}

/// One reason for a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeakEvidence {
    /// `proof`, `age`, `growth`, `static`, `peer`.
    pub kind: String,
    /// A sentence that the reader can check.
    pub detail: String,
}

/// How far a leak has spread.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// Instances of the service that have it.
    pub affected: u32,
    /// Instances of the service.
    pub instances: u32,
    /// Its goroutines, over all instances.
    pub goroutines: u64,
    /// How many more each hour, over all instances.
    pub per_hour: f64,
    /// The memory they keep, estimated, in bytes.
    pub bytes: u64,
    /// When the worst instance will have no memory left, where its limit is known.
    pub limit_at: Option<Millis>,
    /// The instance with the most of them.
    pub worst_instance: String,
}

/// Why a leak is no matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// The reason given.
    pub reason: String,
    /// By whom.
    pub by: String,
    /// Until when; for good where `None`.
    pub until: Option<Millis>,
}

/// Something that happened to a leak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Millis,
    /// What.
    pub kind: EventKind,
    /// In which build.
    pub build: String,
    /// More of it, for the reader.
    pub detail: String,
}

/// What may happen to a leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// First seen.
    Opened,
    /// Confirmed.
    Confirmed,
    /// Accepted.
    Accepted,
    /// Gone.
    Resolved,
    /// Back again, or its acceptance has run out.
    Reopened,
}

impl Leak {
    /// The frame that is blocked.
    #[must_use]
    pub fn blocked(&self) -> Option<&Frame> {
        self.stack.get(self.blocked_at)
    }

    /// Should somebody be told of it?
    #[must_use]
    pub fn is_firing(&self) -> bool {
        matches!(self.state, State::Open | State::Confirmed)
    }
}
