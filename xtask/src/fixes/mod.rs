//! What `gostray check` says of real fixes of goroutine leaks: is the leak found in the commit before the fix, and
//! is the finding gone after it?
//!
//! The facts, commits and lines, are `crates/gostray-check/fixes/fixes.tsv`; the source comes from clones that the
//! user names. What is found is written beside them, so that a change of the rules shows what it changes.

mod source;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use gostray_check::{Finding, Place, Tier};

use crate::{checkout, corpus};

/// How far from a recorded line a finding may stand.
const NEAR: u32 = 3;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of clones with all their commits, each named OWNER+NAME (git clone --bare)
    #[arg(long, value_name = "DIR")]
    clones: PathBuf,
    /// Keep the sources of the commits in this folder, so that the next run needs not get them again
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Measure these alone, and write nothing
    ids: Vec<String>,
}

/// A fix: the commit, its parent, and the lines where the leak starts and waits.
struct Fix<'t> {
    id: &'t str,
    repository: &'t str,
    parent: &'t str,
    fix: &'t str,
    /// The folder of the module in the repository.
    module: &'t str,
    /// The path of the module, where the commit is older than modules.
    path: &'t str,
    before: Vec<(&'t str, u32)>,
    after: Vec<(&'t str, u32)>,
}

impl<'t> Fix<'t> {
    fn parse(line: &'t str) -> anyhow::Result<Self> {
        let cells: Vec<&str> = line.split('\t').collect();
        let [id, repository, parent, fix, module, path, before, after] = cells[..] else {
            anyhow::bail!("not eight cells: {line}")
        };
        let places = |text: &'t str| -> anyhow::Result<Vec<(&'t str, u32)>> {
            let place = |place: &'t str| {
                let (file, line) = place.rsplit_once(':').with_context(|| format!("no line: {place}"))?;
                Ok((file, line.parse()?))
            };
            text.split(' ').filter(|place| !place.is_empty()).map(place).collect()
        };
        Ok(Self { id, repository, parent, fix, module, path, before: places(before)?, after: places(after)? })
    }
}

/// What was said of a fix.
enum Outcome {
    /// Nothing near the lines.
    Missed,
    /// A finding: is it gone after the fix?
    Found { rule: &'static str, tier: Tier, line: String, is_gone: bool },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let folder = checkout().join("crates/gostray-check/fixes");
    let facts = fs::read_to_string(folder.join("fixes.tsv"))?;
    let fixes: Vec<Fix<'_>> = facts.lines().map(Fix::parse).collect::<anyhow::Result<_>>()?;
    let is_whole = args.ids.is_empty();
    let mut outcomes = Vec::new();
    for fix in fixes.iter().filter(|fix| is_whole || args.ids.iter().any(|id| id == fix.id)) {
        let outcome = judge(fix, args).with_context(|| fix.id.to_owned())?;
        println!("{}", row(fix, &outcome));
        outcomes.push((fix, outcome));
    }
    let of = |is_wanted: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|(_, outcome)| is_wanted(outcome)).count();
    let found = of(&|outcome| matches!(outcome, Outcome::Found { .. }));
    let gone = of(&|outcome| matches!(outcome, Outcome::Found { is_gone: true, .. }));
    println!("{found} of {} are found; of these {gone} are gone after the fix", outcomes.len());
    if is_whole {
        let rows: String = outcomes.iter().map(|(fix, outcome)| row(fix, outcome) + "\n").collect();
        fs::write(folder.join("found.tsv"), rows)?;
        reasons(&folder, &outcomes)?;
    }
    Ok(())
}

fn row(fix: &Fix<'_>, outcome: &Outcome) -> String {
    let mut text = format!("{}\t{}", fix.id, fix.repository);
    match outcome {
        Outcome::Missed => text.push_str("\tmissed"),
        Outcome::Found { rule, tier, line, is_gone } => {
            let after = if *is_gone { "gone after the fix" } else { "there after the fix, too" };
            let _ = write!(text, "\tfound\t{rule}\t{}\t{line}\t{after}", tier.word());
        }
    }
    text
}

fn judge(fix: &Fix<'_>, args: &Args) -> anyhow::Result<Outcome> {
    let (root, before) = findings(fix, fix.parent, args)?;
    let near = before.iter().filter(|finding| is_near(finding, &root, &fix.before));
    // The surest one that the fix mends, if there is one.
    let mut found: Vec<&Finding> = near.collect();
    found.sort_by_key(|finding| finding.tier);
    if found.is_empty() {
        return Ok(Outcome::Missed);
    }
    let (after_root, after) = findings(fix, fix.fix, args)?;
    let is_gone = |finding: &Finding| {
        !after.iter().any(|other| {
            other.rule == finding.rule
                && (other.fingerprint == finding.fingerprint || is_near(other, &after_root, &fix.after))
        })
    };
    let first = found.iter().find(|finding| is_gone(finding)).unwrap_or(&found[0]);
    Ok(Outcome::Found {
        rule: first.rule.code,
        tier: first.tier,
        line: format!("{}:{}", within(&first.place, &root), first.place.position.line),
        is_gone: is_gone(first),
    })
}

/// The findings of a commit, and the folder of its source.
fn findings(fix: &Fix<'_>, commit: &str, args: &Args) -> anyhow::Result<(PathBuf, Vec<Finding>)> {
    let name = fix.repository.replace('/', "+");
    let temporary = tempfile::tempdir()?;
    let root = args.keep.as_deref().unwrap_or(temporary.path()).join(format!("{name}@{}", &commit[..12]));
    source::get(&args.clones.join(&name), commit, &root)?;
    let module = root.join(fix.module);
    if !fix.path.is_empty() {
        source::make_module(&module, fix.path)?;
    }
    let root = root.canonicalize()?;
    let report = corpus::check(&root.join(fix.module))?;
    ensure!(report.files > 0, "no Go files at {commit}");
    Ok((root, report.findings))
}

fn within(place: &Place, root: &Path) -> String {
    place.file.strip_prefix(root).unwrap_or(&place.file).to_string_lossy().replace('\\', "/")
}

/// Is what a finding is about at one of the lines?
fn is_near(finding: &Finding, root: &Path, lines: &[(&str, u32)]) -> bool {
    let places = std::iter::once(&finding.place).chain(&finding.spawned_at).chain(&finding.blocks_at);
    places.into_iter().any(|place| {
        let file = within(place, root);
        lines.iter().any(|(own, line)| *own == file && place.position.line.abs_diff(*line) <= NEAR)
    })
}

/// Every miss has a reason, and no other one has.
fn reasons(folder: &Path, outcomes: &[(&Fix<'_>, Outcome)]) -> anyhow::Result<()> {
    let text = fs::read_to_string(folder.join("misses.tsv"))?;
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    for line in text.lines() {
        let (id, rest) = line.split_once('\t').with_context(|| format!("no class: {line}"))?;
        let (class, _) = rest.split_once('\t').with_context(|| format!("no reason: {line}"))?;
        *classes.entry(class).or_default() += 1;
        known.insert(id, class);
    }
    let wrong: Vec<&str> = outcomes
        .iter()
        .filter(|(fix, outcome)| matches!(outcome, Outcome::Missed) != known.contains_key(fix.id))
        .map(|(fix, _)| fix.id)
        .collect();
    let mut classes: Vec<_> = classes.into_iter().collect();
    classes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (class, count) in classes {
        println!("{count:>4} missed: {class}");
    }
    ensure!(wrong.is_empty(), "found with a reason in misses.tsv, or missed without one: {}", wrong.join(" "));
    Ok(())
}
