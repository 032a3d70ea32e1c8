//! The count profiles, `debug=0` and `debug=1`: what a damaged, cut or foreign one gives.
#![allow(clippy::unwrap_used)]

use gostray_model::{NoteKind, Operation, Snapshot, groups};
use gostray_profile::{Format, Limits, Profile, ProfileError, ProfileKind, read};

const COUNTS: &str = "\
goroutine profile: total 7
3 @ 0x43a9ee 0x407025 0x406c77 0x4ee6fa 0x468641
# labels: {\"route\":\"/buy\", \"user id\":\"a\\\"b\"}
#\t0x4ee6f9\tmain.sender+0x19\t/src/my shop/main.go:14

2 @ 0x43a9ee 0x407d8d 0x407992 0x4ee735 0x4ee777 0x468641
#\t0x4ee734\tmain.receiver+0x14\t\t/src/my shop/main.go:15
#\t0x4ee776\tmain.(*T[...]).run.func1+0x14\t/src/my shop/main.go:25

1 @ 0x43a9ee 0x449e46 0x4ee88f 0x468641
#\t0x4ee88e\tmain.forever+0xe\t/src/my shop/main.go:19

1 @ 0x439099 0x469b9b 0x4eec02 0x468641
#\t0x4eec01\tmain.spin+0x1\t/src/my shop/main.go:1

";

fn parse(text: &str) -> Profile {
    read(text.as_bytes(), &Limits::default()).unwrap()
}

fn notes(snapshot: &Snapshot, kind: NoteKind) -> Vec<&str> {
    snapshot.notes.iter().filter(|n| n.kind == kind).map(|n| &*n.text).collect()
}

#[test]
fn a_text_profile_tells_operations_that_it_does_not_print() {
    let profile = parse(COUNTS);
    assert_eq!((profile.kind, profile.format), (ProfileKind::Goroutine, Format::Counts));
    let snapshot = &profile.snapshot;
    assert!(snapshot.is_complete(), "{:?}", snapshot.notes);
    let found: Vec<_> = groups(snapshot)
        .iter()
        .map(|g| (g.count, g.operation, g.blocked_at(&snapshot.tables).unwrap().function.to_string()))
        .collect();
    assert!(found.contains(&(3, Operation::ChanSend, "main.sender".into())), "{found:?}");
    assert!(found.contains(&(2, Operation::ChanReceive, "main.receiver".into())), "{found:?}");
    assert!(found.contains(&(1, Operation::Select, "main.forever".into())), "{found:?}");
    assert!(found.contains(&(1, Operation::Run, "main.spin".into())), "{found:?}");
    let labels = snapshot.tables.labels(snapshot.records[0].labels);
    assert_eq!(labels.iter().map(|(k, v)| (&**k, &**v)).collect::<Vec<_>>(), [("route", "/buy"), ("user id", "a\"b")]);
    let frame = snapshot.tables.frame(snapshot.tables.stack(snapshot.records[0].stack).frames[0]);
    assert_eq!((&*frame.file, frame.line), ("/src/my shop/main.go", 14));
}

#[test]
fn a_text_profile_that_is_cut_says_so_wherever_it_is_cut() {
    // Behind the first line of the profile and but for its last, empty line.
    for end in COUNTS.find('\n').unwrap() + 1..COUNTS.len() - 1 {
        let profile = parse(&COUNTS[..end]);
        let is_cut_in_last_number = COUNTS[..end].ends_with("main.go:1") || COUNTS[..end].ends_with("main.go:1\n");
        let is_all = profile.snapshot.goroutines() == 7;
        assert!(!profile.snapshot.is_complete() || (is_all && is_cut_in_last_number), "{:?}", &COUNTS[..end]);
    }
    let first = &COUNTS[..COUNTS.find("2 @").unwrap()];
    assert_eq!(notes(&parse(first).snapshot, NoteKind::Missing), ["3 of 7 goroutines are in the file: it is cut off"]);
}

