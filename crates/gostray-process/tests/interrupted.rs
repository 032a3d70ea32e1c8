//! A process that becomes another one while it is looked at: one that ends, runs another program, or starts threads,
//! at each step of a proof. What is said of it is right, or that it is gone; and nothing is left behind.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod program;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use gostray_process::{HoldError, Method, ProcessError, ProveOptions, ProveProgress, Prover};
use program::snapshots::{options, proven};
use program::{Program, build};

/// What the fixture leaks.
const LEAKS: usize = 3;
const THREADS: usize = 1000;

/// The steps of a proof.
const STEPS: [&str; 4] = ["first look", "second look", "snapshot", "after the snapshot"];

fn step(progress: ProveProgress) -> usize {
    match progress {
        ProveProgress::Looking(1) => 0,
        ProveProgress::Looking(_) => 1,
        ProveProgress::Snapshot(_) => 2,
        ProveProgress::Proving => 3,
    }
}

/// Proves, and does something to the program at a step.
fn prove_and(executable: &Path, method: Method, at: usize, mut act: impl FnMut(&mut Program)) -> Outcome {
    let mut program = Program::start(executable, &[], &[]);
    let mut prover = Prover::attach(program.pid()).unwrap();
    let mut is_done = false;
    // A thousand threads take a while to be stopped where others want the processor.
    let options = ProveOptions { max_pause: Duration::from_secs(60), ..options(method) };
    let result = prover.prove(&options, &mut |progress| {
        if step(progress) == at && !is_done {
            is_done = true;
            act(&mut program);
        }
    });
    assert!(is_done, "there was no {}", STEPS[at]);
    drop(prover);
    (program, result.map(|snapshot| proven(&snapshot).len()))
}

type Outcome = (Program, Result<usize, ProcessError>);

fn is_gone(error: &ProcessError) -> bool {
    matches!(
        error,
        ProcessError::Gone { .. } | ProcessError::Replaced { .. } | ProcessError::Hold(HoldError::Gone { .. })
    )
}

fn wait_until(what: impl Fn() -> bool) {
    while !what() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Every step, by fork and by stopping.
fn each(mut test: impl FnMut(&Path, Method, usize)) {
    let folder = tempfile::tempdir().unwrap();
    let executable = build("1.27.3", "restless", folder.path(), &[]);
    for method in [Method::Fork, Method::Stop] {
        for at in 0..STEPS.len() {
            test(&executable, method, at);
        }
    }
}

#[test]
fn one_that_ends_is_said_to_be_gone() {
    each(|executable, method, at| {
        let (_program, result) = prove_and(executable, method, at, |program| {
            let status = format!("/proc/{}/status", program.pid());
            program.say("exit");
            wait_until(|| fs::read_to_string(&status).is_ok_and(|status| status.contains("State:\tZ")));
        });
        match result {
            Ok(count) => assert_eq!((at, count), (3, LEAKS), "{method:?}"),
            Err(error) => assert!(is_gone(&error), "{method:?}, {}: {error}", STEPS[at]),
        }
    });
}

#[test]
fn one_that_runs_another_program_is_said_to_do_so() {
    each(|executable, method, at| {
        let sleep = fs::canonicalize("/bin/sleep").unwrap();
        let (program, result) = prove_and(executable, method, at, |program| {
            let link = format!("/proc/{}/exe", program.pid());
            program.say(&format!("exec {} 600", sleep.display()));
            wait_until(|| fs::read_link(&link).is_ok_and(|link| link == sleep));
        });
        match result {
            Ok(count) => assert_eq!((at, count), (3, LEAKS), "{method:?}"),
            Err(error) => assert!(is_gone(&error), "{method:?}, {}: {error}", STEPS[at]),
        }
        program.assert_unharmed();
    });
}

/// The same program anew lies where it lay; of another run of it nothing that was seen before is true.
#[test]
fn one_that_runs_itself_anew_is_not_mixed_up_with_what_it_was() {
    each(|executable, method, at| {
        let (program, result) = prove_and(executable, method, at, |program| {
            program.say(&format!("exec {}", executable.display()));
            program.wait_for("ready");
        });
        match result {
            Ok(count) => assert!(count <= LEAKS, "{method:?}, {}: {count}", STEPS[at]),
            Err(error) => assert!(is_gone(&error), "{method:?}, {}: {error}", STEPS[at]),
        }
        program.assert_unharmed();
    });
}

#[test]
fn one_that_starts_a_thousand_threads_is_proven_all_the_same() {
    each(|executable, method, at| {
        let (program, result) = prove_and(executable, method, at, |program| {
            program.say(&format!("threads {THREADS}"));
            assert_eq!(program.wait_for("done"), "");
        });
        assert_eq!(result.unwrap(), LEAKS, "{method:?}, {}", STEPS[at]);
        assert!(fs::read_dir(format!("/proc/{}/task", program.pid())).unwrap().count() > THREADS);
        program.assert_unharmed();
    });
}
