//! Prints how the peers do: `cargo run --release -p gostray-simulator --example peers -- 3`.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::time::Instant;

use gostray_simulator::{Maker, Score, Shape, World, evaluate, peers, table};

fn main() {
    let seeds = std::env::args().nth(1).and_then(|seeds| seeds.parse().ok()).unwrap_or(3);
    let makers: Vec<_> = peers::ALL.iter().map(|(name, rule)| (*name, rule.maker())).collect();
    let makers: Vec<(&str, &Maker<'_>)> = makers.iter().map(|(name, make)| (*name, &**make)).collect();
    let mut tallies = vec![Vec::new(); makers.len()];
    for seed in 1..=seeds {
        let world = World::new(seed, Shape::default());
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
