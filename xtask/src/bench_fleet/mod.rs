//! Measures `gostray serve` on many targets: processor, memory, lateness, bytes a sample, and how fast the
//! fleet page answers meanwhile.

mod load;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Measure gostray serve on many targets.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many targets.
    #[arg(long, default_value_t = 5_000)]
    targets: u32,
    /// For how long, in minutes.
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// How often each target is asked, in seconds.
    #[arg(long, default_value_t = 60)]
    interval: u32,
    /// Only serve the profiles, at this port.
    #[arg(long)]
    load: Option<u16>,
    /// The gostray to measure; a release build.
    #[arg(long, default_value = "target/release/gostray")]
    gostray: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(port) = args.load {
        return load::serve(port);
    }
    let folder = tempfile::tempdir()?;
    let mut load = Running(
        Command::new(std::env::current_exe()?)
            .args(["bench-fleet", "--load", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .context("the load generator")?,
    );
    let port = port_of(load.0.stdout.take(), "listening at ")?;
    let config = config(folder.path(), args, port)?;
    let gostray = std::path::absolute(&args.gostray)?;
    let mut serve = Running(
        Command::new(&gostray)
            .args(["serve", "--config"])
            .arg(&config)
            .args(["--listen", "127.0.0.1:0", "--storage"])
            .arg(folder.path().join("store"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{}: build it with cargo build --release", gostray.display()))?,
    );
    let port = port_of(serve.0.stderr.take(), "http://127.0.0.1:")?;
    let pid = serve.0.id();
    println!("{} targets each {} s for {} minutes", args.targets, args.interval, args.minutes);
    println!(
        "{:>7}  {:>6}  {:>8}  {:>9}  {:>9}  {:>12}  {:>10}",
        "minute", "CPU %", "RSS MiB", "late max", "page p99", "samples", "B/sample"
    );
    let mut late = 0.0_f64;
    for minute in 1..=args.minutes {
        let (started, ticks) = (Instant::now(), cpu_ticks(pid)?);
        let mut pages = Vec::new();
        while started.elapsed() < Duration::from_secs(60) {
            let asked = Instant::now();
            for path in ["/api/v1/leaks?state=all", "/api/v1/services"] {
                get(port, path)?;
            }
            pages.push(asked.elapsed());
            std::thread::sleep(Duration::from_millis(200));
        }
        pages.sort_unstable();
        let p99 = pages[pages.len() * 99 / 100];
        let used = (cpu_ticks(pid)? - ticks) as f64 / 100.0 / started.elapsed().as_secs_f64() * 100.0;
        let metrics = get(port, "/metrics")?;
        let metric = |name: &str| metric(&metrics, name);
        // The first minute is when all targets are found.
        let now_late = metric("gostray_scrape_late_seconds_max").unwrap_or(f64::NAN);
        if minute > 1 {
            late = late.max(now_late);
        }
        let samples = metric("gostray_samples_total").unwrap_or(f64::NAN);
        let bytes = metric("gostray_store_bytes").unwrap_or(f64::NAN);
        println!(
            "{minute:>7}  {used:>6.1}  {:>8.0}  {now_late:>7.1} s  {:>6} ms  {samples:>12.0}  {:>10.2}",
            rss_kib(pid)? as f64 / 1024.0,
            p99.as_millis(),
            bytes / samples
        );
    }
    println!("none was asked later than {late:.1} s after its time");
    Ok(())
}

/// Ends what it holds.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn config(folder: &Path, args: &Args, port: u16) -> anyhow::Result<PathBuf> {
    let mut targets = String::from("[");
    for target in 0..args.targets {
        let (address, service) = (load::address(target), target / load::INSTANCES);
        let comma = if target == 0 { "" } else { "," };
        targets +=
            &format!("{comma}{{\"targets\":[\"{address}:{port}\"],\"labels\":{{\"service\":\"service{service}\"}}}}");
    }
    std::fs::write(folder.join("targets.json"), targets + "]")?;
    let config = folder.join("gostray.yaml");
    let text = format!(
        "global:\n  scrape_interval: {}s\nscrape_configs:\n  - job_name: fleet\n    file_sd_configs:\n      - files: [targets.json]\n",
        args.interval
    );
    std::fs::write(&config, text)?;
    Ok(config)
}

/// The number after a text in what a process says; the rest is read on, so that it is never held up.
fn port_of(output: Option<impl std::io::Read + Send + 'static>, after: &str) -> anyhow::Result<u16> {
    let mut lines = BufReader::new(output.context("no output")?);
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            bail!("it ended before it listened");
        }
        let port = line.split(after).nth(1).and_then(|rest| rest.rsplit(':').next());
        let port = port.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        if let Some(port) = port {
            std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
            return Ok(port);
        }
    }
}

fn get(port: u16, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if !answer.starts_with("HTTP/1.1 200") {
        bail!("{path}: {}", answer.lines().next().unwrap_or_default());
    }
    Ok(answer)
}

fn metric(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Processor time of a process, in hundredths of a second.
fn cpu_ticks(pid: u32) -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

fn rss_kib(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
