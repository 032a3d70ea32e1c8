//! Stacks, each kept once: found by a hash of their content, and told apart by the content itself.

use std::collections::hash_map::Entry;
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use rustc_hash::{FxHashMap, FxHashSet};
use sha2::Digest as _;

use super::fault::Fault;
use super::{DAY, Sqlite, lock};
use crate::Millis;
use crate::store::chunk::varint::{Reader, put};
use crate::store::{Frame, Stack, StackId};

/// Entries before the memory of stacks is emptied: bounds it to some 20 MB.
const KNOWN_STACKS: usize = 200_000;
/// Within so many days a stack counts against its service's quota.
const QUOTA_DAYS: i64 = 2;

type Digest = [u8; 32];

/// Stacks that were interned today, by service and content; so that asking again for the stacks of a
/// scrape costs a hash each. Emptied each day, so that a use is noted each day.
#[derive(Debug, Default)]
pub(super) struct Known {
    day: i64,
    stacks: FxHashMap<Digest, StackId>,
}

impl Known {
    pub(super) fn forget(&mut self) {
        self.stacks.clear();
    }

    fn on(&mut self, day: i64) -> &mut FxHashMap<Digest, StackId> {
        if self.day != day || self.stacks.len() > KNOWN_STACKS {
            *self = Self { day, stacks: FxHashMap::default() };
        }
        &mut self.stacks
    }
}

/// What is known of a stack of a service before anything is written.
enum Seen {
    Today(StackId),
    /// It counts against the quota already.
    Lately(StackId),
    New,
}

impl Sqlite {
    pub(super) fn interned(&self, service: &str, stacks: &[Stack], quota: u32) -> Result<Vec<StackId>, Fault> {
        let day = today();
        let digests: Vec<Digest> = stacks.iter().map(|stack| digest(service, stack)).collect();
        let known = |digest| lock(&self.known).on(day).get(digest).copied();
        let mut ids: Vec<Option<StackId>> = digests.iter().map(known).collect();
        let unknown: Vec<usize> = (0..ids.len()).filter(|at| ids[*at].is_none()).collect();
        if unknown.is_empty() {
            return Ok(ids.into_iter().flatten().collect());
        }
        let seen = self.reading(|transaction| {
            let service = find_name(transaction, service)?;
            unknown.iter().map(|at| look(transaction, service, &stacks[*at], day)).collect::<Result<Vec<_>, _>>()
        })?;
        let mut learned = Vec::new();
        let mut rest = Vec::new();
        for (at, seen) in unknown.into_iter().zip(seen) {
            match seen {
                Seen::Today(id) => learned.push((at, id)),
                other => rest.push((at, other)),
            }
        }
        if !rest.is_empty() {
            let asked = rest.iter().map(|(at, seen)| (&stacks[*at], seen));
            let added = self.writing(|transaction| add(transaction, service, asked, quota, day))?;
            for ((at, _), added) in rest.iter().zip(added) {
                match added {
                    Added::Within(id) => learned.push((*at, id)),
                    // It is not learned: it may have room tomorrow.
                    Added::Over(id) => ids[*at] = Some(id),
                }
            }
        }
        let mut known = lock(&self.known);
        for (at, id) in learned {
            ids[at] = Some(id);
            known.on(day).insert(digests[at], id);
        }
        Ok(ids.into_iter().flatten().collect())
    }
}

fn look(connection: &Connection, service: Option<i64>, stack: &Stack, today: i64) -> Result<Seen, Fault> {
    let Some(service) = service else { return Ok(Seen::New) };
    let Some(id) = find(connection, stack, hash)? else { return Ok(Seen::New) };
    let day: Option<i64> = connection
        .prepare_cached("SELECT day FROM stack_use WHERE service = ? AND stack = ?")?
        .query_row(params![service, id.0], |row| row.get(0))
        .optional()?;
    Ok(match day {
        Some(day) if day >= today => Seen::Today(id),
        Some(day) if day > today - QUOTA_DAYS => Seen::Lately(id),
        _ => Seen::New,
    })
}

#[derive(Clone, Copy)]
enum Added {
    Within(StackId),
    Over(StackId),
}

