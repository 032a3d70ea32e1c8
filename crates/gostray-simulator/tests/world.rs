//! The fleet does what it says.

use gostray_simulator::{Oracle, Service, ServiceOracle, Shape, State, Trigger, World};

fn small() -> Shape {
    Shape { services: 24, instances: 3, days: 4, scrape_interval: 300 }
}

fn services(seed: u64) -> impl Iterator<Item = Service> {
    let world = World::new(seed, small());
    (0..world.shape().services).map(move |index| world.service(index))
}

fn counts(service: &Service) -> Vec<(usize, u32, i64, Vec<u32>)> {
    (0..service.steps())
        .flat_map(|step| service.scrapes(step))
        .map(|scrape| (scrape.instance, scrape.generation, scrape.time, scrape.counts.to_vec()))
        .collect()
}

#[test]
fn a_seed_determines_the_fleet() {
    let world = World::new(7, small());
    let (one, same) = (world.service(3), World::new(7, small()).service(3));
    assert_eq!(counts(&one), counts(&same));
    assert_eq!((&one.kinds, &one.truths), (&same.kinds, &same.truths));
    assert_ne!(counts(&one), counts(&World::new(8, small()).service(3)));
    assert_ne!(counts(&one), counts(&world.service(4)));
}

#[test]
fn a_fleet_has_about_three_leaks_in_ten_services_of_every_trigger() {
    let world = World::new(1, Shape { instances: 1, days: 2, ..Shape::default() });
    let truths: Vec<_> = (0..100).flat_map(|index| world.service(index).truths).collect();
    assert_eq!(truths.len(), 30);
    for trigger in
        [Trigger::Time, Trigger::Load, Trigger::Burst, Trigger::OneInstance, Trigger::Build, Trigger::Incident]
    {
        assert_eq!(truths.iter().filter(|truth| truth.trigger == trigger).count(), 5, "{trigger:?}");
    }
    assert!(truths.iter().all(|truth| (0.02..=8.0).contains(&truth.rate_a_minute)));
}

#[test]
fn a_leak_grows_by_its_rate_and_never_shrinks_within_a_process() {
    let (mut checked, mut ratio) = (0, 0.0);
    for service in (1..9).flat_map(services) {
        for truth in &service.truths {
            let instance = 0;
            let (mut grown, mut minutes) = (0.0, 0.0);
            let mut before: Option<(u32, i64, u32)> = None;
            for step in 0..service.steps() {
                let Some(scrape) = service.scrapes(step).find(|scrape| scrape.instance == instance) else {
                    continue;
                };
                let leaked = service.leaked(step, instance, truth.kind);
                assert!(scrape.counts[truth.kind] >= leaked);
                let now = service.true_time(step);
                if let Some((generation, at, was)) = before
                    && generation == scrape.generation
                {
                    assert!(leaked >= was, "a leaked goroutine ended");
                    grown += f64::from(leaked - was);
                    minutes += (now - at) as f64 / 60.0;
                }
                before = Some((scrape.generation, now, leaked));
            }
            let expected = truth.rate_a_minute * minutes;
            if truth.trigger == Trigger::Time {
                let spread = 5.0 * expected.sqrt() + 1.0;
                assert!((grown - expected).abs() < spread, "{grown} leaked, {expected} expected");
            }
            if truth.trigger == Trigger::Load && expected > 100.0 {
                checked += 1;
                ratio += grown / expected;
            }
        }
    }
    let mean = ratio / f64::from(checked);
    assert!(checked >= 3 && (0.6..1.7).contains(&mean), "{checked} leaks by load, {mean} of their rate");
}

#[test]
fn truth_begins_with_the_first_leaked_goroutine() {
    for service in (1..4).flat_map(services) {
        for truth in &service.truths {
            let first = (0..service.steps())
                .find(|step| (0..service.instances()).any(|instance| service.leaked(*step, instance, truth.kind) > 0));
            assert_eq!(truth.from, first.map(|step| service.true_time(step)));
            if truth.trigger == Trigger::OneInstance {
                let last = service.steps() - 1;
                let leaking = (0..service.instances()).filter(|one| service.leaked(last, *one, truth.kind) > 0).count();
                assert!(leaking <= 1);
            }
            if let Some(to) = truth.to {
                let after = (0..service.steps()).filter(|step| service.true_time(*step) > to + 600);
                for step in after {
                    for scrape in service.scrapes(step) {
                        assert_eq!(service.leaked(step, scrape.instance, truth.kind), 0, "leaks after the fix");
                    }
                }
            }
        }
    }
}

#[test]
fn pools_never_shrink_within_a_process_and_warm_ups_saturate() {
    let (mut pools, mut slowing) = (0, (0.0, 0.0));
    for service in (1..4).flat_map(services) {
        for (kind, info) in service.kinds.iter().enumerate() {
            let mut before: Option<(u32, u32)> = None;
            for step in 0..service.steps() {
                let Some(scrape) = service.scrapes(step).find(|scrape| scrape.instance == 0) else { continue };
                let count = scrape.counts[kind];
                if let Some((generation, was)) = before
                    && generation == scrape.generation
                {
                    match info.about {
                        "high-water pool" => {
                            pools += 1;
                            assert!(count >= was);
                        }
                        "slow warm-up" => {
                            assert!(count >= was);
                            let age = service.true_time(step) - scrape.process_start;
                            let growth = f64::from(count - was);
                            if age < 12 * 3600 { slowing.0 += growth } else { slowing.1 += growth }
                        }
                        _ => {}
                    }
                }
                before = Some((scrape.generation, count));
            }
        }
    }
    assert!(pools > 1000);
    assert!(slowing.0 > 4.0 * slowing.1, "grew {} while young, {} later", slowing.0, slowing.1);
}

