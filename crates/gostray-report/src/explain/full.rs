//! For people: each leak with its story, in the source.

use std::io::{self, Write};

use gostray_check::{Account, Waiting};
use gostray_explain::{Cause, Explanation};
use gostray_model::Frame;
use gostray_verdict::Judged;

use super::ExplainReport;
use crate::findings::write_one;
use crate::style::{self, paint};
use crate::words::{bytes, caveats, count, function, number, place, printable};

pub(super) fn write(report: &ExplainReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = report.snapshot;
    writeln!(
        out,
        "{}  {}, {} to explain",
        paint(style::HEADING, &printable(&snapshot.target.name)),
        count(snapshot.goroutines(), "goroutine"),
        count(report.judged.len() as u64, "group")
    )?;
    for note in report.notes {
        writeln!(out, "{}", paint(style::DIM, &printable(note)))?;
    }
    for (judged, explanation) in report.judged.iter().zip(report.explanations) {
        writeln!(out)?;
        one(report, judged, explanation, out)?;
    }
    for (kind, text) in caveats(snapshot) {
        writeln!(out, "\n{kind}: {}", printable(text))?;
    }
    Ok(())
}

fn one(report: &ExplainReport<'_>, judged: &Judged, explanation: &Explanation, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = report.snapshot;
    let tables = &snapshot.tables;
    let group = &judged.group;
    let verdict = judged.judgement.verdict;
    let retained = group.retained(snapshot).map(|retained| format!(", {} kept", bytes(retained))).unwrap_or_default();
    writeln!(
        out,
        "{}  {}{retained}",
        paint(style::verdict(verdict), verdict.as_str()),
        paint(style::HEADING, &format!("{} × {}", number(group.count), printable(group.state(tables)))),
    )?;
    let mut line = |key: &str, text: &str| writeln!(out, "  {} {text}", paint(style::DIM, &format!("{key:<10}")));
    let at = |frame: Option<&Frame>| {
        frame.map(|frame| format!("{}  {}", printable(&function(Some(frame))), printable(&place(frame))))
    };
    if let Some(text) = at(group.blocked_at(tables)) {
        line("blocked at", &text)?;
    }
    if let Some(text) = at(group.created_at(tables)) {
        line("created by", &text)?;
    }
    for evidence in &judged.judgement.evidence {
        line("because", &printable(&evidence.detail))?;
    }
    if let Some((holder, _)) = group.held_by(snapshot).first() {
        line("held by", &printable(holder))?;
    }
    for misfit in explanation.doubts() {
        line("but", &printable(misfit))?;
    }
    if let Some(started_by) = &explanation.started_by {
        line("source", &format!("{} is a dependency's; what it gave is not given back here:", printable(started_by)))?;
    }
    match &explanation.cause {
        Cause::Finding(finding) => {
            write_one(finding, report.base, out)?;
            if let Some(verified) = &explanation.verified {
                writeln!(out, "  {} {verified}", paint(style::DIM, &format!("{:<10}", "verified")))?;
            }
            match report.mend(finding) {
                Some(command) => writeln!(out, "  {} {command}", paint(style::DIM, &format!("{:<10}", "mend it"))),
                None => Ok(()),
            }
        }
        Cause::Accounts(accounts) => accounts.iter().try_for_each(|account| self::account(report, account, out)),
        Cause::Unknown(why) => line("cause", &printable(why)),
    }
}

fn account(report: &ExplainReport<'_>, account: &Account, out: &mut dyn Write) -> io::Result<()> {
    let mut line = |key: &str, text: &str| writeln!(out, "  {} {text}", paint(style::DIM, &format!("{key:<10}")));
    if account.waiting == Waiting::Call {
        return line("waits", &format!("it {}", ExplainReport::waits(account)));
    }
    line("waits", &format!("it {}; {} would end that", ExplainReport::waits(account), account.waiting.ended_by()))?;
    for made in &account.made {
        line("made at", &report.at(made))?;
    }
    for (number, waker) in account.wakers.iter().enumerate() {
        let key = if number == 0 { "could wake" } else { "" };
        line(key, &format!("{}  {} {}", report.at(&waker.place), printable(&waker.function), waker.what))?;
    }
    match (account.wakers.is_empty(), account.is_whole) {
        (true, true) => line("could wake", "nobody: nothing in the source does that"),
        (true, false) => line("could wake", "nobody that is in sight; it gets out of sight in the source"),
        (false, true) => line("", "nobody else"),
        (false, false) => line("", "perhaps others: it gets out of sight in the source"),
    }
}
