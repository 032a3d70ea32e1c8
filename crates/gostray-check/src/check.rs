//! Runs the rules over packages.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gostray_golang::package::{FileId, PackageId, World};
use rustc_hash::FxHashMap;

use crate::background::Background;
use crate::channel::{stories, stranded_receivers, stranded_senders};
use crate::config::Config;
use crate::finding::{Finding, Place, Tier};
use crate::kept::{Cache, Look};
use crate::program::{Body, Program, Sight, seeing};
use crate::rules::{Check, RULES, stranded};
use crate::suppress::Suppression;

/// What to look for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The least sure tier that is reported.
    pub tier: Tier,
    /// Look into tests, too.
    pub tests: bool,
    /// What the project wants.
    pub config: Config,
    /// Where its configuration lies: patterns are relative to it.
    pub root: PathBuf,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The findings, by place.
    pub findings: Vec<Finding>,
    /// What the source says is not to be reported, and how often each was right.
    pub suppressed: Vec<Suppressed>,
    /// Functions that the configuration names as `background`, and that are none.
    pub unknown_background: Vec<String>,
    /// How many packages were looked at.
    pub packages: usize,
    /// How many files of them.
    pub files: usize,
    /// How many lines these have.
    pub lines: usize,
    /// Packages that are imported and not on this machine.
    pub missing: BTreeSet<String>,
    /// Where gostray itself failed: the findings of these are not whole.
    pub failed: Vec<Failed>,
}

/// A file, or a folder, in which a rule failed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failed {
    /// The file or the folder.
    pub path: PathBuf,
    /// What it failed with.
    pub why: String,
}

/// A comment that suppresses findings.
#[derive(Debug, Clone)]
pub struct Suppressed {
    /// Where it stands.
    pub place: Place,
    /// Why, as it says.
    pub reason: String,
    /// How many findings it is about.
    pub findings: usize,
    /// Is it one of gostray's own, which must say why?
    pub must_say_why: bool,
}

/// Looks for leaks in the folders that are worked on. With a cache, only what may have changed since the last look is
/// read; the report is the same. `progress` hears of every folder that is looked at.
#[must_use]
pub fn check(world: &World, options: &Options, cache: Option<&Cache>, progress: &(dyn Fn() + Sync)) -> Report {
    let mut look = Look::new(world, options, cache);
    let findings = look.findings(progress);
    let suppressions = look.facts.iter().flat_map(|facts| &facts.suppressions).cloned().collect();
    let missing = look.keep();
    look.failed.sort();
    let mut report = Report {
        packages: look.facts.iter().map(|facts| facts.packages).sum(),
        files: look.facts.iter().map(|facts| facts.files).sum(),
        lines: look.facts.iter().map(|facts| facts.lines).sum(),
        missing,
        failed: std::mem::take(&mut look.failed),
        ..Report::default()
    };
    let background: Vec<&Background> = look.facts.iter().map(|facts| &facts.background).collect();
    report.unknown_background = background.iter().flat_map(|own| &own.unknown).cloned().collect();
    report.findings = wanted(as_usual(findings), options, &background);
    report.suppressed = suppress(suppressions, &mut report.findings);
    report
}

/// So many tests of a package never close what one constructor gives: that is meant so, or it holds nothing there.
const USUAL: usize = 10;

/// What the tests of a package do as a rule is no mistake of one of them.
fn as_usual(mut findings: Vec<Finding>) -> Vec<Finding> {
    let key = |finding: &Finding| -> Option<(String, PathBuf)> {
        // Of what is known by name it is known that it holds something.
        let is_inferred = finding.tier == Tier::Likely && finding.spawned_at.is_some() && finding.is_never_given_back;
        let file = &finding.place.file;
        let is_test = file.to_str().is_some_and(|file| file.ends_with("_test.go"));
        Some((finding.given_by.clone().filter(|_| is_inferred && is_test)?, file.parent()?.to_owned()))
    };
    let mut times: FxHashMap<(String, PathBuf), usize> = FxHashMap::default();
    for key in findings.iter().filter_map(key) {
        *times.entry(key).or_default() += 1;
    }
    for finding in &mut findings {
        if key(finding).is_some_and(|key| times[&key] >= USUAL) {
            finding.tier = Tier::Hygiene;
        }
    }
    findings
}

