//! How samples are written: one row a scrape while they are fresh ([`row`]), columns when they are
//! packed (here). Apart from any database, so that another store can use the same.
//!
//! # The format of a chunk, version 1
//! ```text
//! chunk   = version (1 byte, 1) · length of the body (varint) · body (one zstd frame with checksum)
//! body    = times · stacks · for each stack: bytes of its column (varint) · column
//! times   = how many (varint) · first (zigzag) · second − first (varint) · then how much each gap
//!           differs from the one before (zigzag)
//! stacks  = how many (varint) · first id (zigzag) · then the gaps between ids (varint)
//! column  = for each time: count − the count before it (zigzag; the first from 0);
//!           a 0 is followed by how many more zeros there are (varint)
//! ```
//! Times and ids ascend, none twice. A count of 0 is "taken, and absent". Most stacks never change,
//! so a column is mostly one run; the times of a column's length lets a reader skip it.

pub(crate) mod coarse;
pub(crate) mod layers;
pub(crate) mod row;
pub(crate) mod varint;

use crate::Millis;
use crate::store::StackId;
use varint::{Reader, put, put_signed};

const VERSION: u8 = 1;
/// Counts in a chunk, zeros included: what bounds the memory of a reader.
pub(crate) const MAX_CELLS: usize = 1 << 22;
const MAX_BODY: usize = 64 << 20;
/// Higher levels win next to nothing on bodies of a few kilobytes.
const ZSTD_LEVEL: i32 = 6;

/// Bytes that are not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Corrupt(pub(crate) &'static str);

/// Scrapes of one run of a process, as columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Block {
    /// Ascending, none twice.
    pub(crate) times: Vec<Millis>,
    /// In order of stack; each with one count a time.
    pub(crate) columns: Vec<(StackId, Vec<u32>)>,
}

impl Block {
    /// How many samples it has: counts that are not 0.
    pub(crate) fn samples(&self) -> u64 {
        self.columns.iter().map(|(_, counts)| counts.iter().filter(|count| **count > 0).count() as u64).sum()
    }

    /// The counts of a stack.
    pub(crate) fn column(&self, stack: StackId) -> Option<&[u32]> {
        let found = self.columns.binary_search_by_key(&stack, |(stack, _)| *stack).ok()?;
        Some(&self.columns[found].1)
    }

    /// Turns rows (in order of time, none twice) into columns.
    pub(crate) fn from_rows(rows: &[(Millis, Vec<(StackId, u32)>)]) -> Self {
        let times: Vec<Millis> = rows.iter().map(|(at, _)| *at).collect();
        let mut columns = std::collections::BTreeMap::new();
        for (index, (_, counts)) in rows.iter().enumerate() {
            for (stack, count) in counts.iter().filter(|(_, count)| *count > 0) {
                columns.entry(*stack).or_insert_with(|| vec![0; times.len()])[index] = *count;
            }
        }
        Self { times, columns: columns.into_iter().collect() }
    }

    /// The chunk of it.
    pub(crate) fn encode(&self) -> std::io::Result<Vec<u8>> {
        let body = self.body();
        let mut chunk = vec![VERSION];
        put(&mut chunk, body.len() as u64);
        let mut zstd = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
        zstd.include_checksum(true)?;
        zstd.include_contentsize(false)?;
        chunk.extend(zstd.compress(&body)?);
        Ok(chunk)
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put(&mut body, self.times.len() as u64);
        let (mut before, mut gap) = (0, 0);
        for (index, time) in self.times.iter().enumerate() {
            let step = time.wrapping_sub(before);
            match index {
                0 => put_signed(&mut body, *time),
                1 => put(&mut body, step as u64),
                _ => put_signed(&mut body, step.wrapping_sub(gap)),
            }
            (before, gap) = (*time, step);
        }
        put(&mut body, self.columns.len() as u64);
        row::put_ids(&mut body, self.columns.iter().map(|(stack, _)| *stack));
        let mut column = Vec::new();
        for (_, counts) in &self.columns {
            column.clear();
            put_column(&mut column, counts);
            put(&mut body, column.len() as u64);
            body.extend(&column);
        }
        body
    }

