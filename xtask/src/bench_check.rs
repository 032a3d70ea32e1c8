//! How long `gostray check` takes for a module, beside what a user would use instead: with nothing in any cache, with
//! nothing changed, and with one file changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use gostray_golang::build::Context;
use gostray_toolchain::Toolchain;

use crate::checkout;
use crate::oracle::{corpus, newest};

/// What a user would use instead, pinned, so that a difference is ours.
const STATICCHECK: &str = "honnef.co/go/tools/cmd/staticcheck@v0.8.2";
const GOLANGCI: &str = "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Modules to check, as module@version or folders
    #[arg(default_values = ["github.com/cockroachdb/pebble@v1.1.5", "tailscale.com@v1.92.2", "k8s.io/kubernetes@v1.34.2"])]
    modules: Vec<String>,
    /// Measure gostray alone
    #[arg(long)]
    alone: bool,
    /// The build to measure
    #[arg(long, default_value = "target/release/gostray")]
    gostray: PathBuf,
}

/// A tool, as it is run with a cache of its own.
type Make<'a> = &'a dyn Fn(&Path) -> Command;

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let go = newest()?;
    let gostray = checkout().join(&args.gostray);
    ensure!(gostray.is_file(), "cargo build --release first");
    let tools = tempfile::tempdir()?;
    let staticcheck = (!args.alone).then(|| install(&go, tools.path(), STATICCHECK));
    let golangci = (!args.alone).then(|| install(&go, tools.path(), GOLANGCI));
    println!("seconds until it is done, and of processor time in brackets; MiB at most, when cold");
    println!(
        "{:<36} {:<14} {:>16} {:>16} {:>16} {:>6}",
        "module", "tool", "cold", "unchanged", "one file changed", "MiB"
    );
    for module in &args.modules {
        let copy = tempfile::tempdir()?;
        let (root, lines) = prepare(&go, module, copy.path())?;
        println!("{module}: {lines} lines");
        row(module, "gostray check", &root, &|cache| {
            let mut command = Command::new(&gostray);
            command.args(["check", "--exit-zero", "--format", "jsonl"]).env("GOSTRAYCACHE", cache);
            command
        })?;
        if args.alone {
            continue;
        }
        row(module, "go vet", &root, &|cache| {
            let mut command = go.command();
            command.args(["vet", "./..."]).env("GOCACHE", cache).env("GOFLAGS", "-mod=mod");
            command
        })?;
        for (name, tool, words) in
            [("staticcheck", &staticcheck, ["./...", "-checks=all"]), ("golangci-lint", &golangci, ["run", "./..."])]
        {
            match tool {
                Some(Ok(path)) => row(module, name, &root, &|cache| {
                    let mut command = Command::new(path);
                    command.args(words).env("GOCACHE", cache.join("go")).env("STATICCHECK_CACHE", cache.join("s"));
                    command.env("GOLANGCI_LINT_CACHE", cache.join("l")).env("GOFLAGS", "-mod=mod");
                    command
                })?,
                Some(Err(why)) => println!("{module:<36} {name:<14} LEFT OUT: {why}"),
                None => {}
            }
        }
    }
    Ok(())
}

/// One tool on one module.
fn row(module: &str, tool: &str, root: &Path, make: Make<'_>) -> anyhow::Result<()> {
    let cache = tempfile::tempdir()?;
    let cold = timed(make(cache.path()), root)?;
    // Files that were just written are not trusted yet: that is no part of what a user waits for.
    timed(make(cache.path()), root)?;
    let unchanged = timed(make(cache.path()), root)?;
    let changed = changed(root, || timed(make(cache.path()), root))?;
    let shown = |cost: &Cost| format!("{:.2} ({:.2})", cost.seconds, cost.processor);
    println!(
        "{module:<36} {tool:<14} {:>16} {:>16} {:>16} {:>6}",
        shown(&cold),
        shown(&unchanged),
        shown(&changed),
        cold.memory
    );
    Ok(())
}

