//! What happens to the process while `gostray prove` is at work: it ends, runs another program, starts a thousand
//! threads, or writes so much that its copy costs too much. gostray is halted half-way, so that it always happens then.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

#[path = "../../gostray-process/tests/program/mod.rs"]
mod program;
mod prover;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use program::{Program, build};
use prover::{Gostray, assert_refused, children, go_on, halt_when, has_open, proven, state, wait_until};

/// What the fixture leaks.
const LEAKS: u64 = 3;
/// gostray may be done before it is halted; then it is tried again.
const ATTEMPTS: u32 = 100;

fn restless(folder: &Path) -> PathBuf {
    build("1.27.3", "restless", folder, &[])
}

/// Proves, and does something when gostray has opened the memory of the program.
fn prove_and(executable: &Path, mut act: impl FnMut(&mut Program)) -> (Program, Output) {
    let gostray = Gostray::new();
    for _ in 0..ATTEMPTS {
        let mut program = Program::start(executable, &[], &[]);
        let memory = PathBuf::from(format!("/proc/{}/mem", program.pid()));
        let mut process = gostray.prove(program.pid(), &[]).spawn().unwrap();
        if !halt_when(&mut process, |pid| has_open(pid, &memory)) {
            process.wait_with_output().unwrap();
            continue;
        }
        act(&mut program);
        let output = go_on(process);
        gostray.assert_gone();
        return (program, output);
    }
    panic!("gostray was always done before it was halted");
}

#[test]
fn a_process_that_ends_is_said_to_have_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (program, output) = prove_and(&restless(folder.path()), |program| {
        program.say("exit");
        wait_until(|| state(program.pid()) == Some('Z'));
    });
    assert_refused(&output, &[&format!("no process {}", program.pid()), "it has ended"]);
}

#[test]
fn a_process_that_runs_another_program_is_said_to_do_so() {
    let folder = tempfile::tempdir().unwrap();
    let sleep = fs::canonicalize("/bin/sleep").unwrap();
    let (program, output) = prove_and(&restless(folder.path()), |program| {
        program.say(&format!("exec {} 600", sleep.display()));
        wait_until(|| fs::read_link(format!("/proc/{}/exe", program.pid())).is_ok_and(|exe| exe == sleep));
    });
    assert_refused(&output, &["executed another program", "try again"]);
    program.assert_unharmed();
}

#[test]
fn a_process_that_runs_another_go_program_is_said_to_do_so() {
    let folder = tempfile::tempdir().unwrap();
    let other = build("1.24.11", "stalled", folder.path(), &[]);
    let (program, output) = prove_and(&restless(folder.path()), |program| {
        program.say(&format!("exec {}", other.display()));
        program.wait_for("ready");
    });
    assert_refused(&output, &["executed another program", "try again"]);
    program.assert_unharmed();
}

#[test]
fn a_process_that_starts_a_thousand_threads_is_proven_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (program, output) = prove_and(&restless(folder.path()), |program| {
        program.say("threads 1000");
        assert_eq!(program.wait_for("done"), "");
    });
    assert_eq!(proven(&output), LEAKS, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read_dir(format!("/proc/{}/task", program.pid())).unwrap().count() > 1000);
    program.assert_unharmed();
}

/// It is halted while it reads the copy, until the process has written so much that the copy is given up.
#[test]
fn a_copy_that_costs_too_much_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let gostray = Gostray::new();
    let mut program = Program::start(&restless(folder.path()), &[], &[]);
    program.say("rewrite 300");
    assert_eq!(program.wait_for("done"), "");
    for _ in 0..ATTEMPTS {
        let mut process = gostray.prove(program.pid(), &["--snapshot", "fork", "--max-copy", "1MiB"]).spawn().unwrap();
        if !halt_when(&mut process, |_| !children(program.pid()).is_empty()) {
            process.wait_with_output().unwrap();
            continue;
        }
        // Its keeper is another process, which goes on. The copy is the program's child.
        let copies = children(program.pid());
        wait_until(|| copies.iter().all(|copy| matches!(state(*copy), Some('Z' | 'X') | None)));
        let output = go_on(process);
        gostray.assert_gone();
        // It had just been read, and only stayed until gostray ended it.
        if output.status.code() != Some(2) {
            continue;
        }
        assert_refused(&output, &["cost it more than 1 MiB (--max-copy)", "try again"]);
        program.assert_unharmed();
        return;
    }
    panic!("the copy was always read before gostray was halted");
}
