//! One fresh scrape: how many stacks (varint), their ids in order (first zigzag, then gaps as
//! varints), their counts (varints).

use super::Corrupt;
use super::varint::{Reader, put, put_signed};
use crate::store::StackId;

/// Puts ascending ids.
pub(super) fn put_ids(out: &mut Vec<u8>, ids: impl Iterator<Item = StackId>) {
    let mut before = None;
    for StackId(id) in ids {
        match before {
            None => put_signed(out, id),
            Some(before) => put(out, id.wrapping_sub(before) as u64),
        }
        before = Some(id);
    }
}

/// Reads so many ascending ids.
pub(super) fn read_ids(bytes: &mut Reader<'_>, count: usize) -> Result<Vec<StackId>, Corrupt> {
    let mut ids = Vec::with_capacity(count);
    let mut before = None;
    for _ in 0..count {
        let id = match before {
            None => bytes.signed()?,
            Some(before) => i64::wrapping_add(before, bytes.get()? as i64),
        };
        if before.is_some_and(|before| id <= before) {
            return Err(Corrupt("ids of stacks are not in order"));
        }
        ids.push(StackId(id));
        before = Some(id);
    }
    Ok(ids)
}

/// The row of these counts, and how many samples it has. In any order; zeros are left out, and the
/// counts of a stack that is named twice are added.
pub(crate) fn encode(counts: &[(StackId, u32)]) -> (Vec<u8>, u64) {
    let mut counts: Vec<_> = counts.iter().copied().filter(|(_, count)| *count > 0).collect();
    counts.sort_unstable();
    counts.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        same
    });
    let mut row = Vec::with_capacity(4 + counts.len() * 3);
    put(&mut row, counts.len() as u64);
    put_ids(&mut row, counts.iter().map(|(stack, _)| *stack));
    for (_, count) in &counts {
        put(&mut row, u64::from(*count));
    }
    (row, counts.len() as u64)
}

/// The counts of a row, in order of stack.
pub(crate) fn decode(row: &[u8]) -> Result<Vec<(StackId, u32)>, Corrupt> {
    let mut row = Reader(row);
    let count = row.length()?;
    let ids = read_ids(&mut row, count)?;
    let counts = ids.into_iter().map(|id| Ok((id, row.get_u32()?))).collect::<Result<_, Corrupt>>()?;
    if row.is_empty() { Ok(counts) } else { Err(Corrupt("a scrape goes on after its end")) }
}
