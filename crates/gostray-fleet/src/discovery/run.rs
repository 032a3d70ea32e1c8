//! A task for each mechanism of each job.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::TargetId;
use crate::config::{Config, ConsulSd, DnsSd, FileSd, HttpSd, StaticConfig};
use crate::discovery::{mechanisms, targets_of};
use crate::scrape::Clients;
use crate::target::{Access, Target};

/// How a mechanism is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdStatus {
    /// The job.
    pub job: String,
    /// `static`, `file`, `http`, `dns`, `consul` or `local_processes`.
    pub mechanism: &'static str,
    /// How many targets it gave, before relabelling.
    pub targets: usize,
    /// Why it gives no new ones.
    pub error: Option<String>,
    /// What is wrong with single targets.
    pub wrong: Vec<String>,
}

/// What a mechanism gives.
type Given = (usize, Result<Vec<StaticConfig>, String>);

/// What each mechanism gave last, by its job and configuration: a new reading of the configuration begins with it, so
/// that no target is lost while a server that lists them is down.
pub type Remembered = HashMap<String, Vec<StaticConfig>>;

#[derive(Debug)]
enum Mechanism {
    Static(Vec<StaticConfig>),
    File(FileSd),
    Http(HttpSd),
    Dns(DnsSd),
    Consul(ConsulSd),
    Processes(Duration),
}

/// Finds targets until it is dropped; `out` gets all of them, and `status` how each mechanism is doing, whenever
/// something changes. `remembered` is what an earlier run of it found.
pub async fn run(
    config: Arc<Config>,
    remembered: Arc<Mutex<Remembered>>,
    out: watch::Sender<Vec<Arc<Target>>>,
    status: watch::Sender<Vec<SdStatus>>,
) {
    let mut mechanisms: Vec<(usize, Mechanism)> = Vec::new();
    for (at, job) in config.jobs.iter().enumerate() {
        let own = &job.job;
        if !own.static_configs.is_empty() {
            mechanisms.push((at, Mechanism::Static(own.static_configs.clone())));
        }
        mechanisms.extend(own.file_sd_configs.iter().map(|sd| (at, Mechanism::File(sd.clone()))));
        mechanisms.extend(own.http_sd_configs.iter().map(|sd| (at, Mechanism::Http(sd.clone()))));
        mechanisms.extend(own.dns_sd_configs.iter().map(|sd| (at, Mechanism::Dns(sd.clone()))));
        mechanisms.extend(own.consul_sd_configs.iter().map(|sd| (at, Mechanism::Consul(sd.clone()))));
        mechanisms.extend(
            own.local_processes.iter().map(|sd| {
                (at, Mechanism::Processes(sd.refresh_interval.map_or(Duration::from_secs(10), |span| span.0)))
            }),
        );
    }
    let (give, mut given) = mpsc::channel::<Given>(16);
    let mut tasks = JoinSet::new();
    let mut jobs: Vec<usize> = Vec::new();
    let mut all: Vec<SdStatus> = Vec::new();
    let mut keys: Vec<String> = Vec::new();
    for (number, (job, mechanism)) in mechanisms.into_iter().enumerate() {
        jobs.push(job);
        keys.push(format!("{}\n{mechanism:?}", config.jobs[job].job.job_name));
        all.push(SdStatus {
            job: config.jobs[job].job.job_name.clone(),
            mechanism: mechanism.name(),
            targets: 0,
            error: None,
            wrong: Vec::new(),
        });
        tasks.spawn(keep_finding(number, mechanism, config.base.clone(), give.clone()));
    }
    drop(give);
    let known = |map: &Mutex<Remembered>| map.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let before = known(&remembered);
    let mut groups: BTreeMap<usize, Vec<StaticConfig>> =
        keys.iter().enumerate().filter_map(|(number, key)| Some((number, before.get(key)?.clone()))).collect();
    if keys.is_empty() {
        out.send_replace(Vec::new());
        status.send_replace(Vec::new());
    }
    while let Some((number, result)) = given.recv().await {
        let own = &mut all[number];
        match result {
            Ok(found) => {
                own.targets = found.iter().map(|group| group.targets.len()).sum();
                own.error = None;
                groups.insert(number, found);
                let current = groups.iter().map(|(number, found)| (keys[*number].clone(), found.clone())).collect();
                *remembered.lock().unwrap_or_else(PoisonError::into_inner) = current;
            }
            Err(why) => {
                if own.error.as_ref() != Some(&why) {
                    tracing::warn!(
                        job = own.job,
                        mechanism = own.mechanism,
                        error = why,
                        "no new targets: the last ones stay"
                    );
                }
                own.error = Some(why);
            }
        }
        let mut targets: BTreeMap<TargetId, Arc<Target>> = BTreeMap::new();
        for (number, groups) in &groups {
            let mut wrong = Vec::new();
            for group in groups {
                let (found, errors) = targets_of(&config.jobs[jobs[*number]], group);
                targets.extend(found.into_iter().map(|target| (target.id(), Arc::new(target))));
                wrong.extend(errors);
            }
            if all[*number].wrong != wrong {
                for what in wrong.iter().take(10) {
                    tracing::warn!("{what}");
                }
                all[*number].wrong = wrong;
            }
        }
        let targets: Vec<Arc<Target>> = targets.into_values().collect();
        out.send_if_modified(|known| {
            let is_new = *known != targets;
            *known = targets;
            is_new
        });
        status.send_replace(all.clone());
    }
    // Static targets alone: there is nothing to wait for, and they stay.
    std::future::pending::<()>().await;
}

