//! For assistants: a finding in few lines, with its path, and the edits of its fix as they are to be made.

use std::io::{self, Write};

use crate::findings::FindingsReport;

pub(super) fn write(report: &FindingsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    for finding in report.findings() {
        let rule = finding.rule;
        writeln!(
            out,
            "{} {} {} {} in {}: {}",
            report.at(&finding.place),
            rule.code,
            rule.name,
            finding.tier.word(),
            finding.function,
            finding.message
        )?;
        if finding.live > 0 {
            writeln!(out, "  live: {} goroutines wait because of it", finding.live)?;
        }
        for step in &finding.path {
            writeln!(out, "  {}: {}", report.at(&step.place), step.note)?;
        }
        if let Some(fix) = &finding.fix {
            writeln!(out, "  fix ({}): {}", fix.safety.word(), fix.title)?;
            for edit in &fix.edits {
                writeln!(
                    out,
                    "    {} bytes {}..{} become {:?}",
                    report.path(&edit.file),
                    edit.start,
                    edit.end,
                    edit.text
                )?;
            }
        }
    }
    for note in report.notes {
        writeln!(out, "note: {note}")?;
    }
    Ok(())
}