    /// Reads a chunk; only the columns of these stacks (in order), where some are asked for.
    pub(crate) fn decode(chunk: &[u8], wanted: &[StackId]) -> Result<Self, Corrupt> {
        let (version, rest) = chunk.split_first().ok_or(Corrupt("a chunk is empty"))?;
        if *version != VERSION {
            return Err(Corrupt("a chunk has an unknown version"));
        }
        let mut header = Reader(rest);
        let length = usize::try_from(header.get()?).ok().filter(|length| *length <= MAX_BODY);
        let length = length.ok_or(Corrupt("a chunk says that it is too large"))?;
        let body = zstd::bulk::decompress(header.0, length).map_err(|_| Corrupt("a chunk does not decompress"))?;
        if body.len() != length {
            return Err(Corrupt("a chunk has another length than it says"));
        }
        Self::read(Reader(&body), wanted)
    }

    fn read(mut body: Reader<'_>, wanted: &[StackId]) -> Result<Self, Corrupt> {
        let times = read_times(&mut body)?;
        let stacks = body.length()?;
        let ids = row::read_ids(&mut body, stacks)?;
        let mut cells = 0_usize;
        let mut columns = Vec::new();
        for stack in ids {
            let length = body.length()?;
            let column = body.take(length)?;
            if !wanted.is_empty() && wanted.binary_search(&stack).is_err() {
                continue;
            }
            cells = cells.saturating_add(times.len());
            if cells > MAX_CELLS {
                return Err(Corrupt("a chunk has too many counts"));
            }
            columns.push((stack, read_column(column, times.len())?));
        }
        if !body.is_empty() {
            return Err(Corrupt("a chunk goes on after its end"));
        }
        Ok(Self { times, columns })
    }
}

fn read_times(body: &mut Reader<'_>) -> Result<Vec<Millis>, Corrupt> {
    let count = body.length()?;
    let mut times = Vec::with_capacity(count);
    let (mut before, mut gap) = (0_i64, 0_i64);
    for index in 0..count {
        let step = match index {
            0 => body.signed()?,
            1 => body.get()? as i64,
            _ => gap.wrapping_add(body.signed()?),
        };
        let time = before.wrapping_add(step);
        if index > 0 && time <= before {
            return Err(Corrupt("the times of a chunk are not in order"));
        }
        times.push(time);
        (before, gap) = (time, step);
    }
    Ok(times)
}

fn put_column(out: &mut Vec<u8>, counts: &[u32]) {
    let mut before = 0;
    let mut index = 0;
    while index < counts.len() {
        let step = i64::from(counts[index]) - before;
        put_signed(out, step);
        before = i64::from(counts[index]);
        index += 1;
        if step == 0 {
            let more = counts[index..].iter().take_while(|count| i64::from(**count) == before).count();
            put(out, more as u64);
            index += more;
        }
    }
}

fn read_column(mut column: Reader<'_>, length: usize) -> Result<Vec<u32>, Corrupt> {
    let mut counts = Vec::with_capacity(length);
    let mut count = 0_u32;
    while counts.len() < length {
        let step = column.signed()?;
        let next = i64::from(count).checked_add(step).and_then(|next| u32::try_from(next).ok());
        count = next.ok_or(Corrupt("a count is below 0 or too large"))?;
        counts.push(count);
        if step == 0 {
            let more = usize::try_from(column.get()?).ok().filter(|more| *more <= length - counts.len());
            counts.resize(counts.len() + more.ok_or(Corrupt("a column is longer than its times"))?, count);
        }
    }
    if column.is_empty() { Ok(counts) } else { Err(Corrupt("a column is longer than its times")) }
}

#[cfg(test)]
mod tests;
