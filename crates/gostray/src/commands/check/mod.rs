//! `gostray check [PACKAGES]`.

mod fix;
mod git;
mod live;
mod vettool;
mod watch;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use gostray_check::{Baseline, Cache, Config, Finding, Options, Report, Tier};
use gostray_golang::build::Context;
use gostray_golang::module::{Places, Workspace};
use gostray_golang::package::{Note, Package, World, folders};
use gostray_report::{FindingsFormat, FindingsReport};

use crate::cli::{Check, CheckFormat};
use crate::exit::Exit;
use crate::output;
use crate::progress::Progress;

pub(crate) use vettool::answer as answer_vet;

pub(crate) fn run(args: &Check) -> anyhow::Result<Exit> {
    let base = std::env::current_dir().context("the current folder is gone")?;
    let base = match &args.directory {
        Some(folder) => {
            base.join(folder).canonicalize().with_context(|| format!("can't go to {}", folder.display()))?
        }
        None => base,
    };
    if args.watch {
        return watch::run(&folder_of(&base, &args.patterns), || once(args, &base));
    }
    once(args, &base)
}

fn once(args: &Check, base: &Path) -> anyhow::Result<Exit> {
    let start = Instant::now();
    let changed = args.known.new_from.as_ref().map(|revision| git::changed(base, revision)).transpose()?;
    let baseline = args.known.baseline.as_ref().map(|path| read_baseline(path)).transpose()?;
    let mut found = look(&What::of(args), base)?;
    if args.fixes.diff {
        return fix::diff(args, base, &found);
    }
    let mends = args.fixes.fix || args.fixes.unsafe_fixes;
    let fixed = if mends { fix::run(args, base, &mut found)? } else { Vec::new() };
    let Found { mut report, mut notes } = found;
    if let Some(path) = &args.known.write_baseline {
        // What is missing in it would come as new the next time.
        if let Some(failed) = report.failed.first() {
            anyhow::bail!(
                "no baseline was written: gostray failed while it looked at {}: {}",
                failed.path.display(),
                failed.why
            );
        }
        let text = Baseline::of(&report.findings, base).write();
        output::raw_to(Some(path), |out| out.write_all(text.as_bytes()))?;
        anstream::eprintln!("{} findings are known from now on: --baseline {}", report.findings.len(), path.display());
        return Ok(Exit::Clean);
    }
    if let Some(baseline) = baseline {
        let (new, known) = baseline.without(std::mem::take(&mut report.findings));
        report.findings = new;
        if known > 0 {
            notes.push(format!("{known} findings that the baseline knows were left out"));
        }
    }
    if let Some(changed) = changed {
        report.findings.retain(|finding| {
            let places = finding.path.iter().map(|step| &step.place).chain([&finding.place]);
            places.into_iter().any(|place| changed.has(&place.file, place.position.line))
        });
    }
    let shown = FindingsReport { report: &report, base, elapsed: start.elapsed(), notes: &notes, fixed: &fixed };
    output::to(args.output.as_deref(), |out| shown.write(format(args.format), out))?;
    if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
        append(Path::new(&path), &shown.github_summary())?;
    }
    Ok(match report.files {
        // Nobody should take a look that is not whole for one that found nothing.
        _ if !report.failed.is_empty() => Exit::Failure,
        _ if args.exit_zero => Exit::Clean,
        _ if !report.findings.is_empty() => Exit::Leaks,
        0 => Exit::Nothing,
        _ => Exit::Clean,
    })
}

/// What was found, and what could not be read.
pub(super) struct Found {
    pub(super) report: Report,
    pub(super) notes: Vec<String>,
}

/// What is looked at.
pub(super) struct What<'a> {
    patterns: &'a [String],
    tags: &'a [String],
    hygiene: bool,
    tests: Option<bool>,
    profiles: &'a [String],
    /// Is what was found kept for the next time?
    keep: bool,
}

impl<'a> What<'a> {
    /// For those who keep what was found themselves.
    pub(super) fn anew(args: &'a Check) -> Self {
        Self { keep: false, ..Self::of(args) }
    }

    pub(super) fn of(args: &'a Check) -> Self {
        Self {
            patterns: &args.patterns,
            tags: &args.tags,
            hygiene: args.hygiene,
            tests: args.tests,
            profiles: &args.profile,
            keep: true,
        }
    }
}

