//! `gostray check [PATTERNS]`.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use gostray_check::{Options, Tier};
use gostray_golang::build::Context;
use gostray_golang::module::{Places, Workspace};
use gostray_golang::package::{Note, World, folders};
use gostray_report::{FindingsFormat, FindingsReport};

use crate::cli::{Check, CheckFormat};
use crate::exit::Exit;
use crate::output;
use crate::progress::Progress;

pub(crate) fn run(args: &Check) -> anyhow::Result<Exit> {
    let start = Instant::now();
    let progress = Progress::start("reading");
    let base = std::env::current_dir().context("the current folder is gone")?;
    let base = match &args.directory {
        Some(folder) => {
            base.join(folder).canonicalize().with_context(|| format!("can't go to {}", folder.display()))?
        }
        None => base,
    };
    let patterns = if args.patterns.is_empty() { vec!["./...".to_owned()] } else { args.patterns.clone() };
    // A pattern may lead into another module than that of the current folder.
    let workspace = Workspace::of(&folder_of(&base, &patterns), Places::find())?;
    let (folders, unread) = folders(&workspace, &base, &patterns)?;
    let mut context = Context::default();
    context.tags.extend(args.tags.iter().flat_map(|tags| tags.split([',', ' '])).map(str::to_owned));
    let world = World::new(workspace, context);
    let packages = world.load(&folders, args.tests, &|| {});
    progress.say("looking for leaks");
    let tier = if args.hygiene { Tier::Hygiene } else { Tier::Likely };
    let options = Options { tests: args.tests, tier };
    let report = gostray_check::check(&world, &packages, &options, &|| {});
    drop(progress);
    let mut notes: Vec<String> =
        unread.into_iter().map(|(path, why)| format!("{} could not be read: {why}", path.display())).collect();
    notes.extend(world.notes().into_iter().filter_map(|note| {
        match note {
            Note::MissingPackage(path) => (path != "C")
                .then(|| format!("package {path} is not on this machine: what it does is not known (go mod download)")),
            Note::Unread(path, why) => Some(format!("{} was left out: {why}", path.display())),
        }
    }));
    let shown = FindingsReport { report: &report, base: &base, elapsed: start.elapsed(), notes: &notes };
    let format = match args.format {
        CheckFormat::Full => FindingsFormat::Full,
        CheckFormat::Concise => FindingsFormat::Concise,
        CheckFormat::Json => FindingsFormat::Json,
    };
    output::to(args.output.as_deref(), |out| shown.write(format, out))?;
    Ok(match () {
        () if args.exit_zero => Exit::Clean,
        () if !report.findings.is_empty() => Exit::Leaks,
        () if report.files == 0 => Exit::Nothing,
        () => Exit::Clean,
    })
}

/// Where the module of the patterns is looked for.
fn folder_of(base: &Path, patterns: &[String]) -> std::path::PathBuf {
    let first = patterns.first().map(|pattern| pattern.trim_end_matches("...").trim_end_matches('/'));
    match first {
        Some(first) if first.starts_with('.') || first.starts_with('/') || first.ends_with(".go") => {
            let path = base.join(first);
            let path = if path.is_file() { path.parent().unwrap_or(base).to_owned() } else { path };
            if path.is_dir() { path.canonicalize().unwrap_or(path) } else { base.to_owned() }
        }
        _ => base.to_owned(),
    }
}
