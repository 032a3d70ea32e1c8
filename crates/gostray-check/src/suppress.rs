//! What the source itself says of findings: `//gostray:ignore GS101 reason`, and its like.

use gostray_golang::Span;
use gostray_golang::package::SourceFile;
use serde::{Deserialize, Serialize};

use crate::finding::Place;

/// A comment that suppresses findings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Suppression {
    /// Where it stands.
    pub(crate) place: Place,
    /// The lines it is about: its own, and the next one if it stands alone.
    lines: (u32, u32),
    /// The rules it names; all of them if there are none.
    rules: Vec<String>,
    /// Why.
    pub(crate) reason: String,
    /// It must have one.
    pub(crate) is_ours: bool,
}

/// The suppressions of a file.
pub(crate) fn suppressions(file: &SourceFile) -> Vec<Suppression> {
    // Nearly all files have none.
    let marks: [&[u8]; 3] = [b"gostray:", b"lint:", b"nolint"];
    if !marks.iter().any(|mark| memchr::memmem::find(&file.source, mark).is_some()) {
        return Vec::new();
    }
    file.file.comments.iter().filter_map(|span| of(file, *span)).collect()
}

fn of(file: &SourceFile, span: Span) -> Option<Suppression> {
    let text = file.text(span).strip_prefix("//")?.trim_end();
    let (rules, reason, is_ours) = if let Some(rest) = text.strip_prefix("gostray:ignore") {
        let rest = rest.trim_start();
        let (first, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let rules: Vec<String> = first.split(',').map(str::to_owned).collect();
        let are_rules = rules.iter().all(|rule| crate::rules::rule(rule).is_some());
        if are_rules { (rules, reason, true) } else { (Vec::new(), rest, true) }
    } else if let Some(rest) = text.strip_prefix("gostray:background") {
        // What is meant to live as long as the process.
        (crate::background::RULES.map(str::to_owned).to_vec(), rest, true)
    } else if let Some(rest) = text.strip_prefix("lint:ignore") {
        let rest = rest.trim_start();
        let (first, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let rules: Vec<String> = first.split(',').map(str::to_owned).collect();
        rules.iter().any(|rule| rule.starts_with("GS")).then_some((rules, reason, false))?
    } else if let Some(rest) = text.trim_start().strip_prefix("nolint") {
        let (names, reason) = rest.split_once("//").unwrap_or((rest, ""));
        let names = names.trim().strip_prefix(':')?;
        names.split(',').any(|name| name.trim() == "gostray").then_some((Vec::new(), reason, false))?
    } else {
        return None;
    };
    let line = file.lines().position(span.start).line;
    let start = file.lines().start(line)? as usize;
    let stands_alone = file.source[start..span.start as usize].iter().all(|byte| matches!(byte, b' ' | b'\t'));
    let lines = (line, if stands_alone { line + 1 } else { line });
    Some(Suppression { place: Place::of(file, span), lines, rules, reason: reason.trim().to_owned(), is_ours })
}

impl Suppression {
    /// Is it about a rule at a place?
    pub(crate) fn covers(&self, rule: &crate::rules::Rule, place: &Place) -> bool {
        let names = self.rules.is_empty()
            || self.rules.iter().any(|own| own.eq_ignore_ascii_case(rule.code) || own == rule.name);
        let at = place.position.line;
        names && (self.lines.0..=self.lines.1).contains(&at) && place.file == self.place.file
    }
}
