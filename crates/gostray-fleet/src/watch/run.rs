//! The task that sees everything: outcomes in, state and leaks out.

mod confirm;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};

use crate::scrape::{Ask, Budget, Observation, Outcome, Scraper, now};
use crate::store::{Change, Generation, GenerationId, Ledger, Samples, Scrape, StoreError};
use crate::target::Target;
use crate::watch::advance::{self, Evaluated};
use crate::watch::detection::{Detection, Observed};
use crate::watch::leak::{Acceptance, Leak};
use crate::watch::life::Lives;
use crate::watch::order::{Decision, Order};
use crate::watch::runs::{Before, is_another};
use crate::watch::stacks::Stacks;
use crate::watch::state::{Seen, Shared};
use crate::{Millis, TargetId};

/// Scrapes are kept at least so often.
const FLUSH: Duration = Duration::from_secs(1);
/// So many scrapes wait for the store at most; when it fails for long, the oldest are lost.
const MAX_PENDING: usize = 50_000;
/// Stacks of one target that are kept.
const MAX_STACKS: usize = 5_000;
/// The ledger's kind of leaks.
const KIND: &str = "leak";
/// With more stacks than this, those that no target shows are forgotten.
const MANY_STACKS: usize = 200_000;

/// How closely the fleet is watched.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How often what was seen is weighed.
    pub evaluate_every: Duration,
    /// How often each target is asked for its leak profile, at least.
    pub leaks_every: Duration,
    /// Dear questions a minute, over the whole fleet.
    pub questions_per_minute: f64,
    /// How much faster than in life time goes by for the detector; only tests have a reason for more
    /// than 1. The other settings are as they are here: whoever reads a configuration has scaled them.
    pub time_scale: f64,
    /// Tell also of what is only suspected.
    pub tell_suspects: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            evaluate_every: Duration::from_secs(60),
            leaks_every: Duration::from_secs(3600),
            questions_per_minute: 30.0,
            time_scale: 1.0,
            tell_suspects: true,
        }
    }
}

/// Sees every outcome, and keeps the life of each leak.
pub struct Watch {
    pub(crate) shared: Shared,
    samples: Arc<dyn Samples>,
    ledger: Arc<dyn Ledger>,
    scraper: Arc<Mutex<Scraper>>,
    settings: Settings,
    told: watch::Sender<Vec<Leak>>,
    stacks: Stacks,
    pending: Vec<Scrape>,
    detection: Detection,
    lives: Lives,
    processes: HashMap<TargetId, Process>,
    budget: Budget,
}

/// What is remembered of a target's process.
#[derive(Debug, Clone, Default)]
struct Process {
    started_at: Option<Millis>,
    synchronising: u64,
    was_absent: bool,
    /// When it is asked for leaks next.
    leaks_at: Millis,
    /// It has no leak profile, or must not be asked for it.
    no_leaks: bool,
}

impl Watch {
    /// Takes up what the store has: leaks, and the samples that the detector needs. `told` is given the
    /// leaks whenever something has happened to one.
    ///
    /// # Errors
    /// If the store can't be read.
    pub fn open(
        shared: Shared,
        samples: Arc<dyn Samples>,
        ledger: Arc<dyn Ledger>,
        scraper: Arc<Mutex<Scraper>>,
        settings: Settings,
        told: watch::Sender<Vec<Leak>>,
    ) -> Result<Self, StoreError> {
        let mut lives = Lives::default();
        for (id, document) in ledger.documents(KIND)? {
            match serde_json::from_value::<Leak>(document) {
                Ok(leak) => drop(lives.leaks.insert(id, leak)),
                Err(error) => tracing::error!(leak = id, %error, "a leak in the store can't be read"),
            }
        }
        let mut detection = Detection::new(settings.time_scale);
        detection.restore(&*samples, now())?;
        let budget = Budget::new(settings.questions_per_minute, settings.questions_per_minute);
        let mut watch = Self {
            shared,
            samples,
            ledger,
            scraper,
            settings,
            told,
            stacks: Stacks::default(),
            pending: Vec::new(),
            detection,
            lives,
            processes: HashMap::new(),
            budget,
        };
        watch.publish();
        Ok(watch)
    }

