//! What is proven and what is not: goroutines that can never run again, and those that only look so.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod program;

use std::collections::BTreeSet;
use std::time::Duration;

use gostray_model::Snapshot;
use gostray_process::{HoldError, Method, ProcessError, ProveOptions, ProveProgress, Prover, prove};
use program::snapshots::{options, proven, starters};
use program::{Program, build, releases};

/// Small mutexes share blocks of memory with whatever was made at that moment, which may be alive.
const MUTEXES: usize = 16;
const MUTEXES_PROVEN: usize = 10;
/// A word that was left behind may hide a leak once.
const ATTEMPTS: u32 = 5;

/// Who holds whom, as far as it is known without a symbol table.
const HOLDERS: &[(&str, &str)] = &[
    ("heldByGlobal", "global"),
    ("heldByLockedGlobal", "global"),
    ("heldByMap", "global"),
    ("heldByInterface", "global"),
    ("heldByClosure", "func main.heldByClosure.func1"),
    ("heldByTimer", "timer"),
    ("heldByTicker", "timer"),
    ("heldByAfter", "timer"),
    ("heldBySleeper", "in main.heldBySleeper.func2"),
    ("heldByIO", "in main.heldByIO.func2"),
    ("heldBySyscall", "in main.heldBySyscall.func2"),
    ("heldByFinalizer", "finalizer"),
    ("heldByServerContext", "global"),
    ("heldByPool", "global"),
    ("heldBySignal", "global"),
    ("heldBySyncMap", "global"),
];

#[test]
fn what_can_never_run_again_is_proven_and_what_is_held_is_not() {
    let folder = tempfile::tempdir().unwrap();
    for release in releases() {
        for (args, method) in [(&[][..], Method::Fork), (&["-ldflags=-s -w", "-buildmode=pie"], Method::Stop)] {
            let program = Program::start(&build(release, "stalled", folder.path(), args), &[], &[]);
            let mut prover = Prover::attach(program.pid()).unwrap();
            let mut missing = Vec::new();
            for _ in 0..ATTEMPTS {
                let snapshot = prover.prove(&options(method), &mut |_| {}).unwrap();
                let (starters, proven) = (starters(&snapshot), proven(&snapshot));
                let wrong: Vec<_> = proven.iter().filter(|id| !starters[id].starts_with("leak")).collect();
                assert!(
                    wrong.is_empty(),
                    "Go {release} {args:?}: {:?}",
                    wrong.iter().map(|id| &starters[id]).collect::<Vec<_>>()
                );
                missing = starters
                    .iter()
                    .filter(|(id, name)| name.starts_with("leak") && !proven.contains(id))
                    .map(|(_, name)| name.clone())
                    .collect();
                let mutexes = missing.iter().filter(|name| *name == "leakMutexes").count();
                assert!(mutexes <= MUTEXES - MUTEXES_PROVEN, "Go {release}: {mutexes} mutexes are not proven");
                missing.retain(|name| name != "leakMutexes");
                for id in &proven {
                    assert!(snapshot.facts[id].retained >= 2048, "a stack at least is kept: {:?}", snapshot.facts[id]);
                }
                if missing.is_empty() {
                    break;
                }
            }
            assert!(missing.is_empty(), "Go {release} {args:?}: not proven: {missing:?}");
            program.assert_unharmed();
        }
    }
}

#[test]
fn who_is_not_proven_is_held_by_what_its_name_says() {
    let folder = tempfile::tempdir().unwrap();
    for release in releases() {
        let program = Program::start(&build(release, "stalled", folder.path(), &["-ldflags=-s -w"]), &[], &[]);
        // A thread that has just run something may hold it nearer than what it is held by for good.
        program.wait_until_at_rest();
        let snapshot = prove(program.pid(), &options(Method::Auto), &mut |_| {}).unwrap();
        let starters = starters(&snapshot);
        for (name, holder) in HOLDERS {
            let held: Vec<&str> = starters
                .iter()
                .filter(|(_, starter)| starter == name)
                .filter_map(|(id, _)| snapshot.facts.get(id)?.held_by.as_deref())
                .collect();
            assert!(held.iter().any(|held| held.contains(holder)), "Go {release}: {name} is held by {held:?}");
        }
    }
}