impl Mechanism {
    fn name(&self) -> &'static str {
        match self {
            Self::Static(_) => "static",
            Self::File(_) => "file",
            Self::Http(_) => "http",
            Self::Dns(_) => "dns",
            Self::Consul(_) => "consul",
            Self::Processes(_) => "local_processes",
        }
    }

    fn interval(&self) -> Duration {
        let or = |span: Option<crate::config::Span>, seconds| span.map_or(Duration::from_secs(seconds), |span| span.0);
        match self {
            Self::Static(_) => Duration::MAX,
            // Looked at often, as if the system told: reading some files costs nothing.
            Self::File(sd) => or(sd.refresh_interval, 5),
            Self::Http(sd) => or(sd.refresh_interval, 60),
            Self::Dns(sd) => or(sd.refresh_interval, 30),
            Self::Consul(sd) => or(sd.refresh_interval, 30),
            Self::Processes(interval) => *interval,
        }
        .max(Duration::from_secs(1))
    }
}

async fn keep_finding(number: usize, mechanism: Mechanism, base: PathBuf, give: mpsc::Sender<Given>) {
    let clients = Clients::default();
    // The credentials and certificates of a job are for its targets, not for whoever lists them.
    let access = Arc::new(Access::default());
    let resolver = TokioResolver::builder_tokio().map(hickory_resolver::ResolverBuilder::build);
    loop {
        let mut interval = mechanism.interval();
        let client = || clients.of(&access).map_err(|error| error.to_string());
        let found = match &mechanism {
            Mechanism::Static(groups) => {
                // The receiver is gone when all ends.
                let _ = give.send((number, Ok(groups.clone()))).await;
                return;
            }
            Mechanism::File(sd) => {
                let (files, base) = (sd.files.clone(), base.clone());
                let read = tokio::task::spawn_blocking(move || mechanisms::files(&files, &base)).await;
                read.unwrap_or_else(|error| Err(error.to_string()))
            }
            Mechanism::Http(sd) => match client() {
                Ok(client) => match mechanisms::http(&client, &sd.url).await {
                    Ok((groups, wanted)) => {
                        interval = wanted.unwrap_or(interval).max(Duration::from_secs(1));
                        Ok(groups)
                    }
                    Err(why) => Err(why),
                },
                Err(why) => Err(why),
            },
            Mechanism::Dns(sd) => match &resolver {
                Ok(resolver) => mechanisms::dns(resolver, sd).await,
                Err(error) => Err(error.to_string()),
            },
            Mechanism::Consul(sd) => match client() {
                Ok(client) => mechanisms::consul(&client, sd).await,
                Err(why) => Err(why),
            },
            Mechanism::Processes(_) => {
                let found = tokio::task::spawn_blocking(mechanisms::processes).await;
                found.map_err(|error| error.to_string())
            }
        };
        if give.send((number, found)).await.is_err() {
            return;
        }
        tokio::time::sleep(interval).await;
    }
}
