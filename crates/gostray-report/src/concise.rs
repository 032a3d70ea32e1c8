//! One clickable line a group.

use std::io::{self, Write};

use gostray_model::ChangeKind;
use gostray_verdict::Verdict;

use crate::words::{caveats, count, delta, number, place, printable};
use crate::{DiffReport, Report};

pub(crate) fn write_report(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let tables = &report.snapshot.tables;
    for judged in report.judged.iter().filter(|j| j.judgement.verdict != Verdict::Normal) {
        let group = &judged.group;
        let at = group.blocked_at(tables);
        let created = group.created_at(tables).map(|f| format!(", created at {}", place(f))).unwrap_or_default();
        writeln!(
            out,
            "{}: {} in {}: {}{} ({} {})",
            at.map(place).unwrap_or_default(),
            count(group.count, "goroutine"),
            printable(group.state(tables)),
            at.map_or("?", |f| f.function.as_ref()),
            created,
            judged.judgement.verdict,
            group.signature,
        )?;
    }
    for (kind, text) in caveats(report.snapshot) {
        writeln!(out, "{kind}: {}", printable(text))?;
    }
    Ok(())
}

pub(crate) fn write_diff(report: &DiffReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    for change in report.diff.changes.iter().filter(|c| c.kind() != ChangeKind::Same) {
        let judged = report.judged(change);
        let Some(first) = judged.first() else { continue };
        let tables = &report.side(change).tables;
        let at = first.group.blocked_at(tables);
        writeln!(
            out,
            "{}: {} ({} → {}) in {}: {} ({} {})",
            at.map(place).unwrap_or_default(),
            delta(change.delta()),
            number(change.before),
            number(change.after),
            printable(first.group.state(tables)),
            at.map_or("?", |f| f.function.as_ref()),
            first.judgement.verdict,
            change.signature,
        )?;
    }
    Ok(())
}
