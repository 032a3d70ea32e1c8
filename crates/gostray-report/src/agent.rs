//! For assistants: a summary line, then one line a group that is not normal, with all that is
//! known of it as `key=value`.

use std::io::{self, Write};

use gostray_model::{ChangeKind, Frame, Tables};
use gostray_verdict::{Judged, Verdict};

use crate::words::{caveats, duration};
use crate::{DiffReport, Report};

pub(crate) fn write_report(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = report.snapshot;
    writeln!(
        out,
        "snapshot target={:?} goroutines={} groups={} proven={} likely={} suspect={} complete={}",
        snapshot.target.name,
        snapshot.goroutines(),
        report.judged.len(),
        report.count(Verdict::Proven),
        report.count(Verdict::Likely),
        report.count(Verdict::Suspect),
        snapshot.is_complete(),
    )?;
    for judged in report.judged.iter().filter(|j| j.judgement.verdict != Verdict::Normal) {
        writeln!(out, "{}", line(judged, &snapshot.tables))?;
    }
    for (kind, text) in caveats(snapshot) {
        writeln!(out, "{kind} {text:?}")?;
    }
    Ok(())
}

pub(crate) fn write_diff(report: &DiffReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "diff before={} after={}", report.diff.before, report.diff.after)?;
    for change in report.diff.changes.iter().filter(|c| c.kind() != ChangeKind::Same) {
        if let Some(first) = report.judged(change).first() {
            let line = line(first, &report.side(change).tables);
            writeln!(out, "delta={:+} before={} after={} {line}", change.delta(), change.before, change.after)?;
        }
    }
    Ok(())
}

fn line(judged: &Judged, tables: &Tables) -> String {
    let group = &judged.group;
    let at = |frame: Option<&Frame>| {
        frame.map_or_else(|| "?".to_owned(), |f| format!("{:?} {}:{}", f.function, f.file, f.line))
    };
    let evidence: Vec<&str> = judged.judgement.evidence.iter().map(|e| e.detail.as_str()).collect();
    format!(
        "{} count={} state={:?} blocked_at={} created_at={} oldest={} signature={} evidence={:?}",
        judged.judgement.verdict,
        group.count,
        group.state(tables),
        at(group.blocked_at(tables)),
        at(group.created_at(tables)),
        group.oldest.map_or_else(|| "unknown".to_owned(), duration),
        group.signature,
        evidence.join("; "),
    )
}
