//! Who may look at a process, and what is said to who may not.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that fails says where, and one that is skipped why"
)]

#[path = "../../gostray-process/tests/program/mod.rs"]
mod program;
mod prover;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use program::{Program, build};
use prover::{assert_refused, proven};

/// What the fixture leaks.
const LEAKS: u64 = 3;
/// A user who owns nothing here.
const NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];
const WITHOUT_CAPABILITIES: [&str; 2] = ["--bounding-set=-all", "--inh-caps=-all"];

/// Only root can be another user.
fn is_root() -> bool {
    let is_root = nix::unistd::geteuid().is_root() && Command::new("setpriv").arg("--version").output().is_ok();
    if !is_root {
        eprintln!("SKIPPED: only root can be another user, by setpriv (util-linux)");
    }
    is_root
}

fn yama() -> u32 {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    scope.trim().parse().unwrap_or(0)
}

/// The fixture and gostray, where every user can run them.
struct Programs {
    folder: tempfile::TempDir,
    restless: PathBuf,
    gostray: PathBuf,
}

impl Programs {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let restless = build("1.27.3", "restless", folder.path(), &[]);
        let gostray = folder.path().join("gostray");
        fs::copy(env!("CARGO_BIN_EXE_gostray"), &gostray).unwrap();
        Self { folder, restless, gostray }
    }

    /// The fixture, as another user.
    fn start_as(&self, user: &[&str]) -> Program {
        Program::start_command(Command::new("setpriv").args(user).arg(&self.restless).current_dir(self.folder.path()))
    }

    /// `prove`, as another user.
    fn prove_as(&self, user: &[&str], pid: u32, args: &[&str]) -> Output {
        prove(Command::new("setpriv").args(user).arg(&self.gostray), pid, args)
    }
}

fn prove(command: &mut Command, pid: u32, args: &[&str]) -> Output {
    command.args(["prove", &pid.to_string(), "--format", "json", "--max-pause", "60s"]).args(args);
    command.stdin(Stdio::null()).output().unwrap()
}

fn prove_as_we_are(pid: u32, args: &[&str]) -> Output {
    prove(&mut Command::new(env!("CARGO_BIN_EXE_gostray")), pid, args)
}

fn is_proven(output: &Output) {
    assert_eq!(proven(output), LEAKS, "{}", String::from_utf8_lossy(&output.stderr));
}

fn notes(output: &Output) -> String {
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    json["notes"].to_string()
}

#[test]
fn another_user_is_told_to_be_root() {
    if !is_root() {
        return;
    }
    let programs = Programs::new();
    let program = Program::start(&programs.restless, &[], &[]);
    let output = programs.prove_as(&NOBODY, program.pid(), &[]);
    assert_refused(&output, &["belongs to another user", &format!("run: sudo gostray prove {}", program.pid())]);
    program.assert_unharmed();
    let theirs = programs.start_as(&NOBODY);
    is_proven(&prove_as_we_are(theirs.pid(), &[]));
    theirs.assert_unharmed();
}

#[test]
fn the_same_user_needs_no_capabilities() {
    if !is_root() {
        return;
    }
    let programs = Programs::new();
    let user = [&NOBODY[..], &WITHOUT_CAPABILITIES].concat();
    let program = programs.start_as(&user);
    let output = programs.prove_as(&user, program.pid(), &[]);
    match yama() {
        0 => is_proven(&output),
        scope => {
            eprintln!("SKIPPED: Yama does not allow it here (kernel.yama.ptrace_scope is {scope})");
            assert_refused(&output, &["Yama"]);
        }
    }
    program.assert_unharmed();
}

/// As in a container: root, and not allowed to look at who has more.
#[test]
fn root_without_capabilities_is_told_how_to_get_them() {
    if !is_root() {
        return;
    }
    let programs = Programs::new();
    let program = Program::start(&programs.restless, &[], &[]);
    let output = programs.prove_as(&WITHOUT_CAPABILITIES, program.pid(), &[]);
    let parts = match yama() {
        0 => &["CAP_SYS_PTRACE", "kubectl debug -it POD", "--cap-add SYS_PTRACE"][..],
        _ => &["Yama"],
    };
    assert_refused(&output, parts);
    program.assert_unharmed();
}

#[test]
fn a_process_that_hides_is_said_to() {
    if !is_root() {
        return;
    }
    let programs = Programs::new();
    let mut program = programs.start_as(&NOBODY);
    program.say("hide");
    assert_eq!(program.wait_for("done"), "");
    let output = programs.prove_as(&NOBODY, program.pid(), &[]);
    let why = if yama() == 0 { "PR_SET_DUMPABLE" } else { "Yama" };
    assert_refused(&output, &[why, &format!("run: sudo gostray prove {}", program.pid())]);
    is_proven(&prove_as_we_are(program.pid(), &[]));
    program.assert_unharmed();
}

#[test]
fn a_process_with_a_filter_is_stopped_unless_it_may_fork() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(&build_in(folder.path()), &[], &[]);
    program.say("filter");
    assert_eq!(program.wait_for("done"), "");
    let stopped = prove_as_we_are(program.pid(), &[]);
    is_proven(&stopped);
    assert!(
        notes(&stopped).contains("seccomp") && notes(&stopped).contains("--fork-under-seccomp"),
        "{}",
        notes(&stopped)
    );
    assert_refused(&prove_as_we_are(program.pid(), &["--snapshot", "fork"]), &["seccomp", "add --fork-under-seccomp"]);
    let forked = prove_as_we_are(program.pid(), &["--fork-under-seccomp"]);
    is_proven(&forked);
    assert!(notes(&forked).contains("its copy was read"), "{}", notes(&forked));
    program.assert_unharmed();
}

/// A filter that would kill it for a fork.
#[test]
fn a_process_that_must_not_fork_lives_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(&build_in(folder.path()), &[], &[]);
    program.say("forbid");
    assert_eq!(program.wait_for("done"), "");
    is_proven(&prove_as_we_are(program.pid(), &[]));
    program.say("threads 1");
    assert_eq!(program.wait_for("done"), "");
    program.assert_unharmed();
}

fn build_in(folder: &Path) -> PathBuf {
    build("1.27.3", "restless", folder, &[])
}
