//! For people: a table, then what is known of each suspicious group.

use std::io::{self, Write};

use gostray_model::{Change, ChangeKind, Frame, Group, NoteKind, Snapshot};
use gostray_verdict::{Judged, Verdict};

use crate::style::{self, paint};
use crate::table::{Column, Table};
use crate::words::{bytes, caveats, count, delta, duration, function, number, place, printable, short_place};
use crate::{Detail, DiffReport, Report};

/// How many groups are told about below the table.
const TOLD: usize = 10;
/// How many ways are shown by which goroutines are held.
const HELD: usize = 20;
/// How many holders of one group are named.
const HOLDERS: usize = 3;
/// How many ids are named.
const IDS: usize = 6;

pub(crate) fn write_report(report: &Report<'_>, detail: &Detail, out: &mut dyn Write) -> io::Result<()> {
    write_head(report, out)?;
    if report.judged.is_empty() {
        return write_notes(report.snapshot, out);
    }
    writeln!(out)?;
    let tables = &report.snapshot.tables;
    // Known of few sources: only those of a process that was looked into.
    let has_retained = report.judged.iter().any(|judged| judged.group.retained(report.snapshot).is_some());
    let has_ages = report.judged.iter().any(|judged| judged.group.oldest.is_some());
    let mut columns = vec![("VERDICT", Column::Left), ("COUNT", Column::Right)];
    columns.extend(has_retained.then_some(("RETAINED", Column::Right)));
    columns.extend((has_ages || !has_retained).then_some(("OLDEST", Column::Right)));
    columns.extend([("STATE", Column::Left), ("BLOCKED AT", Column::Flexible), ("CREATED BY", Column::Flexible)]);
    let mut table = Table::new(columns);
    for judged in report.judged {
        let verdict = judged.judgement.verdict;
        let rest = if verdict == Verdict::Normal { style::DIM } else { style::PLAIN };
        let group = &judged.group;
        let mut row = vec![
            (verdict.to_string(), style::verdict(verdict)),
            (number(group.count), if verdict.is_leak() { style::HEADING } else { rest }),
        ];
        let retained = || group.retained(report.snapshot).map_or_else(|| "-".to_owned(), bytes);
        row.extend(has_retained.then(|| (retained(), rest)));
        let oldest = || group.oldest.map_or_else(|| "-".to_owned(), duration);
        row.extend((has_ages || !has_retained).then(|| (oldest(), rest)));
        row.extend([
            (printable(group.state(tables)), rest),
            (blocked(group, report.snapshot), rest),
            (created(group, report.snapshot), rest),
        ]);
        table.row(row);
    }
    table.write(detail.width, out)?;
    if detail.goroutines {
        for judged in report.judged {
            writeln!(out)?;
            write_story(report.snapshot, judged, detail, out)?;
        }
    } else {
        let told = report.judged.iter().filter(|j| j.judgement.verdict <= Verdict::Suspect);
        for judged in told.clone().take(TOLD) {
            writeln!(out)?;
            write_story(report.snapshot, judged, detail, out)?;
        }
        if let more @ 1.. = told.count().saturating_sub(TOLD) {
            let text = format!("… and {} more; --goroutines tells about all", count(more as u64, "group"));
            writeln!(out, "\n{}", paint(style::DIM, &text))?;
        }
    }
    write_held(report, detail, out)?;
    write_notes(report.snapshot, out)
}

/// Who keeps the door open for the goroutines that are not proven, where that was looked into.
fn write_held(report: &Report<'_>, detail: &Detail, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = report.snapshot;
    let mut table = Table::new(vec![
        ("COUNT", Column::Right),
        ("STATE", Column::Left),
        ("BLOCKED AT", Column::Flexible),
        ("HELD BY", Column::Flexible),
    ]);
    let mut rows = 0;
    // Nobody asks who holds a goroutine that is as it should be.
    for Judged { group, .. } in report.judged.iter().filter(|judged| judged.judgement.verdict != Verdict::Normal) {
        for (holder, count) in group.held_by(snapshot) {
            rows += 1;
            if rows <= HELD {
                table.row(vec![
                    (number(count), style::PLAIN),
                    (printable(group.state(&snapshot.tables)), style::PLAIN),
                    (blocked(group, snapshot), style::PLAIN),
                    (printable(holder), style::PLAIN),
                ]);
            }
        }
    }
    if rows == 0 {
        return Ok(());
    }
    writeln!(out, "\n{}", paint(style::HEADING, "not proven: what these wait for can still be reached"))?;
    table.write(detail.width, out)?;
    if let more @ 1.. = rows.saturating_sub(HELD) {
        let text = format!("… and {}; --format json has them all", count(more as u64, "more row"));
        writeln!(out, "{}", paint(style::DIM, &text))?;
    }
    Ok(())
}

