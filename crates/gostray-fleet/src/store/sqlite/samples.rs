//! Runs of processes and their samples.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, params};
use rustc_hash::FxHashMap;

use super::fault::Fault;
use super::{DAY, HOUR, Sqlite, stacks};
use crate::store::chunk::layers::{Layers, Row};
use crate::store::chunk::{Block, MAX_CELLS, coarse, row};
use crate::store::{Generation, GenerationId, Query, Samples, Scrape, Series, Size, Stack, StackId, StoreError};
use crate::{Millis, TargetId};

impl Samples for Sqlite {
    fn intern(&self, stacks: &[Stack]) -> Result<Vec<StackId>, StoreError> {
        self.said(self.interned("", stacks, u32::MAX))
    }

    fn intern_for(&self, service: &str, stacks: &[Stack]) -> Result<Vec<StackId>, StoreError> {
        self.said(self.interned(service, stacks, self.settings.stacks_per_service))
    }

    fn stacks(&self, ids: &[StackId]) -> Result<Vec<Option<Stack>>, StoreError> {
        let mut names = FxHashMap::default();
        self.said(self.reading(|transaction| ids.iter().map(|id| stacks::read(transaction, *id, &mut names)).collect()))
    }

    fn with_signature(&self, signature: &str) -> Result<Vec<StackId>, StoreError> {
        self.said(self.reading(|transaction| {
            let mut statement = transaction.prepare_cached("SELECT id FROM stack WHERE signature = ? ORDER BY id")?;
            Ok(statement.query_map([signature], |row| row.get(0).map(StackId))?.collect::<Result<_, _>>()?)
        }))
    }

    fn generation(&self, generation: &Generation) -> Result<GenerationId, StoreError> {
        self.said(self.writing(|transaction| {
            let labels = serde_json::to_string(&generation.labels)?;
            // What it is called may change while it runs: the last word holds.
            let sql = "INSERT INTO generation (target, build, started_at, service, instance, job, labels)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET service = excluded.service, instance = excluded.instance,
                    job = excluded.job, labels = excluded.labels
                RETURNING id";
            let id: i64 = transaction.prepare_cached(sql)?.query_row(
                params![
                    generation.target.0 as i64,
                    generation.build,
                    generation.started_at,
                    generation.service,
                    generation.instance,
                    generation.job,
                    labels
                ],
                |row| row.get(0),
            )?;
            let sql = "INSERT INTO seen VALUES (?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)";
            transaction.prepare_cached(sql)?.execute(params![id, generation.last_seen])?;
            Ok(GenerationId(id))
        }))
    }

    fn generations(&self, since: Millis) -> Result<Vec<(GenerationId, Generation)>, StoreError> {
        self.said(self.reading(|transaction| generations(transaction, since)))
    }

    fn append(&self, scrapes: &[Scrape]) -> Result<(), StoreError> {
        if scrapes.is_empty() {
            return Ok(());
        }
        self.said(self.writing(|transaction| {
            let mut gained = 0_i64;
            for scrape in scrapes {
                gained += append(transaction, scrape)?;
            }
            count(transaction, gained)
        }))
    }

    fn series(&self, query: &Query) -> Result<Vec<Series>, StoreError> {
        let mut wanted = query.stacks.clone();
        wanted.sort_unstable();
        self.said(self.reading(|transaction| {
            let mut all = Vec::new();
            for generation in asked(transaction, query)? {
                let layers = layers(transaction, generation, query.from, query.to, &wanted)?;
                let series = layers.series(query.from, query.to).into_iter();
                let wanted = series.filter(|(stack, _)| wanted.is_empty() || wanted.binary_search(stack).is_ok());
                all.extend(wanted.map(|(stack, points)| Series { generation, stack, points }));
            }
            Ok(all)
        }))
    }

    fn scrape(&self, generation: GenerationId, at: Millis) -> Result<Option<Scrape>, StoreError> {
        let found = self.said(self.reading(|transaction| last(transaction, generation, at)))?;
        Ok(found.map(|(at, counts)| Scrape { generation, at, counts }))
    }

    fn maintain(&self, now: Millis) -> Result<(), StoreError> {
        self.said(self.maintained(now))
    }

    fn size(&self) -> Result<Size, StoreError> {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        let bytes = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |file| file.len());
        let samples = self.reading(|transaction| {
            Ok(transaction.query_row("SELECT samples FROM total", [], |row| row.get::<_, i64>(0))?)
        });
        Ok(Size {
            bytes: bytes(&self.path) + bytes(log.as_ref()),
            samples: u64::try_from(self.said(samples)?).unwrap_or(0),
        })
    }
}

/// Adds to the number of samples.
pub(super) fn count(connection: &Connection, gained: i64) -> Result<(), Fault> {
    connection.prepare_cached("UPDATE total SET samples = samples + ?")?.execute([gained])?;
    Ok(())
}

/// Keeps one scrape; how many samples more there are.
fn append(connection: &Connection, scrape: &Scrape) -> Result<i64, Fault> {
    let (generation, at) = (scrape.generation.0, scrape.at);
    let (data, samples) = row::encode(&scrape.counts);
    if samples > MAX_CELLS as u64 {
        return Err(Fault::Refused(format!("a scrape of {samples} stacks is too large, at most {MAX_CELLS} are kept")));
    }
    let seen =
        connection.prepare_cached("UPDATE seen SET at = max(at, ?) WHERE generation = ?")?.execute([at, generation])?;
    if seen == 0 {
        return Err(Fault::Refused(format!(
            "run {generation} is not known; it may have been forgotten: name it again"
        )));
    }
    let replaced: Option<i64> = connection
        .prepare_cached("SELECT samples FROM head WHERE generation = ? AND at = ?")?
        .query_row([generation, at], |row| row.get(0))
        .optional()?;
    connection.prepare_cached("INSERT OR REPLACE INTO head VALUES (?, ?, ?, ?)")?.execute(params![
        generation,
        at,
        samples as i64,
        data
    ])?;
    Ok(samples as i64 - replaced.unwrap_or(0))
}

