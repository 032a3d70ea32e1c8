//! What the page is of: the process, how it was looked at, what is missing, and how many goroutines have which verdict.

use std::io::{self, Write};

use gostray_model::{NoteKind, TargetKind};
use gostray_verdict::Verdict;

use super::{Leak, anchor};
use crate::html::{text, verdict};
use crate::words::{caveats, duration, number};

/// What verdicts mean, for who reads the ticket and does not know gostray.
const MEANINGS: [(Verdict, &str); 5] = [
    (Verdict::Proven, "can never run again"),
    (Verdict::Likely, "nearly always a leak; not proven"),
    (Verdict::Suspect, "worth a look"),
    (Verdict::Unknown, "nothing is known that speaks for or against"),
    (Verdict::Normal, "meant to be there, for the reason that is given"),
];

pub(super) fn write(leak: &Leak<'_>, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = leak.snapshot;
    let target = &snapshot.target;
    writeln!(
        out,
        "<header>\n<h1>Goroutines of {}</h1>\n<p class=\"total\">{}</p>",
        text(&target.name),
        text(&leak.summary())
    )?;
    for (kind, note) in caveats(snapshot) {
        writeln!(out, "<p class=\"warning\"><b>{kind}:</b> {}</p>", text(note))?;
    }
    let kind = match target.kind {
        TargetKind::Url => "a pprof endpoint",
        TargetKind::File => "a saved dump or profile",
        TargetKind::Process => "a process, from its memory",
        TargetKind::Core => "a core",
    };
    let known = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
    let time = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let uptime = match (target.started_at, snapshot.taken_at) {
        (Some(start), Some(taken)) if taken > start => {
            format!(" ({} before)", duration(taken.duration_since(start).unsigned_abs()))
        }
        _ => String::new(),
    };
    let rows = [
        ("seen as", Some(kind.to_owned())),
        ("process", target.pid.map(|pid| pid.to_string())),
        ("Go", known(&target.go_version)),
        ("module", known(&target.module)),
        ("build id", known(&target.build_id)),
        ("taken", Some(snapshot.taken_at.map_or_else(|| "the source does not say when".to_owned(), time))),
        ("process started", target.started_at.map(|start| format!("{}{uptime}", time(start)))),
        ("held up for", snapshot.pause.map(|pause| format!("{:.1} ms", pause.as_secs_f64() * 1e3))),
    ];
    writeln!(out, "<dl class=\"facts\">")?;
    for (key, value) in rows {
        if let Some(value) = value {
            writeln!(out, "<div><dt>{key}</dt><dd>{}</dd></div>", text(&value))?;
        }
    }
    writeln!(out, "</dl>")?;
    how(leak, out)?;
    counts(leak, out)?;
    unproven(leak, out)?;
    writeln!(
        out,
        "<nav aria-label=\"Parts of this page\"><a href=\"#groups\">Groups</a> <a href=\"#stacks\">All stacks</a> \
         <a href=\"#started\">Who started whom</a></nav>\n</header>\n\
         <div class=\"filter\" role=\"search\" hidden><label for=\"filter\">Filter</label> \
         <input id=\"filter\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\" placeholder=\"function, file, state, label or id\"> \
         <span id=\"filtered\" class=\"small\" aria-live=\"polite\"></span></div>"
    )
}

fn counts(leak: &Leak<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<table class=\"counts\"><thead><tr><th scope=\"col\">Verdict</th><th scope=\"col\" class=\"n\">Goroutines</th>\
         <th scope=\"col\" class=\"n\">Groups</th><th scope=\"col\">They …</th></tr></thead><tbody>"
    )?;
    for (own, meaning) in MEANINGS {
        let first = leak.groups.iter().position(|entry| entry.judged.judgement.verdict == own);
        let goroutines = number(leak.count(own));
        let goroutines = match first {
            Some(at) => format!("<a href=\"{}\">{goroutines}</a>", anchor(at + 1)),
            // None is said of leaks only: that there is nothing normal is no news.
            None if own <= Verdict::Suspect => goroutines,
            None => continue,
        };
        writeln!(
            out,
            "<tr><td>{}</td><td class=\"n\">{goroutines}</td><td class=\"n\">{}</td><td class=\"dim\">{}</td></tr>",
            verdict(own.as_str()),
            number(leak.of(own).count() as u64),
            meaning
        )?;
    }
    writeln!(out, "</tbody></table>")
}

/// How it was taken and, with a filter, how little of it this is.
fn how(leak: &Leak<'_>, out: &mut dyn Write) -> io::Result<()> {
    let notes = leak.snapshot.notes.iter().filter(|note| note.kind == NoteKind::Source).map(|note| &note.text);
    for note in notes.chain(leak.explain.iter().flat_map(|explain| explain.notes)) {
        writeln!(out, "<p class=\"small\">{}</p>", text(note))?;
    }
    Ok(())
}

/// What no proof means where none was looked for.
fn unproven(leak: &Leak<'_>, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = leak.snapshot;
    if !snapshot.facts.is_empty() || leak.count(Verdict::Proven) > 0 || leak.groups.is_empty() {
        return Ok(());
    }
    match snapshot.target.pid.filter(|_| snapshot.target.kind == TargetKind::Process) {
        Some(pid) => {
            writeln!(
                out,
                "<p class=\"small\">Proof was not looked for: <code>gostray prove {pid}</code> does that.</p>"
            )
        }
        None => writeln!(
            out,
            "<p class=\"small\">Such a source has proof only where the runtime’s own leak profile was asked.</p>"
        ),
    }
}

/// Who made the page, and what its words mean.
pub(super) fn foot(out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<footer class=\"dim small\">Made by gostray {}. A group is all goroutines with the same start function, the same \
         place where they are blocked, and the same operation.</footer>",
        env!("CARGO_PKG_VERSION")
    )
}
