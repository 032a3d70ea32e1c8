//! The detector over history, from outside: what no input breaks, what it finds in a small fleet that is made
//! here for it (not the simulator of the benchmark), and what it costs.
#![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]

use std::time::Instant;

use gostray_verdict::Verdict;
use gostray_verdict::history::{
    Assessment, Envelope, HOUR, Load, MINUTE, Millis, Run, Survival, Tracker, Weighed, assess,
};
use proptest::prelude::*;

/// Milliseconds since 1970 of a day in 2026, so that times are as large as real ones.
const START: Millis = 1_790_000_000_000;

/// Small numbers that look random and are the same each time (xorshift).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn daily(minute: i64) -> f64 {
    100.0 - 80.0 * (minute as f64 / 1_440.0 * std::f64::consts::TAU).cos()
}

/// How the goroutines of one kind behave.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    /// So many more each minute, whatever the load.
    Leak(f64),
    /// So many more each minute at the mean load, in proportion to it.
    LeakByLoad(f64),
    /// So many at a time, on average every four hours in each process on its own.
    Bursts(f64),
    /// So many more each minute, in all processes, for forty minutes every eight hours.
    Incidents(f64),
    /// They end with their request.
    Follows,
    /// As many as there ever were requests at a time.
    Pool,
    /// So many in the end, with a time constant in hours.
    WarmUp(f64, f64),
    /// Connections that come and go.
    Walk,
    /// More from one time on.
    Step,
    /// Work that comes each night and ends.
    Nightly,
    /// As many as there ever were requests at a time, which come in spikes.
    Spikes,
    /// Waits for something that does not answer for two hours, then drains slowly.
    Queue,
    /// Half of a thousand are there from the beginning; one more now and then.
    Tenants,
}

impl Shape {
    fn is_leak(self) -> bool {
        matches!(self, Self::Leak(_) | Self::LeakByLoad(_) | Self::Bursts(_) | Self::Incidents(_))
    }
}

/// One process of `hours`: its scrapes a minute apart, one in fifty missing.
fn process(shape: Shape, hours: i64, noise: &mut Noise) -> (Envelope, Load) {
    let (mut envelope, mut load) = (Envelope::default(), Load::default());
    let (mut level, mut highest) = (20.0_f64, 0.0_f64);
    for minute in 0..hours * 60 {
        let requests = daily(minute) * (0.9 + 0.2 * noise.next());
        let hour = minute as f64 / 60.0;
        highest = highest.max(requests);
        let count = match shape {
            Shape::Leak(rate) => {
                level += f64::from(u8::from(noise.next() < rate.fract())) + rate.trunc();
                level + requests * 0.1
            }
            Shape::LeakByLoad(rate) => {
                level += rate * requests / 100.0;
                level
            }
            Shape::Bursts(size) => {
                if noise.next() < 1.0 / 240.0 {
                    level += size * (0.5 + noise.next());
                }
                level
            }
            Shape::Incidents(rate) => {
                if (60..100).contains(&(minute % 480)) {
                    level += rate;
                }
                level
            }
            Shape::Follows => requests,
            Shape::Pool => highest,
            Shape::Spikes => {
                let spike = if noise.next() < 1.0 / 480.0 { 2.0 } else { 1.0 };
                level = level.max(requests * spike);
                level
            }
            Shape::Queue => {
                let into = (hour - 28.0).clamp(0.0, 2.0);
                (20.0 + into * 900.0 - (hour - 30.0).max(0.0) * 120.0).max(20.0)
            }
            Shape::Tenants => 500.0 + (hour * 0.4).floor(),
            Shape::WarmUp(end, hours) => end * (1.0 - (-hour / hours).exp()),
            Shape::Walk => {
                level = (level + (noise.next() - 0.5) * 4.0).max(0.0);
                level
            }
            Shape::Step => {
                if hour > 7.0 {
                    300.0
                } else {
                    20.0
                }
            }
            Shape::Nightly => {
                if hour % 24.0 < 3.0 {
                    200.0 * (hour % 24.0) / 3.0
                } else {
                    5.0
                }
            }
        };
        if noise.next() < 0.98 {
            envelope.push(START + minute * MINUTE, count as u32);
            load.push(START + minute * MINUTE, requests as u32);
        }
    }
    (envelope, load)
}

