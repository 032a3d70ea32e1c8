//! For people: each finding with its story, in the source.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use gostray_check::{Finding, Safety, Tier};

use crate::findings::FindingsReport;
use crate::words::{count, number};

pub(super) fn write(report: &FindingsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let renderer = Renderer::styled();
    let mut sources: BTreeMap<PathBuf, String> = BTreeMap::new();
    for finding in report.findings() {
        read(finding, &mut sources);
        writeln!(out, "{}", one(finding, report.base, &sources, &renderer))?;
        writeln!(out)?;
    }
    summary(report, out)
}

/// One finding with its story.
pub(crate) fn write_one(finding: &Finding, base: &Path, out: &mut dyn Write) -> io::Result<()> {
    let mut sources = BTreeMap::new();
    read(finding, &mut sources);
    writeln!(out, "{}", one(finding, base, &sources, &Renderer::styled()))
}

fn read(finding: &Finding, sources: &mut BTreeMap<PathBuf, String>) {
    for place in finding.path.iter().map(|step| &step.place).chain([&finding.place]) {
        if !sources.contains_key(&place.file) {
            let text = std::fs::read(&place.file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            sources.insert(place.file.clone(), text.unwrap_or_default());
        }
    }
}

fn one(finding: &Finding, base: &Path, sources: &BTreeMap<PathBuf, String>, renderer: &Renderer) -> String {
    let level = match finding.tier {
        Tier::Proven => Level::ERROR.with_name("proven"),
        Tier::Likely => Level::WARNING.with_name("likely"),
        Tier::Hygiene => Level::NOTE.with_name("hygiene"),
    };
    let id = format!("{} {}", finding.rule.code, finding.rule.name);
    let title = level.primary_title(&*finding.message).id(&*id);
    // The file of the finding first, then the others.
    let mut files: Vec<&PathBuf> = vec![&finding.place.file];
    for step in &finding.path {
        if !files.contains(&&step.place.file) {
            files.push(&step.place.file);
        }
    }
    let paths: Vec<String> = files.iter().map(|file| super::shown(base, file)).collect();
    let mut group = Group::with_title(title);
    for (file, path) in files.iter().zip(&paths) {
        let Some(source) = sources.get(*file) else { continue };
        let clip = |start: u32, end: u32| {
            let end = (end as usize).min(source.len());
            (start as usize).min(end)..end
        };
        let mut annotations = Vec::new();
        let mut has_primary = false;
        for (at, step) in finding.path.iter().enumerate().filter(|(_, step)| &step.place.file == *file) {
            let is_primary = step.place == finding.place && !has_primary;
            has_primary |= is_primary;
            let kind = if is_primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let number = if finding.path.len() > 1 { format!("{}. ", at + 1) } else { String::new() };
            let span = clip(step.place.start, step.place.end);
            annotations.push(kind.span(span).label(format!("{number}{}", step.note)));
        }
        if !has_primary && &finding.place.file == *file {
            annotations.push(AnnotationKind::Primary.span(clip(finding.place.start, finding.place.end)));
        }
        group = group.element(Snippet::source(&**source).path(&**path).annotations(annotations));
    }
    if !finding.why.is_empty() {
        group = group.element(Level::NOTE.with_name("why").message(&*finding.why));
    }
    let live = (finding.live > 0).then(|| format!("{} because of it", waits(finding.live)));
    if let Some(live) = &live {
        group = group.element(Level::NOTE.with_name("live").message(&**live));
    }
    let help = help(finding);
    if let Some(help) = &help {
        group = group.element(Level::HELP.message(&**help));
    }
    renderer.render(&[group])
}

/// `1 goroutine waits`, `2 goroutines wait`.
fn waits(goroutines: u64) -> String {
    format!("{} wait{}", count(goroutines, "goroutine"), if goroutines == 1 { "s" } else { "" })
}

fn help(finding: &Finding) -> Option<String> {
    let fix = finding.fix.as_ref()?;
    Some(match fix.safety {
        Safety::Safe => format!("{} (--fix does it)", fix.title),
        Safety::Unsafe if !fix.edits.is_empty() => format!("{} (--unsafe-fixes does it)", fix.title),
        Safety::Unsafe | Safety::Display => fix.title.clone(),
    })
}

fn summary(report: &FindingsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    for note in report.notes {
        writeln!(out, "{} {note}", crate::style::caveat("note:"))?;
    }
    let of = |tier: Tier| report.findings().iter().filter(|finding| finding.tier == tier).count() as u64;
    let counts: Vec<String> = [Tier::Proven, Tier::Likely, Tier::Hygiene]
        .into_iter()
        .filter(|tier| of(*tier) > 0)
        .map(|tier| format!("{} {}", number(of(tier)), tier.word()))
        .collect();
    let found = if counts.is_empty() { "no leaks found".to_owned() } else { counts.join(", ") };
    let fixes = |safety: Safety| {
        report
            .findings()
            .iter()
            .filter(|f| f.fix.as_ref().is_some_and(|x| x.safety == safety && !x.edits.is_empty()))
            .count()
    };
    let (safe, unsafe_) = (fixes(Safety::Safe), fixes(Safety::Unsafe));
    writeln!(
        out,
        "{found} in {} of {} ({} lines, {:.2} s)",
        count(report.report.files as u64, "file"),
        count(report.report.packages as u64, "package"),
        number(report.report.lines as u64),
        report.elapsed.as_secs_f64()
    )?;
    if safe + unsafe_ > 0 {
        writeln!(out, "{safe} can be fixed with --fix, {unsafe_} more with --unsafe-fixes; --diff shows how")?;
    }
    Ok(())
}
