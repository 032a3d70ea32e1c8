//! The detector of `gostray serve` on a simulated fleet, whose leaks are known, beside the rules people have.
//!
//! The simulator was written apart from the detector. What the detector asks for, it is given only as a real
//! fleet would: a leak profile each hour and on suspicion, two lists of ids some time apart.

use std::collections::{BTreeMap, HashMap};

use gostray_simulator::{
    Alert, Detector, Maker, Oracle, Score, Scrape, Service, Shape, State, World, evaluate, peers, table,
};
use gostray_verdict::history::{Envelope, HOUR, Load, MINUTE, Millis, Run, Survival, Tracker, Wanted, Weighed};

/// Measure the detector on a simulated fleet.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The first seed.
    #[arg(long, default_value_t = 101)]
    first: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Seconds between scrapes.
    #[arg(long, default_value_t = 300)]
    interval: u32,
    /// The detector alone.
    #[arg(long)]
    alone: bool,
    /// Without proofs and lists of ids: counts only.
    #[arg(long)]
    counts_only: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let shape = Shape { scrape_interval: args.interval, ..Shape::default() };
    let counts_only = args.counts_only;
    let own: Box<Maker<'static>> = Box::new(move |service: &Service| Box::new(Gostray::new(service, counts_only)));
    let mut makers: Vec<(&str, Box<Maker<'static>>)> = vec![("gostray", own)];
    if !args.alone {
        makers.extend(peers::ALL.iter().map(|(name, rule)| (*name, rule.maker())));
    }
    let makers: Vec<(&str, &Maker<'_>)> = makers.iter().map(|(name, maker)| (*name, &**maker)).collect();
    let mut tallies = vec![Vec::new(); makers.len()];
    for seed in args.first..args.first + args.seeds {
        for (all, tally) in tallies.iter_mut().zip(evaluate(&World::new(seed, shape), &makers)) {
            all.push(tally);
        }
        eprintln!("seed {seed}");
    }
    let scores: Vec<_> = makers.iter().zip(&tallies).map(|((name, _), all)| (*name, Score::of(all))).collect();
    println!("seeds {} to {}", args.first, args.first + args.seeds - 1);
    println!("{}", table(&scores));
    let mut accused = BTreeMap::<_, u64>::new();
    for (about, count) in tallies[0].iter().flat_map(|tally| &tally.accused) {
        *accused.entry(about).or_default() += count;
    }
    println!("gostray falsely accused {accused:?}");
    println!("gostray missed {:?}", tallies[0].iter().flat_map(|tally| &tally.missed).collect::<Vec<_>>());
    let dumps: u64 = tallies[0].iter().map(|tally| tally.dumps).sum();
    let profiles: u64 = tallies[0].iter().map(|tally| tally.profiles).sum();
    println!("gostray asked for {dumps} comparisons of ids and {profiles} leak profiles");
    Ok(())
}

/// History counts for so long.
const KEPT: Millis = 72 * HOUR;

/// The detector, fed by the simulator.
struct Gostray {
    counts_only: bool,
    index: usize,
    kinds: Vec<Kind>,
    /// By run: those that run, and those that ended within three days.
    processes: BTreeMap<u64, Process>,
    /// The run of each instance.
    current: BTreeMap<usize, u64>,
    evaluated: Millis,
    profiled: HashMap<usize, Millis>,
}

struct Kind {
    weight: f64,
    tracker: Tracker,
    weighed: Weighed,
    envelopes: BTreeMap<u64, Envelope>,
    listed: Option<Listed>,
}

/// The first list of ids that was asked for.
#[derive(Clone, Copy)]
struct Listed {
    run: u64,
    at: i64,
    /// Some ended: when the others were seen, and how many.
    rest: Option<(i64, u32)>,
}

/// A run of a process.
struct Process {
    instance: usize,
    started_at: Millis,
    load: Load,
    last: i64,
}

impl Gostray {
    fn new(service: &Service, counts_only: bool) -> Self {
        let weight = |state: State| match state {
            State::ChanSend => 1.0,
            State::ChanReceive | State::Semacquire => 0.8,
            State::Select => 0.7,
            State::IoWait | State::Other => 0.3,
        };
        let kinds = service
            .kinds
            .iter()
            .map(|kind| Kind {
                weight: weight(kind.state),
                tracker: Tracker::default(),
                weighed: Weighed::default(),
                envelopes: BTreeMap::new(),
                listed: None,
            })
            .collect();
        Self {
            counts_only,
            index: service.index,
            kinds,
            processes: BTreeMap::new(),
            current: BTreeMap::new(),
            evaluated: 0,
            profiled: HashMap::new(),
        }
    }

    /// What the runtime proves, each hour and whatever it looks like.
    fn prove(&mut self, at: Millis, oracle: &dyn Oracle) {
        for (instance, run) in &self.current {
            if self.profiled.get(instance).is_some_and(|last| (at - last).abs() < HOUR) {
                continue;
            }
            self.profiled.insert(*instance, at);
            let last = self.processes.get(run).map_or(0, |process| process.last);
            for (kind, count) in oracle.leak_profile(self.index, *instance, last).unwrap_or_default() {
                self.kinds[kind].tracker.proven(*run, u64::from(count), at);
            }
        }
    }
}

impl Kind {
    /// Lists its ids in a run, and compares them with those listed before.
    fn list(&mut self, service: usize, number: usize, run: u64, process: &Process, at: Millis, oracle: &dyn Oracle) {
        let last = process.last;
        let Some(listed) = self.listed.filter(|listed| listed.run == run && listed.at < last) else {
            self.listed = Some(Listed { run, at: last, rest: None });
            return;
        };
        let Some(seen) = oracle.survival(service, process.instance, number, listed.at, last) else {
            self.tracker.no_ids(at);
            self.listed = None;
            return;
        };
        let (first, before) = listed.rest.unwrap_or((listed.at, seen.before));
        let stayed = seen.stayed.min(before);
        let survival = Survival {
            before: u64::from(before),
            stayed: u64::from(stayed),
            born: u64::from((seen.stayed + seen.born).saturating_sub(stayed)),
        };
        if self.tracker.survived(run, survival, first * 1_000, last * 1_000) {
            self.listed = Some(Listed { rest: Some((last, stayed)), ..listed });
        } else if f64::from(stayed) < 0.97 * f64::from(before) {
            self.listed = None;
        }
    }
}

impl Detector for Gostray {
    fn observe(&mut self, scrape: &Scrape<'_>) {
        let at = scrape.time * 1_000;
        let run = (scrape.instance as u64) << 32 | u64::from(scrape.generation);
        self.current.insert(scrape.instance, run);
        let process = self.processes.entry(run).or_insert_with(|| Process {
            instance: scrape.instance,
            started_at: scrape.process_start * 1_000,
            load: Load::default(),
            last: scrape.time,
        });
        process.load.push(at, scrape.load);
        process.last = scrape.time;
        for (kind, count) in self.kinds.iter_mut().zip(scrape.counts) {
            kind.envelopes.entry(run).or_default().push(at, *count);
        }
    }

    fn alerts(&mut self, now: i64, oracle: &dyn Oracle) -> Vec<Alert> {
        let at = now * 1_000;
        if (at - self.evaluated).abs() < 10 * MINUTE {
            return Vec::new();
        }
        self.evaluated = at;
        let service = self.index;
        self.processes.retain(|_, process| at - process.last * 1_000 < KEPT);
        if !self.counts_only {
            self.prove(at, oracle);
        }
        let mut alerts = Vec::new();
        for (number, kind) in self.kinds.iter_mut().enumerate() {
            kind.envelopes.retain(|run, _| self.processes.contains_key(run));
            let runs: Vec<Run<'_>> = kind
                .envelopes
                .iter()
                .filter(|(_, envelope)| envelope.most() > 0)
                .filter_map(|(run, envelope)| {
                    let process = self.processes.get(run)?;
                    let is_seen = at - process.last * 1_000 < 2 * HOUR;
                    let is_over = !is_seen || self.current.get(&process.instance) != Some(run);
                    Some(Run { id: *run, started_at: process.started_at, is_over, envelope, load: &process.load })
                })
                .collect();
            let assessment = kind.weighed.assess(&runs, kind.weight, at);
            let mut outlook = kind.tracker.look(&assessment, at);
            if !self.counts_only && !outlook.wanted.is_empty() {
                for wanted in &outlook.wanted {
                    let (Wanted::Proof(run) | Wanted::Ids(run)) = *wanted;
                    let Some(process) = self.processes.get(&run) else { continue };
                    if let Wanted::Ids(_) = wanted {
                        kind.list(service, number, run, process, at, oracle);
                        continue;
                    }
                    let proven = oracle.leak_profile(service, process.instance, process.last).unwrap_or_default();
                    for (_, count) in proven.into_iter().filter(|(own, _)| *own == number) {
                        kind.tracker.proven(run, u64::from(count), at);
                    }
                }
                outlook = kind.tracker.look(&assessment, at);
            }
            if outlook.verdict.is_some() {
                alerts.push(Alert { service, kind: Some(number) });
            }
        }
        alerts
    }
}
