//! Fixes, put together: each is independent of the others, those that touch the same text wait for the next
//! round.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gostray_golang::{Bodies, parse};

use crate::finding::{Edit, Finding, Safety};

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub path: PathBuf,
    /// Its text now.
    pub before: Vec<u8>,
    /// Its text with the fixes.
    pub after: Vec<u8>,
    /// How many fixes are in it.
    pub fixes: usize,
}

/// What was done with the fixes of findings.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The files that change, by name.
    pub changes: Vec<Change>,
    /// The findings whose fixes are in them, by their places among those that were given.
    pub made: Vec<usize>,
    /// Fixes that touch the text of others: a second round will do them.
    pub postponed: usize,
    /// Fixes that were left out, as the file would not parse any more.
    pub refused: usize,
}

/// Puts together the fixes of findings that are at least this safe. Files are read from the disk: they are as
/// they were when they were checked, or the edits do not fit and the file is left as it is.
///
/// # Errors
///
/// If a file can't be read.
pub fn plan(findings: &[Finding], safety: Safety) -> Result<Plan, (PathBuf, std::io::Error)> {
    let mut plan = Plan::default();
    let mut accepted: BTreeMap<PathBuf, (Vec<Edit>, usize)> = BTreeMap::new();
    for (number, finding) in findings.iter().enumerate() {
        let Some(fix) = finding.fix.as_ref().filter(|fix| fix.safety <= safety && !fix.edits.is_empty()) else {
            continue;
        };
        // The same change for two findings is one.
        let known = |edit: &Edit| accepted.get(&edit.file).is_some_and(|(edits, _)| edits.contains(edit));
        if fix.edits.iter().all(known) {
            plan.made.push(number);
            continue;
        }
        let overlaps = |edit: &Edit| {
            accepted.get(&edit.file).is_some_and(|(edits, _)| edits.iter().any(|other| touches(edit, other)))
        };
        if fix.edits.iter().any(overlaps) {
            plan.postponed += 1;
            continue;
        }
        plan.made.push(number);
        for (at, edit) in fix.edits.iter().enumerate() {
            let (edits, count) = accepted.entry(edit.file.clone()).or_default();
            edits.push(edit.clone());
            *count += usize::from(at == 0);
        }
    }
    for (path, (mut edits, fixes)) in accepted {
        let before = std::fs::read(&path).map_err(|error| (path.clone(), error))?;
        edits.sort();
        match apply(&before, &edits) {
            Some(after) => plan.changes.push(Change { path, before, after, fixes }),
            None => plan.refused += fixes,
        }
    }
    let changed = |edit: &Edit| plan.changes.iter().any(|change| change.path == edit.file);
    let is_whole = |finding: &Finding| finding.fix.iter().flat_map(|fix| &fix.edits).all(changed);
    plan.made.retain(|number| is_whole(&findings[*number]));
    Ok(plan)
}

fn touches(a: &Edit, b: &Edit) -> bool {
    // Two insertions at one place have an order that nobody said.
    a.start <= b.end && b.start <= a.end
}

/// A text with edits, unless it would have errors that it had not before.
fn apply(before: &[u8], edits: &[Edit]) -> Option<Vec<u8>> {
    let mut after = Vec::with_capacity(before.len() + 64);
    let mut at = 0usize;
    for edit in edits {
        after.extend_from_slice(before.get(at..edit.start as usize)?);
        after.extend_from_slice(edit.text.as_bytes());
        at = edit.end as usize;
    }
    after.extend_from_slice(before.get(at..)?);
    let errors = |text: &[u8]| parse(text, Bodies::Parse).errors.len();
    (errors(&after) <= errors(before)).then_some(after)
}

impl Change {
    /// The change as `diff -u` shows it.
    #[must_use]
    pub fn diff(&self, name: &Path) -> String {
        let (before, after) = (String::from_utf8_lossy(&self.before), String::from_utf8_lossy(&self.after));
        let name = name.display();
        let diff = similar::TextDiff::from_lines(&*before, &*after);
        diff.unified_diff().header(&format!("a/{name}"), &format!("b/{name}")).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: u32, end: u32, text: &str) -> Edit {
        Edit { file: PathBuf::from("a.go"), start, end, text: text.to_owned() }
    }

    #[test]
    fn edits_are_applied_in_order() {
        let text = b"package a\n\nvar a = 1\n";
        let after = apply(text, &[edit(8, 9, "b"), edit(19, 20, "22")]).unwrap();
        assert_eq!(String::from_utf8(after).unwrap(), "package b\n\nvar a = 22\n");
    }

    #[test]
    fn what_does_not_parse_is_refused() {
        assert_eq!(apply(b"package a\n", &[edit(0, 7, "")]), None);
        assert_eq!(apply(b"package a\n", &[edit(50, 60, "")]), None);
    }
}
