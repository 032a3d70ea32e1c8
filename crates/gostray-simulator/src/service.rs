//! One service, simulated from start to end.

use crate::behaviour::{Behaviour, Inner, Kind, Moment, Population, State};
use crate::leak::Leak;
use crate::load::{DAY, Load};
use crate::random::{Dice, seed_of};
use crate::schedule::Schedule;
use crate::world::{EPOCH, Trigger, Truth, World};

/// Before the first scrape the service runs for a day, in steps of this many seconds.
const PREROLL_STEP: f64 = 1800.0;

/// What one scrape of one instance read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scrape<'a> {
    /// Index of the service.
    pub service: usize,
    /// Index of the instance in its service.
    pub instance: usize,
    /// Number of the process: one more at each restart.
    pub generation: u32,
    /// Number of the build the process runs.
    pub build: u32,
    /// When the process started, Unix seconds.
    pub process_start: i64,
    /// When it was scraped by the scraper's clock, Unix seconds. The clock may step, backwards too.
    pub time: i64,
    /// Goroutines that handle requests or hold a client's connection, in the same profile.
    pub load: u32,
    /// Goroutines by kind, in the order of [`Service::kinds`].
    pub counts: &'a [u32],
}

/// One instance at one scrape.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) scraped: bool,
    pub(crate) generation: u32,
    pub(crate) build: u32,
    pub(crate) process_start: i64,
}

/// A service's whole history, and the truth about it.
pub struct Service {
    /// Index in its world.
    pub index: usize,
    /// Its kinds of goroutines; the first is the request handlers.
    pub kinds: Vec<Kind>,
    /// Its leaks.
    pub truths: Vec<Truth>,
    /// It runs a Go release that has the leak profile.
    pub has_leak_profile: bool,
    pub(crate) instances: usize,
    pub(crate) interval: i64,
    pub(crate) seed: u64,
    /// The scraper's clock by step, Unix seconds.
    pub(crate) clock: Vec<i64>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) counts: Vec<u32>,
    pub(crate) populations: Vec<Population>,
    pub(crate) in_order: Vec<bool>,
}

struct Process {
    generation: u32,
    build: u32,
    started: f64,
    live: Vec<(Population, Inner)>,
    next_restart: usize,
    noise: f64,
    scaled_down: bool,
    missing: u32,
}