/// Two looks, two hours apart, at a service of some processes; from counts alone.
fn is_suspected(shape: Shape, instances: u64, noise: &mut Noise) -> bool {
    let mut tracker = Tracker::default();
    let seed = noise.0;
    let looks = [30, 32].map(|hours| {
        // The same process, seen for longer.
        let mut noise = Noise(seed);
        let made: Vec<_> = (0..instances).map(|_| process(shape, hours, &mut noise)).collect();
        let run = |(id, (envelope, load))| Run { id, started_at: START, is_over: false, envelope, load };
        let runs: Vec<Run<'_>> = (0..).zip(made.iter().map(|(envelope, load)| (envelope, load))).map(run).collect();
        let now = START + hours * HOUR;
        tracker.look(&assess(&runs, 1.0, now), now).verdict
    });
    noise.next();
    looks[1] == Some(Verdict::Suspect)
}

#[test]
fn leaks_are_found_and_what_looks_like_them_is_not() {
    let leaks = [
        Shape::Leak(0.02),
        Shape::Leak(0.1),
        Shape::Leak(1.0),
        Shape::Leak(8.0),
        Shape::LeakByLoad(0.5),
        Shape::Bursts(30.0),
    ];
    let healthy = [
        Shape::Follows,
        Shape::Pool,
        Shape::WarmUp(2_000.0, 3.0),
        Shape::WarmUp(2_000.0, 10.0),
        Shape::Walk,
        Shape::Step,
        Shape::Nightly,
        Shape::Spikes,
        Shape::Queue,
        Shape::Tenants,
    ];
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let (mut found, mut there, mut wrong) = (0, 0, 0);
    for shape in leaks.into_iter().chain(healthy) {
        let suspected = (0..6).filter(|_| is_suspected(shape, 3, &mut noise)).count();
        println!("{shape:?}: {suspected} of 6 suspected");
        if shape.is_leak() {
            (found, there) = (found + suspected, there + 6);
        } else {
            wrong += suspected;
        }
    }
    let (precision, recall) = (found as f64 / ((found + wrong) as f64).max(1.0), found as f64 / f64::from(there));
    println!("counts alone: precision {precision:.2}, recall {recall:.2}");
    assert!(recall >= 0.8, "recall {recall:.2}");
    assert!(precision >= 0.8, "precision {precision:.2}");
}

#[test]
fn what_history_and_a_look_cost() {
    let mut noise = Noise(7);
    let (envelope, load) = process(Shape::Follows, 72, &mut noise);
    // What is not on the heap; the heap holds at most 144 + 24 entries of 12 bytes, twice that while it grows.
    let least = std::mem::size_of::<Envelope>();
    let distinct = envelope.coarse().count() + envelope.fine().count();
    println!("an envelope: {least} bytes and at most {distinct} entries of 12 bytes where each bucket differs");
    let (leak, leak_load) = process(Shape::Leak(1.0), 72, &mut noise);
    for (name, envelope, load) in [("follows the load", &envelope, &load), ("leaks", &leak, &leak_load)] {
        let run = Run { id: 1, started_at: START, is_over: false, envelope, load };
        let began = Instant::now();
        for _ in 0..50 {
            std::hint::black_box(assess(std::hint::black_box(&[run]), 1.0, START + 72 * HOUR));
        }
        println!("a look at 72 h of a kind that {name}: {:?}", began.elapsed() / 50);
    }
    assert!(least <= 200 && distinct <= 144 + 24);
}

