//! Takes the golden dumps: builds fixtures/golden/program with every Go release and lets it write
//! its profiles, its crashes and the truth about its goroutines.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, anyhow, bail, ensure};
use gostray_toolchain::{Toolchain, Version};

use crate::checkout;
use crate::releases::{OLD_RELEASES, RELEASES, toolchain};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The Go releases, for instance 1.27.3; all by default.
    #[arg(long, value_name = "VERSION", num_args = 1..)]
    go: Vec<Version>,
    /// Take only these dumps; all by default, of which those with ages take two minutes.
    #[arg(long, value_enum, value_name = "DUMP", num_args = 1..)]
    only: Vec<Dump>,
}

impl Args {
    fn wants(&self, dump: Dump) -> bool {
        self.only.is_empty() || self.only.contains(&dump)
    }
}

/// What is taken by one process each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Dump {
    Profiles,
    Ancestors,
    Labels,
    Bubbles,
    Crash,
    CrashSystem,
    GotestTimeout,
    Aged,
}

impl Dump {
    /// The dumps that are soon taken, in their order.
    const QUICK: [Self; 7] = [
        Self::Profiles,
        Self::Ancestors,
        Self::Labels,
        Self::Bubbles,
        Self::Crash,
        Self::CrashSystem,
        Self::GotestTimeout,
    ];

    /// Has Go 1.`minor` something to show in it?
    fn exists_in(self, minor: u32) -> bool {
        match self {
            Self::Labels => minor >= 26,
            Self::Bubbles => minor >= 24,
            // From Go 1.19 on a signal's crash is printed at this level, whatever is asked for; that of
            // Go 1.18 differs from the other crash. Two releases of the same form are left out.
            Self::CrashSystem => !matches!(minor, 19 | 20),
            _ => true,
        }
    }
}

/// One release, its program and its place.
struct Golden {
    toolchain: Toolchain,
    program: PathBuf,
    dumps: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let every = [OLD_RELEASES.as_slice(), &RELEASES].concat();
    let versions = if args.go.is_empty() { &every } else { &args.go };
    // One after the other: a compiler uses all cores there are.
    let all = versions.iter().map(|version| Golden::build(*version)).collect::<anyhow::Result<Vec<_>>>()?;
    thread::scope(|scope| {
        // These only wait, so they do it together and meanwhile.
        let aged: Vec<_> = all
            .iter()
            .filter(|_| args.wants(Dump::Aged))
            .map(|golden| scope.spawn(|| golden.take(Dump::Aged)))
            .collect();
        for golden in &all {
            let minor = golden.toolchain.version().minor;
            let dumps = Dump::QUICK.into_iter().filter(|dump| args.wants(*dump) && dump.exists_in(minor));
            dumps.into_iter().try_for_each(|dump| golden.take(dump))?;
        }
        aged.into_iter().try_for_each(|run| run.join().map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    all.iter().try_for_each(|golden| check_paths(&golden.dumps, &golden.toolchain))
}

impl Golden {
    fn build(version: Version) -> anyhow::Result<Self> {
        let mut toolchain = toolchain(version)?;
        // What was still an experiment.
        match version.minor {
            24 => toolchain = toolchain.with_experiment("synctest"),
            26 => toolchain = toolchain.with_experiment("goroutineleakprofile"),
            _ => {}
        }
        let name = format!("go1.{}", version.minor);
        // The protobuf profile names the executable, so its path is one that any machine could have.
        let folder = Path::new("/tmp/gostray-golden").join(&name);
        fs::create_dir_all(&folder)?;
        let program = folder.join("golden");
        let source = checkout().join("fixtures/golden/program");
        // Without cgo: then it maps no libraries, whose paths and build ids are the machine's.
        toolchain
            .build(&source, &program, ["-trimpath", "-tags=netgo,osusergo"])
            .map_err(|error| anyhow!("{error}"))?;
        let dumps = checkout().join("fixtures/golden/dumps").join(name);
        fs::create_dir_all(&dumps)?;
        Ok(Self { toolchain, program, dumps })
    }

    fn take(&self, dump: Dump) -> anyhow::Result<()> {
        match dump {
            Dump::Profiles => self.run("profiles", "", &[]),
            Dump::Ancestors => self.run("ancestors", "ancestors", &[("GODEBUG", "tracebackancestors=5")]),
            Dump::Labels => self.run("labels", "labels", &[("GODEBUG", "tracebacklabels=1")]),
            // Bubbles refuse the timers that go.mod asks for with its Go 1.21.
            Dump::Bubbles => self.run("bubbles", "bubbles", &[("GODEBUG", "asynctimerchan=0")]),
            Dump::Crash => self.crash("crash", "all"),
            Dump::CrashSystem => self.crash("crash-system", "system"),
            Dump::GotestTimeout => self.test_timeout(),
            Dump::Aged => self.run("aged", "aged", &[]),
        }
    }

    /// The program in one of its modes.
    fn command(&self, mode: &str, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-mode", mode, "-name", name, "-out"]).arg(&self.dumps);
        command.env_clear().env("GOMAXPROCS", "4").current_dir("/").stdin(Stdio::null());
        command
    }

    fn run(&self, mode: &str, name: &str, env: &[(&str, &str)]) -> anyhow::Result<()> {
        let done = self.command(mode, name).envs(env.iter().copied()).output()?;
        let stderr = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "Go {}, mode {mode}: {stderr}", self.toolchain.version());
        Ok(())
    }

    /// A process that is sent SIGQUIT.
    fn crash(&self, name: &str, traceback: &str) -> anyhow::Result<()> {
        let done = self.command("crash", name).env("GOTRACEBACK", traceback).output()?;
        let is_crash = done.stderr.starts_with(b"SIGQUIT: quit");
        ensure!(is_crash, "Go {}: {}", self.toolchain.version(), String::from_utf8_lossy(&done.stderr));
        Ok(fs::write(self.dumps.join(format!("{name}.txt")), done.stderr)?)
    }

    /// A test that never ends.
    fn test_timeout(&self) -> anyhow::Result<()> {
        let mut command = self.toolchain.command();
        command.args(["test", "-buildvcs=false", "-trimpath", "-count=1", "-timeout", "2s", "./hang"]);
        let done = command.current_dir(checkout().join("fixtures/golden/program")).output()?;
        let is_timeout = done.stdout.starts_with(b"panic: test timed out");
        ensure!(is_timeout, "Go {}: {}", self.toolchain.version(), String::from_utf8_lossy(&done.stdout));
        Ok(fs::write(self.dumps.join("gotest-timeout.txt"), done.stdout)?)
    }
}

/// Refuses dumps that tell where they were made.
fn check_paths(dumps: &Path, toolchain: &Toolchain) -> anyhow::Result<()> {
    let root = toolchain.root().map_err(|error| anyhow!("{error}"))?;
    let home = std::env::home_dir().context("no home folder")?;
    let checkout = checkout().canonicalize()?;
    for entry in fs::read_dir(dumps)? {
        let file = entry?.path();
        let mut bytes = fs::read(&file)?;
        if file.extension().is_some_and(|extension| extension == "gz") {
            let compressed = std::mem::take(&mut bytes);
            flate2::read::GzDecoder::new(&*compressed).read_to_end(&mut bytes)?;
        }
        let text = String::from_utf8_lossy(&bytes);
        for path in [&root, &home, &checkout] {
            let path = format!("{}/", path.display());
            if text.contains(&path) {
                bail!("{} holds the path {path}", file.display());
            }
        }
    }
    Ok(())
}
