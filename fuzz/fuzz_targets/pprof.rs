//! debug=0, plain or gzipped.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    gostray_fuzz::check(data);
    // Any bytes may follow the field that Go writes first.
    gostray_fuzz::check(&[b"\x5a\x04\x08\x01\x10\x02", data].concat());
});