impl Service {
    pub(crate) fn simulate(world: &World, index: usize) -> Self {
        let shape = world.shape;
        let (days, instances) = (f64::from(shape.days), shape.instances);
        let mut dice = Dice::new(&[world.seed, 1, index as u64]);
        let load = Load::new(&mut dice, days, world.first_weekday);
        let size = dice.log_between(0.2, 8.0);
        let has_leak_profile = dice.chance(0.4);
        let autoscaled = instances > 2 && dice.chance(0.2);
        let memory_limit = dice.log_between(8_000.0, 80_000.0) as u32;
        let plans = &world.plans[index];

        let on_error = plans.iter().any(|plan| plan.trigger == Trigger::Incident);
        let incidents_a_week = if on_error { dice.between(5.0, 14.0) } else { dice.between(0.5, 5.0) };
        let (brought, fixed) = (dice.between(0.05, 0.5) * days * DAY, dice.chance(0.5));
        let mut forced = Vec::new();
        if plans.iter().any(|plan| plan.trigger == Trigger::Build) {
            forced.push(brought);
            if fixed {
                forced.push(brought + dice.between(0.25, 0.45) * days * DAY);
            }
        }
        let schedule = Schedule::new(&mut dice, days, instances, incidents_a_week, &forced);
        let (mut kinds, mut behaviours) = draw_kinds(size, days, &mut dice);
        let leaks: Vec<_> = plans
            .iter()
            .map(|plan| Leak::new(plan, &forced, &schedule, instances, days, &mut kinds, &mut behaviours, &mut dice))
            .collect();

        let steps = world.steps();
        let interval = f64::from(shape.scrape_interval);
        let width = kinds.len();
        let mut service = Self {
            index,
            truths: leaks.iter().map(|leak| leak.truth(index)).collect(),
            has_leak_profile,
            instances,
            interval: i64::from(shape.scrape_interval),
            seed: seed_of(&[world.seed, 2, index as u64]),
            clock: (0..steps).map(|step| EPOCH + world.clock(step as f64 * interval).round() as i64).collect(),
            seen: vec![Seen::default(); steps * instances],
            counts: vec![0; steps * instances * width],
            populations: vec![Population::default(); steps * instances * width],
            in_order: behaviours.iter().map(Behaviour::in_order).collect(),
            kinds,
        };

        for instance in 0..instances {
            let mut process = Process {
                generation: 0,
                build: 0,
                started: -dice.between(0.05, 1.0) * DAY,
                live: vec![Default::default(); width],
                next_restart: 0,
                noise: 0.0,
                scaled_down: false,
                missing: 0,
            };
            let share = dice.between(0.8, 1.2);
            let mut time = process.started;
            let preroll = (-time / PREROLL_STEP) as usize;
            let times = (1..=preroll)
                .map(|step| (None, process.started + step as f64 * PREROLL_STEP))
                .chain((0..steps).map(|step| (Some(step), step as f64 * interval)))
                .collect::<Vec<_>>();
            for (step, next) in times {
                let relative = load.at(next);
                let shared = if autoscaled { relative / running(relative, instances) } else { relative };
                let pull = (-(next - time) / 1800.0).exp();
                process.noise = process.noise * pull + 0.12 * (1.0 - pull * pull).sqrt() * dice.normal();
                let mut now = Moment {
                    time: next,
                    step: next - time,
                    age: next - process.started,
                    load: shared * share * process.noise.exp(),
                    incident: schedule.incident(next),
                };
                time = next;
                process.restart(&schedule, instance, &mut now, memory_limit, &mut dice);
                process.autoscale(autoscaled && instance >= instances / 2, instance, instances, relative, &mut now);
                if process.scaled_down {
                    continue;
                }
                process.advance(&behaviours, &leaks, instance, &now, &mut dice);
                let Some(step) = step else { continue };
                if process.missing > 0 {
                    process.missing -= 1;
                } else if dice.chance(0.004) {
                    process.missing = 1 + dice.poisson(0.7);
                }
                let lost = process.missing > 0 || schedule.outage(instance, next);
                service.record(step, instance, &process, !lost, &leaks);
            }
        }
        service
    }

    fn record(&mut self, step: usize, instance: usize, process: &Process, scraped: bool, leaks: &[Leak]) {
        let row = step * self.instances + instance;
        self.seen[row] = Seen {
            scraped,
            generation: process.generation,
            build: process.build,
            process_start: EPOCH + process.started.round() as i64,
        };
        let width = self.kinds.len();
        for (kind, (live, _)) in process.live.iter().enumerate() {
            self.populations[row * width + kind] = *live;
            self.counts[row * width + kind] = live.count();
        }
        let time = self.true_time(step);
        for (leak, truth) in leaks.iter().zip(&mut self.truths) {
            let leaked = process.live[leak.kind].0.leaked;
            if leaked > 0 {
                truth.from = Some(truth.from.map_or(time, |from| from.min(time)));
                truth.peak = truth.peak.max(leaked);
            }
        }
    }

    /// Scrapes of one instance, lost ones included.
    pub fn steps(&self) -> usize {
        self.clock.len()
    }

    /// Instances of the service.
    pub fn instances(&self) -> usize {
        self.instances
    }

    /// True time of a step, Unix seconds.
    pub fn true_time(&self, step: usize) -> i64 {
        EPOCH + step as i64 * self.interval
    }

    /// What the scraper's clock says at a step, Unix seconds.
    pub fn clock(&self, step: usize) -> i64 {
        self.clock[step]
    }