    /// Sees everything until the scraper ends or `end` says so, and keeps what is left. It writes to the store, so it wants
    /// a thread of its own.
    pub async fn run(
        mut self,
        mut outcomes: mpsc::Receiver<Outcome>,
        mut orders: mpsc::Receiver<Order>,
        mut targets: watch::Receiver<Vec<Arc<Target>>>,
        mut end: watch::Receiver<bool>,
    ) {
        let mut flush = tokio::time::interval(FLUSH);
        let mut evaluate = tokio::time::interval(self.settings.evaluate_every);
        let mut maintain = tokio::time::interval(Duration::from_secs(10));
        for interval in [&mut flush, &mut evaluate, &mut maintain] {
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        let current = targets.borrow_and_update().clone();
        self.set_targets(&current);
        loop {
            tokio::select! {
                outcome = outcomes.recv() => match outcome {
                    Some(outcome) => self.take(outcome),
                    None => break,
                },
                Some(order) = orders.recv() => self.decide(order),
                Ok(()) = targets.changed() => {
                    let current = targets.borrow_and_update().clone();
                    self.set_targets(&current);
                }
                _ = flush.tick() => self.flush(),
                _ = evaluate.tick() => {
                    let asks = self.evaluate(now());
                    let scraper = self.scraper.lock().await;
                    for (target, ask) in asks {
                        scraper.ask(target, ask);
                    }
                }
                _ = maintain.tick() => {
                    let samples = self.samples.clone();
                    tokio::task::spawn_blocking(move || {
                        if let Err(error) = samples.maintain(now()) {
                            tracing::error!(%error, "the store can't be maintained");
                        }
                    });
                }
                _ = end.changed() => break,
            }
        }
        self.flush();
    }

    fn set_targets(&mut self, targets: &[Arc<Target>]) {
        let mut state = self.shared.write();
        let current: HashSet<TargetId> = targets.iter().map(|target| target.id()).collect();
        state.targets.retain(|id, _| current.contains(id));
        self.processes.retain(|id, _| current.contains(id));
        for target in targets {
            let seen = state.targets.entry(target.id()).or_insert_with(|| Seen::new(target.clone()));
            seen.target = target.clone();
        }
    }

    fn take(&mut self, outcome: Outcome) {
        match outcome.ask {
            Ask::Counts => self.take_counts(outcome),
            Ask::Leaks => self.take_leaks(outcome),
            Ask::Ids => self.take_ids(outcome),
        }
    }

    fn take_counts(&mut self, outcome: Outcome) {
        let id = outcome.target.id();
        let answer = match outcome.answer {
            Ok(answer) => answer,
            Err(error) => {
                self.processes.entry(id).or_default().was_absent |= error.is_absence();
                let mut state = self.shared.write();
                state.scrapes += 1;
                state.failed_scrapes += 1;
                let Some(seen) = state.targets.get_mut(&id) else { return };
                if seen.is_up != Some(false) {
                    tracing::warn!(instance = outcome.target.instance(), job = outcome.target.job, %error, "a target does not answer");
                }
                seen.is_up = Some(false);
                seen.error = Some(error.to_string());
                seen.asked_at = Some(outcome.at);
                return;
            }
        };
        let observation = Observation::of(&answer.snapshot, MAX_STACKS);
        if let Err(error) = self.keep(&outcome.target, outcome.at, &observation) {
            self.store_failed(&error);
        }
        let mut state = self.shared.write();
        state.scrapes += 1;
        let Some(seen) = state.targets.get_mut(&id) else { return };
        seen.is_up = Some(true);
        seen.error = None;
        seen.missing.clone_from(&observation.missing);
        seen.asked_at = Some(outcome.at);
        seen.answered_at = Some(outcome.at);
        seen.took_ms = u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX);
        seen.late_ms = u64::try_from(outcome.late).unwrap_or(0);
        drop(state);
        self.count(id, outcome.at, &observation);
    }

    /// Shows how many goroutines a target has.
    fn count(&self, id: TargetId, at: Millis, observation: &Observation) {
        let mut state = self.shared.write();
        let Some(seen) = state.targets.get_mut(&id) else { return };
        seen.goroutines = observation.goroutines;
        seen.load = observation.load;
        seen.spark.push(at, observation.goroutines);
    }

