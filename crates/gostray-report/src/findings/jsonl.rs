//! A finding a line, each as in `gostray.findings/v1`.

use std::io::{self, Write};

use crate::findings::{FindingsReport, json};

pub(super) fn write(report: &FindingsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    for finding in report.findings() {
        serde_json::to_writer(&mut *out, &json::of(report.base, finding))?;
        writeln!(out)?;
    }
    Ok(())
}
