//! Writes a snapshot as the runtime would print it with `debug=2`.

use std::borrow::Cow;
use std::io::{self, Write};

use gostray_model::{Frame, Record, Snapshot, Stack, Status};

/// Writes a snapshot as a traceback. Records without an id get one that no other has, and one that
/// stands for several goroutines is written so many times.
///
/// # Errors
/// If `out` fails.
pub fn write(snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
    let mut next_id = snapshot.records.iter().map(|r| r.id).max().unwrap_or(0);
    let mut is_first = true;
    for record in &snapshot.records {
        for _ in 0..record.count {
            if !std::mem::take(&mut is_first) {
                writeln!(out)?;
            }
            let id = if record.id == 0 {
                next_id += 1;
                next_id
            } else {
                record.id
            };
            write_goroutine(snapshot, record, id, out)?;
        }
    }
    Ok(())
}

fn write_goroutine(snapshot: &Snapshot, record: &Record, id: u64, out: &mut dyn Write) -> io::Result<()> {
    let tables = &snapshot.tables;
    write!(out, "goroutine {id} [")?;
    write_status(tables.status(record.status), record, out)?;
    write!(out, "]")?;
    let labels = tables.labels(record.labels);
    for (at, (key, value)) in labels.iter().enumerate() {
        let before = if at == 0 { " {" } else { ", " };
        write!(out, "{before}{}: {}", quote(key), quote(value))?;
    }
    writeln!(out, "{}:", if labels.is_empty() { "" } else { "}" })?;
    let stack = tables.stack(record.stack);
    write_stack(snapshot, stack, record.creator_id, out)?;
    for ancestor in snapshot.ancestors.iter().filter(|a| a.of == record.id && record.id != 0) {
        writeln!(out, "[originating from goroutine {}]:", ancestor.id)?;
        write_stack(snapshot, tables.stack(ancestor.stack), 0, out)?;
    }
    Ok(())
}

fn write_status(status: &Status, record: &Record, out: &mut dyn Write) -> io::Result<()> {
    // A bracket would end the status.
    write!(out, "{}", printable(&status.reason).replace(['[', ']'], "_"))?;
    for (flag, text) in [(status.leaked, " (leaked)"), (status.scan, " (scan)"), (status.durable, " (durable)")] {
        if flag {
            write!(out, "{text}")?;
        }
    }
    if let Some(minutes) = record.age.known().map(|age| age.as_secs() / 60).filter(|minutes| *minutes > 0) {
        write!(out, ", {minutes} minutes")?;
    }
    if status.locked_to_thread {
        write!(out, ", locked to thread")?;
    }
    if let Some(bubble) = status.bubble {
        write!(out, ", synctest bubble {bubble}")?;
    }
    Ok(())
}

fn write_stack(snapshot: &Snapshot, stack: &Stack, creator_id: u64, out: &mut dyn Write) -> io::Result<()> {
    let place = |frame: &Frame, out: &mut dyn Write| writeln!(out, "\t{}:{}", printable(&frame.file), frame.line);
    if stack.unavailable {
        writeln!(out, "\tgoroutine running on other thread; stack unavailable")?;
    }
    let middle = stack.frames.len() / 2;
    for (at, id) in stack.frames.iter().enumerate() {
        if stack.elided > 0 && at == middle {
            writeln!(out, "...{} frames elided...", stack.elided)?;
        }
        let frame = snapshot.tables.frame(*id);
        writeln!(out, "{}(...)", printable(&frame.function))?;
        place(frame, out)?;
    }
    if stack.truncated {
        writeln!(out, "...additional frames elided...")?;
    }
    if let Some(id) = stack.created_by {
        let frame = snapshot.tables.frame(id);
        match creator_id {
            0 => writeln!(out, "created by {}", printable(&frame.function))?,
            id => writeln!(out, "created by {} in goroutine {id}", printable(&frame.function))?,
        }
        place(frame, out)?;
    }
    Ok(())
}

/// A name from a hostile or damaged profile must not break the lines.
fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        Cow::Owned(
            text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect(),
        )
    } else {
        Cow::Borrowed(text)
    }
}

/// Quotes as the runtime does: not where there is nothing to quote.
fn quote(text: &str) -> String {
    if text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_')) && !text.is_empty() {
        return text.to_owned();
    }
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
