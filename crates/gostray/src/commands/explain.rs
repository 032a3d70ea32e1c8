//! `gostray explain SRC --source DIR`.

use std::path::Path;

use anyhow::{Context as _, bail};
use gostray_check::{Config, Options, Tier};
use gostray_explain::{Cause, Sources, explain, folders_of};
use gostray_golang::build::Context;
use gostray_golang::module::{Places, Workspace};
use gostray_golang::package::{World, folders};
use gostray_model::{Group, Snapshot, groups};
use gostray_report::{ExplainFormat, ExplainReport};
use gostray_verdict::{Judged, Policy, Verdict, judge_all};

use crate::cli::{self, Explain};
use crate::commands::check;
use crate::commands::prove::{Proven, prove};
use crate::commands::verify::Verifier;
use crate::exit::Exit;
use crate::output;
use crate::progress::Progress;
use crate::source;

pub(crate) fn run(args: &Explain) -> anyhow::Result<Exit> {
    let filter = super::filter(&args.selection)?;
    let base = args.folder.canonicalize().with_context(|| format!("--source {}", args.folder.display()))?;
    let workspace = Workspace::of(&base, Places::find())?;
    let Some(module) = workspace.modules.first() else {
        bail!(
            "{} is in no module: --source is a folder with a go.mod, or below one. Source of a GOPATH needs none of its \
             dependencies, but a go.mod: go mod init PATH makes one, with the path its packages are imported by",
            base.display()
        )
    };
    let root = module.folder.clone();
    let mut notes = Vec::new();
    let mut snapshot = match prove(&args.source, &args.pause, &args.core)? {
        Some(proven) => {
            notes.extend(same_module(&proven, &module.path, &root)?);
            proven.snapshot
        }
        None => source::load(&args.source, &args.endpoint, &args.core)?,
    };
    let tests = is_test_binary(&snapshot);
    filter.apply(&mut snapshot);
    let all = groups(&snapshot);
    if all.is_empty() {
        return Ok(Exit::Nothing);
    }
    let worst = if args.all { Verdict::Unknown } else { Verdict::Suspect };
    let (judged, others): (Vec<Judged>, Vec<Judged>) =
        judge_all(&snapshot, all, &Policy::default()).into_iter().partition(|judged| judged.judgement.verdict <= worst);

    let progress = Progress::start("looking for the causes in the source");
    let (every, _) = folders(&workspace, &root, &["./...".to_owned()])?;
    let sources = Sources::of(&every, &base);
    let groups: Vec<&Group> = judged.iter().map(|judged| &judged.group).collect();
    let concerned = folders_of(&snapshot, &groups, &sources, &every);
    let config = check::read_config(&root.join("gostray.toml"))?;
    let mut context = Context::default();
    context.tags.extend(args.tags.iter().flat_map(|tags| tags.split([',', ' '])).map(str::to_owned));
    let mut world = World::new(workspace, context);
    world.never_return.clone_from(&config.check.never_return);
    let packages = world.load(&concerned, tests, &|| {});
    // What is stuck is explained by any rule, whatever the project wants to hear of before.
    let wanted = Config {
        check: gostray_check::CheckConfig { owners: config.check.owners, ..Default::default() },
        ..Config::default()
    };
    let options = Options { tests, tier: Tier::Hygiene, config: wanted, root: root.clone() };
    let report = gostray_check::check(&world, &options, None, &|| {});
    for failed in &report.failed {
        anstream::eprintln!(
            "note: gostray failed while it looked at {}, and its causes are not whole: {}",
            failed.path.display(),
            failed.why
        );
    }
    let findings = report.findings;
    let mut explanations =
        explain(&snapshot, &groups, &sources, &world, &packages, &options.config.check.owners, &findings);
    progress.say("verifying the fixes");
    let mut verifier = Verifier::new(args.verify, world.context.clone())?;
    for explanation in &mut explanations {
        if let Cause::Finding(finding) = &explanation.cause {
            explanation.verified = verifier.verify(finding)?;
        }
    }
    drop(progress);

    let shown = ExplainReport {
        snapshot: &snapshot,
        judged: &judged,
        explanations: &explanations,
        others: &others,
        base: &root,
        notes: &notes,
    };
    let format = match args.format {
        cli::ExplainFormat::Full => ExplainFormat::Full,
        cli::ExplainFormat::Json => ExplainFormat::Json,
        cli::ExplainFormat::Html => ExplainFormat::Html,
    };
    output::to(args.output.as_deref(), |out| shown.write(format, out))?;
    let leaks = judged.iter().any(|judged| judged.judgement.verdict.is_leak());
    Ok(if leaks && !args.exit_zero { Exit::Leaks } else { Exit::Clean })
}

/// Does `go test` run it? If not, there is nothing of files of tests in it.
fn is_test_binary(snapshot: &Snapshot) -> bool {
    snapshot.records.iter().any(|record| {
        let stack = snapshot.tables.stack(record.stack);
        let mut frames = stack.frames.iter().chain(&stack.created_by).map(|frame| snapshot.tables.frame(*frame));
        frames.any(|frame| frame.function.starts_with("testing.") || frame.file.ends_with("_test.go"))
    })
}

/// Is the source that of the process? What its build says of that.
fn same_module(proven: &Proven, module: &str, root: &Path) -> anyhow::Result<Vec<String>> {
    if !proven.module.is_empty() && proven.module != module {
        bail!(
            "the process was built from the module {}, and {} is {module}: --source is the folder of its module",
            proven.module,
            root.display()
        );
    }
    let Some(revision) = proven.revision.as_ref().filter(|revision| !revision.is_empty()) else {
        return Ok(vec![
            "the binary does not say from which revision it was built: lines and functions are compared".to_owned(),
        ]);
    };
    let short: String = revision.chars().take(12).collect();
    let changed = if proven.modified { ", with changes," } else { "" };
    Ok(vec![match head(root) {
        Some(head) if head == *revision && !proven.modified => {
            format!("built from revision {short}, which is checked out")
        }
        Some(head) if head != *revision => format!(
            "the binary was built from revision {short}{changed} and {} is checked out: lines and functions are compared",
            head.chars().take(12).collect::<String>()
        ),
        _ => format!("the binary was built from revision {short}{changed}: lines and functions are compared"),
    }])
}

/// The revision that is checked out, if nothing is changed.
fn head(root: &Path) -> Option<String> {
    let git = |args: &[&str]| {
        let output = std::process::Command::new("git").arg("-C").arg(root).args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let is_changed = !git(&["status", "--porcelain", "--untracked-files=no", "."])?.is_empty();
    let head = git(&["rev-parse", "HEAD"])?;
    Some(if is_changed { format!("{head} with changes") } else { head })
}
