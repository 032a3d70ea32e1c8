//! `go test` over packages, with our eyes on it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::events::{Event, Reader};
use super::overlay::{self, OverlayError};
use super::toolchain::{Toolchain, ToolchainError};

/// What is to be tested, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Packages, as `go test` takes them; all below the folder if there are none.
    pub packages: Vec<String>,
    /// Flags of `go test`.
    pub flags: Vec<String>,
    /// The folder to run it in.
    pub folder: PathBuf,
    /// So long a test's goroutines may go on after it.
    pub settle: Duration,
    /// The go command.
    pub go: OsString,
    /// The command that `go test -exec` starts test binaries through, in words: what follows is the time to
    /// settle and the binary. It must be the same as long as it does the same, or nothing comes from the cache.
    pub through: Vec<String>,
    /// Where files may be kept.
    pub cache: PathBuf,
}

/// Why tests could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// `go` could not be asked.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// `testing` could not be changed.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A flag that can't be.
    #[error("{flag}: {why}")]
    Flag {
        /// The flag.
        flag: String,
        /// Why not.
        why: &'static str,
    },
    /// Not this machine.
    #[error(
        "the tests are built for {0}, and gostray test has to read the test binary as it runs: that works for linux/amd64 only"
    )]
    Platform(String),
    /// `go test` could not be started or read.
    #[error("go test: {0}")]
    Io(#[from] io::Error),
}

/// How `go test` ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// The exit code of `go test`; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Somebody interrupted it.
    pub interrupted: bool,
}

/// Ended `go test`. `hear` hears what happens.
///
/// # Errors
/// If a flag can't be, the toolchain is not known, or `go` can't be run. That tests fail is none.
pub fn run(options: &Options, hear: &mut dyn FnMut(Event<'_>)) -> Result<Ended, RunError> {
    let toolchain = Toolchain::of(&options.go, &options.folder)?;
    if toolchain.platform != "linux/amd64" {
        return Err(RunError::Platform(toolchain.platform));
    }
    let own = refuse(&options.flags, &toolchain.flags)?.map(|path| options.folder.join(path));
    let cache = options.cache.join("test");
    let toolchain = toolchain.outside_the_module_cache(&cache)?;
    let overlay = overlay::write(&toolchain, own.as_deref(), &cache)?;
    let command = command(options, &toolchain, &overlay);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(follow(command, hear))
}

/// The name of a flag: `run` for `-run=X`.
fn name(flag: &str) -> Option<&str> {
    let name = flag.strip_prefix("--").or_else(|| flag.strip_prefix('-'))?;
    Some(name.split_once('=').map_or(name, |(name, _)| name)).filter(|name| !name.is_empty())
}

/// Refuses flags that can't be; gives the user's own overlay.
fn refuse(flags: &[String], always: &[String]) -> Result<Option<PathBuf>, RunError> {
    let mut overlay = None;
    for flags in [always, flags] {
        let mut words = flags.iter();
        while let Some(word) = words.next() {
            let Some(name) = name(word) else { continue };
            let why = match name {
                "args" => break,
                "exec" | "test.exec" => "gostray test needs it to look at the test binaries",
                "fuzz" | "test.fuzz" => "gostray test runs the seeds of fuzz tests only: leave it out",
                "c" | "o" => "gostray test runs tests, it does not keep their binaries",
                "overlay" => {
                    let value = word.split_once('=').map(|(_, value)| value.to_owned());
                    overlay = value.or_else(|| words.next().cloned()).map(PathBuf::from);
                    continue;
                }
                _ => continue,
            };
            return Err(RunError::Flag { flag: word.clone(), why });
        }
    }
    Ok(overlay)
}

fn command(options: &Options, toolchain: &Toolchain, overlay: &Path) -> Command {
    let settle = format!("{}ms", options.settle.as_millis());
    let through: Vec<String> = options.through.iter().chain([&settle]).map(|word| quote(word)).collect();
    let mut command = Command::new(&toolchain.go);
    command.arg("test").arg("-json").arg("-overlay").arg(overlay).arg("-exec").arg(through.join(" "));
    let packages = if options.packages.is_empty() { vec!["./...".to_owned()] } else { options.packages.clone() };
    command.args(packages).args(without_ours(&options.flags));
    command.env("GOROOT", &toolchain.root);
    command.current_dir(&options.folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own: who interrupts us interrupts all of it, through us, whether that is a terminal or not.
    command.process_group(0);
    command
}

/// The flags that `go test` gets: without those that we give it ourselves.
fn without_ours(flags: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut words = flags.iter();
    while let Some(word) = words.next() {
        match name(word) {
            Some("args") => {
                kept.push(word.clone());
                kept.extend(words.cloned());
                break;
            }
            Some("json") => {}
            Some("overlay") => {
                if !word.contains('=') {
                    words.next();
                }
            }
            _ => kept.push(word.clone()),
        }
    }
    kept
}

/// As `go` splits `-exec`: words with spaces stand in quotes.
fn quote(word: &str) -> String {
    if !word.contains([' ', '\t', '\n', '\'', '"']) {
        return word.to_owned();
    }
    let quote = if word.contains('\'') { '"' } else { '\'' };
    format!("{quote}{word}{quote}")
}

async fn follow(mut command: Command, hear: &mut dyn FnMut(Event<'_>)) -> Result<Ended, RunError> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut child = command.spawn()?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
    };
    let (mut lines, mut messages) = (BufReader::new(stdout).split(b'\n'), BufReader::new(stderr).split(b'\n'));
    let (mut ended, mut reader) = (Ended::default(), Reader::default());
    let (mut has_lines, mut has_messages) = (true, true);
    while has_lines || has_messages {
        tokio::select! {
            line = lines.next_segment(), if has_lines => match line? {
                Some(line) => if let Some(package) = reader.take(&String::from_utf8_lossy(&line), hear) {
                    hear(Event::Package(Box::new(package)));
                },
                None => has_lines = false,
            },
            line = messages.next_segment(), if has_messages => match line? {
                Some(line) => hear(Event::Message(&String::from_utf8_lossy(&line))),
                None => has_messages = false,
            },
            _ = interrupt.recv() => stop(&child, &mut ended.interrupted, Signal::SIGINT),
            _ = terminate.recv() => stop(&child, &mut ended.interrupted, Signal::SIGTERM),
        }
    }
    ended.code = child.wait().await?.code();
    for package in reader.interrupted() {
        hear(Event::Package(Box::new(package)));
    }
    Ok(ended)
}

/// Passes a signal on; the second time nobody is asked any more.
fn stop(child: &Child, interrupted: &mut bool, signal: Signal) {
    let signal = if std::mem::replace(interrupted, true) { Signal::SIGKILL } else { signal };
    if let Some(group) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // It may be gone already.
        let _ = killpg(Pid::from_raw(group), signal);
    }
}
