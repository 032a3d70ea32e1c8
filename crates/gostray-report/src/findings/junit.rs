//! JUnit XML: a test suite, each finding a failed test.

use std::io::{self, Write};

use crate::findings::FindingsReport;

pub(super) fn write(report: &FindingsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let findings = report.findings();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"gostray\" tests=\"{0}\" failures=\"{0}\">", findings.len())?;
    writeln!(
        out,
        "  <testsuite name=\"gostray check\" tests=\"{0}\" failures=\"{0}\" time=\"{1:.3}\">",
        findings.len(),
        report.elapsed.as_secs_f64()
    )?;
    for finding in findings {
        let at = report.at(&finding.place);
        writeln!(
            out,
            "    <testcase classname=\"{}\" name=\"{} {} {}\" file=\"{}\" line=\"{}\">",
            escape(&report.path(&finding.place.file)),
            finding.rule.code,
            finding.rule.name,
            escape(&at),
            escape(&report.path(&finding.place.file)),
            finding.place.position.line
        )?;
        let story: Vec<String> =
            finding.path.iter().map(|step| format!("{}: {}", report.at(&step.place), step.note)).collect();
        writeln!(
            out,
            "      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>",
            finding.tier.word(),
            escape(&finding.message),
            escape(&story.join("\n"))
        )?;
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML knows no other control characters.
            '\n' | '\t' => escaped.push(character),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}
