//! Runs the rules over packages.

use std::path::PathBuf;

use gostray_golang::package::{PackageId, World};
use gostray_golang::pool;
use rayon::prelude::*;

use crate::background::Background;
use crate::channel::{stories, stranded_receivers, stranded_senders};
use crate::config::Config;
use crate::finding::{Finding, Place, Tier};
use crate::program::{Body, Program};
use crate::rules::{Check, RULES, stranded};
use crate::suppress::suppressions;

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

/// Looks for leaks in packages. `progress` hears of every package that is done.
#[must_use]
pub fn check(world: &World, packages: &[PackageId], options: &Options, progress: &(dyn Fn() + Sync)) -> Report {
    let program = Program::new(world, packages, &options.config.check.owners);
    let mut findings: Vec<Finding> = pool().install(|| {
        let found = packages.par_iter().flat_map_iter(|package| {
            let found = of_package(&program, *package, options);
            progress();
            found
        });
        found.collect()
    });
    findings.retain(|finding| options.config.wants(finding.rule, finding.tier, options.tier));
    let background = Background::of(&program, packages, &options.config.check.background);
    findings.retain(|finding| !background.covers(finding));
    if !options.config.check.exclude.is_empty() {
        findings.retain(|finding| {
            let path = finding.place.file.strip_prefix(&options.root).unwrap_or(&finding.place.file);
            !options.config.excludes(&path.to_string_lossy().replace('\\', "/"))
        });
    }
    findings.sort_by(|a, b| (&a.place, a.rule.code, &a.message).cmp(&(&b.place, b.rule.code, &b.message)));
    findings.dedup_by(|a, b| a.place == b.place && a.rule.code == b.rule.code);
    let suppressed = suppress(&program, packages, options, &mut findings);
    let files: Vec<_> = packages.iter().flat_map(|id| world.package(*id).files()).collect();
    Report {
        findings,
        suppressed,
        unknown_background: background.unknown,
        packages: packages.len(),
        files: files.len(),
        lines: files.iter().map(|(_, file)| file.lines().count()).sum(),
    }
}

/// Takes out what the source says is not to be reported.
fn suppress(
    program: &Program<'_>,
    packages: &[PackageId],
    options: &Options,
    findings: &mut Vec<Finding>,
) -> Vec<Suppressed> {
    let files = packages.iter().flat_map(|id| program.package(*id).files());
    let files = files.filter(|(_, file)| options.tests || !file.is_test);
    let all: Vec<_> = files.flat_map(|(id, file)| suppressions(id, file)).collect();
    let mut counts = vec![0usize; all.len()];
    if !all.is_empty() {
        findings.retain(|finding| {
            let of = all.iter().position(|suppression| {
                // Where it is reported, and where the goroutine is started.
                let places = std::iter::once(&finding.place).chain(&finding.spawned_at);
                places.into_iter().any(|place| {
                    place.file == program.source(suppression.file).path
                        && suppression.covers(finding.rule, place.position.line)
                })
            });
            if let Some(at) = of {
                counts[at] += 1;
            }
            of.is_none()
        });
    }
    let mut suppressed: Vec<Suppressed> = all
        .iter()
        .zip(counts)
        .map(|(own, findings)| Suppressed {
            place: program.place(own.file, own.span),
            reason: own.reason.clone(),
            findings,
            must_say_why: own.is_ours,
        })
        .collect();
    suppressed.sort_by(|a, b| a.place.cmp(&b.place));
    suppressed
}

fn of_package(program: &Program<'_>, package: PackageId, options: &Options) -> Vec<Finding> {
    // The program lives as long as what it is asked for.
    let mut found = Vec::new();
    let files: Vec<_> = program.package(package).files().map(|(id, file)| (id, file.is_test)).collect();
    for (file, is_test) in files {
        if is_test && !options.tests {
            continue;
        }
        for body in program.bodies(file) {
            of_body(&body, &mut found);
        }
    }
    for rule in RULES {
        if let Check::Package(check) = rule.check {
            check(program, package, &mut found);
        }
    }
    found
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
