//! A Go program as a child process that answers commands on its standard input.
#![allow(dead_code, reason = "not every test needs all of it")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says why")]

pub(crate) mod snapshots;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use gostray_toolchain::{Request, Toolchain, Version};

/// The releases that proofs are tested with; one of each line.
pub(crate) const RELEASES: &[&str] = &["1.21.13", "1.22.10", "1.23.9", "1.24.11", "1.25.5", "1.26.6", "1.27.3"];

/// The oldest, the newest, and one that differs from both: those that are tested where time is short.
/// `GOSTRAY_ALL_RELEASES=1` tests them all.
pub(crate) fn releases() -> Vec<&'static str> {
    let all = std::env::var_os("GOSTRAY_ALL_RELEASES").is_some();
    RELEASES.iter().copied().filter(|release| all || ["1.21.13", "1.24.11", "1.27.3"].contains(release)).collect()
}

/// A toolchain of a release.
pub(crate) fn toolchain(release: &str) -> Toolchain {
    let version: Version = release.parse().unwrap();
    Toolchain::find(Request::Exactly(version), &mut |_| {}).unwrap()
}

/// Builds a fixture.
pub(crate) fn build(release: &str, fixture: &str, folder: &Path, args: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(fixture);
    let executable = folder.join(format!("{fixture}-{release}-{}", args.len()));
    toolchain(release).build(&source, &executable, args).unwrap();
    executable
}

/// Can programs with C be built here? Says so if not.
pub(crate) fn has_c() -> bool {
    let has = Command::new("cc").arg("--version").output().is_ok();
    if !has {
        eprintln!("SKIPPED: there is no C compiler here (cc)");
    }
    has
}

/// It ends with this value.
pub(crate) struct Program {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Program {
    /// Starts it and waits until it says that it is ready.
    pub(crate) fn start(executable: &Path, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(executable);
        command.args(args).envs(environment.iter().copied()).current_dir(executable.parent().unwrap());
        Self::start_command(&mut command)
    }

    /// The same, however it is started.
    pub(crate) fn start_command(command: &mut Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut program = Self { process, input, output };
        program.wait_for("ready");
        program
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends a line.
    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
        self.input.flush().unwrap();
    }

    /// Reads up to a line, which is left out.
    pub(crate) fn wait_for(&mut self, expected: &str) -> String {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).unwrap();
            assert!(read > 0, "the program ended before it said {expected:?}: {text}");
            if line.trim_end() == expected {
                return text;
            }
            text += &line;
        }
    }

    /// Waits until none of its threads has anything left to do.
    pub(crate) fn wait_until_at_rest(&self) {
        let sleeps = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
            // The state follows the name, which may have anything in it.
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
        };
        while !std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap().all(sleeps) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// What is left of its output when it has ended by itself.
    pub(crate) fn rest(mut self) -> String {
        let mut text = String::new();
        self.output.read_to_string(&mut text).unwrap();
        text
    }

    /// Ends it with a signal, and waits for that.
    pub(crate) fn end_with(mut self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.process.id().cast_signed());
        nix::sys::signal::kill(pid, signal).unwrap();
        self.process.wait().unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait_for_end(mut self) {
        self.process.wait().unwrap();
    }

    /// Is it as if nothing had ever happened: not traced, not stopped, without children?
    pub(crate) fn assert_unharmed(&self) {
        let pid = self.pid();
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
            let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
            assert!(!status.contains("TracerPid:\t") || status.contains("TracerPid:\t0\n"), "{status}");
            assert!(!status.contains("State:\tt") && !status.contains("State:\tT"), "{status}");
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            assert_eq!(children.trim(), "", "a child is left");
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
