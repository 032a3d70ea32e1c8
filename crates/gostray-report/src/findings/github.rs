//! Workflow commands of GitHub Actions: each finding is shown beside the line in the pull request.
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>

use std::io::{self, Write};

use gostray_check::Tier;

use crate::findings::FindingsReport;

pub(super) fn write(report: &FindingsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    for finding in report.findings() {
        let level = match finding.tier {
            Tier::Proven => "error",
            Tier::Likely => "warning",
            Tier::Hygiene => "notice",
        };
        let place = &finding.place;
        let story: Vec<String> =
            finding.path.iter().map(|step| format!("{}: {}", report.at(&step.place), step.note)).collect();
        let text = format!("{}\n{}", finding.message, story.join("\n"));
        writeln!(
            out,
            "::{level} file={},line={},endLine={},col={},endColumn={},title={}::{}",
            property(&report.path(&place.file)),
            place.position.line,
            place.end_position.line,
            place.position.column,
            place.end_position.column,
            property(&format!("{} {}", finding.rule.code, finding.rule.name)),
            data(&text)
        )?;
    }
    for note in report.notes {
        writeln!(out, "::notice::{}", data(note))?;
    }
    Ok(())
}

pub(crate) fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

pub(crate) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The summary of a job, Markdown.
pub(super) fn summary(report: &FindingsReport<'_>) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("## gostray check\n\n");
    if report.findings().is_empty() {
        text.push_str("No leaks found.\n");
        return text;
    }
    text.push_str("| | rule | where | what |\n|---|---|---|---|\n");
    // A summary holds a mebibyte.
    for finding in report.findings().iter().take(500) {
        let _ = writeln!(
            text,
            "| {} | {} {} | `{}` | {} |",
            finding.tier.word(),
            finding.rule.code,
            finding.rule.name,
            report.at(&finding.place),
            finding.message.replace('|', "\\|")
        );
    }
    if report.findings().len() > 500 {
        let _ = writeln!(text, "\n… and {} more", report.findings().len() - 500);
    }
    text
}
