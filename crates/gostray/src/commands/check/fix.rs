//! Mends, and looks whether it helped.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gostray_check::{Change, Finding, Fixed, Plan, Rung, Safety, WitnessTest, Witnessed, plan, witness_test};
use gostray_explain::Verified;
use gostray_golang::build::Context;
use gostray_toolchain::Toolchain;

use crate::cli::{Check, Verify};
use crate::commands::check::{Found, What, look};
use crate::commands::verify::{Sides, go, try_out, witness};
use crate::exit::Exit;
use crate::output;
use crate::progress::Progress;

/// Fixes that make others possible are done in the next round.
const MAX_ROUNDS: usize = 5;

/// Shows what would be changed.
pub(super) fn diff(args: &Check, base: &Path, found: &Found) -> anyhow::Result<Exit> {
    let plan = plan(&found.report.findings, safety(args)).map_err(unread)?;
    output::to(args.output.as_deref(), |out| {
        plan.changes.iter().try_for_each(|change| {
            write!(out, "{}", change.diff(change.path.strip_prefix(base).unwrap_or(&change.path)))
        })
    })?;
    Ok(if plan.changes.is_empty() || args.exit_zero { Exit::Clean } else { Exit::Leaks })
}

fn safety(args: &Check) -> Safety {
    if args.fixes.unsafe_fixes { Safety::Unsafe } else { Safety::Safe }
}

fn unread((path, error): (PathBuf, std::io::Error)) -> anyhow::Error {
    anyhow::Error::new(error).context(format!("can't read {}", path.display()))
}

/// Mends, and says what was mended.
pub(super) fn run(args: &Check, base: &Path, found: &mut Found) -> anyhow::Result<Vec<Fixed>> {
    let verify = args.fixes.verify;
    let go = if verify >= Verify::Build { Some(go()?) } else { None };
    let (mut fixed, mut count, mut taken_back) = (Vec::new(), 0, 0);
    let mut untested: BTreeSet<PathBuf> = BTreeSet::new();
    let mut refused: BTreeSet<PathBuf> = BTreeSet::new();
    for _ in 0..MAX_ROUNDS {
        let mut findings = found.report.findings.clone();
        findings.retain(|finding| {
            finding.fix.as_ref().is_some_and(|fix| fix.edits.iter().all(|edit| !refused.contains(&edit.file)))
        });
        let plan = plan(&findings, safety(args)).map_err(unread)?;
        if plan.changes.is_empty() {
            break;
        }
        let mut made = made(args, &findings, &plan)?;
        plan.changes.iter().try_for_each(|change| write(&change.path, &change.after))?;
        let before = found.report.findings.clone();
        let mut after = look(&What::of(args), base)?;
        // What a fix brought that was not there goes with it.
        let worse = worse(&before, &after.report.findings, &plan.changes, verify);
        let failing = match &go {
            Some(go) => failing(go, base, &plan.changes, verify, &mut untested)?,
            None => BTreeSet::new(),
        };
        let back: Vec<&Change> = plan
            .changes
            .iter()
            .filter(|change| worse.contains(&change.path) || failing.contains(&change.path))
            .collect();
        for change in &back {
            write(&change.path, &change.before)?;
            refused.insert(change.path.clone());
            taken_back += change.fixes;
        }
        count += plan.changes.iter().filter(|change| !refused.contains(&change.path)).map(|c| c.fixes).sum::<usize>();
        made.retain(|one| !one.without.iter().any(|(path, _)| refused.contains(path)));
        if !back.is_empty() {
            after = look(&What::of(args), base)?;
        }
        *found = after;
        for one in made {
            fixed.push(one.verified(verify, go.as_ref(), &untested, args)?);
        }
    }
    said(base, count, verify, &fixed, &untested);
    if taken_back > 0 {
        anstream::eprintln!("{taken_back} fixes were taken back: with them it was not so");
    }
    Ok(fixed)
}

/// A fix that is made in a round, with what has to be known of the source before it changes.
struct Made {
    finding: Finding,
    /// The texts of the files that it changes, with all fixes of the round but this one.
    without: Vec<(PathBuf, Vec<u8>)>,
    /// Only where a witness is wanted.
    test: Option<Result<WitnessTest, String>>,
}

