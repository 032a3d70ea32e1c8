//! The count profiles under generated input: no bytes panic, and what is written is read again.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use gostray_model::{Age, Frame, Operation, Record, Signature, Snapshot, Stack, Status, groups};
use gostray_profile::{Limits, read, write_pprof};
use proptest::prelude::*;

const FUNCTIONS: [&str; 10] = [
    "runtime.gopark",
    "runtime.chansend",
    "runtime.selectgo",
    "sync.(*WaitGroup).Wait",
    "sync.runtime_Semacquire",
    "main.(*T[...]).run.func1",
    "example.com/shop.handle",
    "net/http.(*conn).serve",
    "runtime.main",
    "runtime.goexit",
];
const REASONS: [&str; 5] = ["chan send", "select (no cases)", "running", "IO wait", "sync.Mutex.Lock"];
const LABELS: [&str; 6] = ["", "route", "state", "leaked", "created_by", "stack"];

#[derive(Debug, Clone)]
struct Goroutines {
    frames: Vec<(usize, u32)>,
    created_by: Option<usize>,
    elided: u32,
    truncated: bool,
    reason: usize,
    leaked: bool,
    labels: BTreeMap<usize, String>,
    count: u32,
}

fn goroutines() -> impl Strategy<Value = Goroutines> {
    (
        prop::collection::vec((0..FUNCTIONS.len(), 0u32..4), 0..40),
        prop::option::of(0..FUNCTIONS.len()),
        0u32..3,
        any::<bool>(),
        0..REASONS.len(),
        any::<bool>(),
        prop::collection::btree_map(0..LABELS.len(), "[a-z, ]{0,4}", 0..4),
        1u32..1000,
    )
        .prop_map(|(frames, created_by, elided, truncated, reason, leaked, labels, count)| Goroutines {
            frames,
            created_by,
            elided,
            truncated,
            reason,
            leaked,
            labels,
            count,
        })
}

fn snapshot(all: &[Goroutines]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.target.build_id = Some("abc".into());
    let tables = &mut snapshot.tables;
    let frame = |function: usize, line| Frame { function: FUNCTIONS[function].into(), file: "/a b/f.go".into(), line };
    for one in all {
        let stack = Stack {
            frames: one.frames.iter().map(|(function, line)| tables.add_frame(frame(*function, *line))).collect(),
            created_by: one.created_by.map(|function| tables.add_frame(frame(function, 9))),
            elided: one.elided,
            truncated: one.truncated,
            unavailable: one.frames.is_empty(),
        };
        let status = Status { leaked: one.leaked, ..Status::new(REASONS[one.reason]) };
        let labels = one.labels.iter().map(|(key, value)| (LABELS[*key].into(), value.as_str().into())).collect();
        snapshot.records.push(Record {
            id: 0,
            creator_id: 0,
            count: one.count,
            age: Age::UNKNOWN,
            stack: tables.add_stack(stack),
            status: tables.add_status(status),
            labels: tables.add_labels(labels),
        });
    }
    snapshot
}

/// All that a group shows and that a profile keeps.
type Shown = (Signature, Operation, bool, u64, BTreeMap<String, String>, Vec<(Stack, Vec<Frame>, Option<Frame>, u64)>);

fn shown(snapshot: &Snapshot) -> Vec<Shown> {
    let tables = &snapshot.tables;
    let groups = groups(snapshot);
    let one = |group: &gostray_model::Group| {
        let mut variants: Vec<_> = group
            .variants
            .iter()
            .map(|v| {
                let stack = tables.stack(v.stack);
                let frames: Vec<Frame> = stack.frames.iter().map(|id| tables.frame(*id).clone()).collect();
                let creator = stack.created_by.map(|id| tables.frame(id).clone());
                // The ids differ between two sets of tables.
                let flags = Stack { frames: Vec::new(), created_by: None, ..stack.clone() };
                (flags, frames, creator, v.count)
            })
            .collect();
        variants.sort_by_key(|variant| format!("{variant:?}"));
        (group.signature, group.operation, group.leaked, group.count, group.labels.clone(), variants)
    };
    let mut all: Vec<_> = groups.iter().map(one).collect();
    all.sort_by_key(|group| format!("{group:?}"));
    all
}

proptest! {
    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes[..], &Limits::default());
        // Most bytes are no profile; these look like one.
        let _ = read(&[&b"\x0a\x02\x08\x01"[..], &bytes].concat()[..], &Limits::default());
        let _ = read(&[&b"\x0a\x02\x08\x01\x32\x00\x32\x09goroutine"[..], &bytes].concat()[..], &Limits::default());
        let _ = read(&[&b"goroutine profile: total 3\n"[..], &bytes].concat()[..], &Limits::default());
    }

    #[test]
    fn any_lines_never_panic(lines in prop::collection::vec(
        "([0-9]{1,3} @( 0x[0-9a-f]{1,6}){0,5}|#\t0x[0-9a-f]{1,3}(\t[a-z.]{1,5}\\+0x1\t{1,2}/f.go:[0-9]{1,3})?|# labels: \\{(\"[a-z]\":\"[a-z\\\\]\"){0,2}\\}|)", 0..30)) {
        let text = format!("goroutineleak profile: total 3\n{}", lines.join("\n"));
        let profile = read(text.as_bytes(), &Limits::default()).unwrap();
        let _ = groups(&profile.snapshot);
    }

    #[test]
    fn damage_never_panics(all in prop::collection::vec(goroutines(), 1..5), at in any::<prop::sample::Index>(), byte: u8) {
        let mut gzipped = Vec::new();
        write_pprof(&snapshot(&all), &mut gzipped).unwrap();
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&gzipped[..]), &mut plain).unwrap();
        let at = at.index(plain.len());
        plain[at] = byte;
        let _ = read(&plain[..], &Limits::default());
    }

    #[test]
    fn what_is_written_is_read_again(all in prop::collection::vec(goroutines(), 0..8)) {
        let snapshot = snapshot(&all);
        let (mut once, mut again) = (Vec::new(), Vec::new());
        write_pprof(&snapshot, &mut once).unwrap();
        write_pprof(&snapshot, &mut again).unwrap();
        prop_assert_eq!(&once, &again, "the output is not deterministic");
        let back = read(&once[..], &Limits::default()).unwrap().snapshot;
        prop_assert_eq!(shown(&back), shown(&snapshot));
        prop_assert_eq!(back.target.build_id, snapshot.target.build_id);
    }
}
