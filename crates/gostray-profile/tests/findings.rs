//! What fuzzing found; each must stay mended.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use gostray_profile::{Limits, read, write_traceback};

/// Names with control characters made a written traceback look like binary data, or broke its lines.
#[test]
fn a_written_traceback_can_be_read_whatever_the_names() {
    for input in [
        "goroutine profile: total 3\n3 @ 0x1 0x2 0x3\n#\t0x1\tmain.\0\0\0f]:\u{1}+0x1\tex\u{7}/a.go:1\n",
        "goroutine 7 [chan \u{1}send]:\nmain.\0f()\n\t/a\0.go:1 +0x1\ncreated by main.\u{2}g in goroutine 1\n\t/a.go:2 +0x1\n",
        "goroutine 7 [select, many minutes]:\nmain.f()\n\t/a.go:1 +0x1\n",
    ] {
        let snapshot = read(input.as_bytes(), &Limits::default()).unwrap().snapshot;
        let mut written = Vec::new();
        write_traceback(&snapshot, &mut written).unwrap();
        let again = read(&written[..], &Limits::default()).unwrap().snapshot;
        assert_eq!(again.goroutines(), snapshot.goroutines(), "{input:?}");
    }
}
