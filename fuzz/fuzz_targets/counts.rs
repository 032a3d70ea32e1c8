//! debug=1: the first line is given, so that every input is one.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostray_fuzz::check(&[b"goroutine profile: total 3\n", data].concat()));
