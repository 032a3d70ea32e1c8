//! For people: a line a package as it is done; then what each test left behind.

use std::io::{self, Write};

use anstyle::{AnsiColor, Color, Style};
use gostray_gate::test::{Leak, Leaks, Package, Status, TestStatus, Tested};
use gostray_model::Snapshot;
use gostray_verdict::Verdict;

use super::{TestsReport, new_leaks, who};
use crate::style::{self, paint};
use crate::words::{bytes, count, function, number, place, printable};

const PASS: Style = Style::new().bold().fg_color(Some(Color::Ansi(AnsiColor::Green)));
const FAIL: Style = Style::new().bold().fg_color(Some(Color::Ansi(AnsiColor::Red)));
const LEAK: Style = Style::new().bold().fg_color(Some(Color::Ansi(AnsiColor::Magenta)));
const WARN: Style = Style::new().bold().fg_color(Some(Color::Ansi(AnsiColor::Yellow)));

pub(super) fn write_package(tested: &Tested, out: &mut dyn Write) -> io::Result<()> {
    let package = &tested.package;
    let (style, word) = match package.status {
        Status::NoTests => return Ok(()),
        Status::Interrupted => (WARN, "STOP"),
        Status::Failed | Status::BuildFailed => (FAIL, "FAIL"),
        Status::Passed if tested.is_leaky() => (LEAK, "LEAK"),
        Status::Passed if package.not_checked().is_some() => (WARN, "????"),
        Status::Passed => (PASS, "PASS"),
    };
    let time = if package.cached { "cached".to_owned() } else { format!("{:.2}s", package.elapsed.as_secs_f64()) };
    write!(out, "{} {time:>8}  {}", paint(style, word), printable(&package.path))?;
    let rest = rest(tested);
    if !rest.is_empty() {
        write!(out, "  {}", paint(style::DIM, &rest))?;
    }
    writeln!(out)?;
    if let Some(why) = package.not_checked().filter(|_| package.status == Status::Passed) {
        writeln!(out, "       {} {}", paint(WARN, "not checked:"), printable(why))?;
    }
    write_failures(package, out)
}

fn rest(tested: &Tested) -> String {
    let package = &tested.package;
    let mut parts = Vec::new();
    match package.status {
        Status::BuildFailed => parts.push("could not be built".to_owned()),
        Status::Interrupted => parts.push("interrupted".to_owned()),
        _ => {
            let failed = package.failed.keys().filter(|name| !name.contains('/')).count();
            let skipped = package.count(TestStatus::Skipped);
            parts.push(count(tested.top_tests() as u64, "test"));
            parts.extend((failed > 0).then(|| format!("{failed} failed")));
            parts.extend((skipped > 0).then(|| format!("{skipped} skipped")));
        }
    }
    parts.extend(package.coverage.clone());
    let leaky: Vec<&Leaks> = tested.leaks.iter().filter(|leaks| leaks.new_goroutines() > 0).collect();
    if !leaky.is_empty() {
        let all: u64 = leaky.iter().map(|leaks| leaks.new_goroutines()).sum();
        let who = match &leaky[..] {
            [one] => printable(who(&one.origin)),
            [one, two] => format!("{} and {}", printable(who(&one.origin)), printable(who(&two.origin))),
            more => format!("{} tests", more.len()),
        };
        parts.push(format!("+{} by {who}", count(all, "goroutine")));
    }
    parts.join(", ")
}

fn write_failures(package: &Package, out: &mut dyn Write) -> io::Result<()> {
    for (test, printed) in package.failed.iter().filter(|(_, printed)| !printed.trim().is_empty()) {
        // `go test` says it with `=== RUN` and the like; the name says as much.
        writeln!(out, "  {} {}", paint(FAIL, "failed"), printable(test))?;
        for line in printed.lines().filter(|line| !line.starts_with("=== ")) {
            writeln!(out, "    {}", shown(line))?;
        }
    }
    let is_odd = matches!(package.status, Status::BuildFailed) || package.failed.is_empty();
    if matches!(package.status, Status::Failed | Status::BuildFailed) && is_odd {
        for line in package.output.lines().filter(|line| !line.starts_with("FAIL") && !line.starts_with("=== ")) {
            writeln!(out, "    {}", shown(line))?;
        }
    }
    Ok(())
}

/// What tests print is shown as it is, but it may not move the cursor.
fn shown(line: &str) -> String {
    line.split('\t').map(printable).collect::<Vec<_>>().join("    ")
}

pub(super) fn write(report: &TestsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    for leaks in report.leaky() {
        writeln!(out)?;
        write_leaks(report, leaks, out)?;
    }
    let has_tests = report.packages.iter().any(|tested| tested.package.status != Status::NoTests);
    if has_tests {
        let has_failed = report.packages.iter().any(Tested::has_failed) || report.interrupted;
        let style = if has_failed { FAIL } else { PASS };
        writeln!(out, "\n{}  {:.1} s", paint(style, &report.summary()), report.elapsed.as_secs_f64())?;
    }
    Ok(())
}

fn write_leaks(report: &TestsReport<'_>, leaks: &Leaks, out: &mut dyn Write) -> io::Result<()> {
    let verdict = leaks.verdict().unwrap_or(Verdict::Likely);
    writeln!(
        out,
        "{}  {}  {}  +{}  {}",
        paint(LEAK, "LEAK"),
        printable(&leaks.package),
        paint(style::HEADING, &printable(who(&leaks.origin))),
        count(leaks.new_goroutines(), "goroutine"),
        paint(style::verdict(verdict), verdict.as_str()),
    )?;
    for leak in new_leaks(leaks) {
        write_leak(&leaks.snapshot, leak, out)?;
    }
    writeln!(out, "      {}  {}", paint(style::DIM, "run again "), report.again(leaks))
}

fn write_leak(snapshot: &Snapshot, leak: &Leak, out: &mut dyn Write) -> io::Result<()> {
    let tables = &snapshot.tables;
    let group = &leak.judged.group;
    let judgement = &leak.judged.judgement;
    let at = group.blocked_at(tables);
    writeln!(
        out,
        "      {} × {}  {}  {}",
        number(group.count),
        paint(style::HEADING, &printable(group.state(tables))),
        printable(&function(at)),
        at.map(|frame| printable(&place(frame))).unwrap_or_default(),
    )?;
    let mut line = |key: &str, text: &str| writeln!(out, "      {}  {text}", paint(style::DIM, &format!("{key:<10}")));
    if let Some(frame) = group.created_at(tables) {
        line("created by", &format!("{}  {}", printable(&function(Some(frame))), printable(&place(frame))))?;
    }
    for (number, evidence) in judgement.evidence.iter().enumerate() {
        let key = if number == 0 { judgement.verdict.as_str() } else { "" };
        line(key, &printable(&evidence.detail))?;
    }
    if let Some(retained) = group.retained(snapshot) {
        line("retains", &bytes(retained))?;
    }
    if let Some((holder, _)) = group.held_by(snapshot).first() {
        line("held by", &printable(holder))?;
    }
    if let Some((seen, of)) = leak.seen {
        line("seen in", &format!("{seen} of {of} runs"))?;
    }
    if let Some(finding) = &leak.finding {
        line("matches", &format!("{}: {}", finding.rule, finding.message))?;
        if let Some(fix) = &finding.fix {
            line("fix", &format!("{fix} (gostray check --diff)"))?;
        }
    }
    Ok(())
}
