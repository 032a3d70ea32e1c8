//! How long `gostray check` takes for a module, beside what a user would use instead, with nothing in any cache
//! and after a file changed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use gostray_toolchain::Toolchain;

use crate::checkout;
use crate::oracle::{corpus, newest};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Modules to check, as module@version or folders
    #[arg(default_values = ["github.com/cockroachdb/pebble@v1.1.5", "tailscale.com@v1.92.2", "k8s.io/kubernetes@v1.34.2"])]
    modules: Vec<String>,
    /// Measure gostray alone
    #[arg(long)]
    alone: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let go = newest()?;
    let gostray = checkout().join("target/release/gostray");
    ensure!(gostray.is_file(), "cargo build --release first");
    let tools = tempfile::tempdir()?;
    let staticcheck = (!args.alone).then(|| install(&go, tools.path(), "honnef.co/go/tools/cmd/staticcheck@latest"));
    let golangci = (!args.alone)
        .then(|| install(&go, tools.path(), "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@latest"));
    println!("{:<44} {:<16} {:>9} {:>9} {:>10}", "module", "tool", "cold s", "warm s", "MiB");
    for module in &args.modules {
        let root = match Path::new(module).is_dir() {
            true => PathBuf::from(module).canonicalize()?,
            false => corpus::fetch(&go, module)?,
        };
        let row = |tool: &str, make: &dyn Fn(&Path) -> Command| -> anyhow::Result<()> {
            let cache = tempfile::tempdir()?;
            let (cold, memory) = timed(make(cache.path()), &root)?;
            let (warm, _) = timed(make(cache.path()), &root)?;
            println!("{module:<44} {tool:<16} {cold:>9.2} {warm:>9.2} {memory:>10}");
            Ok(())
        };
        row("gostray check", &|_| {
            let mut command = Command::new(&gostray);
            command.args(["check", "--exit-zero", "--format", "jsonl"]);
            command
        })?;
        if args.alone {
            continue;
        }
        row("go vet", &|cache| {
            let mut command = go.command();
            command.args(["vet", "./..."]).env("GOCACHE", cache).env("GOFLAGS", "-mod=mod");
            command
        })?;
        for (name, tool, words) in
            [("staticcheck", &staticcheck, ["./...", "-checks=all"]), ("golangci-lint", &golangci, ["run", "./..."])]
        {
            match tool {
                Some(Ok(path)) => row(name, &|cache| {
                    let mut command = Command::new(path);
                    command.args(words).env("GOCACHE", cache.join("go")).env("STATICCHECK_CACHE", cache.join("s"));
                    command.env("GOLANGCI_LINT_CACHE", cache.join("l")).env("GOFLAGS", "-mod=mod");
                    command
                })?,
                Some(Err(why)) => println!("{module:<44} {name:<16} LEFT OUT: {why}"),
                None => {}
            }
        }
    }
    Ok(())
}

fn install(go: &Toolchain, folder: &Path, package: &str) -> Result<PathBuf, String> {
    let output = go.command().args(["install", package]).env("GOBIN", folder).output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned());
    }
    let name = package.split('@').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    Ok(folder.join(name))
}

/// Seconds, and the most memory that it and what it ran had at once, in MiB.
fn timed(mut command: Command, root: &Path) -> anyhow::Result<(f64, u64)> {
    let start = Instant::now();
    let mut child =
        command.current_dir(root).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("can't run it")?;
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let kib =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
        peak = peak.max(kib.unwrap_or(0u64));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Ok((start.elapsed().as_secs_f64(), peak >> 10))
}
