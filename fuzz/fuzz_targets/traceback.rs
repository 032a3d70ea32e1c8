//! debug=2, crashes and logs: a first goroutine is given, so that every input is one.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    gostray_fuzz::check(&[b"goroutine 1 [running]:\nmain.main()\n\t/src/main.go:1 +0x1\n\n", data].concat());
});
