//! `gostray store`.

use anyhow::{Context as _, bail};
use gostray_fleet::store::sqlite::{Settings, Sqlite};

use crate::cli::Store;
use crate::exit::Exit;
use crate::output;

pub(crate) fn run(store: Store) -> anyhow::Result<Exit> {
    match store {
        Store::Check { storage } => {
            if !storage.is_dir() {
                bail!("there is no store at {}", storage.display());
            }
            let checked = Sqlite::open(&storage, settings())?.check()?;
            output::to(None, |out| writeln!(out, "the store is whole: {checked:?}"))?;
        }
        Store::Backup { storage, to } => {
            let store = Sqlite::open(&storage, settings()).with_context(|| storage.display().to_string())?;
            store.backup(&to)?;
        }
    }
    Ok(Exit::Clean)
}

/// Whoever only reads forgets nothing.
pub(super) fn settings() -> Settings {
    Settings { retention: std::time::Duration::from_secs(100 * 365 * 24 * 3600), ..Settings::default() }
}
