//! What is known right now: each target as it was last seen, and the leaks.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::store::{GenerationId, Stack, StackId};
use crate::target::Target;
use crate::watch::leak::Leak;
use crate::watch::spark::Spark;
use crate::{Millis, TargetId};

/// A target as it was last seen.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The target.
    pub target: Arc<Target>,
    /// Did it answer last time? `None` before it was asked.
    pub is_up: Option<bool>,
    /// Why it did not.
    pub error: Option<String>,
    /// What is missing from its last answer.
    pub missing: Vec<String>,
    /// When it last answered.
    pub answered_at: Option<Millis>,
    /// When it was last asked.
    pub asked_at: Option<Millis>,
    /// How long that took, in milliseconds.
    pub took_ms: u64,
    /// How much later than planned it was asked, in milliseconds.
    pub late_ms: u64,
    /// The run of its process.
    pub generation: Option<GenerationId>,
    /// Its build.
    pub build: String,
    /// When its process started, as far as is known.
    pub started_at: Millis,
    /// Its goroutines.
    pub goroutines: u64,
    /// Those of them that serve requests.
    pub load: u32,
    /// Its stacks and their counts.
    pub counts: Vec<(StackId, u32)>,
    /// Its goroutines over the last day.
    pub spark: Spark,
}

impl Seen {
    /// A target that has not been asked yet.
    #[must_use]
    pub fn new(target: Arc<Target>) -> Self {
        Self {
            target,
            is_up: None,
            error: None,
            missing: Vec::new(),
            answered_at: None,
            asked_at: None,
            took_ms: 0,
            late_ms: 0,
            generation: None,
            build: String::new(),
            started_at: 0,
            goroutines: 0,
            load: 0,
            counts: Vec::new(),
            spark: Spark::default(),
        }
    }
}

/// What is known right now.
#[derive(Debug, Default)]
pub struct State {
    /// The targets there are.
    pub targets: BTreeMap<TargetId, Seen>,
    /// The leaks, by their ids; resolved ones are kept as long as the ledger has them.
    pub leaks: BTreeMap<String, Leak>,
    /// The goroutines of each leak over the last day.
    pub leak_sparks: HashMap<String, Spark>,
    /// What memory told of the goroutines of a leak that are not proven: who keeps the door open.
    pub held_by: HashMap<String, Vec<String>>,
    /// How many more goroutines of a leak an instance gets each hour.
    pub slopes: HashMap<(String, TargetId), f64>,
    /// The stacks of the last counts.
    pub stacks: HashMap<StackId, Arc<Stack>>,
    /// What is wrong with the store, if anything.
    pub store_error: Option<String>,
    /// What else is not as it should be.
    pub warnings: BTreeMap<String, String>,
    /// How many scrapes there were, answered and not.
    pub scrapes: u64,
    /// How many of them failed.
    pub failed_scrapes: u64,
    /// How often the store failed.
    pub store_errors: u64,
    /// How many samples were kept.
    pub samples: u64,
}

/// The state, shared by those who change it and those who show it.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<RwLock<State>>);

impl Shared {
    /// To look at it; never hold it over an `await`.
    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        // Every change leaves it valid, so a panic elsewhere is no reason to stop serving.
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// To change it.
    pub fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    /// The targets of a service.
    pub fn of_service<'a>(&'a self, service: &'a str) -> impl Iterator<Item = (&'a TargetId, &'a Seen)> {
        self.targets.iter().filter(move |(_, seen)| seen.target.service() == service)
    }

    /// Goroutines with a signature in a target's last counts.
    #[must_use]
    pub fn count_of(&self, seen: &Seen, signature: &str) -> u64 {
        let has = |id: &StackId| self.stacks.get(id).is_some_and(|stack| stack.signature == signature);
        seen.counts.iter().filter(|(id, _)| has(id)).map(|(_, count)| u64::from(*count)).sum()
    }
}