/// Reads and checks the packages.
pub(super) fn look(args: &What<'_>, base: &Path) -> anyhow::Result<Found> {
    let progress = Progress::start("reading");
    let patterns = if args.patterns.is_empty() { vec!["./...".to_owned()] } else { args.patterns.to_vec() };
    // A pattern may lead into another module than that of the current folder.
    let workspace = Workspace::of(&folder_of(base, &patterns), Places::find())?;
    let root = workspace.modules.first().map_or_else(|| base.to_owned(), |module| module.folder.clone());
    let config = read_config(&root.join("gostray.toml"))?;
    let (folders, unread) = folders(&workspace, base, &patterns)?;
    let mut context = Context::default();
    context.tags.extend(args.tags.iter().flat_map(|tags| tags.split([',', ' '])).map(str::to_owned));
    let tests = args.tests.or(config.check.tests).unwrap_or(true);
    let is_in_module = !workspace.modules.is_empty();
    let mut world = World::new(workspace, context);
    world.never_return.clone_from(&config.check.never_return);
    world.open(&folders, tests);
    let hygiene = args.hygiene || config.check.hygiene == Some(true);
    let tier = if hygiene { Tier::Hygiene } else { Tier::Likely };
    let options = Options { tests, tier, config, root };
    let question = || format!("{} {patterns:?} {tests} {:?}", base.display(), world.context);
    let cache = if args.keep { cache(&question())? } else { None };
    progress.say("looking for leaks");
    let mut report = gostray_check::check(&world, &options, cache.as_ref(), &|| {});
    drop(progress);
    let packages = || world.folders().flat_map(|(folder, _)| world.packages_of(folder)).collect::<Vec<_>>();
    for source in args.profiles {
        let packages = packages();
        live::count(source, &world, &packages, &folders, base, &mut report.findings)?;
    }
    // What is seen running comes first; the others stay in the order of the source.
    report.findings.sort_by_key(|finding| std::cmp::Reverse(finding.live));
    let shown = |path: &Path| path.strip_prefix(base).unwrap_or(path).display().to_string();
    let mut notes: Vec<String> =
        unread.iter().map(|(path, why)| format!("{} could not be read: {why}", shown(path))).collect();
    notes.extend(world.notes().into_iter().filter_map(|note| match note {
        Note::MissingPackage(_) => None,
        Note::Unread(path, why) => Some(format!("{} was left out: {why}", shown(&path))),
    }));
    notes.extend(report.failed.iter().map(|failed| {
        format!(
            "gostray failed while it looked at {}, and its findings are not whole: {}",
            shown(&failed.path),
            failed.why
        )
    }));
    notes.extend(missing_note(&report.missing, is_in_module));
    for name in &report.unknown_background {
        notes.push(format!("gostray.toml: background names {name}, which is no function here"));
    }
    notes.extend(broken(&world, &shown));
    for own in &report.suppressed {
        let at = format!("{}:{}", shown(&own.place.file), own.place.position.line);
        if own.must_say_why && own.reason.is_empty() {
            notes.push(format!("{at}: this suppression does not say why: add a reason"));
        }
        if own.must_say_why && own.findings == 0 {
            notes.push(format!("{at}: this suppression is not needed: nothing is found there"));
        }
    }
    // Nobody waits until millions of small things are given back.
    std::thread::spawn(move || drop(world));
    Ok(Found { report, notes })
}

/// What is kept of a question, for this build of gostray.
fn cache(question: &str) -> anyhow::Result<Option<Cache>> {
    let Some(folder) = Cache::folder()? else { return Ok(None) };
    // A program that was replaced while it runs does not know which build it is.
    let built =
        std::env::current_exe().and_then(|file| file.metadata()).and_then(|file| Ok((file.len(), file.modified()?)));
    let program = built.ok().map(|built| format!("{} {built:?}", env!("CARGO_PKG_VERSION")));
    Ok(program.map(|program| Cache::new(&folder, &program, question)))
}

/// The packages that are missing, in one line.
fn missing_note(missing: &BTreeSet<String>, is_in_module: bool) -> Option<String> {
    let how = match is_in_module {
        true => "try go mod download",
        false => {
            "there is no go.mod that says where they are: go mod init PATH makes one, with the path the packages are imported by"
        }
    };
    let shown = missing.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    match missing.len() {
        0 => None,
        1 => Some(format!("package {shown} is not on this machine, and what it does not known: {how}")),
        many => {
            let more = if many > 3 { format!(" and {} more", many - 3) } else { String::new() };
            Some(format!("packages {shown}{more} are not on this machine, and what they do not known: {how}"))
        }
    }
}

/// Files that do not parse. What is kept of a folder is of files that do.
fn broken(world: &World, shown: &dyn Fn(&Path) -> String) -> Vec<String> {
    let files = world.loaded().flat_map(Package::files);
    files
        .filter_map(|(_, file)| {
            let first = file.errors.first()?;
            let at = file.lines().position(first.at);
            Some(format!("{}:{}:{}: {first}; what is around it was looked at", shown(&file.path), at.line, at.column))
        })
        .collect()
}

fn format(format: CheckFormat) -> FindingsFormat {
    match format {
        CheckFormat::Full => FindingsFormat::Full,
        CheckFormat::Concise => FindingsFormat::Concise,
        CheckFormat::Json => FindingsFormat::Json,
        CheckFormat::Jsonl => FindingsFormat::Jsonl,
        CheckFormat::Sarif => FindingsFormat::Sarif,
        CheckFormat::Github => FindingsFormat::Github,
        CheckFormat::Junit => FindingsFormat::Junit,
        CheckFormat::Html => FindingsFormat::Html,
        CheckFormat::Agent => FindingsFormat::Agent,
    }
}

/// The findings of some packages, for those who run something of them.
pub(super) fn findings_of(base: &Path, patterns: &[String], tags: &[String]) -> anyhow::Result<Vec<Finding>> {
    let what = What { patterns, tags, hygiene: false, tests: Some(true), profiles: &[], keep: true };
    Ok(look(&what, base)?.report.findings)
}

pub(super) fn read_config(path: &Path) -> anyhow::Result<Config> {
    match std::fs::read_to_string(path) {
        Ok(text) => Config::read(&text).with_context(|| path.display().to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => Err(error).with_context(|| format!("can't read {}", path.display())),
    }
}

fn read_baseline(path: &Path) -> anyhow::Result<Baseline> {
    let text = std::fs::read(path)
        .with_context(|| format!("can't read {0}: write one with --write-baseline {0}", path.display()))?;
    Baseline::read(&text).with_context(|| path.display().to_string())
}

pub(super) fn append(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(text.as_bytes()).with_context(|| format!("can't write {}", path.display()))
}

/// Where the module of the patterns is looked for.
fn folder_of(base: &Path, patterns: &[String]) -> PathBuf {
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
