//! One page that needs nothing else: each finding with its story in the source.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use gostray_check::{Finding, Step, Tier};

use crate::findings::FindingsReport;
use crate::findings::junit::escape;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#1c2024;background:#fff}
h1{font-size:1.4rem}article{border:1px solid #d9d9e0;border-radius:8px;margin:1.2rem 0;overflow:hidden}
header{padding:.7rem 1rem;background:#f9f9fb;border-bottom:1px solid #d9d9e0}h2{font-size:1rem;margin:0}
.tier{display:inline-block;border-radius:4px;padding:0 .45rem;margin-right:.5rem;font-size:.8rem;font-weight:600;color:#fff}
.proven{background:#ce2c31}.likely{background:#ad5700}.hygiene{background:#60646c}
.at,.why{color:#60646c;font-size:.85rem}pre{margin:0;padding:.6rem 0;overflow-x:auto;font:13px/1.5 ui-monospace,monospace}
.line{display:block;padding:0 1rem}.line b{display:inline-block;width:3.5rem;color:#8b8d98;font-weight:400;user-select:none}
.hit{background:#fff7ed}.note{display:block;padding:0 1rem 0 4.5rem;color:#ad5700}
.gap{display:block;padding:0 1rem;color:#8b8d98}footer{padding:.6rem 1rem;border-top:1px solid #d9d9e0;font-size:.9rem}
@media(prefers-color-scheme:dark){body{background:#111113;color:#edeef0}header{background:#18191b}article,header,footer{border-color:#363a3f}.hit{background:#302008}.note{color:#ffa057}}";

/// How a page looks.
pub(crate) fn page_style() -> &'static str {
    STYLE
}

pub(super) fn write(report: &FindingsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>gostray check</title><style>{STYLE}</style></head><body>"
    )?;
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
    let mut sources: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for finding in findings {
        one(report, finding, &mut sources, out)?;
    }
    for note in report.notes {
        writeln!(out, "<p class=\"at\">note: {}</p>", escape(note))?;
    }
    writeln!(out, "</body></html>")
}

fn one(
    report: &FindingsReport<'_>,
    finding: &Finding,
    sources: &mut BTreeMap<PathBuf, Vec<String>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let tier = finding.tier.word();
    writeln!(
        out,
        "<article id=\"{}\"><header><h2><span class=\"tier {tier}\">{tier}</span>{}</h2>\
         <div class=\"at\">{} {} · {} · {}</div></header>",
        finding.fingerprint,
        escape(&finding.message),
        finding.rule.code,
        finding.rule.name,
        escape(&report.at(&finding.place)),
        escape(&finding.function)
    )?;
    let mut files: Vec<&Path> = Vec::new();
    for step in &finding.path {
        if !files.contains(&step.place.file.as_path()) {
            files.push(&step.place.file);
        }
    }
    for file in files {
        let lines = sources.entry(file.to_owned()).or_insert_with(|| {
            let bytes = std::fs::read(file).unwrap_or_default();
            String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
        });
        let steps: Vec<(usize, &Step)> =
            finding.path.iter().enumerate().filter(|(_, step)| step.place.file == file).collect();
        if file != finding.place.file {
            writeln!(out, "<div class=\"at\" style=\"padding:.3rem 1rem 0\">{}</div>", escape(&report.path(file)))?;
        }
        excerpt(lines, &steps, out)?;
    }
    write!(out, "<footer>")?;
    if !finding.why.is_empty() {
        write!(out, "<span class=\"why\">{}</span>", escape(&finding.why))?;
    }
    if let Some(fix) = &finding.fix {
        write!(out, "<br>Fix ({}): {}", fix.safety.word(), escape(&fix.title))?;
    }
    writeln!(out, "</footer></article>")
}

/// The lines of steps with two around each.
fn excerpt(lines: &[String], steps: &[(usize, &Step)], out: &mut dyn Write) -> io::Result<()> {
    write!(out, "<pre>")?;
    let mut last = 0usize;
    for (at, line) in lines.iter().enumerate() {
        let number = at + 1;
        let is_near = steps.iter().any(|(_, step)| (step.place.position.line as usize).abs_diff(number) <= 2);
        if !is_near {
            continue;
        }
        if last != 0 && last + 1 != number {
            write!(out, "<span class=\"gap\">…</span>")?;
        }
        last = number;
        let own: Vec<_> = steps.iter().filter(|(_, step)| step.place.position.line as usize == number).collect();
        let class = if own.is_empty() { "line" } else { "line hit" };
        // Tab stops of the browser would count the number.
        let line = line.replace('\t', "    ");
        let indent = line.len() - line.trim_start().len();
        write!(out, "<span class=\"{class}\"><b>{number}</b>{}</span>", escape(&line))?;
        for (at, step) in own {
            write!(out, "<span class=\"note\">{}{}. {}</span>", " ".repeat(indent), at + 1, escape(&step.note))?;
        }
    }
    writeln!(out, "</pre>")
}
