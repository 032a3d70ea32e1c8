//! The ways in which Go services leak goroutines that practitioners keep writing about, each as a leaky program
//! and its fixed twin: found in source, mended where that is safe, and seen in the running process.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says where")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gostray_toolchain::{Request, Toolchain};

/// What must come true is waited for so long at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// The scenarios whose leak the process reader proves; the others leak by growth or age, or not at all.
const PROVEN: [u32; 25] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27, 31, 32, 33];
/// Those that `--fix` mends.
const SAFE: [u32; 14] = [1, 2, 4, 5, 6, 7, 8, 18, 21, 22, 23, 24, 28, 30];
/// Those that are reported only with `--hygiene`.
const HYGIENE: [u32; 2] = [29, 34];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/scenarios")
}

/// The scenarios: number, name.
fn scenarios() -> Vec<(u32, String)> {
    let mut found: Vec<(u32, String)> = fs::read_dir(fixtures())
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| Some((name.strip_prefix('s')?.get(..2)?.parse().ok()?, name)))
        .collect();
    found.sort();
    found
}

fn check(folder: &Path, args: &[&str]) -> serde_json::Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gostray"));
    let output = command
        .env("GOSTRAYCACHE", "off")
        .args(["check", "--format", "json"])
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// Rule and line of each finding.
fn found(json: &serde_json::Value) -> Vec<(String, u64)> {
    let findings = json["findings"].as_array().unwrap().iter();
    let mut found: Vec<(String, u64)> =
        findings.map(|f| (f["rule"].as_str().unwrap().to_owned(), f["line"].as_u64().unwrap())).collect();
    found.sort();
    found
}

/// What the source says is to be found: `// want GS101`.
fn wanted(file: &Path) -> Vec<(String, u64)> {
    let text = fs::read_to_string(file).unwrap();
    let mut wanted = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if let Some((_, rules)) = line.split_once("// want ") {
            wanted.extend(rules.split(' ').map(|rule| (rule.to_owned(), at as u64 + 1)));
        }
    }
    wanted.sort();
    wanted
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Builds a program, runs it until it says that it is ready, and asks for its proven goroutines.
fn run(go: &Toolchain, source: &Path, folder: &Path, wants: bool) -> u64 {
    let executable = folder.join("program");
    go.build(source, &executable, &[] as &[&str]).unwrap();
    let child = Command::new(&executable).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut running = Running(child);
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let start = Instant::now();
    loop {
        let pid = running.0.id().to_string();
        let output = Command::new(env!("CARGO_BIN_EXE_gostray"))
            .args(["prove", &pid, "--format", "json", "--exit-zero", "--max-pause", "30s"])
            .output()
            .unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let groups = json["groups"].as_array().unwrap().iter();
        let proven: u64 =
            groups.filter(|group| group["verdict"] == "proven").map(|group| group["count"].as_u64().unwrap()).sum();
        // Goroutines come to where they wait in their own time.
        if proven > 0 || !wants || start.elapsed() > PATIENCE {
            return proven;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn every_leak_is_found_and_no_fixed_twin() {
    let mut table = Vec::new();
    let mut failed = false;
    let all = scenarios();
    assert_eq!(all.len(), 34);
    for (number, name) in &all {
        let args: &[&str] = if HYGIENE.contains(number) { &["--hygiene"] } else { &[] };
        let (leaky, fixed) = (fixtures().join(name).join("leaky"), fixtures().join(name).join("fixed"));
        let wanted = wanted(&leaky.join("main.go"));
        let (of_leaky, of_fixed) = (found(&check(&leaky, args)), found(&check(&fixed, args)));
        let is_good = !wanted.is_empty() && of_leaky == wanted && of_fixed.is_empty();
        failed |= !is_good;
        let text = |found: &[(String, u64)]| {
            found.iter().map(|(rule, line)| format!("{rule}:{line}")).collect::<Vec<_>>().join(" ")
        };
        let word = if is_good { "ok" } else { "FAILED" };
        table.push(format!("{word:<7} {name:<28} {:<24} fixed: {}", text(&of_leaky), text(&of_fixed)));
    }
    println!("{}", table.join("\n"));
    assert!(!failed);
}

#[test]
fn what_is_safe_to_fix_is_fixed_for_good() {
    let go = Toolchain::find(Request::Any, &mut |_| {}).unwrap();
    let mut failed = Vec::new();
    for (number, name) in scenarios().into_iter().filter(|(number, _)| SAFE.contains(number)) {
        let folder = tempfile::tempdir().unwrap();
        for file in ["go.mod", "go.sum"] {
            fs::copy(fixtures().join(file), folder.path().join(file)).unwrap();
        }
        let program = folder.path().join("program");
        fs::create_dir(&program).unwrap();
        fs::copy(fixtures().join(&name).join("leaky/main.go"), program.join("main.go")).unwrap();
        let after = found(&check(&program, &["--fix", "--verify", "build"]));
        let built = tempfile::tempdir().unwrap();
        let proven = run(&go, &program, built.path(), false);
        println!("{name:<28} findings after --fix: {}, proven when run: {proven}", after.len());
        if !after.is_empty() || proven > 0 {
            failed.push(number);
        }
    }
    assert_eq!(failed, [0; 0]);
}

#[test]
fn the_running_program_shows_the_leak_and_its_fixed_twin_does_not() {
    let go = Toolchain::find(Request::Any, &mut |_| {}).unwrap();
    let mut failed = Vec::new();
    for (number, name) in scenarios() {
        let folder = tempfile::tempdir().unwrap();
        let wants = PROVEN.contains(&number);
        let leaky = run(&go, &fixtures().join(&name).join("leaky"), folder.path(), wants);
        let fixed = run(&go, &fixtures().join(&name).join("fixed"), folder.path(), false);
        println!("{name:<28} proven: {leaky}, in the fixed twin: {fixed}");
        if (leaky > 0) != wants || fixed > 0 {
            failed.push(number);
        }
    }
    assert_eq!(failed, [0; 0]);
}
