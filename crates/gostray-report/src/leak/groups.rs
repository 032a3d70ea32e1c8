//! The groups, the most suspicious first.

use std::io::{self, Write};

use gostray_model::{Frame, Group, Stack};
use gostray_verdict::Judged;

use super::{Entry, Leak, MAX_GROUPS, explained};
use crate::full::member;
use crate::html::{Sources, text, verdict};
use crate::words::{bytes, count, duration, function, number, place, short_place};

/// So many groups are open from the start, if they leak.
const OPEN: usize = 6;
/// So few groups are what was looked for.
const FEW: usize = 3;
/// So many ids of a group are named.
const MAX_IDS: usize = 100;
/// So many ways by which a group is held are named.
const MAX_HOLDERS: usize = 16;
/// So many different stacks of a group are shown.
const MAX_STACKS: usize = 4;
/// So many frames of a stack are shown.
const MAX_FRAMES: usize = 100;
/// With `--goroutines`: so many are listed on the whole page.
const MAX_MEMBERS: usize = 5_000;

pub(super) fn write(leak: &Leak<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<section aria-labelledby=\"groups\"><h2 id=\"groups\">Groups</h2>")?;
    if leak.groups.is_empty() {
        writeln!(out, "<p class=\"dim\">There are no goroutines.</p>")?;
    }
    let mut sources = Sources::default();
    let mut members = MAX_MEMBERS;
    for (at, entry) in leak.groups.iter().enumerate().take(MAX_GROUPS) {
        one(leak, at + 1, entry, &mut sources, &mut members, out)?;
    }
    let left: Vec<u64> = leak.groups.iter().skip(MAX_GROUPS).map(|entry| entry.judged.group.count).collect();
    if !left.is_empty() {
        writeln!(
            out,
            "<p id=\"more\" class=\"warning\">{} with {} are left out here, as the page would get too large; \
             <code>--format json</code> has them all.</p>",
            count(left.len() as u64, "more group"),
            count(left.iter().sum(), "goroutine")
        )?;
    }
    writeln!(out, "</section>")
}

fn one(
    leak: &Leak<'_>,
    number_of: usize,
    entry: &Entry<'_>,
    sources: &mut Sources,
    members: &mut usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Judged { group, judgement } = entry.judged;
    let tables = &leak.snapshot.tables;
    let blocked = group.blocked_at(tables);
    let is_asked_for = judgement.verdict.is_leak() || entry.explanation.is_some() || leak.groups.len() <= FEW;
    let is_open = number_of <= OPEN && is_asked_for;
    let mut aside: Vec<String> = Vec::new();
    aside.extend(group.retained(leak.snapshot).map(|retained| format!("keeps {}", bytes(retained))));
    aside.extend(group.oldest.map(|oldest| format!("oldest {}", duration(oldest))));
    let key = group.key.as_ref().map(|key| format!("{}: ", text(key))).unwrap_or_default();
    writeln!(
        out,
        "<details class=\"group\"{}><summary><h3>{} {} × {key}{}</h3> <span class=\"mono\">{}</span> \
         <span class=\"dim small\">{}</span> <span class=\"aside dim small\">{} #{number_of}</span></summary>\n\
         <div class=\"told\" id=\"g{number_of}\">",
        if is_open { " open" } else { "" },
        verdict(judgement.verdict.as_str()),
        number(group.count),
        text(group.state(tables)),
        text(&function(blocked)),
        text(&blocked.map(short_place).unwrap_or_default()),
        aside.join(" · "),
    )?;
    facts(leak, entry.judged, out)?;
    if let (Some(explain), Some(explanation)) = (leak.explain, entry.explanation) {
        explained::write(explain, explanation, sources, out)?;
    }
    stacks(leak, group, out)?;
    if leak.goroutines {
        list(leak, group, members, out)?;
    }
    writeln!(out, "</div></details>")
}

