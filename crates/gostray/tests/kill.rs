//! Whatever happens to gostray while it proves, the process it looks at goes on as if nothing had.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

#[allow(dead_code, reason = "what other tests need of a service")]
#[path = "../../gostray-profile/tests/service/mod.rs"]
mod service;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gostray_toolchain::{Request, Toolchain};
use service::Service;

/// `GOSTRAY_KILLS` says how often gostray is killed; a few times are enough to see what always happens.
const KILLS: u32 = 40;
/// How many goroutines five visits of each leaking page leave behind.
const LEAKS: u64 = 20;
/// What must come true is waited for so long at most.
const PATIENCE: Duration = Duration::from_secs(60);

fn shop(folder: &Path) -> PathBuf {
    let executable = folder.join("shop");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/shop");
    Toolchain::find(Request::Any, &mut |_| {}).unwrap().build(&source, &executable, &[] as &[&str]).unwrap();
    executable
}

fn prove(pid: u32) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gostray"));
    // A machine that is busy may take its time to stop a process.
    command.args(["prove", &pid.to_string(), "--format", "json", "--max-pause", "30s"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What is left of a visit: a tracer, a thread that stands still, a child.
fn traces(pid: u32) -> Vec<String> {
    let mut traces = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let is_trace = |line: &&str| {
            line.starts_with("State:\tt")
                || line.starts_with("State:\tT")
                || line.starts_with("TracerPid:") && !line.ends_with("\t0")
        };
        traces.extend(status.lines().filter(is_trace).map(str::to_owned));
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        traces.extend(children.split_ascii_whitespace().map(|child| format!("child {child}")));
    }
    traces
}

fn assert_unharmed(pid: u32) {
    let start = Instant::now();
    let mut last = traces(pid);
    while !last.is_empty() && start.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
        last = traces(pid);
    }
    assert!(last.is_empty(), "left behind: {last:?}");
}

fn proven(output: &std::process::Output) -> u64 {
    let json: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let groups = json["groups"].as_array().unwrap();
    groups.iter().filter(|group| group["verdict"] == "proven").map(|group| group["count"].as_u64().unwrap()).sum()
}

#[test]
fn killed_at_any_moment_it_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Service::start(&shop(folder.path()));
    for _ in 0..5 {
        ["/search?q=hat", "/checkout", "/recommend"].iter().for_each(|page| drop(shop.get(page)));
    }
    let pid = shop.pid();
    // They block when the answers of their shops have come.
    let waiting = Instant::now();
    let whole = loop {
        let start = Instant::now();
        let found = proven(&prove(pid).output().unwrap());
        if found == LEAKS {
            break start.elapsed();
        }
        assert!(waiting.elapsed() < PATIENCE, "{found} proven");
    };
    let kills = std::env::var("GOSTRAY_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let (is_over, served) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        // Every request is served: `get` fails the test otherwise.
        let client = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                assert!(shop.get("/quote").starts_with(b"399"));
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut random = 12345u64;
        for _ in 0..kills {
            let mut gostray = prove(pid).spawn().unwrap();
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            std::thread::sleep(whole.mul_f64((random >> 40) as f64 / f64::from(1 << 24)));
            gostray.kill().unwrap();
            gostray.wait().unwrap();
            assert_unharmed(pid);
            // It is served still.
            let count = served.load(Ordering::Relaxed);
            let start = Instant::now();
            while served.load(Ordering::Relaxed) == count && !client.is_finished() && start.elapsed() < PATIENCE {
                std::thread::yield_now();
            }
            assert!(served.load(Ordering::Relaxed) > count, "the service does not answer any more");
        }
        is_over.store(true, Ordering::Relaxed);
        client.join().unwrap();
    });
    assert_eq!(proven(&prove(pid).output().unwrap()), LEAKS);
    assert_unharmed(pid);
}

#[test]
fn a_process_that_ends_meanwhile_is_said_to_have_ended() {
    let folder = tempfile::tempdir().unwrap();
    let executable = shop(folder.path());
    let mut random = 777u64;
    for _ in 0..10 {
        let shop = Service::start(&executable);
        drop(shop.get("/search?q=hat"));
        let gostray = prove(shop.pid()).spawn().unwrap();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_micros(random >> 48));
        drop(shop);
        let output = gostray.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            // It was done before.
            Some(0 | 1) => {}
            Some(2) => assert!(error.contains("ended"), "{error}"),
            code => panic!("{code:?}: {error}"),
        }
    }
}
