//! What concerns the whole store: its integrity, and a copy of it.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, Transaction};
use rustc_hash::FxHashSet;

use super::fault::Fault;
use super::{DAY, HOUR, Sqlite, connect, ledger, private_file, samples, stacks};
use crate::Millis;
use crate::store::chunk::row;
use crate::store::{StackId, StoreError};

/// What a check found to be whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checked {
    /// Runs of processes.
    pub generations: u64,
    /// Stacks.
    pub stacks: u64,
    /// Packed chunks.
    pub chunks: u64,
    /// Scrapes that are not packed yet.
    pub fresh: u64,
    /// Samples in both.
    pub samples: u64,
    /// Documents of the ledger.
    pub documents: u64,
    /// Pieces of evidence.
    pub evidence: u64,
}

impl Sqlite {
    /// Checks everything: the database's structure, each chunk, scrape, stack, document and piece of
    /// evidence by reading it, and that the counts add up. Of one instant; nobody waits for it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first thing that does not fit.
    pub fn check(&self) -> Result<Checked, StoreError> {
        self.said(self.reading(checked))
    }

    /// Writes a copy of one instant to a new file, while the store is in use. The copy is a whole
    /// database: put it into an empty folder as `gostray.db` to open it.
    ///
    /// # Errors
    /// If the file is there already or can't be written; then there is none.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let mut partial = to.as_os_str().to_owned();
        partial.push(".partial");
        let partial = Path::new(&partial);
        let copied = copy(&self.path, to, partial);
        if copied.is_err() {
            // What is left of it is of no use; if it can't go, the first error says more.
            let _ = std::fs::remove_file(partial);
        }
        copied.map_err(|fault| fault.at(to))
    }
}

fn copy(from: &Path, to: &Path, partial: &Path) -> Result<(), Fault> {
    if to.exists() {
        return Err(Fault::Refused("a backup is written to a new file, and this one is there".to_owned()));
    }
    let source = connect(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if partial.exists() {
        std::fs::remove_file(partial)?;
    }
    private_file(partial)?;
    let mut target = connect(partial, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // All in one step: that reads one instant, where several would begin anew after each append. In
    // write-ahead-log mode nobody waits for a reader.
    match Backup::new(&source, &mut target)?.step(-1)? {
        StepResult::Done => {}
        _ => return Err(Fault::Refused("the store is busy: try again".to_owned())),
    }
    target.close().map_err(|(_, error)| error)?;
    std::fs::File::open(partial)?.sync_all()?;
    Ok(std::fs::rename(partial, to)?)
}

/// Runs one of SQLite's own checks.
pub(super) fn intact(connection: &Connection, check: &str) -> Result<(), Fault> {
    let said: String = connection.pragma_query_value(None, check, |row| row.get(0))?;
    if said == "ok" { Ok(()) } else { Err(Fault::Damaged(said)) }
}

fn checked(transaction: &Transaction<'_>) -> Result<Checked, Fault> {
    intact(transaction, "integrity_check")?;
    let mut checked = Checked::default();
    let known = check_stacks(transaction, &mut checked)?;
    check_chunks(transaction, &known, &mut checked)?;
    check_fresh(transaction, &known, &mut checked)?;
    let total: i64 = transaction.query_row("SELECT samples FROM total", [], |row| row.get(0))?;
    if u64::try_from(total) != Ok(checked.samples) {
        return Err(Fault::Damaged(format!("it has {} samples, and says {total}", checked.samples)));
    }
    checked.generations = number(transaction, "SELECT count(*) FROM generation")?;
    let nameless = "SELECT count(*) FROM (SELECT generation AS id FROM seen UNION SELECT generation FROM chunk
        UNION SELECT generation FROM head) WHERE id NOT IN (SELECT id FROM generation)";
    if number(transaction, nameless)? > 0 {
        return Err(Fault::Damaged("it has samples of a run that is missing".to_owned()));
    }
    checked.documents = number(transaction, "SELECT count(*) FROM document")?;
    if number(transaction, "SELECT count(*) FROM document WHERE NOT json_valid(value)")? > 0 {
        return Err(Fault::Damaged("a document is no JSON".to_owned()));
    }
    let mut statement = transaction.prepare("SELECT id, size, bytes FROM evidence")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        ledger::unpack(row.get(0)?, row.get(1)?, row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)?;
        checked.evidence += 1;
    }
    Ok(checked)
}

fn number(connection: &Connection, sql: &str) -> Result<u64, Fault> {
    Ok(u64::try_from(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?).unwrap_or(0))
}

fn check_stacks(transaction: &Transaction<'_>, checked: &mut Checked) -> Result<FxHashSet<StackId>, Fault> {
    let mut statement = transaction.prepare("SELECT id FROM stack")?;
    let known = statement.query_map([], |row| row.get(0).map(StackId))?.collect::<Result<FxHashSet<_>, _>>()?;
    let mut names = rustc_hash::FxHashMap::default();
    for id in &known {
        stacks::read(transaction, *id, &mut names)?;
    }
    checked.stacks = known.len() as u64;
    Ok(known)
}

fn check_chunks(transaction: &Transaction<'_>, known: &FxHashSet<StackId>, checked: &mut Checked) -> Result<(), Fault> {
    let mut statement = transaction.prepare("SELECT id, level, start, samples FROM chunk")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, level, start): (i64, i64, Millis) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let block = samples::chunk(transaction, id, &[])?;
        let span = start..start.saturating_add(if level == 0 { HOUR } else { DAY });
        let damaged = |what: &str| Err(Fault::Damaged(format!("chunk {id} {what}")));
        if !block.times.iter().all(|time| span.contains(time)) {
            return damaged("has times outside its hours");
        }
        if !block.columns.iter().all(|(stack, _)| known.contains(stack)) {
            return damaged("has a stack that is missing");
        }
        if u64::try_from(row.get::<_, i64>(3)?) != Ok(block.samples()) {
            return damaged("has another number of samples than it says");
        }
        checked.chunks += 1;
        checked.samples += block.samples();
    }
    Ok(())
}

fn check_fresh(transaction: &Transaction<'_>, known: &FxHashSet<StackId>, checked: &mut Checked) -> Result<(), Fault> {
    let mut statement = transaction.prepare("SELECT generation, at, data FROM head")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (generation, at): (i64, Millis) = (row.get(0)?, row.get(1)?);
        let damaged = |what: &str| Fault::Damaged(format!("run {generation} at {at}: {what}"));
        let counts = row::decode(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)
            .map_err(|reason| damaged(&reason.to_string()))?;
        if !counts.iter().all(|(stack, _)| known.contains(stack)) {
            return Err(damaged("a stack is missing"));
        }
        checked.fresh += 1;
        checked.samples += counts.len() as u64;
    }
    Ok(())
}