/// What `assess` thinks of processes of one service, all looked at after `hours`; those of `ended` have ended.
fn of_all(living: &[(Envelope, Load)], ended: &[(Envelope, Load)], hours: i64) -> Assessment {
    let run = |is_over| move |(id, (envelope, load))| Run { id, started_at: START, is_over, envelope, load };
    let pairs = |of: &'_ [(Envelope, Load)]| (0..of.len()).map(|at| at as u64).collect::<Vec<_>>();
    let mut runs: Vec<Run<'_>> =
        pairs(living).into_iter().zip(living.iter().map(|(e, l)| (e, l))).map(run(false)).collect();
    let ids = pairs(ended).into_iter().map(|id| id + 100);
    runs.extend(ids.zip(ended.iter().map(|(e, l)| (e, l))).map(run(true)));
    assess(&runs, 1.0, START + hours * HOUR)
}

#[test]
fn what_the_other_processes_show_speaks_against_one_that_looks_like_a_leak() {
    let mut noise = Noise(11);
    let leak = process(Shape::Leak(0.1), 30, &mut noise);
    let quiet: Vec<_> = (0..5).map(|_| process(Shape::Step, 6, &mut noise)).collect();
    let fills: Vec<_> = (0..5).map(|_| process(Shape::WarmUp(200.0, 4.0), 30, &mut noise)).collect();
    let with = |others: &[(Envelope, Load)]| {
        let all: Vec<_> = std::iter::once(leak.clone()).chain(others.iter().cloned()).collect();
        of_all(&all, &[], 30).score
    };
    assert!(with(&quiet) >= 3.0, "a leak in one process of six is one");
    assert!(with(&fills) < 3.0, "where the others fill up, one of them by chance does so evenly");
}

#[test]
fn steps_from_which_nothing_comes_back_are_a_leak_after_some_days() {
    let mut noise = Noise(19);
    let made: Vec<_> = (0..3).map(|_| process(Shape::Incidents(2.0), 71, &mut noise)).collect();
    let score = of_all(&made, &[], 71).score;
    assert!(score >= 3.0, "{score}");
    let step: Vec<_> = (0..3).map(|_| process(Shape::Step, 71, &mut noise)).collect();
    let score = of_all(&step, &[], 71).score;
    assert!(score < 3.0, "one step is not: {score}");
}

#[test]
fn what_ended_still_counts() {
    let mut noise = Noise(13);
    let made = |shape, noise: &mut Noise| (0..3).map(|_| process(shape, 16, noise)).collect::<Vec<_>>();
    let (now, before) = (made(Shape::Leak(0.5), &mut noise), made(Shape::Leak(0.5), &mut noise));
    let fills = made(Shape::WarmUp(200.0, 2.0), &mut noise);
    let alone = of_all(&now, &[], 16).score;
    assert!(of_all(&now, &before, 16).score > alone, "what leaked before a deploy, too, is surer");
    assert!(of_all(&now, &fills, 16).score < alone, "what came to rest before is less sure");
}

#[test]
fn what_was_weighed_is_not_weighed_again_within_a_half_hour() {
    let mut noise = Noise(17);
    let (envelope, load) = process(Shape::Leak(1.0), 20, &mut noise);
    let run = Run { id: 1, started_at: START, is_over: false, envelope: &envelope, load: &load };
    let mut weighed = Weighed::default();
    for minutes in [0, 10, 29, 30, 45] {
        let now = START + 20 * HOUR + minutes * MINUTE;
        assert_eq!(weighed.assess(&[run], 1.0, now), assess(&[run], 1.0, now));
        let over = Run { is_over: true, ..run };
        assert_eq!(weighed.assess(&[over], 1.0, now).runs, [], "one that has ended is another matter");
    }
}

