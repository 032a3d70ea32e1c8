//! Reading speed and memory, beside what a user would use instead, on the same files in one run.

mod input;
mod measure;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use gostray_toolchain::{Request, Toolchain};

use self::measure::{Cost, read_cost, time_command};

/// panicparse, the only other reader of `debug=2` that groups.
const PANICPARSE: &str = "github.com/maruel/panicparse/v2/cmd/pp@v2.5.0";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Megabytes of the debug=2 dump
    #[arg(long, default_value_t = 60)]
    megabytes: usize,
    /// How often each is measured; the best counts
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Reads a file once and prints seconds and the growth of peak memory: one such process a
    /// measurement
    #[arg(long, hide = true)]
    read: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(file) = &args.read {
        return measure::child(file);
    }
    let folder = crate::checkout().join("target/bench");
    fs::create_dir_all(&folder)?;
    let dump = folder.join("goroutines.debug2.txt");
    let profile = folder.join("goroutines.pb.gz");
    eprintln!("writing a debug=2 dump of {} MiB and a profile of 10,000 stacks", args.megabytes);
    input::write_dump(&dump, args.megabytes << 20)?;
    input::write_profile(&profile)?;

    eprintln!("building gostray, getting panicparse");
    let gostray = build_gostray()?;
    let go = Toolchain::find(Request::Any, &mut |step| eprintln!("{step}"))?;
    let panicparse = install(&go, &folder, PANICPARSE);

    let megabytes = |file: &Path| fs::metadata(file).map(|m| m.len() as f64 / (1 << 20) as f64);
    let (dump_size, profile_size) = (megabytes(&dump)?, megabytes(&profile)?);
    let dump_cost = read_cost(&dump, args.runs)?;
    let profile_cost = read_cost(&profile, args.runs)?;
    println!("reading into groups, in-process, best of {}:", args.runs);
    print_cost("debug=2", dump_size, &dump_cost);
    print_cost("debug=0", profile_size, &profile_cost);

    println!("\nwhole commands, best of {} (seconds):", args.runs);
    let inspect = |file: &Path| {
        let mut command = Command::new(&gostray);
        command.args(["inspect", "--format", "concise", "--exit-zero"]).arg(file);
        time_command(&mut command, args.runs)
    };
    let ours = inspect(&dump)?;
    match &panicparse {
        Ok(pp) => {
            let mut command = Command::new(pp);
            command.arg(&dump).stdin(Stdio::null());
            print_ratio(
                "debug=2",
                "gostray inspect",
                ours,
                "panicparse",
                time_command(&mut command, args.runs.min(3))?,
            );
        }
        Err(error) => println!("SKIPPED panicparse: {error:#}"),
    }
    let ours = inspect(&profile)?;
    let mut pprof = go.command();
    pprof.args(["tool", "pprof", "-top"]).arg(&profile);
    print_ratio("debug=0", "gostray inspect", ours, "go tool pprof -top", time_command(&mut pprof, args.runs.min(3))?);
    Ok(())
}

fn print_cost(name: &str, megabytes: f64, cost: &Cost) {
    println!(
        "  {name}  {megabytes:6.1} MiB  {:7.1} ms  {:5.2} GB/s  {} goroutines  {} groups  peak memory +{:.1} MiB ({:.1} % of the input)",
        cost.seconds * 1e3,
        megabytes * f64::from(1 << 20) / cost.seconds / 1e9,
        cost.goroutines,
        cost.groups,
        cost.peak_mib,
        100.0 * cost.peak_mib / megabytes,
    );
}

fn print_ratio(file: &str, our_name: &str, ours: f64, their_name: &str, theirs: f64) {
    println!("  {file}  {our_name} {ours:.3}  {their_name} {theirs:.3}  ratio {:.1}x", theirs / ours);
}

pub(crate) fn build_gostray() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = crate::checkout();
    let status = Command::new(cargo)
        .current_dir(&root)
        .args(["build", "--quiet", "--release", "--package", "gostray"])
        .status()
        .context("can't run cargo")?;
    if !status.success() {
        bail!("gostray does not build");
    }
    // Beside this program: both are built into the same folder.
    let own = std::env::current_exe()?;
    Ok(own.with_file_name(format!("gostray{}", std::env::consts::EXE_SUFFIX)))
}

/// Installs a Go program by name and version.
fn install(go: &Toolchain, folder: &Path, package: &str) -> anyhow::Result<PathBuf> {
    let bin = folder.canonicalize()?.join("bin");
    let output = go.command().env("GOBIN", &bin).args(["install", package]).output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(bin.join(format!("pp{}", std::env::consts::EXE_SUFFIX)))
}