/// What is known of a group, a line each.
fn facts(leak: &Leak<'_>, judged: &Judged, out: &mut dyn Write) -> io::Result<()> {
    let Judged { group, judgement } = judged;
    let tables = &leak.snapshot.tables;
    writeln!(out, "<dl>")?;
    let mut row = |key: &str, value: &str| writeln!(out, "<dt>{key}</dt><dd>{value}</dd>");
    for (at, evidence) in judgement.evidence.iter().enumerate() {
        let key = if at == 0 { "because" } else { "and" };
        row(key, &format!("{} <span class=\"dim\">({})</span>", text(&evidence.detail), evidence.kind.as_str()))?;
    }
    let at = |frame: &Frame| {
        format!(
            "<span class=\"mono\">{}</span> <span class=\"dim small\">{}</span>",
            text(&frame.function),
            text(&place(frame))
        )
    };
    if let Some(frame) = group.blocked_at(tables) {
        row("blocked at", &at(frame))?;
    }
    match group.created_at(tables) {
        Some(frame) => row("started at", &at(frame))?,
        None => {
            if let Some(frame) = group.started_with(tables) {
                row("started with", &at(frame))?;
            }
        }
    }
    if let Some(oldest) = group.oldest {
        let of = if group.aged < group.count {
            format!(" <span class=\"dim\">(known of {} of {})</span>", number(group.aged), number(group.count))
        } else {
            String::new()
        };
        row("oldest", &format!("has waited for {}{of}", duration(oldest)))?;
    }
    if let Some(retained) = group.retained(leak.snapshot) {
        row("retains", &format!("{} that nothing else can reach, stacks included", bytes(retained)))?;
    }
    let holders = group.held_by(leak.snapshot);
    for (at, (holder, goroutines)) in holders.iter().enumerate().take(MAX_HOLDERS) {
        let key = if at == 0 { "held by" } else { "" };
        row(
            key,
            &format!(
                "<span class=\"mono\">{}</span> <span class=\"dim\">({})</span>",
                text(holder),
                number(*goroutines)
            ),
        )?;
    }
    if let more @ 1.. = holders.len().saturating_sub(MAX_HOLDERS) {
        row("", &format!("… and {}", count(more as u64, "more way")))?;
    }
    if !group.labels.is_empty() {
        let labels: Vec<String> =
            group.labels.iter().map(|(key, value)| format!("<code>{}={}</code>", text(key), text(value))).collect();
        row("labels", &labels.join(" "))?;
    }
    if !group.ids.is_empty() {
        let ids: Vec<String> = group.ids.iter().take(MAX_IDS).map(u64::to_string).collect();
        let more = match group.ids.len().saturating_sub(MAX_IDS) {
            0 => String::new(),
            more => format!(" … and {} more", number(more as u64)),
        };
        row("goroutines", &format!("<span class=\"mono\">{}</span>{more}", ids.join(" ")))?;
    }
    row("signature", &format!("<span class=\"mono\">{}</span>", group.signature))?;
    writeln!(out, "</dl>")
}

fn stacks(leak: &Leak<'_>, group: &Group, out: &mut dyn Write) -> io::Result<()> {
    let tables = &leak.snapshot.tables;
    let several = group.variants.len() > 1;
    let all = number(group.variants.len() as u64);
    for (at, variant) in group.variants.iter().enumerate().take(MAX_STACKS) {
        let title = if several {
            format!(
                "Stack {} of {all}: {} in {}",
                at + 1,
                count(variant.count, "goroutine"),
                text(&tables.status(variant.status).reason)
            )
        } else {
            "Stack".to_owned()
        };
        // The first is what most ask for.
        writeln!(out, "<details{}><summary>{title}</summary>", if at == 0 { " open" } else { "" })?;
        stack(leak, tables.stack(variant.stack), out)?;
        writeln!(out, "</details>")?;
    }
    if let more @ 1.. = group.variants.len().saturating_sub(MAX_STACKS) {
        writeln!(out, "<p class=\"dim\">… and {}, left out</p>", count(more as u64, "more stack"))?;
    }
    Ok(())
}

fn stack(leak: &Leak<'_>, stack: &Stack, out: &mut dyn Write) -> io::Result<()> {
    let tables = &leak.snapshot.tables;
    if stack.unavailable {
        return writeln!(out, "<p class=\"dim\">The source could not read it.</p>");
    }
    writeln!(out, "<ol class=\"stack\">")?;
    let frames = tables.visible(stack);
    let more = frames.len().saturating_sub(MAX_FRAMES);
    for frame in frames.take(MAX_FRAMES) {
        writeln!(
            out,
            "<li><span class=\"mono\">{}</span> <span class=\"dim small\">{}</span></li>",
            text(&frame.function),
            text(&place(frame))
        )?;
    }
    if more > 0 {
        writeln!(out, "<li class=\"dim\">… and {}, left out</li>", count(more as u64, "more frame"))?;
    }
    if stack.elided > 0 {
        writeln!(
            out,
            "<li class=\"dim\">the source left out {} between</li>",
            count(u64::from(stack.elided), "frame")
        )?;
    }
    if stack.truncated {
        writeln!(out, "<li class=\"dim\">the source left out the outermost frames</li>")?;
    }
    if let Some(creator) = stack.created_by {
        let frame = tables.frame(creator);
        writeln!(
            out,
            "<li><span class=\"dim\">started by</span> <span class=\"mono\">{}</span> <span class=\"dim small\">{}</span></li>",
            text(&frame.function),
            text(&place(frame))
        )?;
    }
    writeln!(out, "</ol>")
}

/// Each goroutine, where that was asked for.
fn list(leak: &Leak<'_>, group: &Group, members: &mut usize, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<details><summary>Each goroutine</summary><ul class=\"members mono\">")?;
    let mut left = 0u64;
    for record in group.members(leak.snapshot) {
        if *members == 0 {
            left += u64::from(record.count);
            continue;
        }
        *members -= 1;
        writeln!(out, "<li>{}</li>", text(&member(leak.snapshot, record)))?;
    }
    if left > 0 {
        writeln!(out, "<li>… and {} more, left out</li>", number(left))?;
    }
    writeln!(out, "</ul></details>")
}
