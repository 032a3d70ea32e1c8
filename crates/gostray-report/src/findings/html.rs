//! One page that needs nothing else: each finding with its story in the source.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use gostray_check::{Finding, Step, Tier};

use crate::findings::{FindingsReport, shown};
use crate::html::{Cut, Mark, Page, Sources, text, verdict};

/// How much is shown around what happens.
const CUT: Cut = Cut { around: 2, together: 0 };

pub(super) fn write(report: &FindingsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    Page { title: "gostray check", style: "", script: "" }.write(out, |out| content(report, out))
}

fn content(report: &FindingsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let findings = report.findings();
    let count = match findings.len() {
        0 => "No leaks found".to_owned(),
        all => {
            let tiers = [Tier::Proven, Tier::Likely, Tier::Hygiene].map(|tier| {
                let count = findings.iter().filter(|finding| finding.tier == tier).count();
                (count > 0).then(|| format!("{count} {}", tier.word()))
            });
            let word = if all == 1 { "finding" } else { "findings" };
            format!("{all} {word}: {}", tiers.into_iter().flatten().collect::<Vec<_>>().join(", "))
        }
    };
    writeln!(
        out,
        "<h1>{count}</h1><p class=\"at\">{} files of {} packages, {} lines, {:.2} s</p>",
        report.report.files,
        report.report.packages,
        report.report.lines,
        report.elapsed.as_secs_f64()
    )?;
    let mut sources = Sources::default();
    for finding in findings {
        one(report, finding, &mut sources, out)?;
    }
    for note in report.notes {
        writeln!(out, "<p class=\"at\">note: {}</p>", text(note))?;
    }
    Ok(())
}

fn one(report: &FindingsReport<'_>, finding: &Finding, sources: &mut Sources, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<article id=\"{}\"><header><h2>{}{}</h2>\
         <div class=\"at\">{} {} · {} · {}</div></header>",
        text(&finding.fingerprint),
        verdict(finding.tier.word()),
        text(&finding.message),
        finding.rule.code,
        finding.rule.name,
        text(&report.at(&finding.place)),
        text(&finding.function)
    )?;
    story(&finding.path, &finding.place.file, report.base, sources, out)?;
    write!(out, "<footer>")?;
    if !finding.why.is_empty() {
        write!(out, "<span class=\"why\">{}</span>", text(&finding.why))?;
    }
    if let Some(fix) = &finding.fix {
        write!(out, "<br>Fix ({}): {}", fix.safety.word(), text(&fix.title))?;
    }
    writeln!(out, "</footer></article>")
}

/// The lines of steps, file by file; a file is named where it is not `known` from what stands above.
pub(crate) fn story(
    path: &[Step],
    known: &Path,
    base: &Path,
    sources: &mut Sources,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut files: Vec<&PathBuf> = Vec::new();
    for step in path {
        if !files.contains(&&step.place.file) {
            files.push(&step.place.file);
        }
    }
    for file in files {
        let marks: Vec<Mark> = path
            .iter()
            .enumerate()
            .filter(|(_, step)| step.place.file == *file)
            .map(|(at, step)| Mark { line: step.place.position.line, note: format!("{}. {}", at + 1, step.note) })
            .collect();
        if file != known {
            writeln!(out, "<div class=\"at file\">{}</div>", text(&shown(base, file)))?;
        }
        sources.excerpt(file, &marks, CUT, out)?;
    }
    Ok(())
}
