//! What is thought of which goroutines. Each case is a traceback.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fmt::Write;

use gostray_model::groups;
use gostray_verdict::{EvidenceKind, Judged, Policy, Verdict, judge_all};

fn judge(dump: &str) -> Vec<Judged> {
    let snapshot = gostray_profile::read(dump.as_bytes(), &gostray_profile::Limits::default()).unwrap().snapshot;
    judge_all(&snapshot, groups(&snapshot), &Policy::default())
}

/// `count` goroutines with ids `step` apart.
fn many(count: u64, step: u64, state: &str, frames: &[&str]) -> String {
    let mut dump = String::new();
    for n in 0..count {
        writeln!(dump, "goroutine {} [{state}]:", 100 + n * step).unwrap();
        for frame in frames {
            writeln!(dump, "{frame}(...)\n\t/src/x.go:1 +0x1").unwrap();
        }
        writeln!(dump, "created by main.start in goroutine 1\n\t/src/x.go:9 +0x1\n").unwrap();
    }
    dump
}

fn verdict(dump: &str) -> Verdict {
    let judged = judge(dump);
    assert_eq!(judged.len(), 1, "{judged:?}");
    assert!(!judged[0].judgement.evidence.is_empty(), "every verdict names its evidence");
    judged[0].judgement.verdict
}

#[test]
fn only_proof_is_proven() {
    assert_eq!(verdict(&many(1, 1, "chan send (leaked)", &["main.f"])), Verdict::Proven);
    assert_eq!(verdict(&many(1, 1, "chan receive (nil chan)", &["main.f"])), Verdict::Proven);
    assert_eq!(verdict(&many(1, 1, "select (no cases)", &["main.f"])), Verdict::Proven);
    assert_ne!(verdict(&many(50_000, 9, "chan send, 900 minutes", &["main.f"])), Verdict::Proven);
}

#[test]
fn main_in_an_empty_select_is_no_leak() {
    assert_eq!(verdict("goroutine 1 [select (no cases)]:\nmain.main()\n\t/src/main.go:1 +0x1\n"), Verdict::Normal);
}

#[test]
fn a_group_that_is_proven_in_part_is_judged_in_parts() {
    let dump = many(3, 9, "chan send (leaked)", &["main.f"])
        + &many(2, 9, "chan send", &["main.f"]).replace("goroutine 1", "goroutine 2");
    let judged = judge(&dump);
    let found: Vec<_> = judged.iter().map(|j| (j.judgement.verdict, j.group.count)).collect();
    assert_eq!(found, [(Verdict::Proven, 3), (Verdict::Unknown, 2)]);
    assert_eq!(judged[0].group.signature, judged[1].group.signature);
}

#[test]
fn senders_that_wait_for_long_are_likely_leaked() {
    assert_eq!(verdict(&many(10, 9, "chan send, 10 minutes", &["main.f"])), Verdict::Likely);
    assert_eq!(verdict(&many(9, 9, "chan send, 10 minutes", &["main.f"])), Verdict::Suspect);
    assert_eq!(verdict(&many(10, 9, "chan send, 9 minutes", &["main.f"])), Verdict::Unknown);
}

#[test]
fn receivers_that_wait_for_long_may_be_workers() {
    assert_eq!(verdict(&many(9, 9, "chan receive, 600 minutes", &["main.f"])), Verdict::Unknown);
    assert_eq!(verdict(&many(40, 9, "chan receive, 600 minutes", &["main.f"])), Verdict::Suspect);
    assert_eq!(verdict(&many(400, 9, "chan receive, 600 minutes", &["main.f"])), Verdict::Likely);
    // A pool is started at once: its ids are neighbours.
    assert_eq!(verdict(&many(400, 1, "chan receive, 600 minutes", &["main.f"])), Verdict::Unknown);
}

#[test]
fn numbers_count_where_there_are_no_ages() {
    assert_eq!(verdict(&many(99, 9, "select", &["main.f"])), Verdict::Unknown);
    assert_eq!(verdict(&many(100, 9, "select", &["main.f"])), Verdict::Suspect);
    assert_eq!(verdict(&many(10_000, 9, "select", &["main.f"])), Verdict::Likely);
}

#[test]
fn goroutines_that_are_meant_to_wait_are_normal_until_they_are_too_many() {
    let read_loop =
        ["internal/poll.runtime_pollWait", "net/http.(*persistConn).Read", "net/http.(*persistConn).readLoop"];
    assert_eq!(verdict(&many(200, 9, "IO wait, 600 minutes", &read_loop)), Verdict::Normal);
    assert_eq!(verdict(&many(201, 9, "IO wait, 600 minutes", &read_loop)), Verdict::Suspect);
}

#[test]
fn an_entry_of_the_standard_library_does_not_cover_somebody_s_callback() {
    let idle = ["internal/poll.runtime_pollWait", "bufio.(*Reader).Peek", "net/http.(*conn).serve"];
    let handler = ["internal/poll.runtime_pollWait", "main.handler", "net/http.(*conn).serve"];
    assert_eq!(verdict(&many(1, 1, "IO wait", &idle)), Verdict::Normal);
    assert_eq!(verdict(&many(1, 1, "IO wait", &handler)), Verdict::Unknown);
}

#[test]
fn what_is_at_work_is_normal() {
    assert_eq!(verdict(&many(500, 9, "runnable", &["main.f"])), Verdict::Normal);
    let judged = judge(&many(1, 1, "running", &["main.f"]));
    assert_eq!(judged[0].judgement.evidence[0].kind, EvidenceKind::Known);
}
