//! Documents and evidence.

use rusqlite::{OptionalExtension as _, params};

use super::Sqlite;
use super::fault::Fault;
use crate::store::{Change, Evidence, Ledger, StoreError};

const ZSTD_LEVEL: i32 = 6;
/// The runtime itself ends a dump at 64 MiB; nothing that is kept is larger.
const MAX_EVIDENCE: usize = 256 << 20;

impl Ledger for Sqlite {
    fn documents(&self, kind: &str) -> Result<Vec<(String, serde_json::Value)>, StoreError> {
        self.said(self.reading(|transaction| {
            let mut statement =
                transaction.prepare_cached("SELECT key, value FROM document WHERE kind = ? ORDER BY key")?;
            let mut rows = statement.query([kind])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let key: String = row.get(0)?;
                let value = serde_json::from_str(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)
                    .map_err(|error| Fault::Damaged(format!("the {kind} {key} is no JSON: {error}")))?;
                all.push((key, value));
            }
            Ok(all)
        }))
    }

    fn write(&self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let put = "INSERT INTO document (kind, key, value) VALUES (?, ?, ?)
            ON CONFLICT DO UPDATE SET value = excluded.value";
        self.said(self.writing(|transaction| {
            for Change { kind, key, document } in changes {
                match document {
                    Some(value) => {
                        transaction.prepare_cached(put)?.execute(params![kind, key, value.to_string()])?;
                    }
                    None => {
                        let mut delete =
                            transaction.prepare_cached("DELETE FROM document WHERE kind = ? AND key = ?")?;
                        delete.execute(params![kind, key])?;
                    }
                }
            }
            Ok(())
        }))
    }

    fn keep_evidence(&self, evidence: &Evidence) -> Result<i64, StoreError> {
        let Evidence { leak, at, instance, kind, bytes } = evidence;
        self.said((|| {
            if bytes.len() > MAX_EVIDENCE {
                let size = bytes.len();
                return Err(Fault::Refused(format!("{size} bytes of evidence are too many, at most {MAX_EVIDENCE}")));
            }
            let packed = zstd::bulk::compress(bytes, ZSTD_LEVEL)?;
            self.writing(|transaction| {
                let sql = "INSERT INTO evidence (leak, at, instance, kind, size, bytes) VALUES (?, ?, ?, ?, ?, ?)";
                transaction.prepare_cached(sql)?.execute(params![
                    leak,
                    at,
                    instance,
                    kind,
                    bytes.len() as i64,
                    packed
                ])?;
                Ok(transaction.last_insert_rowid())
            })
        })())
    }

    fn evidence_of(&self, leak: &str) -> Result<Vec<(i64, Evidence)>, StoreError> {
        self.said(self.reading(|transaction| {
            let sql = "SELECT id, at, instance, kind FROM evidence WHERE leak = ? ORDER BY at, id";
            let mut statement = transaction.prepare_cached(sql)?;
            let rows = statement.query_map([leak], |row| {
                let evidence = Evidence {
                    leak: leak.to_owned(),
                    at: row.get(1)?,
                    instance: row.get(2)?,
                    kind: row.get(3)?,
                    bytes: Vec::new(),
                };
                Ok((row.get(0)?, evidence))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        }))
    }

    fn evidence(&self, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
        self.said(self.reading(|transaction| {
            let mut statement = transaction.prepare_cached("SELECT size, bytes FROM evidence WHERE id = ?")?;
            let row: Option<(i64, Vec<u8>)> =
                statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            row.map(|(size, bytes)| unpack(id, size, &bytes)).transpose()
        }))
    }
}

/// The bytes of a piece of evidence.
pub(super) fn unpack(id: i64, size: i64, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let size = usize::try_from(size).ok().filter(|size| *size <= MAX_EVIDENCE);
    let bytes = size.and_then(|size| zstd::bulk::decompress(bytes, size).ok().filter(|bytes| bytes.len() == size));
    bytes.ok_or_else(|| Fault::Damaged(format!("evidence {id} does not decompress")))
}
