//! One clickable line a finding: `path:line:col: message (GS101 early-return-send)`.

use std::io::{self, Write};

use crate::findings::FindingsReport;

pub(super) fn write(report: &FindingsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    for finding in report.findings() {
        let rule = finding.rule;
        let live = if finding.live > 0 { format!(" [{} live]", finding.live) } else { String::new() };
        writeln!(out, "{}: {} ({} {}){live}", report.at(&finding.place), finding.message, rule.code, rule.name)?;
    }
    for note in report.notes {
        writeln!(out, "note: {note}")?;
    }
    Ok(())
}