    /// Keeps what a target said: for the store, the detector and the state.
    fn keep(&mut self, target: &Arc<Target>, at: Millis, observation: &Observation) -> Result<(), StoreError> {
        let id = target.id();
        let (counts, new) = self.stacks.ids(&*self.samples, target.service(), &observation.counts)?;
        let synchronising =
            observation.counts.iter().filter(|c| c.is_synchronisation).map(|c| u64::from(c.count)).sum();
        let build = build_of(target, observation);
        let first_leaks_at = self.first_leaks_at(id, at);
        let (known, known_build, known_start) = {
            let state = self.shared.read();
            let seen = state.targets.get(&id);
            let known = seen.and_then(|seen| Some((seen.generation?, seen.build.clone(), seen.started_at)));
            known.map_or((None, String::new(), 0), |(generation, build, start)| (Some(generation), build, start))
        };
        let process = self.processes.entry(id).or_default();
        let before = Before {
            build: &known_build,
            started_at: process.started_at,
            synchronising: process.synchronising,
            was_absent: process.was_absent,
        };
        let goes_on = known.filter(|_| !is_another(before, &build, observation.started_at, synchronising));
        process.started_at = observation.started_at;
        process.synchronising = synchronising;
        process.was_absent = false;
        let (generation, started_at) = match goes_on {
            Some(generation) => (generation, known_start),
            None => {
                process.no_leaks = false;
                process.leaks_at = first_leaks_at;
                let run = self.begin(target, &build, at, observation.started_at)?;
                (run.0, run.1)
            }
        };
        self.detection.observe(&Observed {
            service: target.service(),
            target: id,
            generation,
            build: &build,
            started_at,
            at,
            load: observation.load,
            counts: &observation.counts,
        });
        self.pending.push(Scrape { generation, at, counts: counts.clone() });
        let mut state = self.shared.write();
        for (stack, content) in new {
            state.stacks.insert(stack, content);
        }
        if let Some(seen) = state.targets.get_mut(&id) {
            seen.generation = Some(generation);
            seen.build = build;
            seen.started_at = started_at;
            seen.counts = counts;
        }
        Ok(())
    }

    /// The run of a process that begins, or that an earlier gostray knew.
    fn begin(
        &self,
        target: &Target,
        build: &str,
        at: Millis,
        started_at: Option<Millis>,
    ) -> Result<(GenerationId, Millis), StoreError> {
        let id = target.id();
        // After a restart of gostray, the process is most likely the one that was there before.
        let had_none = self.shared.read().targets.get(&id).is_none_or(|seen| seen.generation.is_none());
        if started_at.is_none() && had_none {
            let last = self.samples.generations(at - 15 * 60_000)?;
            let last = last.into_iter().filter(|(_, run)| run.target == id).max_by_key(|(_, run)| run.last_seen);
            if let Some((generation, run)) = last.filter(|(_, run)| run.build == build) {
                return Ok((generation, run.started_at));
            }
        }
        let started_at = started_at.unwrap_or(at);
        let generation = self.samples.generation(&Generation {
            target: id,
            service: target.service().to_owned(),
            instance: target.instance().to_owned(),
            job: target.job.clone(),
            labels: target.labels.clone(),
            build: build.to_owned(),
            started_at,
            last_seen: at,
        })?;
        Ok((generation, started_at))
    }

    /// A few targets are asked for leaks soon, somebody may be watching; many over a while.
    fn first_leaks_at(&self, id: TargetId, at: Millis) -> Millis {
        let targets = self.shared.read().targets.len() as u64;
        let within = if targets <= 32 { Duration::from_secs(10) } else { Duration::from_secs(600) };
        let spread = within.div_f64(self.settings.time_scale).min(self.settings.leaks_every).as_secs_f64() * 1_000.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some minutes in milliseconds")]
        let spread = (spread as u64).max(1);
        at + Millis::try_from(id.0 % spread).unwrap_or(0)
    }

    /// Weighs everything, and says what is to be asked.
    fn evaluate(&mut self, at: Millis) -> Vec<(TargetId, Ask)> {
        let mut asks: Vec<(TargetId, Ask)> = Vec::new();
        for one in self.detection.evaluate(at) {
            for ask in &one.wants {
                if !asks.contains(ask) && self.may_ask(ask, at) {
                    asks.push(*ask);
                }
            }
            self.advance(one);
        }
        for id in self.lives.expire(at) {
            self.changed(&id);
        }
        self.measure();
        self.publish();
        // Each target now and then, whatever it looks like: proof needs no suspicion.
        let due: Vec<TargetId> =
            self.processes.iter().filter(|(_, p)| !p.no_leaks && p.leaks_at <= at).map(|(id, _)| *id).collect();
        for target in due {
            let ask = (target, Ask::Leaks);
            if self.shared.read().targets.get(&target).is_none_or(|seen| seen.is_up != Some(true))
                || asks.contains(&ask)
            {
                continue;
            }
            if !self.may_ask(&ask, at) {
                break;
            }
            let every = Millis::try_from(self.settings.leaks_every.as_millis()).unwrap_or(Millis::MAX);
            if let Some(process) = self.processes.get_mut(&target) {
                process.leaks_at = at.saturating_add(every);
            }
            asks.push(ask);
        }
        asks
    }

    fn may_ask(&self, (target, ask): &(TargetId, Ask), at: Millis) -> bool {
        let is_useless = *ask == Ask::Leaks && self.processes.get(target).is_some_and(|process| process.no_leaks);
        !is_useless && self.budget.take(at)
    }

