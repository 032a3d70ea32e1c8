//! Cores, whatever their headers, notes and memory say: opening, listing and proving neither panics nor hangs nor grows
//! without bound. The header of the file is given, so that every input is a core; what follows it is the input.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use gostray_process::CoreFile;

/// The one that each input is written to: cores are read from files.
static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("gostray-fuzz-{}.core", std::process::id())));

/// What every core of amd64 begins with; the headers of its segments follow at once.
fn header(segments: u8) -> Vec<u8> {
    let mut header = vec![0; 64];
    header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    // A core, of amd64, of the only version there is.
    header[16..24].copy_from_slice(&[4, 0, 62, 0, 1, 0, 0, 0]);
    // Where the headers of segments are, the size of this one, and the size and number of those.
    header[32..40].copy_from_slice(&64_u64.to_le_bytes());
    header[52..58].copy_from_slice(&[64, 0, 56, 0, segments, 0]);
    header
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((segments, rest)) = data.split_first() else { return };
    std::fs::write(&*FILE, [header(segments % 16), rest.to_vec()].concat()).expect("there is room for it");
    if let Ok(core) = CoreFile::open(&FILE, None, &mut |_, _| {}) {
        let _ = core.list();
        let _ = core.prove();
    }
});
