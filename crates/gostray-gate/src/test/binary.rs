//! One test binary, run and looked at. `go test -exec` starts it through this.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::watch::{Rest, Watch};
use super::wire::Left;

/// Where the binary finds the pipes to us.
const FOLDER: &str = "GOSTRAY_TEST_FOLDER";

/// What the binary hears: go on, or move a little and wait again.
const GO_ON: u8 = b'.';
const AGAIN: u8 = b'g';

/// Between looks while what is left may still end: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LAST_PAUSE: Duration = Duration::from_millis(50);

/// How a test binary is looked at.
#[derive(Debug, Clone, Copy)]
pub struct BinaryOptions {
    /// So long a test's goroutines may go on after it.
    pub settle: Duration,
}

/// Why a test binary could not be run.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// It could not be started.
    #[error("can't run {path}: {source}")]
    Start {
        /// What was to be run.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// Something that it takes to run it failed.
    #[error("can't look at a test binary: {0}")]
    Io(#[from] io::Error),
}

/// Runs a test binary as it would be run without us, looks at what its tests leave behind, and writes
/// that to standard output. Gives its exit code, 128 and the number of the signal that ended it.
///
/// # Errors
/// If it can't be started. What can't be seen is said on standard output.
pub fn run_binary(command: &[OsString], options: &BinaryOptions) -> Result<i32, BinaryError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (status, left) = runtime.block_on(run(command, options))?;
    io::stdout().write_all(left.line().as_bytes())?;
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}

async fn run(command: &[OsString], options: &BinaryOptions) -> Result<(ExitStatus, Left), BinaryError> {
    let folder = tempfile::Builder::new().prefix("gostray-test").tempdir()?;
    let (mut words, mut answers) = pipes(folder.path())?;
    // What it shall do at these is its own business: a terminal sends them to all of us.
    let (mut interrupt, mut hangup) = (signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
    let (mut quit, mut terminate) = (signal(SignalKind::quit())?, signal(SignalKind::terminate())?);
    let mut child = start(command, folder.path())?;
    let pid = child.id().unwrap_or(0);
    let mut state = State { pid, options, watch: None, failed: None, is_settled: false, rest: None, left: None };
    let status = loop {
        let wake = state.wake();
        tokio::select! {
            biased;
            word = words.next_line() => if let Some(answer) = word?.and_then(|word| state.hear(&word)) {
                answers.write_all(&[answer]).await?;
            },
            status = child.wait() => break status?,
            _ = quit.recv() => send(pid, nix::sys::signal::SIGQUIT),
            _ = terminate.recv() => send(pid, nix::sys::signal::SIGTERM),
            _ = hangup.recv() => send(pid, nix::sys::signal::SIGHUP),
            _ = interrupt.recv() => {}
            () = tokio::time::sleep_until(wake.unwrap_or_else(far).into()), if wake.is_some() => {
                if let Some(answer) = state.look() {
                    answers.write_all(&[answer]).await?;
                }
            }
        }
    };
    let mut left = state.end();
    left.folder = std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default();
    Ok((status, left))
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

fn send(pid: u32, signal: nix::sys::signal::Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        // It may be gone already.
        let _ = nix::sys::signal::kill(Pid::from_raw(pid), signal);
    }
}

/// Two pipes with names, so that the binary has no open file that it would not have without us. We hold
/// both ends of each: it never waits for us to open one, and sees the end of what it reads when we are gone.
fn pipes(folder: &Path) -> io::Result<(Lines<BufReader<pipe::Receiver>>, pipe::Sender)> {
    let us = std::process::id();
    let (up, down) = (folder.join(format!("up.{us}")), folder.join(format!("down.{us}")));
    for path in [&up, &down] {
        mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    }
    let receiver = pipe::OpenOptions::new().read_write(true).open_receiver(up)?;
    let sender = pipe::OpenOptions::new().read_write(true).open_sender(down)?;
    Ok((BufReader::new(receiver).lines(), sender))
}

#[allow(unsafe_code)]
fn start(command: &[OsString], folder: &Path) -> Result<Child, BinaryError> {
    let (program, arguments) = command.split_first().ok_or_else(|| BinaryError::Start {
        path: String::new(),
        source: io::Error::from(io::ErrorKind::InvalidInput),
    })?;
    let mut command = Command::new(program);
    command.args(testlog(program, arguments)).args(arguments).env(FOLDER, folder);
    // SAFETY: between fork and exec, in the child, one system call is made, which needs no memory.
    unsafe {
        // If we are killed, nobody is there to end it.
        command.pre_exec(|| nix::sys::prctl::set_pdeathsig(nix::sys::signal::SIGKILL).map_err(io::Error::from));
    }
    command.spawn().map_err(|source| BinaryError::Start { path: program.display().to_string(), source })
}

/// Where a test notes the files and variables that it has looked at. `go test` needs that for its cache, and looks
/// for it beside the binary; but it does not ask for it when it starts the binary through another program.
fn testlog(program: &OsStr, arguments: &[OsString]) -> Option<OsString> {
    let is_asked_for = |argument: &OsString| argument.to_string_lossy().starts_with("-test.testlogfile");
    let folder = Path::new(program).parent()?;
    // One of `go test`, which it removes; a binary may also be asked for with `-o`.
    let work = folder.parent()?.file_name()?.to_string_lossy();
    if !work.starts_with("go-build") {
        return None;
    }
    if arguments.iter().any(is_asked_for) {
        return None;
    }
    let mut flag = OsString::from("-test.testlogfile=");
    flag.push(folder.join("testlog.txt"));
    Some(flag)
}

/// What is known of a binary that runs.
struct State<'a> {
    pid: u32,
    options: &'a BinaryOptions,
    watch: Option<Watch>,
    /// Why it can't be looked at.
    failed: Option<String>,
    /// The time to settle is over.
    is_settled: bool,
    /// All tests have ended, and what was there when it was last looked at.
    rest: Option<Settling>,
    left: Option<Left>,
}

