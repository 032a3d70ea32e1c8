//! `debug=0` and `debug=1`: the same goroutines as `debug=2` shows of the same moment.

use std::collections::BTreeMap;

use gostray_model::{Group, Snapshot, groups};

use crate::dumps::{missing, releases};

/// The function whose stack is deeper than any count profile records: 32 frames up to Go 1.22, 128
/// from 1.23 on. It has lost the function it was started with, and so has another signature.
const DEEP: &str = "main.recurse";

#[test]
fn all_formats_of_one_moment_give_the_same_groups() {
    for release in releases() {
        let truth = release.truth("truth.json");
        let [protobuf, text, traceback] = ["debug0.pb.gz", "debug1.txt", "debug2.txt"]
            .map(|suffix| release.snapshot(&format!("goroutine.{suffix}")).unwrap());
        for (name, snapshot) in [("debug=0", &protobuf), ("debug=1", &text), ("debug=2", &traceback)] {
            assert_eq!(snapshot.goroutines(), truth.total, "Go 1.{} {name}", release.minor);
        }
        assert_eq!(signatures(&protobuf), signatures(&traceback), "Go 1.{}: debug=0 and 2", release.minor);
        assert_eq!(signatures(&text), signatures(&traceback), "Go 1.{}: debug=1 and 2", release.minor);
    }
}

#[test]
fn both_count_profiles_say_the_same() {
    for release in releases() {
        for profile in ["goroutine", "goroutineleak"] {
            let [protobuf, text] =
                ["debug0.pb.gz", "debug1.txt"].map(|suffix| release.snapshot(&format!("{profile}.{suffix}")));
            let (Some(protobuf), Some(text)) = (protobuf, text) else {
                assert!(profile == "goroutineleak" && release.minor < 26, "Go 1.{}: no {profile}", release.minor);
                continue;
            };
            assert_eq!(all(&protobuf), all(&text), "Go 1.{} {profile}", release.minor);
            assert_eq!(missing(&protobuf), missing(&text), "Go 1.{} {profile}", release.minor);
        }
    }
}

#[test]
fn nothing_is_missing_but_the_outer_end_of_the_deep_stack() {
    const CUT: &str =
        "1 goroutine has a stack deeper than the profile records: the function it started with is unknown";
    for release in releases() {
        for suffix in ["debug0.pb.gz", "debug1.txt"] {
            let snapshot = release.snapshot(&format!("goroutine.{suffix}")).unwrap();
            assert_eq!(missing(&snapshot), [CUT], "Go 1.{} {suffix}", release.minor);
        }
    }
}

#[test]
fn labels_are_the_programs_own() {
    for release in releases() {
        let truth = release.truth("truth.json");
        let mut expected: Vec<_> =
            truth.goroutines.iter().map(|g| g.labels.clone()).filter(|labels| !labels.is_empty()).collect();
        expected.sort();
        for suffix in ["debug0.pb.gz", "debug1.txt"] {
            let snapshot = release.snapshot(&format!("goroutine.{suffix}")).unwrap();
            let labels = snapshot.records.iter().map(|r| snapshot.tables.labels(r.labels));
            let mut found: Vec<Vec<_>> = labels
                .filter(|labels| !labels.is_empty())
                .map(|labels| labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect())
                .collect();
            found.sort();
            assert_eq!(found, expected, "Go 1.{} {suffix}", release.minor);
        }
    }
}

/// Signature → count, without the deep stack; with a name for each, to make sense of a failure.
pub(crate) fn signatures(snapshot: &Snapshot) -> BTreeMap<String, u64> {
    let (deep, others): (Vec<Group>, Vec<Group>) =
        groups(snapshot).into_iter().partition(|g| blocked(snapshot, g) == DEEP);
    assert_eq!(deep.iter().map(|g| g.count).sum::<u64>(), 1);
    let name = |g: &Group| format!("{} {:?} {}", g.signature, g.operation, blocked(snapshot, g));
    others.iter().map(|group| (name(group), group.count)).collect()
}

fn blocked(snapshot: &Snapshot, group: &Group) -> String {
    group.blocked_at(&snapshot.tables).map(|f| gostray_model::FunctionName::new(&f.function).normalised()).unwrap()
}

/// Signature, operation and labels → count.
fn all(snapshot: &Snapshot) -> BTreeMap<String, u64> {
    let name = |group: &Group| format!("{} {:?} {:?}", group.signature, group.operation, group.labels);
    groups(snapshot).iter().map(|group| (name(group), group.count)).collect()
}
