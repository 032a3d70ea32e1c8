//! How fast the Go front end is, beside Go's own parser on the same files, and with types and control flow
//! for a whole module, beside `go vet` on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use gostray_golang::ast::{Body, DeclKind};
use gostray_golang::build::Context;
use gostray_golang::flow::{Graph, ends};
use gostray_golang::module::{Places, Workspace};
use gostray_golang::package::{FileId, World, folders};
use gostray_golang::{Bodies, parse, pool};
use gostray_toolchain::Toolchain;
use rayon::prelude::*;

use crate::oracle::{build, corpus, newest};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each is measured; the median counts
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// The module that is loaded whole
    #[arg(long, default_value = "tailscale.com@v1.92.2")]
    module: String,
    /// A folder that has the module, instead of fetching one
    #[arg(long)]
    folder: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let go = newest()?;
    let folder = tempfile::tempdir()?;
    let oracle = build(&go, "speed", folder.path())?;
    let files = corpus::files(&go.root()?.join("src"))?;
    let sources: Vec<Vec<u8>> = files.iter().map(fs::read).collect::<Result<_, _>>()?;
    let lines: usize = sources.iter().map(|source| source.iter().filter(|byte| **byte == b'\n').count()).sum();
    let list = folder.path().join("files");
    fs::write(&list, files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join("\n"))?;
    println!("GOROOT/src: {} files, {lines} lines, on one thread", files.len());
    let (mut ours, mut skipping, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let timed = |bodies| {
        let start = Instant::now();
        let decls: usize = sources.iter().map(|source| parse(source, bodies).file.decls.len()).sum();
        assert!(decls > 0, "nothing was parsed");
        start.elapsed()
    };
    for _ in 0..args.runs {
        ours.push(timed(Bodies::Parse));
        skipping.push(timed(Bodies::Skip));
        let output = Command::new(&oracle).arg(&list).env("GOMAXPROCS", "1").output()?;
        let nanoseconds = String::from_utf8(output.stdout)?.trim().parse().context("no time")?;
        theirs.push(Duration::from_nanos(nanoseconds));
    }
    let of_theirs = median(&mut theirs);
    for (name, times) in
        [("gostray", &mut ours), ("gostray, bodies skipped", &mut skipping), ("go/parser", &mut theirs)]
    {
        let time = median(times);
        println!(
            "{name:<26} {:>7.3} s  {:>5.2} million lines/s  {:>5.2} of go/parser",
            time.as_secs_f64(),
            lines as f64 / time.as_secs_f64() / 1e6,
            time.as_secs_f64() / of_theirs.as_secs_f64()
        );
    }
    let root = match &args.folder {
        Some(folder) => folder.canonicalize()?,
        None => corpus::fetch(&go, &args.module)?,
    };
    let places = Places { root: Some(go.root()?), ..Places::find() };
    let start = Instant::now();
    let workspace = Workspace::of(&root, places)?;
    let (folders, _) = folders(&workspace, &root, &["./...".to_owned()])?;
    let mut world = World::new(workspace, Context::default());
    let loaded = world.load(&folders, true, &|| {});
    let of_loading = start.elapsed();
    let files: Vec<FileId> = loaded.iter().flat_map(|id| world.package(*id).files().map(|(id, _)| id)).collect();
    let own: usize = files.iter().map(|file| world.file(*file).lines().count()).sum();
    let blocks: usize = pool().install(|| files.par_iter().map(|file| flow(&world, *file)).sum());
    let (packages, all) = world.size();
    println!(
        "\n{}: {own} lines of its own in {} files; loaded in {:.2} s, with types and {blocks} blocks of control flow \
         in {:.2} s; {packages} packages of {all} files were looked into; {} MiB",
        root.display(),
        files.len(),
        of_loading.as_secs_f64(),
        start.elapsed().as_secs_f64(),
        peak().unwrap_or(0) >> 10
    );
    vet(&go, &root)
}

/// What `go vet` takes for the same, with nothing built before and with everything.
fn vet(go: &Toolchain, root: &Path) -> anyhow::Result<()> {
    let cache = tempfile::tempdir()?;
    for state in ["nothing in the cache", "all in the cache"] {
        let start = Instant::now();
        let mut command = go.command();
        command.args(["vet", "./..."]).current_dir(root).env("GOCACHE", cache.path());
        let output = command.output()?;
        let failed = String::from_utf8_lossy(&output.stderr).lines().filter(|line| line.starts_with('#')).count();
        println!(
            "go vet, {state:<24} {:>7.2} s; it says something of {failed} packages",
            start.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

/// The blocks of all functions of a file.
fn flow(world: &World, file: FileId) -> usize {
    let (source, types) = (world.file(file), world.types_of(file));
    let ast = &source.file.ast;
    let bodies = source.file.decls.iter().filter_map(|decl| match ast[*decl].kind {
        DeclKind::Func(function) => match function.body {
            Body::Block(body) => Some(body),
            _ => None,
        },
        _ => None,
    });
    bodies.map(|body| Graph::of(ast, body, &|call| ends(world, &types, call, file)).blocks().count()).sum()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The most memory that this process had, in KiB.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