#[test]
fn survival_agrees_with_the_counts() {
    let (mut asked, mut answered, mut transient, mut leaks) = (0, 0, (0.0, 0.0), 0);
    for service in (1..4).flat_map(services) {
        let oracle = ServiceOracle::new(&service, service.steps() - 1);
        for step in (0..service.steps() - 12).step_by(97) {
            let (first, second) = (service.clock(step), service.clock(step + 12));
            for scrape in service.scrapes(step) {
                for (kind, count) in scrape.counts.iter().enumerate() {
                    asked += 1;
                    let Some(seen) = oracle.survival(service.index, scrape.instance, kind, first, second) else {
                        continue;
                    };
                    answered += 1;
                    let again = oracle.survival(service.index, scrape.instance, kind, first, second);
                    assert_eq!(again, Some(seen), "asked twice");
                    let later = service.scrapes(step + 12).find(|later| later.instance == scrape.instance);
                    let after = later.expect("the instance answered").counts[kind];
                    assert_eq!(seen.before, *count);
                    assert!(seen.stayed <= seen.before.min(after));
                    assert_eq!(seen.stayed + seen.born, after);
                    match service.kinds[kind].about {
                        "high-water pool" | "slow warm-up" => assert_eq!(seen.stayed, seen.before),
                        "request helpers" => {
                            transient.0 += f64::from(seen.stayed);
                            transient.1 += f64::from(seen.before);
                        }
                        "leak" => {
                            leaks += 1;
                            assert!(seen.stayed >= service.leaked(step, scrape.instance, kind));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    assert!(answered > asked / 3 && answered < asked, "{answered} of {asked} answered");
    assert!(leaks > 50);
    assert!(transient.0 < 0.01 * transient.1, "requests' helpers do not live for an hour");
}

#[test]
fn an_oracle_knows_nothing_of_the_future_of_others_and_of_large_processes() {
    let service = World::new(1, small()).service(0);
    let (first, second) = (service.clock(10), service.clock(40));
    let oracle = ServiceOracle::new(&service, 20);
    assert_eq!(oracle.survival(0, 0, 0, first, second), None, "after now");
    assert_eq!(oracle.survival(1, 0, 0, first, first), None, "another service");
    assert_eq!(oracle.survival(0, 99, 0, first, first), None, "no such instance");
    assert_eq!(oracle.asked(), (3, 0));
    for service in services(2) {
        let oracle = ServiceOracle::new(&service, 50);
        for scrape in service.scrapes(50).filter(|scrape| scrape.counts.iter().sum::<u32>() > 2000) {
            assert_eq!(oracle.survival(service.index, scrape.instance, 0, scrape.time, scrape.time), None);
        }
    }
}

#[test]
fn the_leak_profile_misses_some_leaks_and_never_accuses_the_healthy() {
    let (mut with, mut without, mut proven, mut missed) = (0, 0, 0, 0);
    for service in (1..12).flat_map(services) {
        let last = service.steps() - 1;
        let oracle = ServiceOracle::new(&service, last);
        for scrape in service.scrapes(last) {
            let Some(profile) = oracle.leak_profile(service.index, scrape.instance, scrape.time) else {
                without += 1;
                assert!(!service.has_leak_profile);
                continue;
            };
            with += 1;
            for (kind, leaked) in &profile {
                assert!(*leaked > 0 && *leaked <= scrape.counts[*kind]);
                assert!(service.truths.iter().any(|truth| truth.kind == *kind));
                assert!(!matches!(service.kinds[*kind].state, State::IoWait | State::Other));
            }
            let leaking = |truth: &&gostray_simulator::Truth| service.leaked(last, scrape.instance, truth.kind) > 0;
            proven += profile.len();
            missed += service.truths.iter().filter(leaking).count() - profile.len();
        }
    }
    assert!(with > 0 && without > with / 2, "{with} with, {without} without");
    assert!(proven > 0 && missed > 0, "{proven} proven, {missed} missed");
}

#[test]
fn instances_restart_scrapes_are_lost_and_clocks_step() {
    let (mut restarts, mut lost, mut back, mut builds) = (0, 0, 0, 0);
    for service in (1..6).flat_map(services) {
        let mut before = vec![None; service.instances()];
        for step in 0..service.steps() {
            lost += service.instances() - service.scrapes(step).count();
            if step > 0 && service.clock(step) <= service.clock(step - 1) {
                back += 1;
            }
            for scrape in service.scrapes(step) {
                assert!(scrape.process_start <= service.true_time(step));
                if let Some((generation, build)) = before[scrape.instance].replace((scrape.generation, scrape.build)) {
                    assert!(generation <= scrape.generation && build <= scrape.build);
                    restarts += u32::from(generation < scrape.generation);
                    builds += u32::from(build < scrape.build);
                }
            }
        }
    }
    assert!(restarts > builds && builds > 50 && lost > 100 && back > 0, "{restarts} {builds} {lost} {back}");
}
