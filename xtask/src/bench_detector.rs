//! The detector of `gostray serve` on a simulated fleet, whose leaks are known, beside the rules people have.
//!
//! The simulator was written apart from the detector. What the detector asks for, it is given only as a real
//! fleet would: a leak profile each hour and on suspicion, two lists of ids some time apart.

use std::collections::{BTreeMap, HashMap};

use gostray_simulator::{
    Alert, Detector, Maker, Oracle, Score, Scrape, Service, Shape, State, World, evaluate, peers, table,
};
use gostray_verdict::history::{Envelope, HOUR, Load, MINUTE, Millis, Run, Survival, Tracker, Wanted, assess};

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

/// The detector, fed by the simulator.
struct Gostray {
    counts_only: bool,
    index: usize,
    kinds: Vec<Kind>,
    processes: BTreeMap<usize, Process>,
    evaluated: Millis,
    profiled: HashMap<usize, Millis>,
}

struct Kind {
    weight: f64,
    tracker: Tracker,
    envelopes: BTreeMap<usize, Envelope>,
    /// The first list of ids that was asked for: of which run, and when.
    first: Option<(u64, i64)>,
}

/// The process that runs now.
struct Process {
    generation: u32,
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
                envelopes: BTreeMap::new(),
                first: None,
            })
            .collect();
        Self {
            counts_only,
            index: service.index,
            kinds,
            processes: BTreeMap::new(),
            evaluated: 0,
            profiled: HashMap::new(),
        }
    }

    fn id(instance: usize, generation: u32) -> u64 {
        (instance as u64) << 32 | u64::from(generation)
    }
}

impl Detector for Gostray {
    fn observe(&mut self, scrape: &Scrape<'_>) {
        let at = scrape.time * 1_000;
        let known = self.processes.get(&scrape.instance).map(|process| process.generation);
        if known != Some(scrape.generation) {
            for kind in &mut self.kinds {
                kind.envelopes.remove(&scrape.instance);
            }
            let process = Process {
                generation: scrape.generation,
                started_at: scrape.process_start * 1_000,
                load: Load::default(),
                last: scrape.time,
            };
            self.processes.insert(scrape.instance, process);
        }
        if let Some(process) = self.processes.get_mut(&scrape.instance) {
            process.load.push(at, scrape.load);
            process.last = scrape.time;
        }
        for (kind, count) in self.kinds.iter_mut().zip(scrape.counts) {
            kind.envelopes.entry(scrape.instance).or_default().push(at, *count);
        }
    }

    fn alerts(&mut self, now: i64, oracle: &dyn Oracle) -> Vec<Alert> {
        let at = now * 1_000;
        if (at - self.evaluated).abs() < 20 * MINUTE {
            return Vec::new();
        }
        self.evaluated = at;
        let service = self.index;
        // Each hour, whatever it looks like.
        if !self.counts_only {
            for (instance, process) in &self.processes {
                if self.profiled.get(instance).is_some_and(|last| (at - last).abs() < HOUR) {
                    continue;
                }
                self.profiled.insert(*instance, at);
                for (kind, count) in oracle.leak_profile(service, *instance, process.last).unwrap_or_default() {
                    let id = Self::id(*instance, process.generation);
                    self.kinds[kind].tracker.proven(id, u64::from(count), at);
                }
            }
        }
        let mut alerts = Vec::new();
        for (number, kind) in self.kinds.iter_mut().enumerate() {
            let runs: Vec<Run<'_>> = kind
                .envelopes
                .iter()
                .filter_map(|(instance, envelope)| {
                    let process = self.processes.get(instance)?;
                    let is_seen = at - process.last * 1_000 < 2 * HOUR && envelope.most() > 0;
                    is_seen.then_some(Run {
                        id: Self::id(*instance, process.generation),
                        started_at: process.started_at,
                        envelope,
                        load: &process.load,
                    })
                })
                .collect();
            let assessment = assess(&runs, kind.weight, at);
            let outlook = kind.tracker.look(&assessment, at);
            if outlook.verdict.is_some() {
                alerts.push(Alert { service, kind: Some(number) });
            }
            if self.counts_only {
                continue;
            }
            for wanted in outlook.wanted {
                let (Wanted::Proof(run) | Wanted::Ids(run)) = wanted;
                let instance = (run >> 32) as usize;
                let Some(process) = self.processes.get(&instance) else { continue };
                if let Wanted::Proof(_) = wanted {
                    for (kind_of, count) in oracle.leak_profile(service, instance, process.last).unwrap_or_default() {
                        if kind_of == number {
                            kind.tracker.proven(run, u64::from(count), at);
                        }
                    }
                    continue;
                }
                match kind.first {
                    Some((own, first)) if own == run && process.last > first => {
                        match oracle.survival(service, instance, number, first, process.last) {
                            Some(seen) => {
                                let survival = Survival {
                                    before: u64::from(seen.before),
                                    stayed: u64::from(seen.stayed),
                                    born: u64::from(seen.born),
                                };
                                kind.tracker.survived(survival, first * 1_000, process.last * 1_000);
                            }
                            None => kind.tracker.no_ids(at),
                        }
                        kind.first = None;
                    }
                    _ => kind.first = Some((run, process.last)),
                }
            }
        }
        alerts
    }
}