#[test]
fn lines_that_are_no_profile_are_counted() {
    let text = COUNTS.replace("main.spin+0x1\t", "main.spin\t") + "what is this\n\ngoroutine profile: total 9\n";
    let profile = parse(&text);
    assert_eq!(notes(&profile.snapshot, NoteKind::Missing), ["2 lines of the profile could not be read"]);
    assert_eq!(
        notes(&profile.snapshot, NoteKind::Warning),
        ["another profile follows in the same input: it was left out"]
    );
}

#[test]
fn the_phantom_of_a_leak_profile_is_no_goroutine() {
    let text = COUNTS.replace("goroutine profile: total 7", "goroutineleak profile: total 8") + "1 @\n#\t0x0\n\n";
    let profile = parse(&text);
    assert_eq!(profile.kind, ProfileKind::GoroutineLeak);
    assert_eq!((profile.snapshot.goroutines(), profile.snapshot.leaked()), (7, 7));
    assert!(profile.snapshot.is_complete(), "{:?}", profile.snapshot.notes);
    assert_eq!(notes(&profile.snapshot, NoteKind::Warning).len(), 1);
    // In a profile of all goroutines it is one whose stack is unknown.
    let profile = parse("goroutine profile: total 1\n1 @\n#\t0x0\n\n");
    let stack = profile.snapshot.tables.stack(profile.snapshot.records[0].stack);
    assert!(stack.unavailable && stack.frames.is_empty());
}

/// A message from `(field, bytes)` and `(field, integer)`.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn int(mut self, field: u8, value: i64) -> Self {
        self.0.push(field << 3);
        let mut value = value.cast_unsigned();
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    fn bytes(mut self, field: u8, bytes: &[u8]) -> Self {
        self.0.extend([field << 3 | 2, u8::try_from(bytes.len()).unwrap()]);
        self.0.extend_from_slice(bytes);
        self
    }

    fn message(self, field: u8, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }
}

fn new() -> Message {
    Message::default()
}

/// A profile of one type with two functions, the second inlined into the first at location 2.
fn pprof(sample_type: &str, samples: impl IntoIterator<Item = Message>) -> Message {
    let line = |function, line| new().int(1, function).int(2, line);
    let mut profile = new().message(1, &new().int(1, 1).int(2, 2));
    for sample in samples {
        profile = profile.message(2, &sample);
    }
    profile = profile
        .message(3, &new().int(1, 1).int(6, 6))
        .message(4, &new().int(1, 1).int(3, 0x1000).message(4, &line(1, 10)))
        .message(4, &new().int(1, 2).int(3, 0x2000).message(4, &line(2, 20)).message(4, &line(1, 11)))
        .message(4, &new().int(1, 3).int(3, 0x3000))
        .message(4, &new().int(1, 4).message(4, &line(77, 1)))
        .message(5, &new().int(1, 1).int(2, 3).int(4, 5))
        .message(5, &new().int(1, 2).int(2, 4).int(4, 5))
        .int(9, 1_700_000_000_000_000_000);
    for text in ["", sample_type, "count", "main.outer", "main.inner", "/src/main.go", "abc123", "route", "/buy"] {
        profile = profile.bytes(6, text.as_bytes());
    }
    profile
}

fn frames(profile: &Profile, at: usize) -> Vec<(String, u32)> {
    let tables = &profile.snapshot.tables;
    let frames = &tables.stack(profile.snapshot.records[at].stack).frames;
    frames.iter().map(|id| (tables.frame(*id).function.to_string(), tables.frame(*id).line)).collect()
}

