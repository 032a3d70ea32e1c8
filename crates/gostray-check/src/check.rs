//! Runs the rules over packages.

use gostray_golang::package::{PackageId, World};
use gostray_golang::pool;
use rayon::prelude::*;

use crate::channel::{stories, stranded_receivers, stranded_senders};
use crate::finding::{Finding, Tier};
use crate::program::{Body, Program};
use crate::rules::{Check, RULES, stranded};

/// What to look for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The least sure tier that is reported.
    pub tier: Tier,
    /// Look into tests, too.
    pub tests: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { tier: Tier::Likely, tests: true }
    }
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The findings, by place.
    pub findings: Vec<Finding>,
    /// How many packages were looked at.
    pub packages: usize,
    /// How many files of them.
    pub files: usize,
    /// How many lines these have.
    pub lines: usize,
}

/// Looks for leaks in packages. `progress` hears of every package that is done.
#[must_use]
pub fn check(world: &World, packages: &[PackageId], options: &Options, progress: &(dyn Fn() + Sync)) -> Report {
    let program = Program::new(world, packages);
    let mut findings: Vec<Finding> = pool().install(|| {
        let found = packages.par_iter().flat_map_iter(|package| {
            let found = of_package(&program, *package, options);
            progress();
            found
        });
        found.collect()
    });
    findings.retain(|finding| finding.tier <= options.tier);
    findings.sort_by(|a, b| (&a.place, a.rule.code, &a.message).cmp(&(&b.place, b.rule.code, &b.message)));
    findings.dedup_by(|a, b| a.place == b.place && a.rule.code == b.rule.code);
    let files: Vec<_> = packages.iter().flat_map(|id| world.package(*id).files()).collect();
    Report {
        findings,
        packages: packages.len(),
        files: files.len(),
        lines: files.iter().map(|(_, file)| file.lines().count()).sum(),
    }
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
