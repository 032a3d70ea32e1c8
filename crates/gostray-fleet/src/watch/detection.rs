//! Feeds the detector with what was scraped, and puts its questions and answers into the fleet's words.

use std::collections::{BTreeMap, HashMap};

use gostray_verdict::history::{Envelope, HOUR, Load, Outlook, Run, Tracker, Wanted, Weighed, serves_requests};

use crate::scrape::{Ask, Counted};
use crate::store::{GenerationId, Query, Samples, StackId, StoreError};
use crate::watch::advance::{Evaluated, RunOf};
use crate::watch::leak::LeakEvidence;
use crate::{Millis, TargetId};

/// How far back history counts.
const KEPT: Millis = 72 * HOUR;
/// So many runs are read from the store at once.
const AT_ONCE: usize = 10;
/// What a parked goroutine costs, in bytes: its stack and what the runtime keeps for it, as measured.
const BYTES: u64 = 2_700;
/// So many kinds of goroutines of one service are watched.
const MAX_KINDS: usize = 10_000;

/// What one scrape said.
pub(crate) struct Observed<'a> {
    pub(crate) service: &'a str,
    pub(crate) target: TargetId,
    pub(crate) generation: GenerationId,
    pub(crate) build: &'a str,
    pub(crate) started_at: Millis,
    pub(crate) at: Millis,
    pub(crate) load: u32,
    pub(crate) counts: &'a [Counted],
}

/// All that the detector knows.
pub(crate) struct Detection {
    /// How much faster than in life time goes by, and since when.
    scale: f64,
    since: Millis,
    services: HashMap<String, Service>,
}

#[derive(Default)]
struct Service {
    runs: BTreeMap<GenerationId, Known>,
    kinds: HashMap<String, Kind>,
}

/// One run of a process.
struct Known {
    target: TargetId,
    build: String,
    started_at: Millis,
    last_seen: Millis,
    load: Load,
}

/// One kind of goroutine of a service.
#[derive(Default)]
struct Kind {
    weight: f64,
    tracker: Tracker,
    weighed: Weighed,
    runs: BTreeMap<GenerationId, Envelope>,
}

impl Detection {
    pub(crate) fn new(scale: f64) -> Self {
        Self { scale, since: crate::scrape::now(), services: HashMap::new() }
    }