#[test]
fn a_protobuf_profile_gives_all_that_it_has() {
    let samples = [
        new()
            .bytes(1, &[2, 1])
            .bytes(2, &[5])
            .message(3, &new().int(1, 7).int(2, 8))
            .message(3, &new().int(1, 2).int(3, 9)),
        new().int(1, 3).int(2, 1),
        new().int(2, 2),
    ];
    let profile = read(&pprof("goroutine", samples).0[..], &Limits::default()).unwrap();
    let snapshot = &profile.snapshot;
    assert!(snapshot.is_complete(), "{:?}", snapshot.notes);
    assert_eq!(snapshot.goroutines(), 8);
    assert_eq!(snapshot.taken_at.unwrap().to_string(), "2023-11-14T22:13:20Z");
    assert_eq!(snapshot.target.build_id.as_deref(), Some("abc123"));
    let expected = [("main.inner", 20), ("main.outer", 11), ("main.outer", 10)];
    assert_eq!(frames(&profile, 0), expected.map(|(f, l)| (f.to_owned(), l)));
    assert_eq!(frames(&profile, 1), [("0x3000".to_owned(), 0)]);
    assert!(snapshot.tables.stack(snapshot.records[2].stack).unavailable);
    let labels = snapshot.tables.labels(snapshot.records[0].labels);
    assert_eq!(labels.iter().map(|(k, v)| (&**k, &**v)).collect::<Vec<_>>(), [("count", "9"), ("route", "/buy")]);
}

#[test]
fn samples_that_refer_to_nothing_are_counted() {
    let samples = [
        new().int(1, 1).int(2, 4),
        new().int(1, 99).int(2, 1),
        new().int(1, 4).int(2, 1),
        new().int(1, 1).int(2, 1).message(3, &new().int(1, 500).int(2, 8)),
        new().int(1, 1).int(2, -3),
        new().int(1, 1),
    ];
    let profile = read(&pprof("goroutine", samples).0[..], &Limits::default()).unwrap();
    assert_eq!(profile.snapshot.goroutines(), 4);
    assert_eq!(
        notes(&profile.snapshot, NoteKind::Missing),
        [
            "4 samples left out: damaged, with references to what is not in the profile",
            "1 sample left out: the count is not above zero, as in the difference of two profiles",
        ]
    );
}

#[test]
fn a_leak_profile_marks_its_goroutines_and_drops_the_phantom() {
    let samples = [new().int(1, 1).int(2, 4), new().int(2, 1)];
    let profile = read(&pprof("goroutineleak", samples).0[..], &Limits::default()).unwrap();
    assert_eq!(profile.kind, ProfileKind::GoroutineLeak);
    assert_eq!((profile.snapshot.goroutines(), profile.snapshot.leaked()), (4, 4));
    assert!(profile.snapshot.is_complete());
    assert_eq!(notes(&profile.snapshot, NoteKind::Warning).len(), 1);
}

#[test]
fn other_profiles_are_named() {
    for (sample_type, expected) in [
        ("alloc_objects", "heap"),
        ("samples", "cpu"),
        ("contentions", "block or mutex"),
        ("threadcreate", "threadcreate"),
    ] {
        match read(&pprof(sample_type, []).0[..], &Limits::default()) {
            Err(ProfileError::WrongProfile { name }) => assert_eq!(name, expected),
            other => panic!("{sample_type}: {other:?}"),
        }
    }
}

#[test]
fn limits_hold() {
    let samples = || (0..20).map(|_| new().int(1, 1).int(2, 1));
    let limits = Limits { records: 5, ..Limits::default() };
    let profile = read(&pprof("goroutine", samples()).0[..], &limits).unwrap();
    assert_eq!(profile.snapshot.goroutines(), 5);
    assert_eq!(notes(&profile.snapshot, NoteKind::Missing), ["15 samples left out: beyond the limits of the reader"]);
    let limits = Limits { records: 2, ..Limits::default() };
    let profile = read(COUNTS.as_bytes(), &limits).unwrap();
    assert_eq!(profile.snapshot.goroutines(), 5);
    assert!(!profile.snapshot.is_complete());
}

#[test]
fn a_cut_protobuf_is_refused() {
    let whole = pprof("goroutine", [new().int(1, 1).int(2, 4)]).0;
    let error = read(&whole[..whole.len() - 3], &Limits::default()).unwrap_err();
    assert!(matches!(error, ProfileError::Malformed { .. }), "{error}");
}
