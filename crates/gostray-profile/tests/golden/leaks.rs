//! The `goroutineleak` profile: what it proves is leaked, and what it does not prove is not hidden.

use gostray_model::{NoteKind, Snapshot};

use crate::counts::signatures;
use crate::dumps::{Release, releases};

fn with_leak_profile() -> impl Iterator<Item = Release> {
    releases().into_iter().filter(|release| release.minor >= 26)
}

#[test]
fn no_goroutine_is_called_leaked_that_is_not() {
    for release in with_leak_profile() {
        let truth = release.truth("truth.json");
        let snapshot = release.snapshot("goroutineleak.debug2.txt").unwrap();
        let is_proven = |id: u64| {
            let record = snapshot.records.iter().find(|r| r.id == id).unwrap();
            snapshot.tables.status(record.status).leaked
        };
        for goroutine in &truth.goroutines {
            assert!(!is_proven(goroutine.id) || goroutine.leaked, "Go 1.{} {}", release.minor, goroutine.name);
        }
        // The runtime's proof has holes: a value to send that lies beside its channel keeps it
        // alive, and a coroutine counts as able to run.
        for hole in ["captured chan send", "coroutine"] {
            let goroutine = truth.named(hole);
            assert!(goroutine.leaked && !is_proven(goroutine.id), "Go 1.{} {hole}", release.minor);
        }
    }
}

#[test]
fn the_count_profiles_hold_what_the_dump_marks() {
    for release in with_leak_profile() {
        let mut marked = release.snapshot("goroutineleak.debug2.txt").unwrap();
        let tables = marked.tables.clone();
        marked.records.retain(|record| tables.status(record.status).leaked);
        for suffix in ["debug0.pb.gz", "debug1.txt"] {
            let counted = release.snapshot(&format!("goroutineleak.{suffix}")).unwrap();
            assert_eq!(counted.leaked(), counted.goroutines(), "Go 1.{} {suffix}", release.minor);
            assert_eq!(signatures(&counted), signatures(&marked), "Go 1.{} {suffix}", release.minor);
        }
    }
}

#[test]
fn the_main_goroutine_that_go_1_27_counts_without_a_stack_is_left_out_and_noted() {
    for release in with_leak_profile() {
        for suffix in ["debug0.pb.gz", "debug1.txt"] {
            let snapshot = release.snapshot(&format!("goroutineleak.{suffix}")).unwrap();
            let without_stack = |s: &Snapshot| s.records.iter().any(|r| s.tables.stack(r.stack).frames.is_empty());
            assert!(!without_stack(&snapshot), "Go 1.{} {suffix}", release.minor);
            let is_noted =
                snapshot.notes.iter().any(|n| n.kind == NoteKind::Warning && n.text.contains("main goroutine"));
            assert_eq!(is_noted, release.minor == 27, "Go 1.{} {suffix}: {:?}", release.minor, snapshot.notes);
        }
    }
}
