//! `gostray clean`.

use gostray_check::Cache;

use crate::exit::Exit;

pub(crate) fn run() -> anyhow::Result<Exit> {
    match Cache::folder()? {
        Some(folder) => {
            Cache::empty(&folder)?;
            anstream::eprintln!("nothing is kept in {} any more", folder.join("check").display());
        }
        None => anstream::eprintln!("nothing is kept: GOSTRAYCACHE is off"),
    }
    Ok(Exit::Clean)
}