    /// The scrapes that came back at a step, by instance.
    pub fn scrapes(&self, step: usize) -> impl Iterator<Item = Scrape<'_>> {
        let width = self.kinds.len();
        (0..self.instances).filter_map(move |instance| {
            let row = step * self.instances + instance;
            let seen = self.seen[row];
            let counts = &self.counts[row * width..(row + 1) * width];
            seen.scraped.then(|| Scrape {
                service: self.index,
                instance,
                generation: seen.generation,
                build: seen.build,
                process_start: seen.process_start,
                time: self.clock[step],
                load: counts[0],
                counts,
            })
        })
    }

    /// Leaked goroutines of a kind in an instance at a step: the truth that no detector sees.
    pub fn leaked(&self, step: usize, instance: usize, kind: usize) -> u32 {
        self.populations[(step * self.instances + instance) * self.kinds.len() + kind].leaked
    }
}

fn draw_kinds(size: f64, days: f64, dice: &mut Dice) -> (Vec<Kind>, Vec<Behaviour>) {
    let life = if dice.chance(0.6) { dice.between(20.0, 180.0) } else { dice.log_between(0.05, 2.0) };
    let mean = dice.log_between(4.0, 25.0) * size;
    let mut behaviours = vec![Behaviour::Transient { mean, life, slowed: dice.between(1.0, 4.0) }];
    let mut kinds = vec![Kind { signature: 0, state: State::IoWait, about: "request handlers" }];
    let many = 17 + dice.below(6);
    while kinds.len() < many {
        let (behaviour, state, about) = Behaviour::draw(size, days, dice);
        kinds.push(Kind { signature: 0, state, about });
        behaviours.push(behaviour);
        if about == "keep-alive pair" {
            kinds.push(Kind { signature: 0, state: State::Select, about });
            behaviours.push(Behaviour::Twin);
        }
    }
    for (index, kind) in kinds.iter_mut().enumerate() {
        kind.signature = seed_of(&[dice.below(usize::MAX) as u64, index as u64]);
    }
    (kinds, behaviours)
}

/// Load above which an instance of an autoscaled service runs; the first half always do.
fn threshold(instance: usize, instances: usize) -> f64 {
    if instance < instances / 2 { 0.0 } else { 0.6 + 0.7 * (instance as f64 / instances as f64 - 0.5) }
}

/// Share of an autoscaled service's instances that run at a load.
fn running(load: f64, instances: usize) -> f64 {
    (0..instances).filter(|instance| threshold(*instance, instances) <= load).count().max(1) as f64 / instances as f64
}

impl Process {
    fn begin(&mut self, at: f64, now: &mut Moment) {
        self.generation += 1;
        self.started = at;
        self.live.fill(Default::default());
        now.age = (now.time - at).max(0.0);
        now.step = now.age;
    }

    fn restart(&mut self, schedule: &Schedule, instance: usize, now: &mut Moment, limit: u32, dice: &mut Dice) {
        let before = now.time - now.step;
        while let Some(next) = schedule.restarts[instance].get(self.next_restart)
            && next.at <= now.time
        {
            self.next_restart += 1;
            self.build += u32::from(next.deploy);
            self.begin(next.at, now);
        }
        // The kernel ends a process that has eaten its memory.
        if self.live.iter().map(|(live, _)| live.count()).sum::<u32>() > limit {
            let at = dice.between(before, now.time);
            self.begin(at, now);
        }
    }

    /// The later instances of an autoscaled service run while the load is high.
    fn autoscale(&mut self, scaled: bool, instance: usize, instances: usize, load: f64, now: &mut Moment) {
        if !scaled {
            return;
        }
        let threshold = threshold(instance, instances);
        if self.scaled_down {
            if load > threshold + 0.08 {
                self.scaled_down = false;
                let at = now.time - now.step * 0.5;
                self.begin(at, now);
            }
        } else {
            self.scaled_down = load < threshold;
        }
    }

    fn advance(&mut self, behaviours: &[Behaviour], leaks: &[Leak], instance: usize, now: &Moment, dice: &mut Dice) {
        for (kind, behaviour) in behaviours.iter().enumerate() {
            if matches!(behaviour, Behaviour::Twin) {
                self.live[kind] = self.live[kind - 1];
                continue;
            }
            let (live, inner) = &mut self.live[kind];
            behaviour.advance(now, live, inner, dice);
        }
        for leak in leaks {
            let mean = leak.rate(instance, self.build, now) * now.step;
            self.live[leak.kind].0.leaked += dice.poisson(mean);
        }
    }
}