struct Settling {
    rest: Rest,
    until: Instant,
    next: Instant,
    pause: Duration,
}

impl State<'_> {
    /// When to look next.
    fn wake(&self) -> Option<Instant> {
        match &self.rest {
            Some(settling) => Some(settling.next),
            None => self.watch.as_ref().and_then(Watch::next_look),
        }
    }

    /// Hears what the binary says, and answers if it waits for that.
    fn hear(&mut self, word: &str) -> Option<u8> {
        let (word, test) = word.split_once(' ').unwrap_or((word, ""));
        match word {
            "begin" => {
                // Tests may be run more than once; what is left of earlier ones was told about.
                self.is_settled = false;
                match Watch::begin(self.pid, self.options.settle) {
                    Ok(watch) => self.watch = Some(watch),
                    Err(error) => self.failed = Some(error.to_string()),
                }
                return Some(GO_ON);
            }
            "start" => {
                if let (Some(watch), Some((id, test))) = (&mut self.watch, test.split_once(' ')) {
                    watch.start(id.parse().ok(), test);
                }
            }
            "end" => {
                if let Some(watch) = &mut self.watch {
                    watch.end(test);
                }
            }
            "done" => return self.settle(),
            _ => {}
        }
        None
    }

    /// All tests have ended. Is there nothing to wait for?
    fn settle(&mut self) -> Option<u8> {
        let now = Instant::now();
        let Some(watch) = &mut self.watch else { return Some(GO_ON) };
        match watch.rest() {
            Ok(rest) if rest.is_settled() || self.is_settled => self.finish(rest),
            Ok(rest) => {
                let until = now + self.options.settle;
                self.rest = Some(Settling { rest, until, next: now + FIRST_PAUSE, pause: FIRST_PAUSE });
                None
            }
            Err(error) => self.fail(&error.to_string()),
        }
    }

    /// Looks again. Is all said, so that the binary may go on?
    fn look(&mut self) -> Option<u8> {
        let watch = self.watch.as_mut()?;
        let Some(settling) = &mut self.rest else {
            // It may just be ending: what stays is seen at the end.
            let _ = watch.look();
            return None;
        };
        match watch.rest() {
            Ok(rest) => settling.rest = rest,
            Err(error) => return self.fail(&error.to_string()),
        }
        let now = Instant::now();
        if settling.rest.is_settled() || now >= settling.until {
            let settling = self.rest.take()?;
            return self.finish(settling.rest);
        }
        settling.pause = (settling.pause * 2).min(LAST_PAUSE);
        settling.next = (now + settling.pause).min(settling.until);
        None
    }

    fn finish(&mut self, rest: Rest) -> Option<u8> {
        self.is_settled = true;
        let mut watch = self.watch.take()?;
        let Some(proven) = watch.prove(&rest) else {
            self.watch = Some(watch);
            return Some(AGAIN);
        };
        let mut left = watch.finish(rest, proven);
        if let Some(before) = self.left.take() {
            left.join(before);
        }
        self.left = Some(left);
        Some(GO_ON)
    }

    fn fail(&mut self, why: &str) -> Option<u8> {
        self.rest = None;
        self.failed = Some(why.to_owned());
        Some(GO_ON)
    }

    fn end(self) -> Left {
        let why = self.failed.unwrap_or_else(|| match (&self.watch, self.left.is_some()) {
            (None, true) => String::new(),
            (Some(_), _) => "the test binary ended before its tests did".to_owned(),
            (None, false) => "its tests never began: does its TestMain call Run?".to_owned(),
        });
        match (self.left, self.watch) {
            (Some(left), None) if why.is_empty() => left,
            (_, Some(watch)) => watch.abandon(&why),
            (left, None) => Left { not_checked: Some(why), ..left.unwrap_or_default() },
        }
    }
}
