//! One page that needs nothing else: each test that leaves something behind, with its source.

use std::io::{self, Write};
use std::path::Path;

use gostray_gate::test::{Leak, Leaks, Status, Tested};
use gostray_model::Frame;

use super::{TestsReport, new_leaks, who};
use crate::html::{Cut, Mark, Page, Sources, text, verdict as shown};
use crate::words::{bytes, place};

/// How much is shown around a place; places that are no farther apart are in sight at once.
const CUT: Cut = Cut { around: 3, together: 20 };

pub(super) fn write(report: &TestsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    Page { title: "gostray test", style: "", script: "" }.write(out, |out| content(report, out))
}

fn content(report: &TestsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut sources = Sources::default();
    writeln!(out, "<h1>{}</h1>", text(&report.summary()))?;
    for leaks in report.leaky() {
        one(report, leaks, &mut sources, out)?;
    }
    writeln!(out, "<table><thead><tr><th>package<th>result<th>tests<th>time</tr></thead><tbody>")?;
    for tested in report.packages.iter().filter(|tested| tested.package.status != Status::NoTests) {
        writeln!(
            out,
            "<tr><td>{}<td>{}<td>{}<td>{:.2} s</tr>",
            text(&tested.package.path),
            text(&result(tested)),
            tested.top_tests(),
            tested.package.elapsed.as_secs_f64()
        )?;
    }
    writeln!(out, "</tbody></table>")
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

fn one(report: &TestsReport<'_>, leaks: &Leaks, sources: &mut Sources, out: &mut dyn Write) -> io::Result<()> {
    for leak in new_leaks(leaks) {
        let verdict = leak.judged.judgement.verdict;
        let tables = &leaks.snapshot.tables;
        let group = &leak.judged.group;
        writeln!(
            out,
            "<article><header><h2>{}{} leaves {} × {} behind</h2>\
             <div class=\"at\">{} · {}</div></header>",
            shown(verdict.as_str()),
            text(who(&leaks.origin)),
            group.count,
            text(group.state(tables)),
            text(&leaks.package),
            text(&story(leaks, leak))
        )?;
        let places = [(group.created_at(tables), "started here"), (group.blocked_at(tables), "waits here")];
        let places: Vec<(&Frame, &str)> = places.into_iter().filter_map(|(frame, what)| Some((frame?, what))).collect();
        match places[..] {
            // Both are in sight at once.
            [one, two] if one.0.file == two.0.file && one.0.line.abs_diff(two.0.line) <= CUT.together => {
                excerpt(&places, sources, out)?;
            }
            _ => {
                for place in &places {
                    excerpt(std::slice::from_ref(place), sources, out)?;
                }
            }
        }
        write!(out, "<footer>")?;
        if let Some(finding) = &leak.finding {
            write!(out, "{}: {}<br>", text(&finding.rule), text(&finding.message))?;
            if let Some(fix) = &finding.fix {
                write!(out, "Fix: {}<br>", text(fix))?;
            }
        }
        writeln!(out, "<code>{}</code></footer></article>", text(&report.again(leaks)))?;
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
fn excerpt(places: &[(&Frame, &str)], sources: &mut Sources, out: &mut dyn Write) -> io::Result<()> {
    let Some((last, _)) = places.last() else { return Ok(()) };
    writeln!(out, "<div class=\"at file\">{}  {}</div>", text(&place(last)), text(&last.function))?;
    let marks: Vec<Mark> =
        places.iter().map(|(frame, what)| Mark { line: frame.line, note: (*what).to_owned() }).collect();
    sources.excerpt(Path::new(&*last.file), &marks, CUT, out)
}
