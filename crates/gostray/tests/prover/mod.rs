//! `gostray prove` as a child process that can be halted, and what it leaves behind.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What must come true is waited for so long at most.
const PATIENCE: Duration = Duration::from_secs(300);

/// gostray under a name of its own, by which its processes are told from those of other tests.
pub(crate) struct Gostray {
    folder: tempfile::TempDir,
}

impl Gostray {
    pub(crate) fn new() -> Self {
        // Of the same file system, so that it can be a link.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::hard_link(env!("CARGO_BIN_EXE_gostray"), folder.path().join("gostray")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("gostray")
    }

    /// Its `prove`; a machine that is busy may take its time to stop a process.
    pub(crate) fn prove(&self, pid: u32, args: &[&str]) -> Command {
        let mut command = Command::new(self.path());
        command.args(["prove", &pid.to_string(), "--format", "json", "--max-pause", "60s"]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// All of its processes, those included that a process has made of itself.
    fn processes(&self) -> Vec<u32> {
        let pids = fs::read_dir("/proc").unwrap().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == self.path())).collect()
    }

    /// Nothing of it is there any more.
    pub(crate) fn assert_gone(&self) {
        wait_until(|| self.processes().is_empty());
    }
}

/// Halts gostray as soon as something is true; `None` if it ended before, with what it said.
pub(crate) fn halt_when(gostray: &mut Child, is_true: impl Fn(u32) -> bool) -> bool {
    let pid = Pid::from_raw(gostray.id().cast_signed());
    while gostray.try_wait().unwrap().is_none() {
        if !is_true(gostray.id()) {
            thread::yield_now();
            continue;
        }
        kill(pid, Signal::SIGSTOP).unwrap();
        // It may have ended before the signal came.
        wait_until(|| matches!(state(gostray.id()), Some('T' | 'Z') | None));
        return state(gostray.id()) == Some('T');
    }
    false
}

pub(crate) fn go_on(gostray: Child) -> Output {
    kill(Pid::from_raw(gostray.id().cast_signed()), Signal::SIGCONT).unwrap();
    gostray.wait_with_output().unwrap()
}

pub(crate) fn wait_until(mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < PATIENCE, "it never came true");
        thread::sleep(Duration::from_millis(1));
    }
}

/// What a process is doing, as `/proc` says it in a letter; `None` if it is gone.
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Does a process have a file open?
pub(crate) fn has_open(pid: u32, file: &Path) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files.into_iter().any(|entry| fs::read_link(entry.path()).is_ok_and(|path| path == file))
}

/// The processes that a process has made.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.map(|thread| fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_ascii_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()).collect()
}

/// How many goroutines it says are proven.
pub(crate) fn proven(output: &Output) -> u64 {
    let json: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let groups = json["groups"].as_array().unwrap();
    groups.iter().filter(|group| group["verdict"] == "proven").map(|group| group["count"].as_u64().unwrap()).sum()
}

/// It could not be done, and that is said with these words.
pub(crate) fn assert_refused(output: &Output, parts: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{error}");
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}
