//! Which patch releases of Go have the layout of which: every one that can be fetched is looked at.

use std::collections::BTreeSet;
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, ensure};
use gostray_toolchain::Version;

use crate::layouts::{ARCHITECTURES, Column};

/// The oldest line that the process reader knows.
const OLDEST: u32 = 21;

/// The patch releases that can be fetched, the oldest first.
pub(crate) fn known() -> anyhow::Result<Vec<Version>> {
    let output = Command::new("go").args(["list", "-m", "-versions", "golang.org/toolchain"]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let released = |word: &str| Version::from_str(word.strip_prefix("v0.0.1-")?.strip_suffix(".linux-amd64")?).ok();
    let mut versions: Vec<Version> = text
        .split_whitespace()
        .filter(|word| !word.contains("rc"))
        .filter_map(released)
        .filter(|version| version.minor >= OLDEST)
        .collect();
    versions.sort_unstable();
    versions.dedup();
    Ok(versions)
}

/// The layouts of a release, of a toolchain that is fetched for it and removed again: all of them
/// together would take 20 GB.
pub(crate) fn layouts(version: Version) -> anyhow::Result<Vec<Column>> {
    let folder = tempfile::tempdir()?;
    let cache = folder.path().join("modules");
    let run = |command: &mut Command| -> anyhow::Result<String> {
        let output = command.env("GOMODCACHE", &cache).env("GOCACHE", folder.path().join("build")).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(String::from_utf8(output.stdout)?)
    };
    let text = run(Command::new(std::env::current_exe()?).args(["layouts", "--of", &version.to_string()]));
    // What is in it can't be written to, so removing needs go's help.
    run(Command::new("go").args(["clean", "-modcache"]))?;
    let mut columns = vec![Column::new(); ARCHITECTURES.len()];
    for line in text?.lines() {
        let mut cells = line.split('\t');
        let key = cells.next().context("an empty line")?;
        for (column, cell) in columns.iter_mut().zip(cells) {
            if let Ok(value) = cell.parse() {
                column.insert(key.to_owned(), value);
            }
        }
    }
    Ok(columns)
}

/// Writes the columns of one release for [`layouts`].
pub(crate) fn print(columns: &[Column]) {
    let keys: BTreeSet<&String> = columns.iter().flat_map(|column| column.keys()).collect();
    for key in keys {
        let cells: Vec<String> = columns.iter().map(|c| c.get(key).map_or("-".to_owned(), u64::to_string)).collect();
        println!("{key}\t{}", cells.join("\t"));
    }
}