fn write_head(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = report.snapshot;
    write!(
        out,
        "{}  {} in {}",
        paint(style::HEADING, &printable(&snapshot.target.name)),
        count(snapshot.goroutines(), "goroutine"),
        count(report.judged.len() as u64, "group"),
    )?;
    for verdict in [Verdict::Proven, Verdict::Likely, Verdict::Suspect] {
        if let n @ 1.. = report.count(verdict) {
            write!(out, "  {}", paint(style::verdict(verdict), &format!("{} {verdict}", number(n))))?;
        }
    }
    writeln!(out)?;
    let target = &snapshot.target;
    let known: Vec<String> = [
        target.go_version.clone(),
        target.module.clone(),
        target.build_id.as_ref().map(|id| format!("build id {id}")),
        snapshot.taken_at.map(|t| format!("taken {}", t.strftime("%Y-%m-%d %H:%M:%S UTC"))),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !known.is_empty() {
        writeln!(out, "{}", paint(style::DIM, &printable(&known.join("  "))))?;
    }
    Ok(())
}

/// What is known of a group: places, evidence, stack, goroutines.
fn write_story(snapshot: &Snapshot, judged: &Judged, detail: &Detail, out: &mut dyn Write) -> io::Result<()> {
    let Judged { group, judgement } = judged;
    let tables = &snapshot.tables;
    let title = format!("{} × {}", number(group.count), printable(group.state(tables)));
    let verdict = paint(style::verdict(judgement.verdict), judgement.verdict.as_str());
    writeln!(out, "{verdict}  {}", paint(style::HEADING, &title))?;
    let mut line = |key: &str, text: &str| writeln!(out, "  {} {text}", paint(style::DIM, &format!("{key:<10}")));
    for evidence in &judgement.evidence {
        line("because", &printable(&evidence.detail))?;
    }
    let at = |frame: Option<&Frame>| frame.map(|f| format!("{}  {}", printable(&f.function), printable(&place(f))));
    if let Some(retained) = group.retained(snapshot) {
        line("retains", &format!("{} that nothing else can reach, stacks included", bytes(retained)))?;
    }
    let holders = group.held_by(snapshot);
    for (at, (holder, of)) in holders.iter().take(HOLDERS).enumerate() {
        let of = if holders.len() > 1 { format!(" ({of} of {})", number(group.count)) } else { String::new() };
        line(if at == 0 { "held by" } else { "" }, &format!("{}{of}", printable(holder)))?;
    }
    if let more @ 1.. = holders.len().saturating_sub(HOLDERS) {
        line("", &format!("… and {more} more ways"))?;
    }
    if let Some(text) = at(group.blocked_at(tables)) {
        line("blocked at", &text)?;
    }
    if let Some(text) = at(group.created_at(tables)) {
        line("created by", &text)?;
    }
    if group.variants.len() > 1 {
        line("places", &format!("{} different stacks; this is the commonest", group.variants.len()))?;
    }
    if !group.labels.is_empty() {
        let labels: Vec<String> = group.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        line("labels", &printable(&labels.join(" ")))?;
    }
    if detail.goroutines {
        let stack = group.stack(tables);
        for (at, frame) in tables.visible(stack).enumerate() {
            let key = if at == 0 { "stack" } else { "" };
            line(key, &format!("{}  {}", printable(&frame.function), paint(style::DIM, &printable(&place(frame)))))?;
        }
        for (at, record) in group.members(snapshot).enumerate() {
            let key = if at == 0 { "goroutines" } else { "" };
            line(key, &member(snapshot, record))?;
        }
    } else if !group.ids.is_empty() {
        let ids: Vec<String> = group.ids.iter().take(IDS).map(u64::to_string).collect();
        let more = group.ids.len().saturating_sub(IDS);
        let more = if more > 0 { format!(" … {} more", number(more as u64)) } else { String::new() };
        line("goroutines", &format!("{}{more}", ids.join(" ")))?;
    }
    line("signature", &group.signature.to_string())
}

pub(crate) fn member(snapshot: &Snapshot, record: &gostray_model::Record) -> String {
    let tables = &snapshot.tables;
    let mut text = match record.id {
        0 => count(u64::from(record.count), "goroutine"),
        id => id.to_string(),
    };
    let status = tables.status(record.status);
    text += &format!("  {}", printable(&status.reason));
    if let Some(age) = record.age.known() {
        text += &format!("  {}", duration(age));
    }
    if status.locked_to_thread {
        text += "  locked to thread";
    }
    if record.creator_id != 0 {
        text += &format!("  by {}", record.creator_id);
    }
    for (key, value) in tables.labels(record.labels) {
        text += &format!("  {}={}", printable(key), printable(value));
    }
    text
}

fn blocked(group: &Group, snapshot: &Snapshot) -> String {
    let frame = group.blocked_at(&snapshot.tables);
    let mut text = function(frame);
    if let Some(frame) = frame {
        text += &format!(" {}", short_place(frame));
    }
    if let Some(key) = &group.key {
        text = format!("{key}: {text}");
    }
    if group.variants.len() > 1 {
        text += &format!(" +{}", group.variants.len() - 1);
    }
    printable(text.trim_end())
}

fn created(group: &Group, snapshot: &Snapshot) -> String {
    match group.created_at(&snapshot.tables) {
        Some(frame) => printable(&format!("{} {}", function(Some(frame)), short_place(frame))),
        // Count profiles don't say; the start function is the next best, where it says more.
        None => {
            let started =
                group.started_with(&snapshot.tables).filter(|f| Some(*f) != group.blocked_at(&snapshot.tables));
            started.map_or_else(|| "-".to_owned(), |f| printable(&format!("(started as {})", function(Some(f)))))
        }
    }
}

fn write_notes(snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
    let mut is_first = true;
    for (kind, text) in caveats(snapshot) {
        if std::mem::take(&mut is_first) {
            writeln!(out)?;
        }
        writeln!(out, "{} {}", style::caveat(&format!("{kind}:")), printable(text))?;
    }
    let sources: Vec<&str> =
        snapshot.notes.iter().filter(|n| n.kind == NoteKind::Source).map(|n| n.text.as_str()).collect();
    if !sources.is_empty() {
        writeln!(out)?;
        for source in sources {
            writeln!(out, "{}", paint(style::DIM, &printable(source)))?;
        }
    }
    Ok(())
}

pub(crate) fn write_diff(report: &DiffReport<'_>, detail: &Detail, out: &mut dyn Write) -> io::Result<()> {
    let diff = report.diff;
    let total = diff.after.cast_signed() - diff.before.cast_signed();
    writeln!(
        out,
        "{} → {}  {} → {} goroutines ({})",
        paint(style::HEADING, &printable(&report.before.target.name)),
        paint(style::HEADING, &printable(&report.after.target.name)),
        number(diff.before),
        number(diff.after),
        paint(colour(total), &delta(total)),
    )?;
    if let Some(apart) = report.apart().filter(|apart| apart.as_secs() > 0) {
        writeln!(out, "{}", paint(style::DIM, &format!("{} apart", duration(apart))))?;
    }
    let changed: Vec<&Change> = diff.changes.iter().filter(|c| c.kind() != ChangeKind::Same).collect();
    if changed.is_empty() {
        writeln!(out, "\nnothing changed")?;
    } else {
        writeln!(out)?;
        diff_table(report, &changed).write(detail.width, out)?;
    }
    let same = diff.changes.len() - changed.len();
    if same > 0 {
        let text = format!("{} unchanged", count(same as u64, "group"));
        writeln!(out, "\n{}", paint(style::DIM, &text))?;
    }
    for snapshot in [report.before, report.after] {
        for (kind, text) in caveats(snapshot) {
            let name = printable(&snapshot.target.name);
            writeln!(out, "{} {name}: {}", style::caveat(&format!("{kind}:")), printable(text))?;
        }
    }
    Ok(())
}

fn diff_table(report: &DiffReport<'_>, changed: &[&Change]) -> Table {
    let has_ids = changed.iter().any(|c| c.movement.is_some());
    let mut columns =
        vec![("CHANGE", Column::Left), ("DELTA", Column::Right), ("BEFORE", Column::Right), ("AFTER", Column::Right)];
    if has_ids {
        columns.push(("STAYED", Column::Right));
    }
    columns.extend([
        ("VERDICT", Column::Left),
        ("STATE", Column::Left),
        ("BLOCKED AT", Column::Flexible),
        ("CREATED BY", Column::Flexible),
    ]);
    let mut table = Table::new(columns);
    for change in changed {
        let judged = report.judged(change);
        let Some(first) = judged.first() else { continue };
        let snapshot = report.side(change);
        let verdict = first.judgement.verdict;
        let kind = match change.kind() {
            ChangeKind::New => "new",
            ChangeKind::Grown => "grown",
            ChangeKind::Same => "same",
            ChangeKind::Shrunk => "shrunk",
            ChangeKind::Gone => "gone",
        };
        let style = colour(change.delta());
        let mut row = vec![
            (kind.to_owned(), style),
            (delta(change.delta()), style),
            (number(change.before), style::PLAIN),
            (number(change.after), style::PLAIN),
        ];
        if has_ids {
            row.push((change.movement.map_or_else(|| "-".to_owned(), |m| number(m.stayed)), style::PLAIN));
        }
        row.extend([
            (verdict.to_string(), style::verdict(verdict)),
            (printable(first.group.state(&snapshot.tables)), style::PLAIN),
            (blocked(&first.group, snapshot), style::PLAIN),
            (created(&first.group, snapshot), style::PLAIN),
        ]);
        table.row(row);
    }
    table
}

fn colour(delta: i64) -> anstyle::Style {
    match delta {
        0 => style::PLAIN,
        d if d > 0 => style::MORE,
        _ => style::LESS,
    }
}
