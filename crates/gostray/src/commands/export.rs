//! `gostray export`.

use std::fs::File;
use std::io::BufWriter;

use anyhow::Context as _;
use gostray_fleet::export::{dashboard, mixin, parquet, rules};
use gostray_fleet::store::Query;
use gostray_fleet::store::sqlite::Sqlite;

use crate::cli::Export;
use crate::exit::Exit;
use crate::output;

pub(crate) fn run(export: Export) -> anyhow::Result<Exit> {
    let text = match export {
        Export::Rules { crd: false } => rules::rules(),
        Export::Rules { crd: true } => rules::custom_resource(),
        Export::Dashboard => serde_json::to_string_pretty(&dashboard::dashboard())? + "\n",
        Export::Api => gostray_fleet::http::openapi(),
        Export::Mixin { folder } => {
            std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
            for (name, text) in mixin::files() {
                let path = folder.join(name);
                std::fs::write(&path, text).with_context(|| path.display().to_string())?;
            }
            return Ok(Exit::Clean);
        }
        Export::Parquet { storage, since, output } => {
            let store = Sqlite::open(&storage, super::store::settings())?;
            let file = File::create(&output).with_context(|| output.display().to_string())?;
            let now = jiff::Timestamp::now().as_millisecond();
            let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
            let query = Query { from: now.saturating_sub(since), to: now, ..Query::default() };
            let rows = parquet::write(&store, &query, BufWriter::new(file))?;
            anstream::eprintln!("{rows} rows in {}", output.display());
            return Ok(if rows == 0 { Exit::Nothing } else { Exit::Clean });
        }
    };
    output::to(None, |out| out.write_all(text.as_bytes()))?;
    Ok(Exit::Clean)
}
