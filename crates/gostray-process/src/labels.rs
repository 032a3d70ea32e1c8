//! pprof labels: a list of pairs from Go 1.24 on, a map of strings before.

use gostray_model::Labels;

use crate::error::ProcessError;
use crate::memory::{Memory, word};

/// No goroutine has more labels.
const MAX_LABELS: u64 = 4096;
/// A label: key and value, two strings.
const PAIR: u64 = 32;
/// The map of Go 1.23 and earlier (`runtime/map.go`): buckets of 8 slots, each with the upper bits of
/// its key's hash, then the keys, then the values, then the next bucket.
const SLOTS: u64 = 8;
const STRING: u64 = 16;
const KEYS: u64 = SLOTS;
const VALUES: u64 = KEYS + SLOTS * STRING;
const OVERFLOW: u64 = VALUES + SLOTS * STRING;
const BUCKET: u64 = OVERFLOW + 8;
/// Hash bits below this mark an empty slot, or one that was moved.
const MIN_HASH: u8 = 5;
/// Offsets in the map's header.
const LOG_BUCKETS: u64 = 9;
const BUCKETS: u64 = 16;
const OLD_BUCKETS: u64 = 24;

/// Labels in a list.
pub(crate) fn of_list(memory: &dyn Memory, data: u64, len: u64) -> Result<Labels, ProcessError> {
    if len > MAX_LABELS {
        return Err(ProcessError::Unreadable { address: data });
    }
    (0..len)
        .map(|index| {
            let label = data.wrapping_add(PAIR * index);
            Ok((memory.go_string(label)?.into(), memory.go_string(label.wrapping_add(STRING))?.into()))
        })
        .collect()
}

/// Labels in a map. A map of labels is never changed once it is made, and small: one that is being
/// moved to more buckets is none.
pub(crate) fn of_map(memory: &dyn Memory, pointer: u64) -> Result<Labels, ProcessError> {
    // The value is a pointer to the map.
    let header = memory.u64(pointer)?;
    let unreadable = ProcessError::Unreadable { address: header };
    if header == 0 {
        return Ok(Labels::new());
    }
    let log = memory.u8(header.wrapping_add(LOG_BUCKETS))?;
    let (count, buckets) = (memory.u64(header)?, memory.u64(header.wrapping_add(BUCKETS))?);
    if count > MAX_LABELS || u64::from(log) > 12 || memory.u64(header.wrapping_add(OLD_BUCKETS))? != 0 {
        return Err(unreadable);
    }
    let mut labels = Labels::new();
    for number in 0..1u64 << log {
        let mut at = buckets.wrapping_add(number * BUCKET);
        // A chain can't hold more buckets than there are labels.
        for _ in 0..=count {
            if at == 0 {
                break;
            }
            let bucket = memory.bytes(at, BUCKET)?;
            for slot in (0..SLOTS).filter(|slot| bucket.get(*slot as usize).is_some_and(|hash| *hash >= MIN_HASH)) {
                let key = memory.go_string(at.wrapping_add(KEYS + slot * STRING))?;
                let value = memory.go_string(at.wrapping_add(VALUES + slot * STRING))?;
                labels.push((key.into(), value.into()));
            }
            at = word(&bucket, OVERFLOW as usize);
        }
    }
    if labels.len() as u64 == count { Ok(labels) } else { Err(unreadable) }
}