#[test]
fn what_the_runtime_finds_is_proven_and_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(&build("1.27.3", "stalled", folder.path(), &[]), &[], &[]);
    let mut prover = Prover::attach(program.pid()).unwrap();
    let mut ours = BTreeSet::new();
    let mut snapshot = Snapshot::default();
    for _ in 0..ATTEMPTS {
        snapshot = prover.prove(&options(Method::Auto), &mut |_| {}).unwrap();
        ours = proven(&snapshot);
    }
    program.say("leaks");
    let profile = program.wait_for("done");
    let runtime = gostray_profile::read(profile.as_bytes(), &gostray_profile::Limits::default()).unwrap().snapshot;
    let theirs: BTreeSet<u64> = runtime
        .records
        .iter()
        .filter(|record| runtime.tables.status(record.status).leaked)
        .map(|record| record.id)
        .collect();
    for _ in 0..ATTEMPTS {
        snapshot = prover.prove(&options(Method::Auto), &mut |_| {}).unwrap();
        ours.extend(proven(&snapshot));
        if theirs.is_subset(&ours) {
            break;
        }
        // While it stands still, what was left behind stays.
        program.say("leaks");
        program.wait_for("done");
    }
    let starters = starters(&snapshot);
    let held = |id: &u64| snapshot.facts.get(id).and_then(|facts| facts.held_by.clone());
    let missing: Vec<_> = theirs.difference(&ours).map(|id| (starters[id].as_str(), held(id))).collect();
    assert!(theirs.len() > 10 && missing.is_empty(), "not proven: {missing:?}");
    let more: BTreeSet<&str> = ours.difference(&theirs).map(|id| starters[id].as_str()).collect();
    // A send of what lies in the object that holds the channel: six of six.
    for name in ["leakLoopVariable", "leakCaptured", "leakField", "leakItself", "leakClosure", "leakGroup"] {
        assert!(ours.iter().any(|id| starters[id] == name), "{name} is not proven");
    }
    assert!(more.contains("leakField") && more.contains("leakItself"), "the runtime has learnt: {more:?}");
}

#[test]
fn who_does_not_leak_is_not_held_up() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(&build("1.27.3", "stalled", folder.path(), &[]), &["held"], &[]);
    // A thread that the system took the processor from in the midst of something would have to be held up.
    program.wait_until_at_rest();
    let mut steps = Vec::new();
    let snapshot = prove(program.pid(), &options(Method::Auto), &mut |step| steps.push(step)).unwrap();
    assert!(snapshot.pause.is_none(), "{:?} {steps:?}", snapshot.notes);
    assert!(steps.iter().all(|step| matches!(step, ProveProgress::Looking(_))), "{steps:?}");
}

#[test]
fn a_pause_that_would_be_too_long_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(&build("1.27.3", "stalled", folder.path(), &[]), &[], &[]);
    for method in [Method::Fork, Method::Stop] {
        let options = ProveOptions { max_pause: Duration::from_nanos(1), method, ..ProveOptions::default() };
        let error = prove(program.pid(), &options, &mut |_| {}).unwrap_err();
        assert!(matches!(error, ProcessError::Hold(HoldError::TooLong { .. })), "{error}");
    }
    program.assert_unharmed();
}

#[test]
fn a_goroutine_must_have_been_seen_to_wait_for_as_long_as_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(&build("1.27.3", "stalled", folder.path(), &[]), &[], &[]);
    let mut prover = Prover::attach(program.pid()).unwrap();
    let long = ProveOptions { min_wait: Duration::from_secs(3600), ..options(Method::Auto) };
    for _ in 0..2 {
        let snapshot = prover.prove(&long, &mut |_| {}).unwrap();
        assert!(snapshot.pause.is_none() && proven(&snapshot).is_empty());
    }
    // By then it has been seen to wait, and has an age.
    let snapshot = prover.prove(&long, &mut |_| {}).unwrap();
    assert!(snapshot.records.iter().filter(|record| record.age.known().is_some()).count() > 40);
    let short = ProveOptions { min_wait: Duration::from_nanos(1), ..options(Method::Auto) };
    assert!(!proven(&prover.prove(&short, &mut |_| {}).unwrap()).is_empty());
}

#[test]
fn a_process_that_is_traced_is_left_alone() {
    use nix::sys::ptrace;
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(&build("1.27.3", "stalled", folder.path(), &[]), &[], &[]);
    let pid = nix::unistd::Pid::from_raw(program.pid().cast_signed());
    ptrace::seize(pid, ptrace::Options::empty()).unwrap();
    let error = prove(program.pid(), &options(Method::Auto), &mut |_| {}).unwrap_err();
    assert!(matches!(error, ProcessError::Hold(HoldError::Traced { .. })), "{error}");
}