/// Those that the project wants to hear of, by place.
fn wanted(mut findings: Vec<Finding>, options: &Options, background: &[&Background]) -> Vec<Finding> {
    findings.retain(|finding| options.config.wants(finding.rule, finding.tier, options.tier));
    findings.retain(|finding| !background.iter().any(|own| own.covers(finding)));
    if !options.config.check.exclude.is_empty() {
        findings.retain(|finding| {
            let path = finding.place.file.strip_prefix(&options.root).unwrap_or(&finding.place.file);
            !options.config.excludes(&path.to_string_lossy().replace('\\', "/"))
        });
    }
    findings.sort_by(|a, b| (&a.place, a.rule.code, &a.message).cmp(&(&b.place, b.rule.code, &b.message)));
    findings.dedup_by(|a, b| a.place == b.place && a.rule.code == b.rule.code);
    findings
}

/// Takes out what the source says is not to be reported.
fn suppress(all: Vec<Suppression>, findings: &mut Vec<Finding>) -> Vec<Suppressed> {
    let mut counts = vec![0usize; all.len()];
    if !all.is_empty() {
        findings.retain(|finding| {
            let of = all.iter().position(|suppression| {
                // Where it is reported, and where the goroutine is started.
                let mut places = std::iter::once(&finding.place).chain(&finding.spawned_at);
                places.any(|place| suppression.covers(finding.rule, place))
            });
            if let Some(at) = of {
                counts[at] += 1;
            }
            of.is_none()
        });
    }
    let mut suppressed: Vec<Suppressed> = all
        .into_iter()
        .zip(counts)
        .map(|(own, findings)| Suppressed { place: own.place, reason: own.reason, findings, must_say_why: own.is_ours })
        .collect();
    suppressed.sort_by(|a, b| a.place.cmp(&b.place));
    suppressed
}

/// What is looked at at once: threads share the work, however large a folder is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// The functions of a file.
    File(FileId),
    /// What is asked of a package as a whole.
    Package(PackageId),
}

/// The parts of a folder.
pub(crate) fn parts(world: &World, folder: usize, options: &Options) -> Vec<Part> {
    let mut parts = Vec::new();
    for package in world.packages_of(folder) {
        let files = world.package(package).files().filter(|(_, file)| options.tests || !file.is_test);
        parts.extend(files.map(|(id, _)| Part::File(id)));
        parts.push(Part::Package(package));
    }
    parts
}

impl Part {
    pub(crate) fn path(self, world: &World) -> PathBuf {
        match self {
            Self::File(file) => world.file(file).path.clone(),
            Self::Package(package) => world.package(package).folder.clone(),
        }
    }
}

/// What is found in a part, and which folders were looked into for it.
pub(crate) fn of_part(program: &Program<'_>, part: Part) -> (Vec<Finding>, Sight) {
    seeing(|| {
        let mut found = Vec::new();
        match part {
            Part::File(file) => {
                let bodies = program.bodies(file);
                bodies.iter().filter(|body| !is_only_compiled(body)).for_each(|body| of_body(body, &mut found));
            }
            Part::Package(package) => {
                for rule in RULES {
                    if let Check::Package(check) = rule.check {
                        check(program, package, &mut found);
                    }
                }
            }
        }
        // Nobody can mend it there, and what is generated a hundred times is looked at a hundred times.
        for finding in found.iter_mut().filter(|own| own.tier == Tier::Likely) {
            if is_generated(program.world, part, &finding.place.file) {
                finding.tier = Tier::Hygiene;
            }
        }
        found
    })
}

fn is_generated(world: &World, part: Part, path: &Path) -> bool {
    let package = match part {
        Part::File(file) => file.package,
        Part::Package(package) => package,
    };
    world.package(package).files().any(|(_, file)| file.is_generated && file.path == path)
}

/// Is it in an example without `// Output:`? Go compiles these, and never runs them.
fn is_only_compiled(body: &Body<'_>) -> bool {
    if !body.source.is_test {
        return false;
    }
    let outer = body.program.body(body.outermost());
    outer.name().starts_with("Example") && {
        let text = outer.text(outer.ast()[outer.function().block].span).to_ascii_lowercase();
        !text.contains("// output:") && !text.contains("// unordered output:")
    }
}

fn of_body(body: &Body<'_>, found: &mut Vec<Finding>) {
    for story in stories(body) {
        let left = stranded_senders(&story).into_iter().chain(stranded_receivers(&story));
        for left in left {
            for rule in RULES {
                if let Check::Stranded(shapes, tell) = rule.check
                    && shapes.contains(&left.shape)
                {
                    found.push(stranded(rule, &left, tell(&left)));
                }
            }
        }
    }
    for rule in RULES {
        if let Check::Body(check) = rule.check {
            check(body, found);
        }
    }
}
