//! What a sample costs, on profiles that behave as those of services do: most stacks stand still,
//! some follow the load with noise, some come and go, a few grow.
//!
//! `cargo test --release -p gostray-fleet --test store_measure -- --ignored --nocapture` measures a
//! fleet of 1,000 processes.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that fails says where, and a measurement what")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gostray_fleet::TargetId;
use gostray_fleet::store::sqlite::{Settings, Sqlite};
use gostray_fleet::store::{Frame, Generation, GenerationId, Query, Samples, Scrape, Stack, StackId};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// 2026-01-01.
const BEGIN: i64 = 1_767_225_600_000;
const OF_A_SERVICE: usize = 10;

/// How the count of a stack behaves.
#[derive(Clone, Copy)]
enum Kind {
    /// Workers, listeners, janitors.
    Stands(u32),
    /// Handlers: in proportion to the load, with the noise of independent arrivals.
    Load(f64),
    /// Now and then a few.
    Brief(f64),
    /// Sockets: some come, some go.
    Walks(u32),
    /// Leaks so many a minute.
    Grows(f64),
}

struct Process {
    generation: GenerationId,
    stacks: Vec<(StackId, Kind, f64)>,
    /// When within a minute it is asked.
    phase: i64,
}

impl Process {
    fn scrape(&mut self, minute: i64, random: &mut StdRng) -> Scrape {
        let hour = minute as f64 / 60.0;
        let load = 1.0 + 0.6 * (hour / 24.0 * std::f64::consts::TAU).sin();
        let mut counts = Vec::new();
        for (stack, kind, state) in &mut self.stacks {
            let count = match *kind {
                Kind::Stands(count) => count,
                Kind::Load(mean) => poisson(mean * load, random),
                Kind::Brief(often) => u32::from(random.random_bool(often)) * random.random_range(1..4),
                Kind::Walks(_) => {
                    *state = (*state + f64::from(poisson(2.0, random)) - f64::from(poisson(2.0, random))).max(0.0);
                    *state as u32
                }
                Kind::Grows(rate) => {
                    *state += f64::from(poisson(rate, random));
                    *state as u32
                }
            };
            if count > 0 {
                counts.push((*stack, count));
            }
        }
        let late = random.random_range(0..25);
        Scrape { generation: self.generation, at: BEGIN + minute * MINUTE + self.phase + late, counts }
    }
}

/// Exact for small means, by the normal distribution for large ones.
fn poisson(mean: f64, random: &mut StdRng) -> u32 {
    if mean > 30.0 {
        let normal: f64 = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        return (mean + normal * mean.sqrt()).round().max(0.0) as u32;
    }
    let (limit, mut product, mut count) = ((-mean).exp(), random.random::<f64>(), 0);
    while product > limit {
        product *= random.random::<f64>();
        count += 1;
    }
    count
}

fn kind(random: &mut StdRng) -> Kind {
    match random.random_range(0..100) {
        0..55 => Kind::Stands([1, 1, 1, 2, 4, 8, 64][random.random_range(0..7)]),
        55..77 => Kind::Load([0.3, 2.0, 10.0, 40.0, 300.0][random.random_range(0..5)]),
        77..92 => Kind::Brief(random.random_range(0.02..0.5)),
        92..98 => Kind::Walks(random.random_range(20..400)),
        _ => Kind::Grows(random.random_range(0.02..2.0)),
    }
}

fn stack(service: usize, line: u32) -> Stack {
    let frame = |depth: u32| Frame {
        function: format!("example.com/service{service}/internal/part{depth}.(*Worker).Run.func{}", line % 3),
        file: format!("/go/src/example.com/service{service}/internal/part{depth}/worker.go"),
        line: line + depth,
    };
    let signature = format!("{:016x}", service as u64 * 1_000 + u64::from(line));
    Stack { signature, operation: "select".to_owned(), frames: (0..12).map(frame).collect() }
}

fn fleet(store: &Sqlite, targets: usize, random: &mut StdRng) -> Vec<Process> {
    let mut fleet = Vec::new();
    for target in 0..targets {
        let service = target / OF_A_SERVICE;
        // The instances of a service behave alike.
        let mut of_service = StdRng::seed_from_u64(service as u64);
        let number = of_service.random_range(30..100);
        let kinds: Vec<Kind> = (0..number).map(|_| kind(&mut of_service)).collect();
        let stacks: Vec<Stack> = (0..number).map(|line| stack(service, line)).collect();
        let name = format!("service{service}");
        let ids = store.intern_for(&name, &stacks).unwrap();
        let generation = Generation {
            target: TargetId(target as u64),
            instance: format!("10.0.0.{target}:6060"),
            job: "kubernetes-pods".to_owned(),
            labels: BTreeMap::from([("namespace".to_owned(), "shop".to_owned()), ("pod".to_owned(), name.clone())]),
            service: name,
            build: "2026.1.7".to_owned(),
            started_at: BEGIN,
            last_seen: BEGIN,
        };
        let state = |kind: &Kind| if let Kind::Walks(begin) = kind { f64::from(*begin) } else { 0.0 };
        fleet.push(Process {
            generation: store.generation(&generation).unwrap(),
            stacks: ids.into_iter().zip(kinds).map(|(id, kind)| (id, kind, state(&kind))).collect(),
            phase: random.random_range(0..MINUTE),
        });
    }
    fleet.sort_by_key(|process| process.phase);
    fleet
}

