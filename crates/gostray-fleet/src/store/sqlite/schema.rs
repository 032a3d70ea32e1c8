//! The tables, and how older ones become today's.

use rusqlite::{Connection, TransactionBehavior};

use super::fault::Fault;

/// "gstr": what tells a store from another program's database.
const APPLICATION: i64 = 0x6773_7472;

/// The step from each schema to the next. Never change one that was released: add one.
pub(super) const MIGRATIONS: &[&str] = &[FIRST];

/// - `name`: functions, files and services, each once.
/// - `stack`: `frames` is three varints a frame: function, file (both in `name`), line.
/// - `stack_use`: the last day (since 1970) on which a service had a stack: its quota, and what
///   decides when a stack is forgotten.
/// - `seen` is apart from `generation` so that the one thing that changes each minute is dense.
/// - `head`: fresh scrapes, as rows (`chunk::row`).
/// - `chunk`: packed scrapes. `level` 0 is an hour as it was taken, 1 is a day made coarser; `start`
///   is the hour's or day's begin. Several may cover the same time: that with the greater id holds.
/// - `total`: how many samples there are.
/// - `evidence`: `bytes` is a zstd frame of `size` bytes.
const FIRST: &str = "
CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE stack (
    id INTEGER PRIMARY KEY AUTOINCREMENT, hash INTEGER NOT NULL,
    signature TEXT NOT NULL, operation TEXT NOT NULL, frames BLOB NOT NULL
) STRICT;
CREATE INDEX stack_by_hash ON stack (hash);
CREATE INDEX stack_by_signature ON stack (signature);
CREATE TABLE stack_use (
    service INTEGER NOT NULL, stack INTEGER NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (service, stack)
) STRICT, WITHOUT ROWID;
CREATE TABLE generation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, target INTEGER NOT NULL, build TEXT NOT NULL, started_at INTEGER NOT NULL,
    service TEXT NOT NULL, instance TEXT NOT NULL, job TEXT NOT NULL, labels TEXT NOT NULL,
    UNIQUE (target, build, started_at)
) STRICT;
CREATE TABLE seen (generation INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
CREATE TABLE head (
    generation INTEGER NOT NULL, at INTEGER NOT NULL, samples INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (generation, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY AUTOINCREMENT, generation INTEGER NOT NULL, level INTEGER NOT NULL, start INTEGER NOT NULL,
    samples INTEGER NOT NULL, data BLOB NOT NULL
) STRICT;
CREATE INDEX chunk_by_generation ON chunk (generation, start, level);
CREATE INDEX chunk_by_start ON chunk (level, start);
CREATE TABLE total (only INTEGER PRIMARY KEY CHECK (only = 0), samples INTEGER NOT NULL, tidied INTEGER NOT NULL) STRICT;
INSERT INTO total VALUES (0, 0, 0);
CREATE TABLE document (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (kind, key)
) STRICT;
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY AUTOINCREMENT, leak TEXT NOT NULL, at INTEGER NOT NULL, instance TEXT NOT NULL,
    kind TEXT NOT NULL, size INTEGER NOT NULL, bytes BLOB NOT NULL
) STRICT;
CREATE INDEX evidence_by_leak ON evidence (leak, at);
";

/// Brings a database to the newest schema; each step whole or not at all.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), Fault> {
    let known = migrations.len() as i64;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION && (tables > 0 || found != 0) {
        return Err(Fault::Refused("it is the database of another program: use another folder".to_owned()));
    }
    let newer = Fault::Newer { found, known };
    let Some(steps) = usize::try_from(found).ok().and_then(|found| migrations.get(found..)) else { return Err(newer) };
    for (version, step) in (found + 1..).zip(steps) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_older_store_is_brought_up_and_keeps_its_data() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, MIGRATIONS).unwrap();
        connection.execute("INSERT INTO name (text) VALUES ('main.main')", []).unwrap();
        let next = [MIGRATIONS[0], "ALTER TABLE name ADD COLUMN language TEXT NOT NULL DEFAULT 'go'"];
        migrate(&mut connection, &next).unwrap();
        assert_eq!(version(&connection), 2);
        let name: (String, String) =
            connection.query_row("SELECT text, language FROM name", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(name, ("main.main".to_owned(), "go".to_owned()));
        assert!(matches!(migrate(&mut connection, MIGRATIONS), Err(Fault::Newer { found: 2, known: 1 })));
    }

    #[test]
    fn a_step_that_fails_leaves_the_schema_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, MIGRATIONS).unwrap();
        let broken = [MIGRATIONS[0], "CREATE TABLE half (a); CREATE TABLE name (b)"];
        assert!(matches!(migrate(&mut connection, &broken), Err(Fault::Sql(_))));
        assert_eq!(version(&connection), 1);
        migrate(&mut connection, MIGRATIONS).unwrap();
        let half: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'half'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(half, 0);
    }

    #[test]
    fn the_database_of_another_program_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE bookmarks (url)").unwrap();
        assert!(matches!(migrate(&mut connection, MIGRATIONS), Err(Fault::Refused(_))));
    }
}