fn made(args: &Check, findings: &[Finding], plan: &Plan) -> anyhow::Result<Vec<Made>> {
    let all: Vec<&Finding> = plan.made.iter().map(|at| &findings[*at]).collect();
    let context = Context { tags: tags(args), ..Context::default() };
    let mut made = Vec::new();
    for finding in &all {
        let edits = finding.fix.iter().flat_map(|fix| &fix.edits);
        let (mut without, mut test) = (Vec::new(), None);
        let files: BTreeSet<&PathBuf> = edits.clone().map(|edit| &edit.file).collect();
        let changes = plan.changes.iter().filter(|change| files.contains(&change.path));
        without.extend(changes.map(|change| (change.path.clone(), change.before.clone())));
        if args.fixes.verify == Verify::Witness {
            // The same change may mend several.
            let is_same = |other: &Finding| {
                other.fix.iter().flat_map(|fix| &fix.edits).all(|edit| edits.clone().any(|own| own == edit))
            };
            let others: Vec<Finding> = all.iter().filter(|other| !is_same(other)).copied().cloned().collect();
            for change in gostray_check::plan(&others, safety(args)).map_err(unread)?.changes {
                if let Some((_, text)) = without.iter_mut().find(|(path, _)| *path == change.path) {
                    *text = change.after;
                }
            }
            test = Some(witness_test(finding, &context));
        }
        made.push(Made { finding: (*finding).clone(), without, test });
    }
    Ok(made)
}

impl Made {
    fn verified(
        self,
        verify: Verify,
        go: Option<&Toolchain>,
        untested: &BTreeSet<PathBuf>,
        args: &Check,
    ) -> anyhow::Result<Fixed> {
        let is_untested = self.finding.place.file.parent().is_some_and(|folder| untested.contains(folder));
        let rung = match verify {
            Verify::Parse => Rung::Parse,
            Verify::Check => Rung::Check,
            Verify::Test | Verify::Witness if !is_untested => Rung::Test,
            Verify::Build | Verify::Test | Verify::Witness => Rung::Build,
        };
        let mut fixed = Fixed { finding: self.finding, rung, witnessed: None };
        if let (Some(go), Some(test)) = (go, &self.test) {
            let _progress = Progress::start(&format!("looking for a witness of {}", fixed.finding.function));
            let witnessed = witness(go, test, &Sides { before: self.without, after: Vec::new() }, &tags(args))?;
            if let Witnessed::By(_) = witnessed {
                fixed.rung = Rung::Witness;
            }
            fixed.witnessed = Some(witnessed);
        }
        Ok(fixed)
    }
}

fn tags(args: &Check) -> Vec<String> {
    args.tags.iter().flat_map(|tags| tags.split([',', ' '])).map(str::to_owned).collect()
}

/// Says what was made, and how far it is verified.
fn said(base: &Path, count: usize, verify: Verify, fixed: &[Fixed], untested: &BTreeSet<PathBuf>) {
    if count == 0 {
        return;
    }
    let word = if count == 1 { "fix" } else { "fixes" };
    let rung = match verify {
        Verify::Parse => "the files parse",
        Verify::Check => "the findings are gone, and there are no new ones",
        Verify::Build => "go build and go vet pass",
        Verify::Test | Verify::Witness => "the tests pass",
    };
    anstream::eprintln!("{count} {word} made; verified: {rung}");
    let shown = |path: &Path| path.strip_prefix(base).unwrap_or(path).display().to_string();
    for folder in untested {
        anstream::eprintln!("./{} has no tests: it is verified by go build and go vet alone", shown(&folder.join("")));
    }
    for one in fixed {
        if let Some(witnessed) = &one.witnessed {
            let place = &one.finding.place;
            let at = format!("{}:{}:{}", shown(&place.file), place.position.line, place.position.column);
            anstream::eprintln!("{at}: {witnessed} ({} {})", one.finding.rule.code, one.finding.rule.name);
        }
    }
}

fn write(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    output::raw_to(Some(path), |out| out.write_all(text))
}

/// The changed files with findings that were not there before.
fn worse(before: &[Finding], after: &[Finding], changes: &[Change], verify: Verify) -> BTreeSet<PathBuf> {
    if verify == Verify::Parse {
        return BTreeSet::new();
    }
    let count = |findings: &[Finding], finding: &Finding| {
        findings.iter().filter(|other| other.rule == finding.rule && other.place.file == finding.place.file).count()
    };
    after
        .iter()
        .filter(|finding| count(after, finding) > count(before, finding))
        .map(|finding| finding.place.file.clone())
        .filter(|file| changes.iter().any(|change| change.path == *file))
        .collect()
}

/// The changed files whose packages do not build, or fail their tests; and the folders that have none.
fn failing(
    go: &Toolchain,
    base: &Path,
    changes: &[Change],
    verify: Verify,
    untested: &mut BTreeSet<PathBuf>,
) -> anyhow::Result<BTreeSet<PathBuf>> {
    let folders: BTreeSet<PathBuf> =
        changes.iter().filter_map(|change| change.path.parent().map(Path::to_owned)).collect();
    let mut failing = BTreeSet::new();
    for folder in folders {
        match try_out(go, &base.join(&folder), None, verify >= Verify::Test)? {
            Verified::Fails(_) => failing
                .extend(changes.iter().map(|change| change.path.clone()).filter(|path| path.parent() == Some(&folder))),
            Verified::Builds if verify >= Verify::Test => {
                untested.insert(folder);
            }
            _ => {}
        }
    }
    Ok(failing)
}
