//! What the source says is meant to stay: comments at `go` statements, and what goleak is told to ignore.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use gostray_golang::{Bodies, parse};
use gostray_model::{Frame, Snapshot, Stack};
use regex::Regex;

/// By which functions goleak is told to ignore goroutines.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ignore {
    /// `IgnoreTopFunction`
    Top(String),
    /// `IgnoreAnyFunction`
    Any(String),
    /// `IgnoreCreatedBy`
    CreatedBy(String),
}

/// What is meant to stay.
#[derive(Debug, Default)]
pub(crate) struct Meant {
    /// By package folder.
    goleak: HashMap<PathBuf, Vec<Ignore>>,
    /// The lines of source files.
    files: HashMap<Box<str>, Vec<String>>,
    /// `[test] ignore` of `gostray.toml`.
    functions: Vec<String>,
}

static GOLEAK: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r#"\.\s*Ignore(TopFunction|AnyFunction|CreatedBy)\(\s*(?:"((?:[^"\\\n]|\\.)*)"|`([^`]*)`)"#;
    #[expect(clippy::unwrap_used, reason = "a constant, and used by a test")]
    Regex::new(pattern).unwrap()
});

impl Meant {
    pub(crate) fn new(functions: &[String]) -> Self {
        Self { functions: functions.to_vec(), ..Self::default() }
    }

    /// Why goroutines of a stack are meant to stay, in the words of whoever says so; `folder` is that of the
    /// package whose tests started them.
    pub(crate) fn why(&mut self, snapshot: &Snapshot, stack: &Stack, folder: &Path) -> Option<String> {
        let tables = &snapshot.tables;
        let frames: Vec<&Frame> = tables.visible(stack).collect();
        let creator = stack.created_by.map(|id| tables.frame(id));
        let is = |name: &str, frame: Option<&Frame>| frame.is_some_and(|frame| *frame.function == *name);
        for name in &self.functions {
            if is(name, creator) || frames.iter().any(|frame| is(name, Some(frame))) {
                return Some(format!("gostray.toml ignores {name}"));
            }
        }
        let goleak = self.goleak.entry(folder.to_owned()).or_insert_with(|| told_to_goleak(folder));
        for ignore in &*goleak {
            let (how, name, is_it) = match ignore {
                Ignore::Top(name) => ("IgnoreTopFunction", name, is(name, frames.first().copied())),
                Ignore::Any(name) => ("IgnoreAnyFunction", name, frames.iter().any(|frame| is(name, Some(frame)))),
                Ignore::CreatedBy(name) => ("IgnoreCreatedBy", name, is(name, creator)),
            };
            if is_it {
                return Some(format!("goleak.{how}({name:?})"));
            }
        }
        self.comment(creator?)
    }

    /// The comment at a `go` statement, or above it.
    fn comment(&mut self, at: &Frame) -> Option<String> {
        let lines = self.files.entry(at.file.clone()).or_insert_with(|| {
            let text = std::fs::read_to_string(&*at.file).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        });
        let line = (at.line as usize).checked_sub(1)?;
        let above = line.checked_sub(1).and_then(|above| lines.get(above));
        let above = above.filter(|above| above.trim_start().starts_with("//"));
        [lines.get(line), above].into_iter().flatten().find_map(|line| {
            let comment = &line[line.find("//")?..];
            let words = comment.trim_start_matches("//").trim_start();
            let ours = words.starts_with("gostray:background") || words.starts_with("gostray:ignore");
            let others = words.starts_with("nolint:gostray") || words.starts_with("lint:ignore GS");
            (ours || others).then(|| comment.trim().to_owned())
        })
    }
}

fn told_to_goleak(folder: &Path) -> Vec<Ignore> {
    let mut ignored = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if !path.to_str().is_some_and(|path| path.ends_with("_test.go")) {
            continue;
        }
        let Ok(source) = std::fs::read(&path) else { continue };
        if memchr::memmem::find(&source, b"goleak").is_some() {
            ignored.extend(ignores(&source));
        }
    }
    ignored
}

fn ignores(source: &[u8]) -> Vec<Ignore> {
    let mut source = source.to_vec();
    for comment in parse(&source, Bodies::Parse).file.comments {
        source[comment.start as usize..comment.end as usize].fill(b' ');
    }
    let text = String::from_utf8_lossy(&source);
    GOLEAK
        .captures_iter(&text)
        .filter_map(|found| {
            let name = found.get(2).or_else(|| found.get(3))?.as_str().to_owned();
            Some(match found.get(1)?.as_str() {
                "TopFunction" => Ignore::Top(name),
                "AnyFunction" => Ignore::Any(name),
                _ => Ignore::CreatedBy(name),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goleak_ignores_is_read_from_the_source() {
        let source = b"package p\n\nfunc TestMain(m *testing.M) {\n\tgoleak.VerifyTestMain(m,\n\
            \t\tgoleak.IgnoreTopFunction(\"a.b\"),\n\t\t// goleak.IgnoreTopFunction(\"no\"),\n\
            \t\tgoleak.IgnoreAnyFunction(`c.(*D).e`), goleak.IgnoreCreatedBy(\"f.g\"), goleak.IgnoreTopFunction(name))\n}\n";
        let all = [Ignore::Top("a.b".into()), Ignore::Any("c.(*D).e".into()), Ignore::CreatedBy("f.g".into())];
        assert_eq!(ignores(source), all);
    }
}