/// Adds stacks to a service, as far as its quota goes.
fn add<'a>(
    transaction: &Transaction<'_>,
    service: &str,
    stacks: impl Iterator<Item = (&'a Stack, &'a Seen)>,
    quota: u32,
    day: i64,
) -> Result<Vec<Added>, Fault> {
    let service = name(transaction, service)?;
    let mut used: i64 = transaction
        .prepare_cached("SELECT count(*) FROM stack_use WHERE service = ? AND day > ?")?
        .query_row(params![service, day - QUOTA_DAYS], |row| row.get(0))?;
    let mut overflows: FxHashMap<&str, StackId> = FxHashMap::default();
    let mut added = Vec::new();
    for (stack, seen) in stacks {
        added.push(match seen {
            Seen::Today(id) | Seen::Lately(id) => {
                use_on(transaction, service, *id, day)?;
                Added::Within(*id)
            }
            Seen::New if used < i64::from(quota) => {
                used += 1;
                Added::Within(keep(transaction, service, stack, day, hash)?)
            }
            Seen::New => Added::Over(match overflows.entry(&stack.operation) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    *entry.insert(keep(transaction, service, &overflow(&stack.operation), day, hash)?)
                }
            }),
        });
    }
    Ok(added)
}

fn keep(
    transaction: &Transaction<'_>,
    service: i64,
    stack: &Stack,
    day: i64,
    hash: fn(&Stack) -> i64,
) -> Result<StackId, Fault> {
    let id = match find(transaction, stack, hash)? {
        Some(id) => id,
        None => {
            let frames = write_frames(transaction, &stack.frames)?;
            transaction
                .prepare_cached("INSERT INTO stack (hash, signature, operation, frames) VALUES (?, ?, ?, ?)")?
                .execute(params![hash(stack), stack.signature, stack.operation, frames])?;
            StackId(transaction.last_insert_rowid())
        }
    };
    use_on(transaction, service, id, day)?;
    Ok(id)
}

/// Notes that a service had a stack on a day.
pub(super) fn use_on(transaction: &Transaction<'_>, service: i64, stack: StackId, day: i64) -> Result<(), Fault> {
    let sql = "INSERT INTO stack_use VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET day = excluded.day WHERE excluded.day > day";
    transaction.prepare_cached(sql)?.execute(params![service, stack.0, day])?;
    Ok(())
}

/// What stands for the stacks of an operation that are over a service's quota.
pub(super) fn overflow(operation: &str) -> Stack {
    let function = "(stacks over the limit of this service)".to_owned();
    let signature = format!("{:016x}", u64::from_be_bytes(first(&digest(&function, &empty(operation)))));
    Stack { signature, frames: vec![Frame { function, file: String::new(), line: 0 }], ..empty(operation) }
}

fn empty(operation: &str) -> Stack {
    Stack { signature: String::new(), operation: operation.to_owned(), frames: Vec::new() }
}

fn find(connection: &Connection, stack: &Stack, hash: fn(&Stack) -> i64) -> Result<Option<StackId>, Fault> {
    let mut statement = connection.prepare_cached("SELECT id FROM stack WHERE hash = ? ORDER BY id")?;
    let candidates = statement.query_map([hash(stack)], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    let mut names = FxHashMap::default();
    for id in candidates {
        if read(connection, StackId(id), &mut names)?.as_ref() == Some(stack) {
            return Ok(Some(StackId(id)));
        }
    }
    Ok(None)
}

/// A stack, with the names that were read before and those that are read now.
pub(super) fn read(
    connection: &Connection,
    id: StackId,
    names: &mut FxHashMap<i64, String>,
) -> Result<Option<Stack>, Fault> {
    let sql = "SELECT signature, operation, frames FROM stack WHERE id = ?";
    let row: Option<(String, String, Vec<u8>)> = connection
        .prepare_cached(sql)?
        .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((signature, operation, bytes)) = row else { return Ok(None) };
    let mut name = |id: i64| -> Result<String, Fault> {
        match names.entry(id) {
            Entry::Occupied(entry) => Ok(entry.get().clone()),
            Entry::Vacant(entry) => {
                let mut statement = connection.prepare_cached("SELECT text FROM name WHERE id = ?")?;
                let text: Option<String> = statement.query_row([id], |row| row.get(0)).optional()?;
                let text = text.ok_or_else(|| Fault::Damaged(format!("the name {id} of a stack is missing")))?;
                Ok(entry.insert(text).clone())
            }
        }
    };
    let mut frames = Vec::new();
    for (function, file, line) in read_frames(&bytes)? {
        frames.push(Frame { function: name(function)?, file: name(file)?, line });
    }
    Ok(Some(Stack { signature, operation, frames }))
}

fn read_frames(bytes: &[u8]) -> Result<Vec<(i64, i64, u32)>, Fault> {
    let mut reader = Reader(bytes);
    let mut frames = Vec::new();
    while !reader.is_empty() {
        frames.push((reader.get()? as i64, reader.get()? as i64, reader.get_u32()?));
    }
    Ok(frames)
}

fn write_frames(transaction: &Transaction<'_>, frames: &[Frame]) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    for frame in frames {
        put(&mut bytes, name(transaction, &frame.function)? as u64);
        put(&mut bytes, name(transaction, &frame.file)? as u64);
        put(&mut bytes, u64::from(frame.line));
    }
    Ok(bytes)
}

