//! One page that needs nothing else: the goroutines over time, and what each endpoint leaves behind.

use std::io::{self, Write};
use std::time::Duration;

use super::{SoakReport, answers};
use crate::html::{Page, text, verdict as shown};
use crate::words::{bytes, function, number, place};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 260.0;
/// Room for the numbers.
const LEFT: f64 = 56.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 30.0;

/// What a load test adds to the style of all pages.
const STYLE: &str = "pre b{width:5.5rem!important}svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:var(--dim)}\
.curve{fill:none;stroke:var(--accent);stroke-width:2}.phase:nth-of-type(odd){fill:#8881}.phase{fill:#8882}.axis{stroke:#8884}";

pub(super) fn write(report: &SoakReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    Page { title: "gostray soak", style: STYLE, script: "" }.write(out, |out| content(report, out))
}

fn content(report: &SoakReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let outcome = report.outcome;
    writeln!(
        out,
        "<h1>{}</h1><p class=\"at\">{} · {} goroutines before, {} after · {:.0} requests a second</p>",
        text(&report.summary()),
        text(report.target),
        number(outcome.before),
        number(outcome.after),
        outcome.rate
    )?;
    curve(report, out)?;
    writeln!(
        out,
        "<table><thead><tr><th>endpoint<th>verdict<th>leaked per request<th>95 %<th>requests<th>p50<th>p99<th>answers</tr></thead><tbody>"
    )?;
    for endpoint in &outcome.endpoints {
        let verdict = endpoint.growths.iter().map(|growth| growth.judged.judgement.verdict).min();
        let word = match verdict {
            Some(verdict) => verdict.as_str(),
            None if endpoint.trouble.is_some() => "not tested",
            None => "clean",
        };
        let latency = endpoint.answers.latency();
        let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
        let interval = match &endpoint.growths[..] {
            [growth] => format!("{:.2}–{:.2}", growth.rate.low, growth.rate.high),
            _ => String::new(),
        };
        let rate = verdict.map(|_| format!("{:.2}", endpoint.per_request())).unwrap_or_default();
        writeln!(
            out,
            "<tr><td>{}<td>{}<td class=\"n\">{rate}<td class=\"i\">{interval}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{}<td>{}</tr>",
            text(&endpoint.name),
            shown(word),
            number(endpoint.answers.sent),
            millis(latency.p50),
            millis(latency.p99),
            text(&endpoint.trouble.clone().unwrap_or_else(|| answers(endpoint)))
        )?;
    }
    writeln!(out, "</tbody></table>")?;
    for endpoint in &outcome.endpoints {
        for growth in outcome.news(endpoint) {
            let tables = &outcome.snapshot.tables;
            let group = &growth.judged.group;
            let verdict = growth.judged.judgement.verdict;
            let at = |frame: Option<&gostray_model::Frame>| {
                frame.map_or_else(String::new, |frame| format!("{}  {}", function(Some(frame)), place(frame)))
            };
            let because: Vec<&str> = growth.judged.judgement.evidence.iter().map(|own| own.detail.as_str()).collect();
            writeln!(
                out,
                "<article><header><h2>{}{} leaves {:.2} × {} behind per request</h2>\
                 <div class=\"at\">{}</div></header><pre><span class=\"line\"><b>waits</b>{}</span><span class=\"line\"><b>started</b>{}</span></pre>",
                shown(verdict.as_str()),
                text(&endpoint.name),
                growth.rate.mean,
                text(group.state(tables)),
                text(&because.join(" · ")),
                text(&at(group.blocked_at(tables))),
                text(&at(group.created_at(tables))),
            )?;
            if let Some(each) = growth.bytes {
                write!(out, "<footer>{} kept by each of them</footer>", bytes(each))?;
            }
            writeln!(out, "</article>")?;
        }
    }
    Ok(())
}

/// Goroutines over time.
fn curve(report: &SoakReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let curve = &report.outcome.curve;
    let end = curve.phases.last().map_or(1.0, |phase| phase.end.as_secs_f64()).max(0.001);
    let most = curve.points.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    #[expect(clippy::cast_precision_loss, reason = "a picture")]
    let (x, y) = (
        |at: Duration| LEFT + at.as_secs_f64() / end * (WIDTH - LEFT),
        |count: u64| TOP + (1.0 - count as f64 / most as f64) * (HEIGHT - TOP - BOTTOM),
    );
    write!(out, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"goroutines over time\">")?;
    for (at, phase) in curve.phases.iter().enumerate() {
        let (from, to) = (x(phase.start), x(phase.end));
        write!(
            out,
            "<rect class=\"phase\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
            (to - from).max(0.0),
            HEIGHT - TOP - BOTTOM,
            text(&phase.name)
        )?;
        // The names would not fit, nor a number that is next to another.
        if to - from < 14.0 {
            continue;
        }
        write!(out, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", from + 2.0, HEIGHT - BOTTOM + 12.0, at + 1)?;
    }
    for count in [0, most / 2, most] {
        write!(
            out,
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/><text x=\"{1:.1}\" y=\"{2:.1}\" text-anchor=\"end\">{3}</text>",
            y(count),
            LEFT - 6.0,
            y(count) + 4.0,
            number(count)
        )?;
    }
    let points: Vec<String> =
        curve.points.iter().map(|(at, count)| format!("{:.1},{:.1}", x(*at), y(*count))).collect();
    writeln!(out, "<polyline class=\"curve\" points=\"{}\"/></svg>", points.join(" "))?;
    let names: Vec<String> =
        curve.phases.iter().enumerate().map(|(at, phase)| format!("{} {}", at + 1, text(&phase.name))).collect();
    writeln!(out, "<p class=\"at\">{}</p>", names.join(" · "))
}
