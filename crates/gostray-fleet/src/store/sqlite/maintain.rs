//! What is done while the store is in use: packing, making coarser, dropping, tidying.
//!
//! What there is to do is looked up while reading; it is done in transactions of some 20 ms, between
//! which everybody else who writes goes first.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, params};
use rustc_hash::FxHashSet;

use super::fault::Fault;
use super::samples::{chunk, count, head};
use super::{DAY, HOUR, Sqlite, in_transaction, lock, stacks};
use crate::Millis;
use crate::store::chunk::coarse::{BUCKET, coarsen};
use crate::store::chunk::layers::{Layers, Row};
use crate::store::chunk::{Block, MAX_CELLS};
use crate::store::{GenerationId, StackId};

/// For so long after an hour's end its scrapes may still come in.
const LATE: Millis = 5 * 60 * 1000;
const SLICE: Duration = Duration::from_millis(20);
/// Days of slack before a stack is forgotten.
const SLACK_DAYS: i64 = 2;
/// Pages that are freed at a time, and how many may be free before it is worth it.
const VACUUM_PAGES: i64 = 500;
const FREE_PAGES: i64 = 1_000;
/// What is looked up at a time.
const BATCH: i64 = 2_000;

impl Sqlite {
    pub(super) fn maintained(&self, now: Millis) -> Result<(), Fault> {
        let until = Instant::now().checked_add(self.settings.maintain_for);
        let over = || until.is_some_and(|until| Instant::now() >= until);
        // What is damaged is said, but must not keep the rest from being done.
        let fresh = self.pack_all(now, over);
        let coarse = self.coarsen_all(now, over);
        let newest = self.reading(newest)?.map_or(now, |newest| newest.min(now));
        let keep_from = newest.saturating_sub(millis(self.settings.retention));
        let dropped = self.drop_all(keep_from, over);
        fresh.and(coarse).and(dropped)?;
        if !over() {
            self.tidy(now, keep_from)?;
        }
        while !over() && self.vacuum()? {}
        Ok(())
    }

    fn pack_all(&self, now: Millis, over: impl Fn() -> bool) -> Result<(), Fault> {
        let fresh = self.reading(|transaction| unpacked(transaction, now))?;
        self.in_slices(fresh, over, |transaction, (generation, hour)| pack(transaction, generation, hour))
    }

    fn coarsen_all(&self, now: Millis, over: impl Fn() -> bool) -> Result<(), Fault> {
        let before = day(now.saturating_sub(millis(self.settings.fine_for)));
        while !over() {
            let days = self.reading(|transaction| fine_days(transaction, before))?;
            if days.is_empty() {
                break;
            }
            self.in_slices(days, &over, |transaction, (generation, day)| coarsen_day(transaction, generation, day))?;
        }
        Ok(())
    }

    fn drop_all(&self, before: Millis, over: impl Fn() -> bool) -> Result<(), Fault> {
        while !over() {
            let old = self.reading(|transaction| chunks_before(transaction, before))?;
            if old.is_empty() {
                break;
            }
            self.in_slices(old, &over, drop_chunk)?;
        }
        Ok(())
    }

