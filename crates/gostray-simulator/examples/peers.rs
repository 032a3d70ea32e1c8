//! Prints how the peers do over so many seeds, scraped every so many seconds:
//! `cargo run --release -p gostray-simulator --example peers -- 3 300`.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::time::Instant;

use gostray_simulator::{Maker, Score, Shape, World, evaluate, peers, table};

fn main() {
    let number = |at: usize, otherwise: u32| match std::env::args().nth(at).map(|given| given.parse()) {
        None => otherwise,
        Some(Ok(number)) => number,
        Some(Err(error)) => {
            println!("argument {at} is not a whole number: {error}");
            std::process::exit(2);
        }
    };
    let seeds = u64::from(number(1, 3));
    let shape = Shape { scrape_interval: number(2, 300), ..Shape::default() };
    let makers: Vec<_> = peers::ALL.iter().map(|(name, rule)| (*name, rule.maker())).collect();
    let makers: Vec<(&str, &Maker<'_>)> = makers.iter().map(|(name, make)| (*name, &**make)).collect();
    let mut tallies = vec![Vec::new(); makers.len()];
    for seed in 1..=seeds {
        let world = World::new(seed, shape);
        let started = Instant::now();
        let leaks: usize = (0..world.shape().services).map(|index| world.service(index).truths.len()).sum();
        println!("seed {seed}: {leaks} leaks, simulated in {:.1} s", started.elapsed().as_secs_f64());
        for (all, tally) in tallies.iter_mut().zip(evaluate(&world, &makers)) {
            all.push(tally);
        }
        println!("with the peers {:.1} s", started.elapsed().as_secs_f64());
    }
    let scores: Vec<_> = makers.iter().zip(&tallies).map(|((name, _), all)| (*name, Score::of(all))).collect();
    println!("{}", table(&scores));
    for ((name, _), all) in makers.iter().zip(&tallies) {
        let mut accused = std::collections::BTreeMap::<_, u64>::new();
        for (about, count) in all.iter().flat_map(|tally| &tally.accused) {
            *accused.entry(about).or_default() += count;
        }
        let (leaks, negligible) =
            all.iter().fold((0, 0), |(leaks, small), tally| (leaks + tally.leaks, small + tally.negligible));
        println!("{name}: {leaks} leaks, {negligible} negligible; falsely accused {accused:?}");
    }
}
