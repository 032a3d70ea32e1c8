//! Workflow commands of GitHub Actions: what is left behind is shown beside the `go` statement.

use std::fmt::Write as _;
use std::io::{self, Write};

use gostray_verdict::Verdict;

use super::{TestsReport, new_leaks, who};
use crate::findings::{data, property};
use crate::words::{count, place};

pub(super) fn write(report: &TestsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    for leaks in report.leaky() {
        let tables = &leaks.snapshot.tables;
        for leak in new_leaks(leaks) {
            let group = &leak.judged.group;
            let Some(frame) = group.created_at(tables).or_else(|| group.blocked_at(tables)) else { continue };
            let level = if leak.judged.judgement.verdict == Verdict::Proven { "error" } else { "warning" };
            let file = std::path::Path::new(&*frame.file);
            let file = file.strip_prefix(report.base).unwrap_or(file).display().to_string();
            let because: Vec<&str> = leak.judged.judgement.evidence.iter().map(|own| own.detail.as_str()).collect();
            let text = format!(
                "{} leaves {} behind: {} at {}\n{}",
                who(&leaks.origin),
                count(group.count, "goroutine"),
                group.state(tables),
                group.blocked_at(tables).map(place).unwrap_or_default(),
                because.join("; ")
            );
            writeln!(
                out,
                "::{level} file={},line={},title={}::{}",
                property(&file),
                frame.line,
                property(&format!("goroutine leak, {}", leak.judged.judgement.verdict)),
                data(&text)
            )?;
        }
    }
    for tested in report.packages {
        if let Some(why) = tested.package.not_checked() {
            writeln!(out, "::error::{}", data(&format!("{} was not checked: {why}", tested.package.path)))?;
        }
        for test in tested.package.failed.keys() {
            writeln!(out, "::error::{}", data(&format!("{} {test} failed", tested.package.path)))?;
        }
    }
    writeln!(out, "::notice::{}", data(&report.summary()))
}

pub(super) fn summary(report: &TestsReport<'_>) -> String {
    let mut text = format!("## gostray test\n\n{}\n", report.summary());
    if report.leaky().next().is_none() {
        return text;
    }
    text.push_str(
        "\n| package | test | goroutines | | state | waits at | created at |\n|---|---|---|---|---|---|---|\n",
    );
    for leaks in report.leaky() {
        let tables = &leaks.snapshot.tables;
        for leak in new_leaks(leaks) {
            let group = &leak.judged.group;
            let at = |frame: Option<&gostray_model::Frame>| frame.map(place).unwrap_or_default();
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | `{}` | `{}` |",
                leaks.package,
                who(&leaks.origin).replace('|', "\\|"),
                group.count,
                leak.judged.judgement.verdict,
                group.state(tables),
                at(group.blocked_at(tables)),
                at(group.created_at(tables)),
            );
        }
    }
    text
}