    /// Does work a piece at a time, until it is done or time is over. A damaged piece is left as it
    /// is, and said at the end.
    fn in_slices<T>(
        &self,
        work: impl IntoIterator<Item = T>,
        over: impl Fn() -> bool,
        mut each: impl FnMut(&Transaction<'_>, T) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut work = work.into_iter().peekable();
        let mut damaged = Ok(());
        while work.peek().is_some() && !over() {
            // A lock is not fair by itself.
            while self.waiting.load(Ordering::Relaxed) > 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            let mut writer = lock(&self.writer);
            let begun = Instant::now();
            let slice = in_transaction(&mut writer, |transaction| {
                for piece in work.by_ref() {
                    each(transaction, piece)?;
                    if begun.elapsed() >= SLICE {
                        break;
                    }
                }
                Ok(())
            });
            match slice {
                Err(Fault::Damaged(reason)) => damaged = Err(Fault::Damaged(reason)),
                other => other?,
            }
        }
        damaged
    }

    /// Once a day: runs, evidence and stacks that nothing speaks of any more.
    fn tidy(&self, now: Millis, keep_from: Millis) -> Result<(), Fault> {
        let today = now.div_euclid(DAY);
        self.writing(|transaction| {
            let tidied: i64 = transaction.query_row("SELECT tidied FROM total", [], |row| row.get(0))?;
            if tidied >= today {
                return Ok(());
            }
            transaction.execute("UPDATE total SET tidied = ?", [today])?;
            transaction.execute(
                "DELETE FROM seen WHERE at < ?
                    AND NOT EXISTS (SELECT 1 FROM chunk WHERE chunk.generation = seen.generation)
                    AND NOT EXISTS (SELECT 1 FROM head WHERE head.generation = seen.generation)",
                [keep_from],
            )?;
            transaction.execute("DELETE FROM generation WHERE id NOT IN (SELECT generation FROM seen)", [])?;
            // A day's grace: evidence may be kept before the leak is written.
            transaction.execute(
                "DELETE FROM evidence WHERE at < ?
                    AND NOT EXISTS (SELECT 1 FROM document WHERE kind = 'leak' AND key = evidence.leak)",
                [now.saturating_sub(DAY)],
            )?;
            stacks::forget(transaction, keep_from.div_euclid(DAY) - SLACK_DAYS, || in_head(transaction))
        })?;
        lock(&self.known).forget();
        Ok(())
    }

    /// Gives some pages back to the file system; is there more?
    fn vacuum(&self) -> Result<bool, Fault> {
        let writer = lock(&self.writer);
        let pragma = |name| writer.pragma_query_value::<i64, _>(None, name, |row| row.get(0));
        let free = pragma("freelist_count")?;
        // Some are soon used again.
        if free < FREE_PAGES || free < pragma("page_count")? / 5 {
            return Ok(false);
        }
        let mut statement = writer.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(true)
    }
}

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

fn day(at: Millis) -> Millis {
    at.div_euclid(DAY).saturating_mul(DAY)
}

/// Hours of runs that are complete, or so far ahead that the clock must have been wrong.
fn unpacked(connection: &Connection, now: Millis) -> Result<BTreeSet<(i64, Millis)>, Fault> {
    let (complete, ahead) = (day_hour(now.saturating_sub(LATE)), day_hour(now).saturating_add(2 * HOUR));
    let mut next =
        connection.prepare_cached("SELECT generation FROM head WHERE generation > ? ORDER BY generation LIMIT 1")?;
    let mut times =
        connection.prepare_cached("SELECT at FROM head WHERE generation = ? AND (at < ? OR at >= ?) ORDER BY at")?;
    let mut found = BTreeSet::new();
    let mut generation = i64::MIN;
    while let Some(row) = next.query([generation])?.next()? {
        generation = row.get(0)?;
        let mut rows = times.query([generation, complete, ahead])?;
        while let Some(row) = rows.next()? {
            found.insert((generation, day_hour(row.get(0)?)));
        }
    }
    Ok(found)
}

fn day_hour(at: Millis) -> Millis {
    at.div_euclid(HOUR).saturating_mul(HOUR)
}

/// Fresh scrapes of an hour → chunks.
fn pack(transaction: &Transaction<'_>, generation: i64, hour: Millis) -> Result<(), Fault> {
    let end = hour.saturating_add(HOUR);
    let rows = head(transaction, GenerationId(generation), hour, end)?;
    let stacks: BTreeSet<StackId> =
        rows.iter().flat_map(|(_, counts)| counts.iter().map(|(stack, _)| *stack)).collect();
    keep(transaction, generation, 0, hour, &rows)?;
    let mut delete = transaction.prepare_cached("DELETE FROM head WHERE generation = ? AND at >= ? AND at < ?")?;
    delete.execute([generation, hour, end])?;
    let service: String = transaction
        .prepare_cached("SELECT service FROM generation WHERE id = ?")?
        .query_row([generation], |row| row.get(0))?;
    let service = stacks::name(transaction, &service)?;
    for stack in stacks {
        stacks::use_on(transaction, service, stack, hour.div_euclid(DAY))?;
    }
    Ok(())
}

/// Keeps rows as chunks, as many as it takes for none to be too large.
fn keep(transaction: &Transaction<'_>, generation: i64, level: i64, start: Millis, rows: &[Row]) -> Result<(), Fault> {
    let sql = "INSERT INTO chunk (generation, level, start, samples, data) VALUES (?, ?, ?, ?, ?)";
    for part in parts(rows) {
        let block = Block::from_rows(part);
        let (samples, data) = (block.samples() as i64, block.encode()?);
        transaction.prepare_cached(sql)?.execute(params![generation, level, start, samples, data])?;
    }
    Ok(())
}

/// Cuts rows where a chunk would have too many counts; not within a bucket if that can be helped,
/// since a coarse bucket is two rows that belong together.
fn parts(rows: &[Row]) -> Vec<&[Row]> {
    let mut parts = Vec::new();
    let mut stacks = FxHashSet::default();
    let mut begin = 0;
    for (index, (at, counts)) in rows.iter().enumerate() {
        stacks.extend(counts.iter().map(|(stack, _)| *stack));
        if stacks.len().saturating_mul(index + 1 - begin) <= MAX_CELLS {
            continue;
        }
        let same = index > begin + 1 && rows[index - 1].0.div_euclid(BUCKET) == at.div_euclid(BUCKET);
        let cut = (if same { index - 1 } else { index }).max(begin + 1).min(index);
        if cut > begin {
            parts.push(&rows[begin..cut]);
            begin = cut;
        }
        stacks = rows[begin..=index].iter().flat_map(|(_, counts)| counts.iter().map(|(stack, _)| *stack)).collect();
    }
    parts.push(&rows[begin..]);
    parts.retain(|part| !part.is_empty());
    parts
}

/// Days of runs, complete before a time, that still have samples as they were taken.
fn fine_days(connection: &Connection, before: Millis) -> Result<BTreeSet<(i64, Millis)>, Fault> {
    let sql = "SELECT generation, start FROM chunk WHERE level = 0 AND start < ? ORDER BY start LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([before, BATCH], |row| Ok((row.get(0)?, day(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The chunks of a day → one coarser chunk.
fn coarsen_day(transaction: &Transaction<'_>, generation: i64, day: Millis) -> Result<(), Fault> {
    let end = day.saturating_add(DAY);
    let sql = "SELECT id, samples FROM chunk WHERE generation = ? AND start >= ? AND start < ? ORDER BY id";
    let mut statement = transaction.prepare_cached(sql)?;
    let chunks = statement.query_map([generation, day, end], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let chunks: Vec<(i64, i64)> = chunks.collect::<Result<_, _>>()?;
    let mut layers = Layers::default();
    for (id, _) in &chunks {
        layers.0.push(chunk(transaction, *id, &[])?);
    }
    let mut rows = Vec::new();
    for hour in (day..end).step_by(HOUR as usize) {
        rows.extend(coarsen(&layers.rows(hour, hour.saturating_add(HOUR))));
    }
    for old in chunks {
        drop_chunk(transaction, old)?;
    }
    let kept: usize = rows.iter().map(|(_, counts)| counts.len()).sum();
    count(transaction, kept as i64)?;
    keep(transaction, generation, 1, day, &rows)
}

fn newest(connection: &Transaction<'_>) -> Result<Option<Millis>, Fault> {
    Ok(connection.query_row("SELECT max(at) FROM seen", [], |row| row.get(0))?)
}

/// Chunks that end before a time, and their samples.
fn chunks_before(connection: &Connection, time: Millis) -> Result<Vec<(i64, i64)>, Fault> {
    let sql = "SELECT id, samples FROM chunk WHERE level = ? AND start <= ? ORDER BY start LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    let mut all = Vec::new();
    for (level, span) in [(0, HOUR), (1, DAY)] {
        let rows =
            statement.query_map([level, time.saturating_sub(span), BATCH], |row| Ok((row.get(0)?, row.get(1)?)))?;
        all.extend(rows.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(all)
}

fn drop_chunk(transaction: &Transaction<'_>, (id, samples): (i64, i64)) -> Result<(), Fault> {
    if transaction.prepare_cached("DELETE FROM chunk WHERE id = ?")?.execute([id])? > 0 {
        count(transaction, -samples)?;
    }
    Ok(())
}

/// The stacks of fresh scrapes.
fn in_head(connection: &Connection) -> Result<FxHashSet<StackId>, Fault> {
    let mut statement = connection.prepare("SELECT data FROM head")?;
    let mut rows = statement.query([])?;
    let mut stacks = FxHashSet::default();
    while let Some(row) = rows.next()? {
        let counts = crate::store::chunk::row::decode(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
        stacks.extend(counts.into_iter().map(|(stack, _)| stack));
    }
    Ok(stacks)
}