    /// The detector's time.
    fn time(&self, at: Millis) -> Millis {
        if (self.scale - 1.0).abs() < f64::EPSILON {
            return at;
        }
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "milliseconds of a test")]
        let passed = ((at - self.since) as f64 * self.scale) as Millis;
        self.since + passed
    }

    /// Takes up what an earlier gostray saw.
    pub(crate) fn restore(&mut self, samples: &dyn Samples, now: Millis) -> Result<(), StoreError> {
        let runs = samples.generations(now - KEPT)?;
        for chunk in runs.chunks(AT_ONCE) {
            let generations = chunk.iter().map(|(id, _)| *id).collect();
            let series = samples.series(&Query { from: now - KEPT, to: now, generations, stacks: Vec::new() })?;
            let ids: Vec<StackId> = {
                let mut ids: Vec<_> = series.iter().map(|one| one.stack).collect();
                ids.sort_unstable();
                ids.dedup();
                ids
            };
            let stacks: HashMap<StackId, _> =
                ids.iter().copied().zip(samples.stacks(&ids)?).filter_map(|(id, stack)| Some((id, stack?))).collect();
            for (id, run) in chunk {
                // Sum of the stacks of each signature at each time.
                let mut counts: BTreeMap<Millis, HashMap<&str, (u32, f64)>> = BTreeMap::new();
                let mut load: BTreeMap<Millis, u32> = BTreeMap::new();
                for one in series.iter().filter(|one| one.generation == *id) {
                    let Some(stack) = stacks.get(&one.stack) else { continue };
                    let start =
                        stack.frames.last().map(|frame| gostray_model::FunctionName::new(&frame.function).normalised());
                    let serves = start.is_some_and(|start| serves_requests(&start));
                    for (at, count) in &one.points {
                        let kind = counts
                            .entry(*at)
                            .or_default()
                            .entry(&stack.signature)
                            .or_insert((0, weight(&stack.operation)));
                        kind.0 = kind.0.saturating_add(*count);
                        if serves {
                            *load.entry(*at).or_default() += count;
                        }
                    }
                }
                for (at, kinds) in counts {
                    let kinds =
                        kinds.into_iter().map(|(signature, (count, weight))| (signature, count, weight)).collect();
                    let load = load.get(&at).copied().unwrap_or(0);
                    let about = (run.target, run.build.as_str(), run.started_at);
                    self.push(&run.service, *id, about, at, load, kinds);
                }
            }
        }
        Ok(())
    }

    /// A scrape.
    pub(crate) fn observe(&mut self, seen: &Observed<'_>) {
        let mut kinds: HashMap<&str, (u32, f64)> = HashMap::new();
        for one in seen.counts {
            let kind = kinds.entry(&one.stack.signature).or_insert((0, weight(&one.stack.operation)));
            kind.0 = kind.0.saturating_add(one.count);
        }
        let kinds = kinds.into_iter().map(|(signature, (count, weight))| (signature, count, weight)).collect();
        let about = (seen.target, seen.build, seen.started_at);
        self.push(seen.service, seen.generation, about, seen.at, seen.load, kinds);
    }

    fn push(
        &mut self,
        service: &str,
        generation: GenerationId,
        (target, build, started_at): (TargetId, &str, Millis),
        at: Millis,
        load: u32,
        counts: Vec<(&str, u32, f64)>,
    ) {
        let time = self.time(at);
        let started = self.time(started_at);
        if !self.services.contains_key(service) {
            self.services.insert(service.to_owned(), Service::default());
        }
        let Some(service) = self.services.get_mut(service) else { return };
        let run = service.runs.entry(generation).or_insert_with(|| Known {
            target,
            build: build.to_owned(),
            started_at: started,
            last_seen: time,
            load: Load::default(),
        });
        run.last_seen = run.last_seen.max(time);
        run.load.push(time, load);
        let mut present: std::collections::HashSet<&str> = std::collections::HashSet::with_capacity(counts.len());
        for (signature, count, weight) in counts {
            present.insert(signature);
            if weight <= 0.0 {
                continue;
            }
            if !service.kinds.contains_key(signature) {
                if service.kinds.len() >= MAX_KINDS {
                    continue;
                }
                service.kinds.insert(signature.to_owned(), Kind::default());
            }
            if let Some(kind) = service.kinds.get_mut(signature) {
                kind.weight = weight;
                kind.runs.entry(generation).or_default().push(time, count);
            }
        }
        // A kind that is not there any more has none.
        for (signature, kind) in &mut service.kinds {
            if !present.contains(signature.as_str())
                && let Some(envelope) = kind.runs.get_mut(&generation)
            {
                envelope.push(time, 0);
            }
        }
    }

    /// Of so many goroutines it was proven that they leak. One that a profile does not show any more
    /// has not ended: the profile says nothing then, unless it is a look into memory.
    pub(crate) fn proven(&mut self, service: &str, target: TargetId, at: Millis, counts: &BTreeMap<String, u64>) {
        let time = self.time(at);
        let Some(service) = self.services.get_mut(service) else { return };
        let Some(generation) = service.current(target) else { return };
        for (signature, count) in counts {
            let kind = service.kinds.entry(signature.clone()).or_default();
            kind.weight = kind.weight.max(0.3);
            kind.runs.entry(generation).or_default();
            kind.tracker.proven(run_id(generation), *count, time);
        }
    }

    /// The ids of a target's goroutines, by signature. Gives the signatures about which it says something.
    pub(crate) fn ids(
        &mut self,
        service: &str,
        target: TargetId,
        at: Millis,
        mut ids: HashMap<String, Vec<u64>>,
    ) -> Vec<String> {
        let time = self.time(at);
        let Some(service) = self.services.get_mut(service) else { return Vec::new() };
        let Some(generation) = service.current(target) else { return Vec::new() };
        let mut about = Vec::new();
        for (signature, kind) in &mut service.kinds {
            // Who has not asked does not keep the ids.
            if kind.tracker.wants_ids() {
                kind.tracker.listed(run_id(generation), ids.remove(signature).unwrap_or_default(), time);
                about.push(signature.clone());
            }
        }
        about
    }

    /// There are no ids to be had of a target.
    pub(crate) fn no_ids(&mut self, service: &str, _target: TargetId, at: Millis) {
        let time = self.time(at);
        let Some(service) = self.services.get_mut(service) else { return };
        for kind in service.kinds.values_mut().filter(|kind| kind.tracker.wants_ids()) {
            kind.tracker.no_ids(time);
        }
    }

    /// Weighs everything, and gives what there is to say.
    pub(crate) fn evaluate(&mut self, now: Millis) -> Vec<Evaluated> {
        let time = self.time(now);
        let mut evaluated = Vec::new();
        for (name, service) in &mut self.services {
            service.forget(time);
            let signatures: Vec<String> = service.kinds.keys().cloned().collect();
            for signature in signatures {
                evaluated.extend(service.look(name, &signature, time));
            }
        }
        self.services.retain(|_, service| !service.runs.is_empty());
        evaluated
    }

    /// Weighs one kind of goroutine.
    pub(crate) fn look(&mut self, service: &str, signature: &str, now: Millis) -> Option<Evaluated> {
        let time = self.time(now);
        self.services.get_mut(service)?.look(service, signature, time)
    }
}

