//! What goes wrong inside, before it is said where.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::store::StoreError;
use crate::store::chunk::Corrupt;

#[derive(Debug)]
pub(super) enum Fault {
    Sql(rusqlite::Error),
    Io(std::io::Error),
    Damaged(String),
    Newer {
        found: i64,
        known: i64,
    },
    InUse,
    /// What the caller did that can't be done.
    Refused(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Corrupt> for Fault {
    fn from(error: Corrupt) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl Fault {
    /// The error that a caller sees.
    pub(super) fn at(self, path: &Path) -> StoreError {
        let path = path.display().to_string();
        match self {
            Self::Newer { found, known } => StoreError::Newer { path, found, known },
            Self::InUse => StoreError::InUse { path },
            Self::Damaged(reason) => StoreError::Damaged { path, reason },
            Self::Refused(reason) => StoreError::Other { path, reason },
            Self::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => StoreError::Full { path },
            Self::Io(error) => StoreError::Other { path, reason: error.to_string() },
            Self::Sql(error) => sql(&error, path),
        }
    }
}

fn sql(error: &rusqlite::Error, path: String) -> StoreError {
    let reason = error.to_string();
    let code = error.sqlite_error();
    // The shared memory beside the log can't grow: no room either.
    if code.is_some_and(|code| code.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
        return StoreError::Full { path };
    }
    match code.map(|code| code.code) {
        Some(ErrorCode::DiskFull) => StoreError::Full { path },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged { path, reason },
        _ => StoreError::Other { path, reason },
    }
}
