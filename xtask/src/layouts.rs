//! Reads where the fields of the runtime's structures lie from the DWARF of programs built with each
//! release, and writes the table that the process reader uses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use gostray_process::RuntimeLayout;
use gostray_toolchain::Version;

use crate::checkout;
use crate::patches;
use crate::releases::{RELEASES, toolchain};

pub(crate) const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];
/// Uses what else would be left out of the program, and of its DWARF.
const PROGRAM: &str = "package main\n\nimport \"sync\"\n\nfunc main() { sync.NewCond(&sync.Mutex{}).Wait() }\n";

/// The offsets of one release and architecture.
pub(crate) type Column = BTreeMap<String, u64>;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the release of each line that tests use: minutes instead of an hour, while trying things out.
    #[arg(long)]
    no_patches: bool,
    /// Print the layouts of one release.
    #[arg(long, hide = true)]
    of: Option<Version>,
}

/// A layout, and the patch releases that were seen to have it.
struct Known {
    release: Version,
    columns: Vec<Column>,
    patches: Vec<u32>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(release) = args.of {
        patches::print(&layouts(release)?);
        return Ok(());
    }
    let mut known = Vec::new();
    for release in RELEASES {
        eprintln!("Go {release}");
        known.push(Known { release, columns: layouts(release)?, patches: vec![release.patch] });
    }
    let patches = if args.no_patches { Vec::new() } else { patches::known()? };
    for release in patches.into_iter().filter(|release| !RELEASES.contains(release)) {
        let columns = match patches::layouts(release) {
            Ok(columns) => columns,
            Err(error) => {
                eprintln!("Go {release}: LEFT OUT: {error:#}");
                continue;
            }
        };
        let same = known.iter_mut().find(|known| known.release.minor == release.minor && known.columns == columns);
        eprintln!("Go {release}: {}", if same.is_some() { "as known" } else { "A LAYOUT OF ITS OWN" });
        match same {
            Some(known) => known.patches.push(release.patch),
            None => known.push(Known { release, columns, patches: vec![release.patch] }),
        }
    }
    known.sort_by_key(|known| known.release);
    fs::write(checkout().join("crates/gostray-process/src/layout.tsv"), table(&mut known))?;
    Ok(())
}

fn table(known: &mut [Known]) -> String {
    let mut table = String::from(
        "# Where the fields of the Go runtime's structures lie, in bytes. Made by `cargo xtask layouts`.\nkey",
    );
    for known in &*known {
        ARCHITECTURES.iter().for_each(|architecture| table += &format!("\t{}-{architecture}", known.release));
    }
    table += "\npatches";
    for known in &mut *known {
        known.patches.sort_unstable();
        let patches: Vec<String> = known.patches.iter().map(u32::to_string).collect();
        ARCHITECTURES.iter().for_each(|_| table += &format!("\t{}", patches.join(",")));
    }
    table.push('\n');
    let columns = || known.iter().flat_map(|known| &known.columns);
    let keys: BTreeSet<&String> = columns().flat_map(|column| column.keys()).collect();
    for key in keys {
        table += key;
        for column in columns() {
            match column.get(key) {
                Some(value) => table += &format!("\t{value}"),
                None => table += "\t-",
            }
        }
        table.push('\n');
    }
    table
}

/// The offsets of one release, on every architecture.
fn layouts(release: Version) -> anyhow::Result<Vec<Column>> {
    ARCHITECTURES.iter().map(|architecture| layout(release, architecture)).collect()
}

/// The offsets of one release.
fn layout(release: Version, architecture: &str) -> anyhow::Result<Column> {
    let go = toolchain(release)?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("go.mod"), "module layout\n\ngo 1.21\n")?;
    fs::write(folder.path().join("main.go"), PROGRAM)?;
    let executable = folder.path().join("layout");
    let mut command = go.command();
    command.current_dir(folder.path()).env("GOARCH", architecture).env("GOOS", "linux").env("CGO_ENABLED", "0");
    let built = command.args(["build", "-buildvcs=false", "-o"]).arg(&executable).arg(".").output()?;
    if !built.status.success() {
        bail!("{}", String::from_utf8_lossy(&built.stderr));
    }
    let RuntimeLayout { offsets: mut layout, missing } = RuntimeLayout::of_executable(&*fs::read(&executable)?)?;
    ensure!(missing.is_empty(), "the program has no {}", missing.join(", "));
    layout.insert("abi.FuncIDWrapper".to_owned(), func_id_wrapper(&go.root()?)?);
    Ok(layout)
}

/// The number of `FuncIDWrapper`, which has no DWARF: its place in the constants of internal/abi.
fn func_id_wrapper(root: &Path) -> anyhow::Result<u64> {
    let source = fs::read_to_string(root.join("src/internal/abi/symtab.go"))?;
    let from = source.find("FuncIDNormal FuncID = iota").context("no FuncIDNormal")?;
    let place = source[from..]
        .lines()
        .filter(|line| line.trim_start().starts_with("FuncID"))
        .position(|line| line.trim_start().starts_with("FuncIDWrapper"));
    Ok(place.context("no FuncIDWrapper")? as u64)
}
