//! `leak.html`: one page that needs nothing else, made to be attached to a ticket. What is known of a process, its
//! groups with what the source says of them, all of its stacks as an icicle, and who started whom.
//!
//! Everything is in the markup and can be read and printed without a script; the script adds zoom and filter. Every
//! number of goroutines leads to groups: they are numbered in the order of the page, and `#g1` is where the first is.

mod explained;
mod groups;
mod head;
mod icicle;
mod started;
mod tree;

use std::collections::BTreeSet;
use std::io::{self, Write};

use gostray_explain::Explanation;
use gostray_model::Snapshot;
use gostray_verdict::{Judged, Verdict};

use crate::explain::ExplainReport;
use crate::html::Page;
use crate::words::{count, number, printable};
use crate::{Detail, Report};

/// So many groups are told about; more would be a page that nobody can open.
const MAX_GROUPS: usize = 300;
/// So many groups behind one number are named.
const MAX_LINKS: usize = 8;

/// What is on the page.
struct Leak<'a> {
    snapshot: &'a Snapshot,
    /// Numbered from 1 in this order.
    groups: Vec<Entry<'a>>,
    /// What the source was asked, if it was.
    explain: Option<&'a ExplainReport<'a>>,
    /// Every goroutine, not only groups.
    goroutines: bool,
}

/// A group, and what the source says of it.
struct Entry<'a> {
    judged: &'a Judged,
    explanation: Option<&'a Explanation>,
}

pub(crate) fn write_report(report: &Report<'_>, detail: &Detail, out: &mut dyn Write) -> io::Result<()> {
    let groups = report.judged.iter().map(|judged| Entry { judged, explanation: None }).collect();
    Leak { snapshot: report.snapshot, groups, explain: None, goroutines: detail.goroutines }.write(out)
}

pub(crate) fn write_explained(report: &ExplainReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let explained = report.judged.iter().zip(report.explanations);
    let explained = explained.map(|(judged, explanation)| Entry { judged, explanation: Some(explanation) });
    let others = report.others.iter().map(|judged| Entry { judged, explanation: None });
    let groups = explained.chain(others).collect();
    Leak { snapshot: report.snapshot, groups, explain: Some(report), goroutines: false }.write(out)
}

impl Leak<'_> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let title = printable(&format!("{}: {}", self.snapshot.target.name, self.summary()));
        let page = Page { title: &title, style: include_str!("leak.css"), script: include_str!("leak.js") };
        page.write(out, |out| {
            head::write(self, out)?;
            writeln!(out, "<main>")?;
            groups::write(self, out)?;
            icicle::write(self, out)?;
            started::write(self, out)?;
            writeln!(out, "</main>")?;
            head::foot(out)
        })
    }

    /// How many goroutines have a verdict.
    fn count(&self, verdict: Verdict) -> u64 {
        self.of(verdict).map(|entry| entry.judged.group.count).sum()
    }

    fn of(&self, verdict: Verdict) -> impl Iterator<Item = &Entry<'_>> {
        self.groups.iter().filter(move |entry| entry.judged.judgement.verdict == verdict)
    }

    /// `256 goroutines, 200 proven, 3 suspect`
    fn summary(&self) -> String {
        let mut parts = vec![count(self.snapshot.goroutines(), "goroutine")];
        for verdict in [Verdict::Proven, Verdict::Likely, Verdict::Suspect] {
            if let n @ 1.. = self.count(verdict) {
                parts.push(format!("{} {verdict}", number(n)));
            }
        }
        parts.join(", ")
    }
}

/// Where a group stands, by its number.
fn anchor(group: usize) -> String {
    if group <= MAX_GROUPS { format!("#g{group}") } else { "#more".to_owned() }
}

/// Links to groups, by their numbers: `#1 #4 … 3 more`.
fn links(groups: &BTreeSet<usize>) -> String {
    let links: Vec<String> =
        groups.iter().take(MAX_LINKS).map(|group| format!("<a href=\"{}\">#{group}</a>", anchor(*group))).collect();
    let more = match groups.len().saturating_sub(MAX_LINKS) {
        0 => String::new(),
        more => format!(" … {} more", number(more as u64)),
    };
    format!("<span class=\"links\">{}{more}</span>", links.join(" "))
}

/// A number of goroutines that leads to the most suspicious of the groups behind it.
fn linked(goroutines: u64, groups: &BTreeSet<usize>) -> String {
    match groups.first() {
        Some(first) => format!("<a href=\"{}\">{}</a>", anchor(*first), number(goroutines)),
        None => number(goroutines),
    }
}

#[cfg(test)]
mod tests;
