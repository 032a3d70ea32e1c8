//! What the source says of a group: the cause with its way and its fix, or who could end the wait.

use std::io::{self, Write};

use gostray_check::{Account, Finding, Safety, Step, Waiting, plan};
use gostray_explain::{Cause, Explanation, Verified};

use crate::explain::ExplainReport;
use crate::findings::story;
use crate::html::{Sources, text, verdict};
use crate::words::count;

/// So many things that are waited for are told about: a `select` has one a case.
const MAX_ACCOUNTS: usize = 12;
/// So many of those that could end a wait are named.
const MAX_WAKERS: usize = 24;
/// So many lines of a change are shown.
const MAX_DIFF: usize = 400;

pub(super) fn write(
    report: &ExplainReport<'_>,
    explanation: &Explanation,
    sources: &mut Sources,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "<div class=\"cause\"><h4>What the source says</h4>")?;
    for misfit in explanation.doubts() {
        writeln!(out, "<p class=\"warning\"><b>but:</b> {}</p>", text(misfit))?;
    }
    if let Some(started_by) = &explanation.started_by {
        writeln!(
            out,
            "<p><span class=\"mono\">{}</span> is a dependency’s; what it gave is not given back here:</p>",
            text(started_by)
        )?;
    }
    match &explanation.cause {
        Cause::Finding(finding) => self::finding(report, finding, explanation.verified.as_ref(), sources, out)?,
        Cause::Accounts(accounts) => {
            for account in accounts.iter().take(MAX_ACCOUNTS) {
                self::account(report, account, sources, out)?;
            }
            if let more @ 1.. = accounts.len().saturating_sub(MAX_ACCOUNTS) {
                writeln!(out, "<p class=\"dim\">… and {}, left out</p>", count(more as u64, "more way to wait"))?;
            }
        }
        Cause::Unknown(why) => writeln!(out, "<p>No cause is known: {}</p>", text(why))?,
    }
    writeln!(out, "</div>")
}

fn finding(
    report: &ExplainReport<'_>,
    finding: &Finding,
    verified: Option<&Verified>,
    sources: &mut Sources,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(
        out,
        "<p>{}<b>{}</b> <span class=\"dim\">{} {} · {}</span></p>",
        verdict(finding.tier.word()),
        text(&finding.message),
        finding.rule.code,
        finding.rule.name,
        text(&report.at(&finding.place)),
    )?;
    story(&finding.path, &finding.place.file, report.base, sources, out)?;
    if !finding.why.is_empty() {
        writeln!(out, "<p><b>Why it matters:</b> {}</p>", text(&finding.why))?;
    }
    let Some(fix) = &finding.fix else { return Ok(()) };
    let safety = match fix.safety {
        Safety::Safe => "safe: it changes nothing else",
        Safety::Unsafe => "unsafe: it may change what the program does",
        Safety::Display => "a person has to choose",
    };
    writeln!(out, "<p><b>Fix:</b> {} <span class=\"dim\">({safety})</span></p>", text(&fix.title))?;
    change(report, finding, out)?;
    if let Some(verified) = verified {
        writeln!(out, "<p class=\"small\">Verified: {verified}.</p>")?;
    }
    if let Some(command) = report.mend(finding) {
        writeln!(out, "<p class=\"small\">To mend it and run the tests: <code>{}</code></p>", text(&command))?;
    }
    Ok(())
}

/// The fix as a difference.
fn change(report: &ExplainReport<'_>, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    if finding.fix.as_ref().is_none_or(|fix| fix.edits.is_empty()) {
        return Ok(());
    }
    let plan = match plan(std::slice::from_ref(finding), Safety::Display) {
        Ok(plan) if !plan.changes.is_empty() => plan,
        Ok(_) => return writeln!(out, "<p class=\"dim\">With it the file would not parse: it is not shown.</p>"),
        Err((path, error)) => {
            return writeln!(
                out,
                "<p class=\"dim\">It is not shown: {} can’t be read ({})</p>",
                text(&path.display().to_string()),
                text(&error.to_string())
            );
        }
    };
    for change in &plan.changes {
        let name = change.path.strip_prefix(report.base).unwrap_or(&change.path);
        write!(out, "<pre class=\"diff\">")?;
        let diff = change.diff(name);
        for (at, line) in diff.lines().enumerate().take(MAX_DIFF) {
            let class = match line.as_bytes().first() {
                // The names of the file.
                _ if at < 2 => "line at",
                Some(b'+') => "line added",
                Some(b'-') => "line removed",
                Some(b'@') => "line at",
                _ => "line",
            };
            write!(out, "<span class=\"{class}\">{}</span>", text(&line.replace('\t', "    ")))?;
        }
        if let more @ 1.. = diff.lines().count().saturating_sub(MAX_DIFF) {
            write!(out, "<span class=\"gap\">… and {}, left out</span>", count(more as u64, "more line"))?;
        }
        writeln!(out, "</pre>")?;
    }
    Ok(())
}

/// What it waits for, and who could end that.
fn account(
    report: &ExplainReport<'_>,
    account: &Account,
    sources: &mut Sources,
    out: &mut dyn Write,
) -> io::Result<()> {
    let waits = text(&ExplainReport::waits(account));
    if account.waiting == Waiting::Call {
        return writeln!(out, "<p>It {waits}.</p>");
    }
    writeln!(out, "<p>It <b>{waits}</b>; {} would end that.</p>", account.waiting.ended_by())?;
    let step = |place: &gostray_check::Place, note: String| Step { place: place.clone(), note };
    let mut steps = vec![step(&account.place, format!("it {}", ExplainReport::waits(account)))];
    steps.extend(account.made.iter().map(|place| step(place, "made here".to_owned())));
    let wakers = account.wakers.iter().take(MAX_WAKERS);
    steps.extend(wakers.map(|waker| step(&waker.place, format!("{} {}", waker.function, waker.what))));
    story(&steps, std::path::Path::new(""), report.base, sources, out)?;
    writeln!(out, "<dl>")?;
    for made in &account.made {
        writeln!(out, "<dt>made at</dt><dd>{}</dd>", text(&report.at(made)))?;
    }
    for (at, waker) in account.wakers.iter().enumerate().take(MAX_WAKERS) {
        let key = if at == 0 { "could wake it" } else { "" };
        let (place, function) = (text(&report.at(&waker.place)), text(&waker.function));
        writeln!(out, "<dt>{key}</dt><dd>{place} <span class=\"mono\">{function}</span> {}</dd>", waker.what)?;
    }
    let rest = match (account.wakers.is_empty(), account.is_whole) {
        (true, true) => "nobody: nothing in the source does that",
        (true, false) => "nobody that is in sight; it gets out of sight in the source",
        (false, true) => "nobody else",
        (false, false) => "perhaps others: it gets out of sight in the source",
    };
    let key = if account.wakers.is_empty() { "could wake it" } else { "" };
    let more = match account.wakers.len().saturating_sub(MAX_WAKERS) {
        0 => String::new(),
        more => format!("{} are left out; ", count(more as u64, "more place")),
    };
    writeln!(out, "<dt>{key}</dt><dd>{more}{rest}</dd></dl>")
}
