//! Releases that no table knows: the DWARF of the program tells where things lie. Those before Go 1.21 stand for
//! those to come.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod program;

use std::collections::BTreeMap;

use gostray_model::Snapshot;
use gostray_process::{ProcessError, ProveOptions, prove, take};
use program::{Program, build};

const RELEASES: [&str; 3] = ["1.18.10", "1.19.13", "1.20.14"];

/// What every goroutine does, by id; not the main one, which writes the dump.
fn goroutines(snapshot: &Snapshot) -> BTreeMap<u64, String> {
    let tables = &snapshot.tables;
    let all = snapshot.records.iter().filter(|record| record.id != 1).map(|record| {
        let stack = tables.stack(record.stack);
        let frames = stack.frames.iter().chain(&stack.created_by).map(|id| tables.frame(*id));
        // Tracebacks leave out what belongs to the runtime.
        let frames = frames.filter(|frame| !frame.function.starts_with("runtime."));
        let frames: String = frames.map(|f| format!("\n{} {}:{}", f.function, f.file, f.line)).collect();
        (record.id, format!("[{}]{frames}", tables.status(record.status).reason))
    });
    all.collect()
}

#[test]
fn are_listed_as_they_list_themselves_and_nothing_is_proven() {
    let folder = tempfile::tempdir().unwrap();
    for release in RELEASES {
        for args in [&[][..], &["-buildmode=pie"]] {
            let mut program = Program::start(&build(release, "aged", folder.path(), args), &[], &[]);
            let seen = take(program.pid()).unwrap();
            program.say("dump");
            let told = program.wait_for("done");
            let told = gostray_profile::read(told.as_bytes(), &gostray_profile::Limits::default()).unwrap().snapshot;
            let (seen_rows, told_rows) = (goroutines(&seen), goroutines(&told));
            assert!(told_rows.len() >= 15, "{} goroutines", told_rows.len());
            for (id, told) in &told_rows {
                let seen = seen_rows.get(id).map_or("nothing", String::as_str);
                assert_eq!(seen, told, "Go {release} {args:?}, goroutine {id}");
            }
            assert_eq!(seen_rows.len(), told_rows.len(), "Go {release} {args:?}");
            let labels = seen.records.iter().flat_map(|record| seen.tables.labels(record.labels).iter());
            let labels: Vec<_> = labels.map(|(key, value)| (&**key, &**value)).collect();
            assert_eq!(labels, [("tenant", "größe 7")], "Go {release}");
            assert!(seen.notes.iter().any(|note| note.text.contains("DWARF")), "{:?}", seen.notes);

            let error = prove(program.pid(), &ProveOptions::default(), &mut |_| {}).unwrap_err();
            assert!(matches!(error, ProcessError::OnlyListed { .. }), "{error}");
            program.assert_unharmed();
        }
    }
}

#[test]
fn are_refused_without_dwarf() {
    let folder = tempfile::tempdir().unwrap();
    for release in RELEASES {
        let program = Program::start(&build(release, "aged", folder.path(), &["-ldflags=-w"]), &[], &[]);
        let error = take(program.pid()).unwrap_err();
        assert!(matches!(error, ProcessError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains("without DWARF"), "{error}");
    }
}