    /// Lets a leak go on with its life. Gives its id if something happened to it.
    fn advance(&mut self, one: Evaluated) -> Option<String> {
        let at = now();
        let tell = self.settings.tell_suspects;
        let advanced = {
            let state = self.shared.read();
            advance::advance(&mut self.lives, &state, one, tell, at)
        };
        let advanced = advanced?;
        self.shared.write().slopes.extend(advanced.slopes);
        if advanced.has_news {
            self.changed(&advanced.id);
            return Some(advanced.id);
        }
        None
    }

    /// Keeps a leak to which something has happened.
    fn changed(&mut self, id: &str) {
        let Some(leak) = self.lives.leaks.get(id) else { return };
        if let Some(event) = leak.history.last() {
            tracing::info!(leak = id, service = leak.service, verdict = leak.verdict, event = ?event.kind, detail = event.detail, "a leak");
        }
        if let Err(error) = self.write(id) {
            self.store_failed(&error);
        }
    }

    fn write(&self, id: &str) -> Result<(), StoreError> {
        let document = self.lives.leaks.get(id).and_then(|leak| serde_json::to_value(leak).ok());
        self.ledger.write(&[Change { kind: KIND.to_owned(), key: id.to_owned(), document }])
    }

    /// The goroutines of each leak now.
    fn measure(&mut self) {
        let at = now();
        let mut state = self.shared.write();
        if state.stacks.len() > MANY_STACKS {
            let shown: HashSet<_> =
                state.targets.values().flat_map(|seen| seen.counts.iter().map(|(id, _)| *id)).collect();
            state.stacks.retain(|id, _| shown.contains(id));
        }
        let mut counts: HashMap<(&str, &str), u64> = HashMap::new();
        for seen in state.targets.values().filter(|seen| seen.is_up == Some(true)) {
            for (stack, count) in &seen.counts {
                if let Some(stack) = state.stacks.get(stack) {
                    *counts.entry((seen.target.service(), &stack.signature)).or_default() += u64::from(*count);
                }
            }
        }
        let counted: Vec<(String, u64)> = self
            .lives
            .leaks
            .values()
            .filter(|leak| leak.is_firing())
            .map(|leak| (leak.id.clone(), counts.get(&(&*leak.service, &*leak.signature)).copied().unwrap_or(0)))
            .collect();
        for (id, count) in counted {
            state.leak_sparks.entry(id.clone()).or_default().push(at, count);
            if let Some(leak) = self.lives.leaks.get_mut(&id) {
                leak.spread.goroutines = count;
            }
        }
    }

    /// Shows the leaks, and tells of them.
    fn publish(&mut self) {
        let leaks = self.lives.leaks.clone();
        let all: Vec<Leak> = leaks.values().cloned().collect();
        self.shared.write().leaks = leaks;
        self.told.send_if_modified(|told| {
            let is_news = *told != all;
            *told = all;
            is_news
        });
    }

    fn decide(&mut self, order: Order) {
        let at = now();
        let is_done = match order.decision {
            Decision::Accept { reason, until } => {
                self.lives.accept(&order.leak, Acceptance { reason, by: order.by, until }, at)
            }
            Decision::Reopen => self.lives.reopen(&order.leak, format!("taken back by {}", order.by), at),
        };
        let kept = if is_done { self.write(&order.leak) } else { Ok(()) };
        if let Err(error) = &kept {
            self.store_failed(error);
        }
        self.publish();
        // Whoever asked may have gone.
        let _ = order.done.send(kept);
    }

    /// Hands scrapes to the store.
    fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        match self.samples.append(&self.pending) {
            Ok(()) => {
                let samples: usize = self.pending.iter().map(|scrape| scrape.counts.len()).sum();
                self.pending.clear();
                let mut state = self.shared.write();
                state.samples += samples as u64;
                state.store_error = None;
            }
            Err(error) => {
                self.store_failed(&error);
                // They are tried again; a store that fails for long costs the oldest.
                let over = self.pending.len().saturating_sub(MAX_PENDING);
                self.pending.drain(..over);
            }
        }
    }

    fn store_failed(&self, error: &StoreError) {
        let mut state = self.shared.write();
        state.store_errors += 1;
        if state.store_error.is_none() {
            tracing::error!(%error, "the store fails: watching and alerting go on");
        }
        state.store_error = Some(error.to_string());
    }
}

/// The best name of a build that is known: the label `version` or `build`, else the build id.
fn build_of(target: &Target, observation: &Observation) -> String {
    let label = ["version", "build", "revision"].iter().find_map(|name| target.labels.get(*name));
    let id = observation.build_id.as_deref().map(|id| id.chars().take(12).collect());
    label.cloned().or(id).unwrap_or_default()
}
