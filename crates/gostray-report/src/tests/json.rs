//! `gostray.snapshot/v1`, one a package and line: the goroutines that its tests left behind.

use std::io::{self, Write};

use gostray_gate::test::{Status, TestStatus, Tested};
use gostray_model::{Snapshot, Target, TargetKind};

use super::TestsReport;
use crate::json::{TestLeakJson, TestsJson, group, head};

pub(super) fn write(report: &TestsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    for tested in report.packages.iter().filter(|tested| tested.package.status != Status::NoTests) {
        let json = package(tested);
        serde_json::to_writer(&mut *out, &json)?;
        writeln!(out)?;
    }
    Ok(())
}

fn package(tested: &Tested) -> crate::json::SnapshotJson {
    let package = &tested.package;
    let target = Target { kind: TargetKind::Process, name: package.path.clone(), ..Target::default() };
    let none = Snapshot { target, ..Snapshot::default() };
    let mut json = head(tested.leaks.first().map_or(&none, |leaks| &leaks.snapshot));
    json.goroutines = tested.leaks.iter().map(|leaks| leaks.snapshot.goroutines()).sum();
    json.complete &= package.not_checked().is_none();
    for leaks in &tested.leaks {
        for leak in &leaks.leaks {
            let mut one = group(&leaks.snapshot, &leak.judged);
            one.test = Some(TestLeakJson {
                name: leaks.origin.test().unwrap_or_default().to_owned(),
                origin: match &leaks.origin {
                    gostray_gate::test::Origin::Test(_) => "test",
                    gostray_gate::test::Origin::Package => "package",
                    gostray_gate::test::Origin::Unknown => "unknown",
                },
                stayed_ns: u64::try_from(leak.stayed.as_nanos()).unwrap_or(u64::MAX),
                ended: leak.ended,
                is_new: leak.is_new(),
                accepted: leak.accepted.clone(),
                rule: leak.finding.as_ref().map(|finding| finding.rule.clone()),
                fix: leak.finding.as_ref().and_then(|finding| finding.fix.clone()),
            });
            json.groups.push(one);
        }
    }
    json.tests = Some(TestsJson {
        status: match package.status {
            Status::Passed => "passed",
            Status::Failed => "failed",
            Status::BuildFailed => "build failed",
            Status::NoTests => "no tests",
            Status::Interrupted => "interrupted",
        },
        elapsed_ms: u64::try_from(package.elapsed.as_millis()).unwrap_or(u64::MAX),
        cached: package.cached,
        passed: package.count(TestStatus::Passed),
        failed: package.count(TestStatus::Failed),
        skipped: package.count(TestStatus::Skipped),
        not_checked: package.not_checked().map(str::to_owned),
    });
    json
}