impl Service {
    /// The run of a target that was seen last.
    fn current(&self, target: TargetId) -> Option<GenerationId> {
        let runs = self.runs.iter().filter(|(_, run)| run.target == target);
        runs.max_by_key(|(_, run)| run.last_seen).map(|(id, _)| *id)
    }

    /// Forgets what is too old to count.
    fn forget(&mut self, now: Millis) {
        self.runs.retain(|_, run| now - run.last_seen < KEPT);
        for kind in self.kinds.values_mut() {
            kind.runs.retain(|id, _| self.runs.contains_key(id));
        }
        self.kinds.retain(|_, kind| !kind.runs.is_empty() || kind.tracker.is_leak());
    }

    fn look(&mut self, name: &str, signature: &str, now: Millis) -> Option<Evaluated> {
        let Self { runs, kinds } = self;
        let kind = kinds.get_mut(signature)?;
        // Of each target, only the process that runs now can grow; what earlier ones showed counts, too.
        let mut latest: HashMap<TargetId, (Millis, GenerationId)> = HashMap::new();
        for (id, run) in runs.iter() {
            let best = latest.entry(run.target).or_insert((run.last_seen, *id));
            if run.last_seen >= best.0 {
                *best = (run.last_seen, *id);
            }
        }
        let known: Vec<Run<'_>> = kind
            .runs
            .iter()
            .filter_map(|(id, envelope)| {
                let run = runs.get(id)?;
                let is_current = latest.get(&run.target).is_some_and(|(_, current)| current == id);
                let is_seen = now - run.last_seen < 2 * HOUR;
                (envelope.most() > 0).then_some(Run {
                    id: run_id(*id),
                    started_at: run.started_at,
                    is_over: !is_current || !is_seen,
                    envelope,
                    load: &run.load,
                })
            })
            .collect();
        let assessment = kind.weighed.assess(&known, kind.weight, now);
        let Outlook { verdict, evidence, wanted, over } = kind.tracker.look(&assessment, now);
        if verdict.is_none() && wanted.is_empty() && over.is_none() {
            return None;
        }
        let slopes: HashMap<u64, (f64, bool)> =
            assessment.runs.iter().map(|run| (run.id, (run.per_hour, run.refused.is_none()))).collect();
        let mut bytes = 0;
        let runs_of = runs
            .iter()
            .map(|(id, run)| {
                let (per_hour, grows) = slopes.get(&run_id(*id)).copied().unwrap_or((0.0, false));
                let has_it = grows || kind.tracker.is_proven_in(run_id(*id));
                if has_it {
                    bytes += u64::from(kind.runs.get(id).map_or(0, Envelope::last)) * BYTES;
                }
                RunOf {
                    target: run.target,
                    generation: *id,
                    build: run.build.clone(),
                    started_at: run.started_at,
                    last_seen: run.last_seen,
                    per_hour,
                    has_it,
                }
            })
            .collect();
        let target = |id: u64| {
            let id = GenerationId(i64::from_ne_bytes(id.to_ne_bytes()));
            runs.get(&id).map(|run| run.target)
        };
        let wants = wanted
            .into_iter()
            .filter_map(|wanted| match wanted {
                Wanted::Proof(id) => Some((target(id)?, Ask::Leaks)),
                Wanted::Ids(id) => Some((target(id)?, Ask::Ids)),
            })
            .collect();
        Some(Evaluated {
            service: name.to_owned(),
            signature: signature.to_owned(),
            verdict: verdict.map(gostray_verdict::Verdict::as_str),
            evidence: evidence
                .into_iter()
                .map(|one| LeakEvidence { kind: one.kind.as_str().to_owned(), detail: one.detail })
                .collect(),
            runs: runs_of,
            wants,
            resolved: over,
            bytes,
        })
    }
}

fn run_id(generation: GenerationId) -> u64 {
    u64::from_ne_bytes(generation.0.to_ne_bytes())
}

/// How much a wait speaks for a leak.
fn weight(operation: &str) -> f64 {
    match operation {
        "chan send" => 1.0,
        "chan receive" | "chan send or receive" | "coroutine" => 0.8,
        "select" => 0.7,
        "IO wait" | "sleep" => 0.3,
        "running" | "syscall" => 0.0,
        // Locks, conditions, wait groups.
        _ => 0.8,
    }
}