fn generations(connection: &Connection, since: Millis) -> Result<Vec<(GenerationId, Generation)>, Fault> {
    let sql = "SELECT id, target, service, instance, job, labels, build, started_at, at
        FROM seen JOIN generation ON id = generation WHERE at >= ? ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([since])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let labels: BTreeMap<String, String> = serde_json::from_str(&row.get::<_, String>(5)?)?;
        let generation = Generation {
            target: TargetId(row.get::<_, i64>(1)? as u64),
            service: row.get(2)?,
            instance: row.get(3)?,
            job: row.get(4)?,
            labels,
            build: row.get(6)?,
            started_at: row.get(7)?,
            last_seen: row.get(8)?,
        };
        all.push((GenerationId(row.get(0)?), generation));
    }
    Ok(all)
}

/// The runs of a query, in order; those that can't have anything in its time are left out.
fn asked(connection: &Connection, query: &Query) -> Result<Vec<GenerationId>, Fault> {
    if !query.generations.is_empty() {
        let mut asked = query.generations.clone();
        asked.sort_unstable();
        asked.dedup();
        return Ok(asked);
    }
    let mut statement = connection.prepare_cached("SELECT generation FROM seen WHERE at >= ? ORDER BY generation")?;
    Ok(statement.query_map([query.from], |row| row.get(0).map(GenerationId))?.collect::<Result<_, _>>()?)
}

/// What there is of a run that may be in `from..to`.
fn layers(
    connection: &Connection,
    generation: GenerationId,
    from: Millis,
    to: Millis,
    wanted: &[StackId],
) -> Result<Layers, Fault> {
    let sql = "SELECT id FROM chunk WHERE generation = ?1 AND start > ?2 - ?4 AND start < ?3
        AND (level = 1 OR start > ?2 - ?5) ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let chunks = statement
        .query_map([generation.0, from.max(Millis::MIN + DAY), to, DAY, HOUR], |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    let mut layers = Layers::default();
    for id in chunks {
        layers.0.push(chunk(connection, id, wanted)?);
    }
    layers.0.push(Block::from_rows(&head(connection, generation, from, to)?));
    Ok(layers)
}

/// A chunk.
pub(super) fn chunk(connection: &Connection, id: i64, wanted: &[StackId]) -> Result<Block, Fault> {
    let mut statement = connection.prepare_cached("SELECT data FROM chunk WHERE id = ?")?;
    let block = statement.query_row([id], |row| Ok(Block::decode(row.get_ref(0)?.as_blob()?, wanted)))?;
    block.map_err(|reason| Fault::Damaged(format!("chunk {id}: {reason}")))
}

/// The fresh scrapes of a run in `from..to`.
pub(super) fn head(
    connection: &Connection,
    generation: GenerationId,
    from: Millis,
    to: Millis,
) -> Result<Vec<Row>, Fault> {
    let sql = "SELECT at, data FROM head WHERE generation = ? AND at >= ? AND at < ? ORDER BY at";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([generation.0, from, to])?;
    let mut all = Vec::new();
    while let Some(fresh) = rows.next()? {
        let at = fresh.get(0)?;
        let counts = row::decode(fresh.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?);
        let counts = counts.map_err(|reason| Fault::Damaged(format!("run {} at {at}: {reason}", generation.0)))?;
        all.push((at, counts));
    }
    Ok(all)
}

/// The last scrape of a run at or before a time.
fn last(connection: &Connection, generation: GenerationId, at: Millis) -> Result<Option<Row>, Fault> {
    let sql = "SELECT at FROM head WHERE generation = ? AND at <= ? ORDER BY at DESC LIMIT 1";
    let fresh: Option<Millis> =
        connection.prepare_cached(sql)?.query_row([generation.0, at], |row| row.get(0)).optional()?;
    let mut best = match fresh {
        Some(time) => head(connection, generation, time, time.saturating_add(1))?.pop(),
        None => None,
    };
    let sql = "SELECT id, start, level FROM chunk WHERE generation = ? AND start <= ? ORDER BY start DESC, id DESC";
    let mut statement = connection.prepare_cached(sql)?;
    let mut chunks = statement.query([generation.0, at])?;
    let mut best_chunk = None;
    while let Some(row) = chunks.next()? {
        let (id, start, level): (i64, Millis, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let ends_before = |span: Millis| best.as_ref().is_some_and(|(time, _)| start.saturating_add(span) <= *time);
        if ends_before(DAY) {
            break;
        }
        if level == 0 && ends_before(HOUR) {
            continue;
        }
        let block = chunk(connection, id, &[])?;
        let real = |index: &usize| level == 0 || coarse::is_real(&block.times, *index);
        let end = block.times.partition_point(|time| *time <= at);
        let Some(index) = (0..end).rev().find(real) else { continue };
        let time = block.times[index];
        // Of one time, a fresh scrape holds over a chunk, and a newer chunk over an older.
        let newer = best
            .as_ref()
            .is_none_or(|(best, _)| time > *best || (time == *best && best_chunk.is_some_and(|best| id > best)));
        if newer {
            best_chunk = Some(id);
            best = Layers(vec![block]).rows(time, time.saturating_add(1)).pop();
        }
    }
    Ok(best)
}