/// A copy of a module that may be changed, with what it needs, and how many lines it has.
fn prepare(go: &Toolchain, module: &str, copy: &Path) -> anyhow::Result<(PathBuf, usize)> {
    let from = match Path::new(module).is_dir() {
        true => PathBuf::from(module).canonicalize()?,
        false => corpus::fetch(go, module)?,
    };
    let root = copy.join("module");
    let mut lines = 0;
    for file in corpus::files(&from)? {
        let text = fs::read(&file)?;
        lines += text.iter().filter(|byte| **byte == b'\n').count();
        let to = root.join(file.strip_prefix(&from)?);
        fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
        fs::write(to, text)?;
    }
    let mod_file = fs::read_to_string(from.join("go.mod"))?;
    // Kubernetes keeps modules beside itself that are not in its archive, but published under the minor version.
    let staged = module.strip_prefix("k8s.io/kubernetes@v1.").map(|version| format!(" v0.{version}"));
    let line = |line: &str| match (&staged, line.split_once("=> ./staging/src/")) {
        (Some(version), Some((before, name))) => format!("{before}=> {name}{version}\n"),
        _ => format!("{line}\n"),
    };
    fs::write(root.join("go.mod"), mod_file.lines().map(line).collect::<String>())?;
    if let Ok(sums) = fs::read(from.join("go.sum")) {
        fs::write(root.join("go.sum"), sums)?;
    }
    let needed = go.command().args(["mod", "download"]).current_dir(&root).output()?;
    ensure!(needed.status.success(), "go mod download: {}", String::from_utf8_lossy(&needed.stderr));
    Ok((root, lines))
}

/// Does something while a statement more stands in the file in the middle of all that have functions.
fn changed(root: &Path, run: impl FnOnce() -> anyhow::Result<Cost>) -> anyhow::Result<Cost> {
    let mut files = corpus::files(root)?;
    // One that is built here: another would change nothing.
    let context = Context::default();
    files.retain(|file| {
        let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let is_wanted = !name.ends_with("_test.go") && context.allows_name(&name);
        is_wanted && fs::read_to_string(file).is_ok_and(|text| !text.contains("//go:build") && text.lines().any(opens))
    });
    let file = files.get(files.len() / 2).context("no file has a function")?;
    let text = fs::read_to_string(file)?;
    let mut is_done = false;
    let mut after = String::new();
    for line in text.lines() {
        after += line;
        after += "\n";
        if opens(line) && !std::mem::replace(&mut is_done, true) {
            after += "\tprintln(1)\n";
        }
    }
    fs::write(file, after)?;
    let cost = run();
    fs::write(file, text)?;
    cost
}

fn opens(line: &str) -> bool {
    line.starts_with("func ") && line.ends_with('{')
}

fn install(go: &Toolchain, folder: &Path, package: &str) -> Result<PathBuf, String> {
    let output = go.command().args(["install", package]).env("GOBIN", folder).output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned());
    }
    let name = package.split('@').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    Ok(folder.join(name))
}

/// What a run took.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    seconds: f64,
    processor: f64,
    /// The most memory that it had at once, in MiB.
    memory: u64,
}

fn timed(mut command: Command, root: &Path) -> anyhow::Result<Cost> {
    let before = of_children()?;
    let start = Instant::now();
    let mut child =
        command.current_dir(root).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("can't run it")?;
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let kib =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
        peak = peak.max(kib.unwrap_or(0u64));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Ok(Cost { seconds: start.elapsed().as_secs_f64(), processor: of_children()? - before, memory: peak >> 10 })
}

/// Seconds of processor time of all that ran and ended: they tell more than a clock where others are at work, too.
fn of_children() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // Behind the name, which may have spaces: cutime and cstime are the 16th and 17th, in hundredths.
    let fields: Vec<&str> = stat.rsplit_once(')').context("/proc/self/stat")?.1.split_whitespace().collect();
    let field = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).context("/proc/self/stat");
    Ok((field(13)? + field(14)?) / 100.0)
}
