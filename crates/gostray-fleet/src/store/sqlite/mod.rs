//! The store of one machine: a SQLite database in write-ahead-log mode, with samples in compressed
//! columns (`store/chunk`).
//!
//! # What holds
//! - **Durability.** Each call that writes is one transaction, and each is synced to the disk
//!   (`synchronous=FULL`): neither `kill -9` nor a power failure loses what a call returned from.
//!   A sync a call is why scrapes are given in batches of about a second.
//! - **One owner.** A lock on `gostray.lock` lasts as long as the process. Within it, one connection
//!   writes and a few read; readers see one instant and never wait for the writer.
//! - **Privacy.** The folder is made with mode 0700, the database and its log have 0600.
//! - **A full disk** is [`StoreError::Full`]; nothing of that call is kept, and later calls work as
//!   soon as there is room.
//! - **Clocks.** A run of a process has one scrape a time; a second one of the same time replaces
//!   the first. Times may go back; series are in order of time whatever the order of arrival.
//!
//! # Sizes
//! Scrapes of a finished hour are packed into one chunk a run; days older than
//! [`Settings::fine_for`] become one coarser chunk a day; all of it goes after
//! [`Settings::retention`]. Stacks that no service had for as long are forgotten, so a
//! [`StackId`](super::StackId) is to be interned again rather than remembered for days.
//!
//! On synthetic profiles of 1,000 processes (30–99 stacks, each minute for a day) a sample takes 0.55
//! bytes once it is packed, all of the database counted but its log; once days are made coarser, 0.1
//! bytes for each sample that was taken (`tests/store_measure.rs`).
//!
//! # What does not hold
//! A clock that jumps ahead by more than the retention, with scrapes taken meanwhile, ages all that is
//! older: the store can't tell it from time that passed.

mod fault;
mod ledger;
mod maintain;
mod samples;
mod schema;
mod stacks;
#[cfg(test)]
mod tests;
mod whole;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::StoreError;
use crate::Millis;
use fault::Fault;
pub use whole::Checked;

const HOUR: Millis = 60 * 60 * 1000;
const DAY: Millis = 24 * HOUR;
const IDLE_READERS: usize = 4;

/// How long what is kept, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long samples are kept (`storage.retention`, default 30 days). Counted back from the newest
    /// sample, or from now if that is earlier: a store that was off for a while keeps its past.
    pub retention: Duration,
    /// How long each sample is kept as it was taken (default 72 hours); whole days (UTC) older than
    /// that are made coarser: per 30 minutes the least and the last count.
    pub fine_for: Duration,
    /// How many stacks a service may have had within two days (default 5,000); others are counted
    /// as one stack an operation. What bounds a target that makes up stacks.
    pub stacks_per_service: u32,
    /// How long one call of [`maintain`](super::Samples::maintain) may work (default 2 seconds); the
    /// next one goes on.
    pub maintain_for: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(30 * 24 * 3600),
            fine_for: Duration::from_secs(72 * 3600),
            stacks_per_service: 5_000,
            maintain_for: Duration::from_secs(2),
        }
    }
}

/// Samples and ledger in a folder of this machine.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    settings: Settings,
    // Dropped before the writer: the last connection to close writes the log back, and one that
    // only reads can't.
    readers: Mutex<Vec<Connection>>,
    writer: Mutex<Connection>,
    /// Who waits for the writer; maintenance lets them go first.
    waiting: AtomicUsize,
    known: Mutex<stacks::Known>,
    _lock: File,
}

impl Sqlite {
    /// Opens the store in this folder, or makes it; brings an older schema up to date and checks the
    /// database's structure (reads all of it once).
    ///
    /// # Errors
    /// If another gostray has it open, it is of a newer gostray, is damaged, or can't be written.
    pub fn open(folder: &Path, settings: Settings) -> Result<Self, StoreError> {
        open(folder, settings).map_err(|fault| fault.at(folder))
    }

    /// A transaction of the only connection that writes. Dropped without a commit, nothing is kept.
    fn writing<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let mut writer = lock(&self.writer);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        in_transaction(&mut writer, work)
    }

    /// One instant of the database, for reading.
    fn reading<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = lock(&self.readers).pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        let transaction = reader.transaction()?;
        let result = work(&transaction);
        transaction.finish()?;
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS {
            readers.push(reader);
        }
        result
    }

    /// Says where a fault is.
    fn said<T>(&self, result: Result<T, Fault>) -> Result<T, StoreError> {
        result.map_err(|fault| fault.at(&self.path))
    }
}

fn in_transaction<T>(
    writer: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

/// A panic elsewhere rolled its transaction back: what the lock guards is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(folder: &Path, settings: Settings) -> Result<Sqlite, Fault> {
    private_folder(folder)?;
    let lock = private_file(&folder.join("gostray.lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Err(Fault::InUse),
        Err(std::fs::TryLockError::Error(error)) => return Err(error.into()),
    }
    let path = folder.join("gostray.db");
    // The log and the shared memory beside it take the mode of the database.
    private_file(&path)?;
    let mut writer = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Has to come before the first table.
    writer.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    writer.pragma_update(None, "journal_mode", "WAL")?;
    writer.pragma_update(None, "synchronous", "FULL")?;
    // How large the log remains on disk once it was written back; bytes.
    writer.pragma_update(None, "journal_size_limit", 64 << 20)?;
    schema::migrate(&mut writer, schema::MIGRATIONS)?;
    whole::intact(&writer, "quick_check")?;
    Ok(Sqlite {
        path,
        settings,
        writer: Mutex::new(writer),
        waiting: AtomicUsize::new(0),
        readers: Mutex::new(Vec::new()),
        known: Mutex::default(),
        _lock: lock,
    })
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Fault> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "cache_size", -8 * 1024)?;
    Ok(connection)
}

fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens or makes a file that only its owner reads. A folder that was there before may be open to
/// others (it may hold other things, too): its modes are left alone, so the files' must do.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata()?.permissions().mode();
        if mode & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(file)
}
