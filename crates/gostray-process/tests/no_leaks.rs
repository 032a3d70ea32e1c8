//! Programs without leaks that are as hard as possible on who looks for them: whatever is proven of them is wrong.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails says where, and one that is skipped why"
)]

mod program;

use gostray_process::{Method, ProveOptions, Prover};
use program::snapshots::{options, proven, starters};
use program::{Program, build, has_c, releases};

/// `GOSTRAY_SNAPSHOTS` says how many snapshots are taken of each; a few are enough to see what always
/// happens.
fn nothing_is_proven_of(fixture: &str, args: &[&str]) {
    let count: u32 = std::env::var("GOSTRAY_SNAPSHOTS").map_or(30, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    for release in releases() {
        let program = Program::start(&build(release, fixture, folder.path(), args), &[], &[]);
        let mut prover = Prover::attach(program.pid()).unwrap();
        for number in 0..count {
            let method = if number % 4 == 3 { Method::Stop } else { Method::Fork };
            // Without looking first: there would hardly ever be a snapshot.
            let options = ProveOptions { look_first: false, ..options(method) };
            let snapshot = prover.prove(&options, &mut |_| {}).unwrap();
            let starters = starters(&snapshot);
            let wrong: Vec<_> = proven(&snapshot).iter().map(|id| starters.get(id).cloned()).collect();
            assert!(wrong.is_empty(), "Go {release}, snapshot {number} {method:?}: {wrong:?}");
            assert!(snapshot.pause.is_some_and(|pause| !pause.is_zero()));
        }
        program.assert_unharmed();
        eprintln!("{fixture} {args:?}, Go {release}: nothing is proven in {count} snapshots");
    }
}

#[test]
fn nothing_is_proven_of_a_program_without_leaks() {
    nothing_is_proven_of("lively", &["-ldflags=-s -w"]);
}

#[test]
fn nothing_is_proven_of_a_program_whose_goroutines_are_woken_by_c() {
    if !has_c() {
        return;
    }
    nothing_is_proven_of("bridged", &["-ldflags=-s -w"]);
}

/// Where variables lie, those of C among them, differs.
#[test]
fn nothing_is_proven_of_a_program_that_may_lie_anywhere_and_is_woken_by_c() {
    if !has_c() {
        return;
    }
    nothing_is_proven_of("bridged", &["-ldflags=-s -w", "-buildmode=pie"]);
}
