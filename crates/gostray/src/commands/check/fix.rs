//! Mends, and looks whether it helped.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use gostray_check::{Change, Finding, Safety, plan};
use gostray_toolchain::{Request, Toolchain};

use crate::cli::{Check, Verify};
use crate::commands::check::{Found, What, look};
use crate::exit::Exit;
use crate::output;

/// Fixes that make others possible are done in the next round.
const MAX_ROUNDS: usize = 5;

pub(super) fn run(args: &Check, base: &Path, found: &mut Found) -> anyhow::Result<Exit> {
    let safety = if args.fixes.unsafe_fixes { Safety::Unsafe } else { Safety::Safe };
    let unread = |(path, error): (PathBuf, std::io::Error)| {
        anyhow::Error::new(error).context(format!("can't read {}", path.display()))
    };
    if args.fixes.diff {
        let plan = plan(&found.report.findings, safety).map_err(unread)?;
        output::to(args.output.as_deref(), |out| {
            plan.changes.iter().try_for_each(|change| {
                write!(out, "{}", change.diff(change.path.strip_prefix(base).unwrap_or(&change.path)))
            })
        })?;
        return Ok(if plan.changes.is_empty() || args.exit_zero { Exit::Clean } else { Exit::Leaks });
    }
    let (mut fixed, mut taken_back) = (0, 0);
    let mut untested: BTreeSet<PathBuf> = BTreeSet::new();
    let mut refused: BTreeSet<PathBuf> = BTreeSet::new();
    for _ in 0..MAX_ROUNDS {
        let mut findings = found.report.findings.clone();
        findings.retain(|finding| {
            finding.fix.as_ref().is_some_and(|fix| fix.edits.iter().all(|edit| !refused.contains(&edit.file)))
        });
        let plan = plan(&findings, safety).map_err(unread)?;
        if plan.changes.is_empty() {
            break;
        }
        plan.changes.iter().try_for_each(|change| write(&change.path, &change.after))?;
        let before = found.report.findings.clone();
        let mut after = look(&What::of(args), base)?;
        // What a fix brought that was not there goes with it.
        let worse = worse(&before, &after.report.findings, &plan.changes, args.fixes.verify);
        let failing = match args.fixes.verify {
            Verify::Parse | Verify::Check => BTreeSet::new(),
            Verify::Build | Verify::Test => failing(base, &plan.changes, args.fixes.verify, &mut untested)?,
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
        fixed += plan.changes.iter().filter(|change| !refused.contains(&change.path)).map(|c| c.fixes).sum::<usize>();
        if !back.is_empty() {
            after = look(&What::of(args), base)?;
        }
        *found = after;
    }
    let rung = match args.fixes.verify {
        Verify::Parse => "the files parse",
        Verify::Check => "the findings are gone, and there are no new ones",
        Verify::Build => "go build and go vet pass",
        Verify::Test => "the tests pass",
    };
    if fixed > 0 {
        let word = if fixed == 1 { "fix" } else { "fixes" };
        anstream::eprintln!("{fixed} {word} made; verified: {rung}");
        for folder in &untested {
            let shown = folder.strip_prefix(base).unwrap_or(folder).join("");
            anstream::eprintln!("./{} has no tests: it is verified by go build and go vet alone", shown.display());
        }
    }
    if taken_back > 0 {
        anstream::eprintln!("{taken_back} fixes were taken back: with them it was not so");
    }
    Ok(Exit::Clean)
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
    base: &Path,
    changes: &[Change],
    verify: Verify,
    untested: &mut BTreeSet<PathBuf>,
) -> anyhow::Result<BTreeSet<PathBuf>> {
    let go = Toolchain::find(Request::Any, &mut |line| anstream::eprintln!("{line}")).context("--verify needs Go")?;
    let folders: BTreeSet<PathBuf> =
        changes.iter().filter_map(|change| change.path.parent().map(Path::to_owned)).collect();
    let run = |folder: &Path, args: &[&str]| {
        let mut command: Command = go.command();
        command.current_dir(folder).args(args).arg(".").output().context("can't run go")
    };
    let mut failing = BTreeSet::new();
    for folder in folders {
        let folder = if folder.is_absolute() { folder } else { base.join(folder) };
        let mut is_good =
            run(&folder, &["build", "-o", "/dev/null"])?.status.success() && run(&folder, &["vet"])?.status.success();
        if is_good && verify == Verify::Test {
            let output = run(&folder, &["test", "-count=1"])?;
            is_good = output.status.success();
            if String::from_utf8_lossy(&output.stdout).contains("[no test files]") {
                untested.insert(folder.clone());
            }
        }
        if !is_good {
            failing
                .extend(changes.iter().map(|change| change.path.clone()).filter(|path| path.parent() == Some(&folder)));
        }
    }
    Ok(failing)
}
