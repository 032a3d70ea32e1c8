//! All mechanisms of all jobs → targets.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::TargetId;
use crate::config::{Checked, Config, StaticConfig};
use crate::discovery::mechanism::{Give, Given};
use crate::discovery::targets_of;
use crate::target::Target;

/// How a mechanism is doing.
#[derive(Debug, Clone)]
pub struct SdStatus {
    /// The job.
    pub job: Arc<Checked>,
    /// `static`, `file`, `http`, `dns`, `consul`, `kubernetes` or `local_processes`.
    pub mechanism: &'static str,
    /// What it gave, before relabelling.
    pub groups: Arc<Vec<StaticConfig>>,
    /// Why it gives nothing new, or not all.
    pub errors: Vec<String>,
    /// What is wrong with single targets.
    pub wrong: Vec<String>,
}

/// What each mechanism gave last, by its job and configuration: a new reading of the configuration begins with it, so
/// that no target is lost while a server that lists them is down.
pub type Remembered = HashMap<String, Arc<Vec<StaticConfig>>>;

/// A mechanism that runs, and what came of it.
struct Running {
    status: SdStatus,
    key: String,
    targets: Vec<Arc<Target>>,
}

/// Finds targets until it is dropped; `out` gets all of them, and `status` how each mechanism is doing, whenever
/// something changes. `remembered` is what an earlier run of it found.
pub async fn run(
    config: Arc<Config>,
    remembered: Arc<Mutex<Remembered>>,
    out: watch::Sender<Vec<Arc<Target>>>,
    status: watch::Sender<Vec<SdStatus>>,
) {
    let (to, mut given) = mpsc::channel(16);
    let mut tasks = JoinSet::new();
    let mut all: Vec<Running> = Vec::new();
    let before = remembered.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for job in &config.jobs {
        for mechanism in &job.mechanisms {
            let key = format!("{}\n{mechanism:?}", job.job.job_name);
            let groups = before.get(&key).cloned().unwrap_or_default();
            let give = Give { number: all.len(), to: to.clone() };
            let mut own = Running {
                status: SdStatus {
                    job: job.clone(),
                    mechanism: mechanism.name(),
                    groups: Arc::new(Vec::new()),
                    errors: Vec::new(),
                    wrong: Vec::new(),
                },
                key,
                targets: Vec::new(),
            };
            tasks.spawn(mechanism.clone().keep_finding(groups.to_vec(), give));
            own.find(groups);
            all.push(own);
        }
    }
    drop(to);
    if all.is_empty() {
        out.send_replace(Vec::new());
        status.send_replace(Vec::new());
    }
    while let Some((number, found)) = given.recv().await {
        all[number].take(found);
        // Many come at once in the beginning.
        while let Ok((number, found)) = given.try_recv() {
            all[number].take(found);
        }
        let current = all.iter().map(|own| (own.key.clone(), own.status.groups.clone())).collect();
        *remembered.lock().unwrap_or_else(PoisonError::into_inner) = current;
        let targets: BTreeMap<TargetId, Arc<Target>> =
            all.iter().flat_map(|own| &own.targets).map(|target| (target.id(), target.clone())).collect();
        let targets: Vec<Arc<Target>> = targets.into_values().collect();
        out.send_if_modified(|known| {
            let is_new = *known != targets;
            *known = targets;
            is_new
        });
        status.send_replace(all.iter().map(|own| own.status.clone()).collect());
    }
    // Static targets alone: there is nothing to wait for, and they stay.
    std::future::pending::<()>().await;
}

impl Running {
    fn take(&mut self, given: Given) {
        let own = &mut self.status;
        for error in given.errors.iter().filter(|error| !own.errors.contains(error)).take(10) {
            tracing::warn!(
                job = own.job.job.job_name,
                mechanism = own.mechanism,
                error,
                "no new targets: the last ones stay"
            );
        }
        own.errors = given.errors;
        if let Some(groups) = given.groups {
            self.find(Arc::new(groups));
        }
    }

    /// Makes targets of groups.
    fn find(&mut self, groups: Arc<Vec<StaticConfig>>) {
        let mut wrong = Vec::new();
        self.targets.clear();
        for group in groups.iter() {
            let (found, errors) = targets_of(&self.status.job, group);
            self.targets.extend(found.into_iter().map(Arc::new));
            wrong.extend(errors);
        }
        if self.status.wrong != wrong {
            for what in wrong.iter().take(10) {
                tracing::warn!("{what}");
            }
            self.status.wrong = wrong;
        }
        self.status.groups = groups;
    }
}
