//! What proving costs a process, measured from inside it, beside what it would cost to ask it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use gostray_toolchain::Version;

use crate::checkout;
use crate::releases::toolchain;

/// Has all three: the leak profile, the dump, and what is read from outside.
const RELEASE: Version = Version { minor: 27, patch: 3 };

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each is measured; the median counts
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// The program of each measurement: goroutines and megabytes of heap
    #[arg(long, default_values_t = ["100,4".to_owned(), "100000,1024".to_owned()])]
    program: Vec<String>,
}

/// A running program that knows how long it was held up.
struct Heavy {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Drop for Heavy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Heavy {
    /// Does what it is told: how long that took it, and the longest time that it was held up since it
    /// was told to begin.
    fn tell(&mut self, command: &str) -> anyhow::Result<(Duration, Duration)> {
        writeln!(self.input, "{command}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let mut numbers = line.split_ascii_whitespace().map(str::parse);
        let mut next = || anyhow::Ok(Duration::from_nanos(numbers.next().context("the program ended")??));
        Ok((next()?, next()?))
    }
}

/// One way to look for leaks: how long it took, and how long the program was held up.
struct Way {
    name: &'static str,
    costs: Vec<(Duration, Duration)>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let folder = checkout().join("target/bench");
    fs::create_dir_all(&folder)?;
    let executable = folder.join("heavy");
    eprintln!("building gostray and the program");
    let gostray = crate::bench::build_gostray()?;
    toolchain(RELEASE)?.build(&checkout().join("fixtures/heavy"), &executable, ["-trimpath"])?;
    for program in &args.program {
        let (goroutines, megabytes) = program.split_once(',').context("GOROUTINES,MEGABYTES")?;
        let mut process = Command::new(&executable)
            .args([goroutines, megabytes])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().context("no input")?;
        let output = BufReader::new(process.stdout.take().context("no output")?);
        let mut heavy = Heavy { process, input, output };
        heavy.output.read_line(&mut String::new())?;
        let pid = heavy.process.id().to_string();
        let mut ways = ["nothing", "gostray prove", "goroutineleak", "goroutine debug=2"]
            .map(|name| Way { name, costs: Vec::new() });
        let mut memory = 0;
        for run in 0..args.runs {
            eprintln!("{program}: run {} of {}", run + 1, args.runs);
            for way in &mut ways {
                heavy.tell("begin")?;
                let cost = match way.name {
                    "nothing" => {
                        // As long as the shortest of the others takes, to see what the machine does.
                        std::thread::sleep(Duration::from_millis(100));
                        (Duration::ZERO, heavy.tell("")?.1)
                    }
                    "goroutineleak" => heavy.tell("leaks")?,
                    "goroutine debug=2" => heavy.tell("dump")?,
                    _ => {
                        let start = Instant::now();
                        let usage = prove(&gostray, &pid)?;
                        memory = memory.max(usage);
                        (start.elapsed(), heavy.tell("")?.1)
                    }
                };
                way.costs.push(cost);
            }
        }
        println!("\n{goroutines} goroutines, {megabytes} MiB of heap, Go {RELEASE}; median (worst) of {}", args.runs);
        println!("{:20} {:>22} {:>22}", "", "held up, ms", "takes, ms");
        for way in &mut ways {
            let held = spread(way.costs.iter().map(|(_, held)| *held));
            let takes = spread(way.costs.iter().map(|(takes, _)| *takes));
            println!("{:20} {held:>22} {takes:>22}", way.name);
        }
        println!("gostray's memory at its peak: {} MiB", memory >> 10);
    }
    Ok(())
}

/// Proves once; gives the peak of its memory in KiB.
fn prove(gostray: &std::path::Path, pid: &str) -> anyhow::Result<u64> {
    let mut process = Command::new(gostray)
        .args(["prove", pid, "--format", "concise", "--exit-zero"])
        .stdout(Stdio::null())
        .spawn()?;
    let mut peak = 0;
    while process.try_wait()?.is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(peak).max(peak);
        std::thread::sleep(Duration::from_millis(2));
    }
    anyhow::ensure!(process.wait()?.success(), "gostray prove {pid} failed");
    Ok(peak)
}

fn spread(durations: impl Iterator<Item = Duration>) -> String {
    let mut millis: Vec<f64> = durations.map(|duration| duration.as_secs_f64() * 1e3).collect();
    millis.sort_by(f64::total_cmp);
    let (median, worst) = (millis[millis.len() / 2], millis[millis.len() - 1]);
    format!("{median:.1} ({worst:.1})")
}
