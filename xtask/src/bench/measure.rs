//! Measuring: each reading in a process of its own, so that memory of one is not that of another.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};

/// What reading a file cost.
pub(super) struct Cost {
    pub(super) seconds: f64,
    /// The growth of the process's peak resident memory, in MiB; 0 where the system does not tell.
    pub(super) peak_mib: f64,
    pub(super) goroutines: u64,
    pub(super) groups: u64,
}

/// The best of several readings.
pub(super) fn read_cost(file: &Path, runs: u32) -> anyhow::Result<Cost> {
    let mut best: Option<Cost> = None;
    for _ in 0..runs.max(1) {
        let output = Command::new(std::env::current_exe()?).args(["bench", "--read"]).arg(file).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> = text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        let [seconds, peak_mib, goroutines, groups] = numbers[..] else {
            bail!("reading {} failed: {}", file.display(), String::from_utf8_lossy(&output.stderr));
        };
        let cost = Cost { seconds, peak_mib, goroutines: goroutines as u64, groups: groups as u64 };
        if best.as_ref().is_none_or(|best| cost.seconds < best.seconds) {
            best = Some(cost);
        }
    }
    best.context("nothing measured")
}

/// Reads a file once and prints what it cost.
pub(super) fn child(file: &Path) -> anyhow::Result<()> {
    // The file is in the page cache afterwards, whatever was there before.
    std::io::copy(&mut File::open(file)?, &mut std::io::sink())?;
    let before = peak_memory();
    let start = Instant::now();
    let profile = gostray_profile::read(File::open(file)?, &gostray_profile::Limits::default())?;
    let groups = gostray_model::groups(&profile.snapshot);
    let seconds = start.elapsed().as_secs_f64();
    let peak = (peak_memory() - before).max(0.0);
    println!("{seconds} {peak} {} {}", profile.snapshot.goroutines(), groups.len());
    Ok(())
}

/// The peak of this process's resident memory in MiB (Linux).
fn peak_memory() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// The best wall-clock time of a command in seconds.
pub(super) fn time_command(command: &mut Command, runs: u32) -> anyhow::Result<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut best = f64::INFINITY;
    for _ in 0..runs.max(1) {
        let start = Instant::now();
        let status = command.status().with_context(|| format!("can't run {command:?}"))?;
        if !status.success() {
            bail!("{command:?} fails: {status}");
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}
