//! One page that needs nothing else: each test that leaves something behind, with its source.

use std::io::{self, Write};

use gostray_gate::test::{Leak, Leaks, Status, Tested};
use gostray_model::Frame;

use super::{TestsReport, new_leaks, who};
use crate::findings::{escape, page_style};
use crate::words::{bytes, place};

/// Lines around a place.
const AROUND: usize = 3;
/// Places that are no farther apart are shown in one piece.
const TOGETHER: u32 = 20;

pub(super) fn write(report: &TestsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>gostray test</title><style>{}\
         table{{border-collapse:collapse;width:100%;margin:1rem 0;font-size:.9rem}}td,th{{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #8884}}</style></head><body>",
        page_style()
    )?;
    writeln!(out, "<h1>{}</h1>", escape(&report.summary()))?;
    for leaks in report.leaky() {
        one(report, leaks, out)?;
    }
    writeln!(out, "<table><thead><tr><th>package<th>result<th>tests<th>time</tr></thead><tbody>")?;
    for tested in report.packages.iter().filter(|tested| tested.package.status != Status::NoTests) {
        writeln!(
            out,
            "<tr><td>{}<td>{}<td>{}<td>{:.2} s</tr>",
            escape(&tested.package.path),
            escape(&result(tested)),
            tested.top_tests(),
            tested.package.elapsed.as_secs_f64()
        )?;
    }
    writeln!(out, "</tbody></table></body></html>")
}

fn result(tested: &Tested) -> String {
    let package = &tested.package;
    match package.status {
        Status::BuildFailed => "not built".to_owned(),
        Status::Interrupted => "interrupted".to_owned(),
        Status::Failed => {
            format!("failed: {}", package.failed.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
        }
        _ => match package.not_checked() {
            Some(why) => format!("not checked: {why}"),
            None if tested.is_leaky() => "leaks".to_owned(),
            None => "passed".to_owned(),
        },
    }
}

fn one(report: &TestsReport<'_>, leaks: &Leaks, out: &mut dyn Write) -> io::Result<()> {
    for leak in new_leaks(leaks) {
        let verdict = leak.judged.judgement.verdict;
        let tables = &leaks.snapshot.tables;
        let group = &leak.judged.group;
        writeln!(
            out,
            "<article><header><h2><span class=\"tier {verdict}\">{verdict}</span>{} leaves {} × {} behind</h2>\
             <div class=\"at\">{} · {}</div></header>",
            escape(who(&leaks.origin)),
            group.count,
            escape(group.state(tables)),
            escape(&leaks.package),
            escape(&story(leaks, leak))
        )?;
        let places = [(group.created_at(tables), "started here"), (group.blocked_at(tables), "waits here")];
        let places: Vec<(&Frame, &str)> = places.into_iter().filter_map(|(frame, what)| Some((frame?, what))).collect();
        match places[..] {
            // Both are in sight at once.
            [one, two] if one.0.file == two.0.file && one.0.line.abs_diff(two.0.line) <= TOGETHER => {
                excerpt(&places, out)?;
            }
            _ => {
                for place in &places {
                    excerpt(std::slice::from_ref(place), out)?;
                }
            }
        }
        write!(out, "<footer>")?;
        if let Some(finding) = &leak.finding {
            write!(out, "{}: {}<br>", escape(&finding.rule), escape(&finding.message))?;
            if let Some(fix) = &finding.fix {
                write!(out, "Fix: {}<br>", escape(fix))?;
            }
        }
        writeln!(out, "<code>{}</code></footer></article>", escape(&report.again(leaks)))?;
    }
    Ok(())
}

fn story(leaks: &Leaks, leak: &Leak) -> String {
    let mut parts: Vec<String> = leak.judged.judgement.evidence.iter().map(|own| own.detail.clone()).collect();
    let group = &leak.judged.group;
    parts.extend(group.retained(&leaks.snapshot).map(|retained| format!("retains {}", bytes(retained))));
    parts.extend(group.held_by(&leaks.snapshot).first().map(|(holder, _)| format!("held by {holder}")));
    parts.join(" · ")
}

/// The lines of places in one file, with some around them.
fn excerpt(places: &[(&Frame, &str)], out: &mut dyn Write) -> io::Result<()> {
    let Some((last, _)) = places.last() else { return Ok(()) };
    writeln!(
        out,
        "<div class=\"at\" style=\"padding:.3rem 1rem 0\">{}  {}</div>",
        escape(&place(last)),
        escape(&last.function)
    )?;
    let text = std::fs::read(&*last.file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = || places.iter().map(|(frame, _)| frame.line as usize);
    let (Some(first), Some(end)) = (lines().min(), lines().max()) else { return Ok(()) };
    write!(out, "<pre>")?;
    for (number, text) in text.lines().enumerate().map(|(at, text)| (at + 1, text)) {
        if number + AROUND < first || number > end + AROUND {
            continue;
        }
        let text = text.replace('\t', "    ");
        let notes: Vec<&str> =
            places.iter().filter(|(frame, _)| frame.line as usize == number).map(|(_, what)| *what).collect();
        let class = if notes.is_empty() { "line" } else { "line hit" };
        write!(out, "<span class=\"{class}\"><b>{number}</b>{}</span>", escape(&text))?;
        let indent = text.len() - text.trim_start().len();
        for note in notes {
            write!(out, "<span class=\"note\">{}{note}</span>", " ".repeat(indent))?;
        }
    }
    writeln!(out, "</pre>")
}
