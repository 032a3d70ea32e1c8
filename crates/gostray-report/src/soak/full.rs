//! For people: what each endpoint leaves behind, then what is known of it.

use std::io::{self, Write};

use gostray_gate::soak::{EndpointOutcome, Growth, Latency};

use super::{SoakReport, answers};
use crate::style::{self, paint};
use crate::table::{Column, Table};
use crate::words::{bytes, duration, function, number, place, printable};

pub(super) fn write(report: &SoakReport<'_>, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let outcome = report.outcome;
    writeln!(
        out,
        "{}  {} goroutines before, {} after; {:.0} requests a second",
        paint(style::HEADING, &printable(report.target)),
        number(outcome.before),
        number(outcome.after),
        outcome.rate
    )?;
    writeln!(out)?;
    let mut table = Table::new(vec![
        ("VERDICT", Column::Left),
        ("LEAKED/REQUEST", Column::Right),
        ("95 %", Column::Left),
        ("REQUESTS", Column::Right),
        ("P50", Column::Right),
        ("P99", Column::Right),
        ("ANSWERS", Column::Left),
        ("ENDPOINT", Column::Flexible),
    ]);
    for endpoint in &outcome.endpoints {
        table.row(row(endpoint));
    }
    table.write(width, out)?;
    for endpoint in &outcome.endpoints {
        let mut news = outcome.news(endpoint).peekable();
        if news.peek().is_some() {
            writeln!(out, "\n{}", paint(style::HEADING, &printable(&endpoint.name)))?;
        }
        for growth in news {
            write_growth(report, growth, out)?;
        }
    }
    for (kind, text) in crate::words::caveats(&outcome.snapshot) {
        writeln!(out, "{kind}: {}", printable(text))?;
    }
    let is_bad = outcome.has_leaks() || outcome.is_incomplete();
    let style = if is_bad { style::MORE } else { style::LESS };
    writeln!(out, "\n{}", paint(style.bold(), &printable(&report.summary())))
}

fn row(endpoint: &EndpointOutcome) -> Vec<(String, anstyle::Style)> {
    let Latency { p50, p99, .. } = endpoint.answers.latency();
    let verdict = endpoint.growths.iter().map(|growth| growth.judged.judgement.verdict).min();
    let (word, colour) = match verdict {
        Some(verdict) => (verdict.to_string(), style::verdict(verdict)),
        None if endpoint.trouble.is_some() => ("not tested".to_owned(), style::MORE),
        None if endpoint.answers.sent == 0 => ("-".to_owned(), style::DIM),
        None => ("clean".to_owned(), style::LESS),
    };
    let rate = if verdict.is_some() { format!("{:.2}", endpoint.per_request()) } else { "-".to_owned() };
    let interval = match &endpoint.growths[..] {
        [growth] => format!("{:.2}–{:.2}", growth.rate.low, growth.rate.high),
        _ => String::new(),
    };
    let millis = |time: std::time::Duration| match time.as_micros() {
        0 => "-".to_owned(),
        micros @ 0..10_000 => format!("{}.{} ms", micros / 1000, micros % 1000 / 100),
        micros => format!("{} ms", micros / 1000),
    };
    vec![
        (word, colour),
        (rate, if verdict.is_some() { style::HEADING } else { style::DIM }),
        (interval, style::DIM),
        (number(endpoint.answers.sent), style::PLAIN),
        (millis(p50), style::PLAIN),
        (millis(p99), style::PLAIN),
        (printable(&endpoint.trouble.clone().unwrap_or_else(|| answers(endpoint))), style::PLAIN),
        (printable(&endpoint.name), style::PLAIN),
    ]
}

fn write_growth(report: &SoakReport<'_>, growth: &Growth, out: &mut dyn Write) -> io::Result<()> {
    let tables = &report.outcome.snapshot.tables;
    let group = &growth.judged.group;
    let judgement = &growth.judged.judgement;
    writeln!(
        out,
        "  {} {:.2} × {} per request",
        paint(style::verdict(judgement.verdict), judgement.verdict.as_str()),
        growth.rate.mean,
        printable(group.state(tables)),
    )?;
    let mut line = |key: &str, text: &str| writeln!(out, "    {} {text}", paint(style::DIM, &format!("{key:<10}")));
    let at = |frame: Option<&gostray_model::Frame>| {
        frame.map(|frame| format!("{}  {}", printable(&function(Some(frame))), printable(&place(frame))))
    };
    if let Some(text) = at(group.blocked_at(tables)) {
        line("blocked at", &text)?;
    }
    if let Some(text) = at(group.created_at(tables)) {
        line("created by", &text)?;
    }
    for evidence in &judgement.evidence {
        line("because", &printable(&evidence.detail))?;
    }
    if growth.proven > 0 {
        line("proven", &format!("{} at the end can never run again", number(growth.proven)))?;
    }
    if let Some((holder, _)) = group.held_by(&report.outcome.snapshot).first() {
        line("held by", &printable(holder))?;
    }
    if growth.stayed < 0.95 {
        line("stayed", &format!("{:.0} % of them; the others ended later", growth.stayed * 100.0))?;
    }
    if let Some(each) = growth.bytes {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate"
        )]
        let request = (each as f64 * growth.rate.mean) as u64;
        let left = report
            .time_left(growth)
            .map(|time| format!("; {} are used up after {} at this rate", bytes(report.limit), duration(time)));
        line("memory", &format!("{} per request{}", bytes(request), left.unwrap_or_default()))?;
    }
    Ok(())
}
