//! A process that stands still, read from outside, beside what it says of itself (`debug=2`): every
//! goroutine's id, state, labels, creator and stack, on every release, however the program was linked.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod program;

use std::collections::BTreeMap;

use gostray_model::Snapshot;
use gostray_process::take;
use program::{Program, RELEASES, build};

/// How the program is linked.
const LINKED: [&[&str]; 4] =
    [&[], &["-ldflags=-s -w"], &["-buildmode=pie", "-tags=x"], &["-ldflags=-s -w", "-buildmode=pie", "-tags=x"]];
/// Releases whose dumps have labels.
const WITH_LABELS: &[&str] = &["1.27.3"];

/// What every goroutine is doing, by id; not the main one, which writes the dump.
fn goroutines(snapshot: &Snapshot, with_labels: bool) -> BTreeMap<u64, String> {
    let tables = &snapshot.tables;
    let all = snapshot.records.iter().filter(|record| record.id != 1).map(|record| {
        let stack = tables.stack(record.stack);
        let status = tables.status(record.status);
        let mut text = format!("[{}] locked {} by {}", status.reason, status.locked_to_thread, record.creator_id);
        if with_labels {
            text += &format!(" {:?}", tables.labels(record.labels));
        }
        for frame in stack.frames.iter().map(|id| tables.frame(*id)).filter(|frame| is_shown(&frame.function)) {
            text += &format!("\n{} {}:{}", frame.function, frame.file, frame.line);
        }
        if let Some(creator) = stack.created_by.map(|id| tables.frame(id)) {
            text += &format!("\ncreated by {} {}:{}", creator.function, creator.file, creator.line);
        }
        (record.id, text)
    });
    all.collect()
}

/// Tracebacks leave out what belongs to the runtime, but for what a panic shows.
fn is_shown(function: &str) -> bool {
    !function.starts_with("runtime.")
}

#[test]
fn what_is_read_is_what_the_process_says_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    let all = std::env::var_os("GOSTRAY_ALL_RELEASES").is_some();
    for release in RELEASES {
        for (number, args) in LINKED.into_iter().enumerate() {
            // Each release, and each way to link; all of both take their time.
            if !all && number != 0 && !["1.21.13", "1.27.3"].contains(release) {
                continue;
            }
            let mut program = Program::start(
                &build(release, "stalled", folder.path(), args),
                &[],
                &[("GODEBUG", "tracebacklabels=1")],
            );
            let seen = take(program.pid()).unwrap();
            program.say("dump");
            let told = program.wait_for("done");
            let told = gostray_profile::read(told.as_bytes(), &gostray_profile::Limits::default()).unwrap().snapshot;
            let with_labels = WITH_LABELS.contains(release);
            let (seen_rows, told_rows) = (goroutines(&seen, with_labels), goroutines(&told, with_labels));
            assert!(told_rows.len() > 70, "{} goroutines", told_rows.len());
            for (id, told) in &told_rows {
                let seen = seen_rows.get(id).map_or("nothing", String::as_str);
                assert_eq!(seen, told, "Go {release} {args:?}, goroutine {id}");
            }
            assert_eq!(seen_rows.len(), told_rows.len(), "Go {release} {args:?}");
            // The labels of older releases are not in their dumps.
            let labels: Vec<_> = seen
                .records
                .iter()
                .map(|record| seen.tables.labels(record.labels))
                .filter(|labels| !labels.is_empty())
                .collect();
            assert_eq!(labels.len(), 1, "Go {release}: {labels:?}");
            assert!(labels[0].iter().any(|(key, value)| &**key == "tenant" && &**value == "größe 7"), "{labels:?}");
            assert!(seen.is_complete(), "{:?}", seen.notes);
        }
    }
}
