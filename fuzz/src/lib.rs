//! What must hold for any input, whatever its format: reading it neither panics nor hangs nor grows
//! without bound, and what was read can be grouped, written and read again with nothing lost.

use gostray_model::groups;
use gostray_profile::{Limits, read, write_pprof, write_traceback};

/// Small bounds, so that breaking them is within the fuzzer's reach.
const LIMITS: Limits = Limits { inflated: 1 << 20, records: 10_000, distinct: 10_000 };

/// Reads `data` and checks what must hold.
pub fn check(data: &[u8]) {
    let Ok(profile) = read(data, &LIMITS) else { return };
    let snapshot = &profile.snapshot;
    let total = snapshot.goroutines();
    assert_eq!(groups(snapshot).iter().map(|g| g.count).sum::<u64>(), total, "groups add up to the total");

    let mut written = Vec::new();
    write_pprof(snapshot, &mut written).expect("memory does not fail");
    let again = read(&written[..], &Limits::default());
    if total > 0 {
        let again = again.expect("gostray reads what it writes");
        assert_eq!(again.snapshot.goroutines(), total, "nothing is lost in a profile");
    }
    if total <= 1000 {
        written.clear();
        write_traceback(snapshot, &mut written).expect("memory does not fail");
        if total > 0 {
            let again = read(&written[..], &Limits::default()).expect("gostray reads what it writes");
            assert_eq!(again.snapshot.goroutines(), total, "nothing is lost in a traceback");
        }
    }
}
