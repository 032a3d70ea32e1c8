//! The detector of `gostray serve` on real Go programs: each leak that a running service can show, under load that
//! varies, restarts and a deploy, beside its fixed twin and services that are lively and healthy. Days pass in minutes.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says where")]

mod programs;
mod server;
mod traffic;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gostray_toolchain::{Request, Toolchain};
use serde_json::Value;

use programs::{Instance, build, fixtures};
use server::Server;
use traffic::{Clock, Traffic, Uses, drive};

/// Those that show in no running service: two goroutines that might close a channel twice, and a goroutine for each
/// item, which ends.
const INVISIBLE: [u32; 2] = [11, 34];
/// Those of which the transport's goroutines stay, too.
const OF_THE_TRANSPORT: [u32; 2] = [28, 29];
/// Those whose leaked goroutines are at work: thousands of them would take the processor from all others.
const AT_WORK: [u32; 2] = [15, 16];
/// Healthy services beside the twins.
const SHAPES: [&str; 6] = ["batch", "pool", "queue", "sessions", "step", "warm_up"];
/// Leaked so often in an hour, each by each instance.
const RATES: [f64; 4] = [12.0, 60.0, 3.0, 300.0];

/// What is to be seen.
struct Plan<'a> {
    scenarios: &'a [u32],
    shapes: &'a [&'a str],
    /// So many scenarios at a time.
    at_once: usize,
    instances: usize,
    hours: f64,
    /// How much faster than in life time goes by.
    time_scale: f64,
}

/// A service of the fleet.
struct Service {
    name: String,
    /// The scenario that it leaks by.
    leaks: Option<u32>,
    builds: [PathBuf; 2],
    instances: Vec<Instance>,
    uses: Uses,
    is_enough: Arc<AtomicBool>,
}

/// What the server said of a service, in the order it did.
#[derive(Default)]
struct Told {
    /// Hour, verdict and evidence of its own leak.
    own: Vec<(f64, String)>,
    /// What is not its leak, and what was said of it.
    other: BTreeMap<String, String>,
}

fn uses_of(number: u32) -> Uses {
    if AT_WORK.contains(&number) {
        return Uses::WithRequests(RATES[2]);
    }
    let rate = RATES[number as usize % RATES.len()];
    match number as usize / RATES.len() % 4 {
        0 | 2 => Uses::WithRequests(rate),
        1 => Uses::Evenly(rate),
        _ if rate < 10.0 => Uses::OnOneInstance(rate),
        _ => Uses::InBursts(rate),
    }
}

/// The scenarios: number, name.
fn names() -> BTreeMap<u32, String> {
    let folders = fs::read_dir(fixtures()).unwrap().flatten();
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(|name| Some((name.strip_prefix('s')?.get(..2)?.parse().ok()?, name))).collect()
}

impl Service {
    fn start(name: String, leaks: Option<u32>, builds: [PathBuf; 2], uses: Uses, hour: Duration, many: usize) -> Self {
        let instances = (0..many).map(|_| Instance::start(&builds[0], hour)).collect();
        Self { name, leaks, builds, instances, uses, is_enough: Arc::default() }
    }

    /// Is this leak the one that the scenario is about?
    fn is_own(&self, leak: &Value) -> bool {
        let Some(number) = self.leaks else { return false };
        let places = [&leak["blocked_at"], &leak["started_at"]];
        let is_in_scenario =
            |place: &&Value| place["file"].as_str().is_some_and(|file| file.ends_with("-leaky/main.go"));
        let is_in_transport =
            |place: &&Value| place["function"].as_str().is_some_and(|function| function.starts_with("net/http."));
        places.iter().any(is_in_scenario) || OF_THE_TRANSPORT.contains(&number) && places.iter().any(is_in_transport)
    }
}

