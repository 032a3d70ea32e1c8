//! `gostray check --profile SRC`: which findings a running program shows.

use std::path::{Path, PathBuf};

use gostray_check::Finding;
use gostray_explain::{Cause, Sources, explain};
use gostray_golang::package::{PackageId, World};
use gostray_model::{Group, groups};
use gostray_verdict::{Judged, Policy, Verdict, judge_all};

use crate::cli::{Core, Endpoint};
use crate::source;

/// Counts the goroutines of a snapshot that wait because of each finding.
pub(super) fn count(
    from: &str,
    world: &World,
    packages: &[PackageId],
    folders: &[PathBuf],
    base: &Path,
    findings: &mut [Finding],
) -> anyhow::Result<()> {
    let snapshot = source::load(from, &Endpoint::default(), &Core::default())?;
    // Those that are as they should be are no sign of anything.
    let mut judged: Vec<Judged> = judge_all(&snapshot, groups(&snapshot), &Policy::default());
    judged.retain(|judged| judged.judgement.verdict != Verdict::Normal);
    let groups: Vec<&Group> = judged.iter().map(|judged| &judged.group).collect();
    let sources = Sources::of(folders, base);
    for (group, explanation) in groups.iter().zip(explain(&snapshot, &groups, &sources, world, packages, &[], findings))
    {
        if let Cause::Finding(cause) = explanation.cause {
            for finding in findings.iter_mut().filter(|own| own.place == cause.place && own.rule == cause.rule) {
                finding.live += group.count;
            }
        }
    }
    Ok(())
}
