//! Lines of source, with what happens in them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::text;

/// Files that excerpts are from, each read once.
#[derive(Debug, Default)]
pub(crate) struct Sources(BTreeMap<PathBuf, Vec<String>>);

/// A line, and what happens there.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    /// From 1.
    pub(crate) line: u32,
    /// What happens; empty where the line is only shown.
    pub(crate) note: String,
}

/// How much is shown around marks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// Lines before and behind each.
    pub(crate) around: u32,
    /// Pieces that are no more lines apart are shown as one.
    pub(crate) together: u32,
}

impl Sources {
    /// The lines of a file; none if it can't be read.
    fn lines(&mut self, file: &Path) -> &[String] {
        self.0.entry(file.to_owned()).or_insert_with(|| {
            let bytes = std::fs::read(file).unwrap_or_default();
            String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
        })
    }

    /// Writes the lines of marks with some around each; nothing where the file does not have them.
    pub(crate) fn excerpt(&mut self, file: &Path, marks: &[Mark], cut: Cut, out: &mut dyn Write) -> io::Result<()> {
        let lines = self.lines(file);
        let mut pieces: Vec<(u32, u32)> = Vec::new();
        let mut marked: Vec<u32> = marks.iter().map(|mark| mark.line).filter(|line| *line > 0).collect();
        marked.sort_unstable();
        for line in marked {
            let (first, last) = (line.saturating_sub(cut.around).max(1), line.saturating_add(cut.around));
            match pieces.last_mut() {
                Some((_, end)) if first <= end.saturating_add(cut.together).saturating_add(1) => *end = last,
                _ => pieces.push((first, last)),
            }
        }
        if pieces.first().is_none_or(|(first, _)| *first as usize > lines.len()) {
            return Ok(());
        }
        write!(out, "<pre>")?;
        for (at, (first, last)) in pieces.iter().enumerate() {
            if at > 0 {
                write!(out, "<span class=\"gap\">…</span>")?;
            }
            for number in *first..=*last {
                let Some(line) = lines.get(number as usize - 1) else { break };
                one(number, line, marks, out)?;
            }
        }
        writeln!(out, "</pre>")
    }
}

fn one(number: u32, line: &str, marks: &[Mark], out: &mut dyn Write) -> io::Result<()> {
    // Tab stops of the browser would count the number.
    let line = line.replace('\t', "    ");
    let indent = line.len() - line.trim_start().len();
    let own: Vec<&Mark> = marks.iter().filter(|mark| mark.line == number).collect();
    let class = if own.is_empty() { "line" } else { "line hit" };
    write!(out, "<span class=\"{class}\"><b>{number}</b>{}</span>", text(&line))?;
    for mark in own.iter().filter(|mark| !mark.note.is_empty()) {
        write!(out, "<span class=\"note\">{}{}</span>", " ".repeat(indent), text(&mark.note))?;
    }
    Ok(())
}