/// What happens to a service's instances, in order of time: hour, instance, and whether it is back (with which build) or
/// gone.
fn restarts(service: u64, instances: usize, hours: f64) -> Vec<(f64, usize, Option<usize>)> {
    // For a few minutes, as a process is that is moved or has crashed.
    let gone = 0.08;
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let (service, all) = (service as f64, instances as f64);
    let crash = hours * (0.25 + 0.01 * (service % 10.0));
    let deploy = hours * (0.5 + 0.01 * (service % 10.0));
    let mut events = vec![(crash, 0, None), (crash + gone, 0, Some(0))];
    for instance in 0..instances {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let at = deploy + 0.5 * instance as f64 / all;
        events.extend([(at, instance, None), (at + gone, instance, Some(1))]);
    }
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    events
}

/// Runs services for the time of the plan.
fn watch(plan: &Plan<'_>, services: &mut [Service]) -> Vec<Told> {
    let folder = tempfile::tempdir().unwrap();
    let ports: Vec<(String, Vec<u16>)> = services
        .iter()
        .map(|service| (service.name.clone(), service.instances.iter().map(|one| one.port).collect()))
        .collect();
    let server = Server::start(folder.path(), &ports, plan.time_scale);
    let clock = Clock { began: Instant::now(), hour: Duration::from_secs_f64(3600.0 / plan.time_scale) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut events = Vec::new();
    for (at, service) in services.iter().enumerate() {
        let seed = seed_of(&service.name);
        for (instance, one) in service.instances.iter().enumerate() {
            let is_enough = service.is_enough.clone();
            let traffic = Traffic { port: one.port, service: seed, instance, uses: service.uses, is_enough };
            runtime.spawn(drive(traffic, clock));
        }
        let own = restarts(seed, service.instances.len(), plan.hours);
        events.extend(own.into_iter().map(|(hour, instance, build)| (hour, at, instance, build)));
    }
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut events = events.into_iter().peekable();
    let mut told: Vec<Told> = services.iter().map(|_| Told::default()).collect();
    while clock.hours() < plan.hours {
        while let Some((_, service, instance, build)) = events.next_if(|(hour, ..)| *hour <= clock.hours()) {
            let Service { builds, instances, .. } = &mut services[service];
            match build {
                Some(build) => instances[instance].start_again(&builds[build]),
                None => instances[instance].stop(),
            }
        }
        let hour = clock.hours();
        for leak in server.get("/api/v1/leaks?state=all")["leaks"].as_array().unwrap() {
            let at = services.iter().position(|service| leak["service"] == *service.name).unwrap();
            note(&mut told[at], &services[at], leak, hour);
        }
        for (told, service) in told.iter().zip(&*services) {
            // It has been found for a while: what it leaks from now on would only take the processor from others.
            let is_enough = told.own.first().is_some_and(|(first, _)| hour - first > 6.0);
            service.is_enough.fetch_or(is_enough, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    told
}

/// Of its own for each service, whatever others there are.
fn seed_of(name: &str) -> u64 {
    name.bytes().fold(7, |seed, byte| (seed * 31 + u64::from(byte)) % 1_000_003)
}

fn note(told: &mut Told, service: &Service, leak: &Value, hour: f64) {
    let kinds: Vec<&str> = leak["evidence"].as_array().unwrap().iter().filter_map(|one| one["kind"].as_str()).collect();
    let words = format!("{} ({})", leak["verdict"].as_str().unwrap(), kinds.join(", "));
    if service.is_own(leak) {
        if told.own.last().is_none_or(|(_, last)| *last != words) && told.own.len() < 20 {
            told.own.push((hour, words));
        }
        return;
    }
    let place = |name: &str| leak[name]["function"].as_str().unwrap_or("?").to_owned();
    let signature = format!("{} of {} in {}", leak["operation"], place("started_at"), place("blocked_at"));
    let details: Vec<&str> =
        leak["evidence"].as_array().unwrap().iter().filter_map(|one| one["detail"].as_str()).collect();
    told.other.entry(signature).or_insert_with(|| format!("{words} after {hour:.1} h: {}", details.join("; ")));
}

fn run(plan: &Plan<'_>) {
    let go = Toolchain::find(Request::Any, &mut |_| {}).unwrap();
    let hour = Duration::from_secs_f64(3600.0 / plan.time_scale);
    let names = names();
    let mut failed = Vec::new();
    for (wave, scenarios) in plan.scenarios.chunks(plan.at_once).enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let (mut programs, mut kinds) = (Vec::new(), Vec::new());
        let mut add = |name: String, source: PathBuf, leaks: Option<u32>, uses: Uses| {
            programs.push((name, source));
            kinds.push((leaks, uses));
        };
        for number in scenarios {
            for variant in ["leaky", "fixed"] {
                let name = format!("{}-{variant}", names[number]);
                let source = fixtures().join(&names[number]).join(variant);
                add(name, source, (variant == "leaky").then_some(*number), uses_of(*number));
            }
        }
        if wave == 0 {
            for (at, shape) in plan.shapes.iter().enumerate() {
                let uses = Uses::WithRequests(if at % 2 == 0 { 60.0 } else { 30.0 });
                add(format!("shape-{shape}"), fixtures().join("shapes").join(shape), None, uses);
            }
        }
        build(&go, &programs, folder.path());
        let mut services: Vec<Service> = programs
            .into_iter()
            .zip(kinds)
            .map(|((name, _), (leaks, uses))| {
                let builds = ["", "-2"].map(|ending| folder.path().join(format!("{name}{ending}")));
                Service::start(name, leaks, builds, uses, hour, plan.instances)
            })
            .collect();
        let mut rows = Vec::new();
        let told = watch(plan, &mut services);
        for (service, told) in services.iter().zip(told) {
            let found = match (service.leaks, told.own.as_slice()) {
                (None, _) => "-".to_owned(),
                (Some(_), []) => "NOT FOUND".to_owned(),
                (Some(_), own) => {
                    let steps: Vec<String> = own.iter().map(|(hour, words)| format!("{hour:.1} h {words}")).collect();
                    steps.join(", then ")
                }
            };
            if !told.other.is_empty() || service.leaks.is_some() && told.own.is_empty() {
                failed.push(service.name.clone());
            }
            rows.push(format!("{:<38} {:<26} {found}", service.name, service.uses.to_string()));
            rows.extend(told.other.iter().map(|(signature, words)| format!("    WRONG: {signature}: {words}")));
        }
        println!("{}", rows.join("\n"));
    }
    assert_eq!(failed, [""; 0], "not found, or reported without a leak");
}

#[test]
fn leaks_of_a_few_programs_are_told_from_the_life_of_healthy_ones() {
    run(&Plan {
        scenarios: &[5, 9, 17, 24],
        shapes: &["pool", "warm_up"],
        at_once: 4,
        instances: 2,
        hours: 30.0,
        time_scale: 900.0,
    });
}

#[test]
#[ignore = "takes half an hour"]
fn leaks_of_all_programs_are_told_from_the_life_of_healthy_ones() {
    let scenarios = visible(|uses| !matches!(uses, Uses::InBursts(_)));
    run(&Plan { scenarios: &scenarios, shapes: &SHAPES, at_once: 11, instances: 3, hours: 72.0, time_scale: 600.0 });
}

/// Until enough incidents have passed, they might be anything.
#[test]
#[ignore = "takes ten minutes"]
fn leaks_in_incidents_alone_are_found_within_days() {
    let scenarios = visible(|uses| matches!(uses, Uses::InBursts(_)));
    run(&Plan { scenarios: &scenarios, shapes: &SHAPES, at_once: 11, instances: 3, hours: 144.0, time_scale: 900.0 });
}

/// The scenarios that a running service can show, and that are used like this.
fn visible(is_used: impl Fn(Uses) -> bool) -> Vec<u32> {
    (1..=34).filter(|number| !INVISIBLE.contains(number) && is_used(uses_of(*number))).collect()
}