#[test]
fn a_fast_leak_that_is_as_old_as_its_process_needs_no_ids() {
    let since_start = |base: f64| {
        let (mut envelope, mut load) = (Envelope::default(), Load::default());
        for minute in 0..41 {
            let at = START + 5 * HOUR + minute * MINUTE;
            envelope.push(at, (base + 6.0 * minute as f64) as u32);
            load.push(at, 20);
        }
        let run = Run { id: 1, started_at: START, is_over: false, envelope: &envelope, load: &load };
        let assessment = assess(&[run], 1.0, START + 5 * HOUR + 41 * MINUTE);
        (assessment.is_fast, assessment.is_since_start)
    };
    assert_eq!(since_start(1_800.0), (true, true), "six a minute for five hours");
    assert_eq!(since_start(20.0), (true, false), "something has begun just now");
    assert_eq!(since_start(9_000.0), (true, false), "it came in another way");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_history_breaks_it(
        points in prop::collection::vec((-100_i64..400, any::<u32>(), any::<u32>()), 0..120),
        began in -100_i64..400,
        ahead in -100_i64..400,
    ) {
        let (mut envelope, mut load) = (Envelope::default(), Load::default());
        for (step, count, requests) in points {
            envelope.push(START + step * 7 * MINUTE, count);
            load.push(START + step * 7 * MINUTE, requests);
        }
        let run = Run { id: 1, started_at: START + began * HOUR, is_over: false, envelope: &envelope, load: &load };
        let now = START + ahead * HOUR;
        let assessment = assess(&[run, run], 1.0, now);
        prop_assert!(assessment.score.is_finite());
        let mut tracker = Tracker::default();
        tracker.look(&assessment, now);
        tracker.look(&assessment, now - 5 * HOUR);
        tracker.listed(1, vec![1, 2, 3], now);
        tracker.listed(1, vec![], now - HOUR);
        tracker.look(&assess(&[], 1.0, now), now + HOUR);
    }

    #[test]
    fn when_it_began_changes_nothing(
        rises in prop::collection::vec(0_u32..6, 20..60),
        days in 0_i64..100,
    ) {
        let of = |shift: Millis| {
            let (mut envelope, mut load, mut level) = (Envelope::default(), Load::default(), 7);
            for (step, rise) in (0_i64..).zip(&rises) {
                level += rise;
                envelope.push(START + shift + step * 30 * MINUTE, level);
                load.push(START + shift + step * 30 * MINUTE, 10);
            }
            let run = Run { id: 1, started_at: START + shift, is_over: false, envelope: &envelope, load: &load };
            assess(&[run], 1.0, START + shift + rises.len() as i64 * 30 * MINUTE)
        };
        prop_assert_eq!(of(0), of(days * 24 * HOUR));
    }
}

#[test]
fn a_slow_leak_is_asked_about_again_until_one_is_born() {
    let (envelope, load) = process(Shape::Leak(0.1), 30, &mut Noise(3));
    let run = Run { id: 1, started_at: START, is_over: false, envelope: &envelope, load: &load };
    let now = START + 30 * HOUR;
    let assessment = assess(&[run], 1.0, now);
    assert!(assessment.score >= 3.0, "{assessment:?}");
    let mut tracker = Tracker::default();
    assert!(!tracker.look(&assessment, now).wanted.is_empty());
    tracker.survived(1, Survival { before: 200, stayed: 200, born: 0 }, now, now + 14 * MINUTE);
    let later = tracker.look(&assessment, now + 2 * HOUR);
    assert!(later.wanted.iter().any(|wanted| matches!(wanted, gostray_verdict::history::Wanted::Ids(_))), "{later:?}");
}

#[test]
fn a_comparison_with_an_empty_first_list_says_nothing() {
    let (envelope, load) = process(Shape::Leak(0.1), 30, &mut Noise(3));
    let run = Run { id: 1, started_at: START, is_over: false, envelope: &envelope, load: &load };
    let now = START + 30 * HOUR;
    let assessment = assess(&[run], 1.0, now);
    let mut tracker = Tracker::default();
    tracker.look(&assessment, now);
    tracker.survived(1, Survival { before: 0, stayed: 0, born: 3 }, now, now + 14 * MINUTE);
    let later = tracker.look(&assessment, now + 3 * HOUR);
    assert!(!later.wanted.is_empty() || later.verdict.is_some(), "{later:?}");
}

#[test]
fn a_clock_that_jumps_ahead_and_back_loses_little() {
    let mut envelope = Envelope::default();
    for minute in 0..20 * 60 {
        let jump = if minute == 600 { 48 * HOUR } else { 0 };
        envelope.push(START + minute * MINUTE + jump, minute as u32);
    }
    let seen: Vec<_> = envelope.coarse().collect();
    assert!(seen.len() > 30, "of 20 hours {} half hours are left", seen.len());
}