fn find_name(connection: &Connection, text: &str) -> Result<Option<i64>, Fault> {
    let mut statement = connection.prepare_cached("SELECT id FROM name WHERE text = ?")?;
    Ok(statement.query_row([text], |row| row.get(0)).optional()?)
}

/// The id of a name; a new one is kept.
pub(super) fn name(transaction: &Transaction<'_>, text: &str) -> Result<i64, Fault> {
    if let Some(id) = find_name(transaction, text)? {
        return Ok(id);
    }
    transaction.prepare_cached("INSERT INTO name (text) VALUES (?)")?.execute([text])?;
    Ok(transaction.last_insert_rowid())
}

/// Forgets uses before a day, stacks that nobody uses any more (and no fresh scrape has), and names
/// that no stack has.
pub(super) fn forget(
    transaction: &Transaction<'_>,
    before: i64,
    fresh: impl Fn() -> Result<FxHashSet<StackId>, Fault>,
) -> Result<(), Fault> {
    if transaction.execute("DELETE FROM stack_use WHERE day < ?", [before])? == 0 {
        return Ok(());
    }
    let still = fresh()?;
    let sql = "SELECT id FROM stack WHERE id NOT IN (SELECT stack FROM stack_use)";
    for id in column(transaction, sql)?.into_iter().filter(|id| !still.contains(&StackId(*id))) {
        transaction.prepare_cached("DELETE FROM stack WHERE id = ?")?.execute([id])?;
    }
    let mut named: FxHashSet<i64> =
        column(transaction, "SELECT DISTINCT service FROM stack_use")?.into_iter().collect();
    let mut statement = transaction.prepare("SELECT frames FROM stack")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for (function, file, _) in read_frames(&row.get::<_, Vec<u8>>(0)?)? {
            named.extend([function, file]);
        }
    }
    for id in column(transaction, "SELECT id FROM name")?.into_iter().filter(|id| !named.contains(id)) {
        transaction.prepare_cached("DELETE FROM name WHERE id = ?")?.execute([id])?;
    }
    Ok(())
}

fn column(connection: &Connection, sql: &str) -> Result<Vec<i64>, Fault> {
    Ok(connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn digest(service: &str, stack: &Stack) -> Digest {
    let mut digest = sha2::Sha256::new();
    let mut part = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    part(service.as_bytes());
    part(stack.signature.as_bytes());
    part(stack.operation.as_bytes());
    for frame in &stack.frames {
        part(frame.function.as_bytes());
        part(frame.file.as_bytes());
        part(&frame.line.to_le_bytes());
    }
    digest.finalize().into()
}

fn first(digest: &Digest) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    bytes
}

/// What stacks are found by: the same in every service, and for ever (it is on disk).
fn hash(stack: &Stack) -> i64 {
    i64::from_be_bytes(first(&digest("", stack)))
}

pub(super) fn today() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX) / DAY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::schema;

    fn stack(line: u32) -> Stack {
        let frame = Frame { function: "main.work".to_owned(), file: "/src/main.go".to_owned(), line };
        Stack { signature: "00000000000000aa".to_owned(), operation: "chan send".to_owned(), frames: vec![frame] }
    }

    /// Two stacks with one hash are two stacks: identity is by content, never by hash alone.
    #[test]
    fn stacks_of_the_same_hash_are_told_apart() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, schema::MIGRATIONS).unwrap();
        let transaction = connection.transaction().unwrap();
        let service = name(&transaction, "shop").unwrap();
        let ids = [1, 2, 1].map(|line| keep(&transaction, service, &stack(line), 0, |_| 42).unwrap());
        assert_eq!(ids[0], ids[2]);
        assert_ne!(ids[0], ids[1]);
        assert_eq!(read(&transaction, ids[1], &mut FxHashMap::default()).unwrap(), Some(stack(2)));
    }

    /// The hash is on disk: a change of how it is made would intern every stack anew.
    #[test]
    fn the_hash_of_a_stack_does_not_change() {
        assert_eq!(hash(&stack(7)), 839_002_797_665_718_126);
    }
}