/// Fills a store as `serve` would: batches of about a second, packing each minute. The time that
/// appending took, and how many scrapes that were.
fn fill(store: &Sqlite, fleet: &mut [Process], hours: i64, random: &mut StdRng) -> (Duration, Vec<Duration>, usize) {
    let (mut spent, mut slowest, mut scrapes) = (Duration::ZERO, Vec::new(), 0);
    for minute in 0..hours * 60 {
        for batch in fleet.chunks_mut(83) {
            let batch: Vec<_> = batch.iter_mut().map(|process| process.scrape(minute, random)).collect();
            let begun = Instant::now();
            store.append(&batch).unwrap();
            spent += begun.elapsed();
            slowest.push(begun.elapsed());
            scrapes += batch.len();
        }
        store.maintain(BEGIN + minute * MINUTE).unwrap();
    }
    slowest.sort_unstable();
    (spent, slowest, scrapes)
}

fn measure(targets: usize, hours: i64) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { maintain_for: Duration::MAX, ..Settings::default() };
    let store = Sqlite::open(folder.path(), settings).unwrap();
    let mut random = StdRng::seed_from_u64(7);
    let mut fleet = fleet(&store, targets, &mut random);
    let (spent, slowest, scrapes) = fill(&store, &mut fleet, hours, &mut random);

    let hour_of_fleet = Query { from: BEGIN + (hours - 2) * HOUR, to: BEGIN + (hours - 1) * HOUR, ..Query::default() };
    let begun = Instant::now();
    let all = store.series(&hour_of_fleet).unwrap();
    let whole_fleet = begun.elapsed();
    let points: usize = all.iter().map(|series| series.points.len()).sum();
    let one = Query {
        from: BEGIN,
        to: BEGIN + hours * HOUR,
        generations: vec![fleet[3].generation],
        stacks: vec![fleet[3].stacks[3].0],
    };
    store.series(&one).unwrap();
    let begun = Instant::now();
    for _ in 0..20 {
        store.series(&one).unwrap();
    }
    let one_series = begun.elapsed() / 20;

    // Others append while the hour is packed.
    let mut waits = Vec::new();
    let packing = std::thread::scope(|scope| {
        let packer = scope.spawn(|| {
            let begun = Instant::now();
            store.maintain(BEGIN + (hours + 1) * HOUR).unwrap();
            begun.elapsed()
        });
        while !packer.is_finished() {
            for batch in fleet.chunks_mut(83) {
                let batch: Vec<_> = batch.iter_mut().map(|process| process.scrape(hours * 60, &mut random)).collect();
                let begun = Instant::now();
                store.append(&batch).unwrap();
                waits.push(begun.elapsed());
            }
        }
        packer.join().unwrap()
    });
    waits.sort_unstable();
    let (median_wait, longest_wait) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    store.maintain(BEGIN + (hours + 2) * HOUR).unwrap();
    let begun = Instant::now();
    let checked = store.check().unwrap();
    let check = begun.elapsed();
    drop(store);
    // The log is written back; what is left is the database.
    let begun = Instant::now();
    let store = Sqlite::open(folder.path(), settings).unwrap();
    let open = begun.elapsed();
    let bytes = std::fs::metadata(folder.path().join("gostray.db")).unwrap().len();
    let samples = store.size().unwrap().samples;
    let each = bytes as f64 / samples as f64;
    println!(
        "{targets} processes, {hours} h: {scrapes} scrapes, {samples} samples in {} chunks, {:.1} MB, {each:.3} bytes a sample
append: {:.0} scrapes/s, {:.0} samples/s; a batch of up to 83: median {:?}, 99 % {:?}, slowest {:?}
one series of {hours} h: {one_series:?}; 1 h of the whole fleet: {whole_fleet:?} ({} series, {points} points)
packing an hour: {packing:?}, an append meanwhile: median {median_wait:?}, longest {longest_wait:?}
check: {check:?}; open: {open:?}",
        checked.chunks,
        bytes as f64 / 1e6,
        scrapes as f64 / spent.as_secs_f64(),
        samples as f64 / spent.as_secs_f64(),
        slowest[slowest.len() / 2],
        slowest[slowest.len() * 99 / 100],
        slowest[slowest.len() - 1],
        all.len(),
    );
    // A day that is made coarser.
    let begun = Instant::now();
    let next = Scrape { generation: fleet[0].generation, at: BEGIN + 6 * 24 * HOUR, counts: Vec::new() };
    store.append(&[next]).unwrap();
    store.maintain(BEGIN + 6 * 24 * HOUR).unwrap();
    let coarsening = begun.elapsed();
    store.check().unwrap();
    drop(store);
    let coarse = std::fs::metadata(folder.path().join("gostray.db")).unwrap().len();
    println!("made coarser in {coarsening:?}: {:.1} MB", coarse as f64 / 1e6);
    each
}

/// A target that makes up 100,000 stacks a scrape.
#[test]
#[ignore = "a measurement"]
fn a_target_that_makes_up_stacks() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path(), Settings::default()).unwrap();
    for scrape in 0..3 {
        let stacks: Vec<_> = (0..100_000).map(|line| stack(0, scrape * 100_000 + line)).collect();
        let begun = Instant::now();
        store.intern_for("hostile", &stacks).unwrap();
        println!("100,000 made-up stacks: {:?}; {} kept", begun.elapsed(), store.check().unwrap().stacks);
    }
}

#[test]
fn a_sample_takes_at_most_two_bytes() {
    assert!(measure(30, 6) <= 2.0);
}

#[test]
#[ignore = "a measurement: minutes in a debug build"]
fn a_fleet_of_1000_for_a_day() {
    assert!(measure(1_000, 24) <= 2.0);
}
