//! A snapshot in the format that was asked for, and what it means for the exit code.

use std::io::IsTerminal;

use anyhow::bail;
use gostray_model::{Group, Snapshot};
use gostray_report::{Detail, Report};
use gostray_verdict::{Policy, Verdict, judge_all};

use crate::cli::{Format, Output};
use crate::exit::Exit;
use crate::output;

/// Refuses what can't be shown before anything is taken.
pub(crate) fn check(output: &Output) -> anyhow::Result<()> {
    if output.format == Format::Pprof && output.output.is_none() && std::io::stdout().is_terminal() {
        bail!("--format pprof writes a binary profile: add -o FILE or redirect standard output");
    }
    Ok(())
}

/// Judges groups of a snapshot and writes them.
pub(crate) fn snapshot(
    snapshot: &Snapshot,
    groups: Vec<Group>,
    source: &str,
    to: &Output,
    goroutines: bool,
) -> anyhow::Result<Exit> {
    if to.format == Format::Text && !snapshot.has_ids() {
        // Invented ones would be taken for real ones by whoever reads the text.
        bail!("{source} has no goroutine ids, which a traceback needs: use --format pprof or json");
    }
    let judged = judge_all(snapshot, groups, &Policy::default());
    let report = Report { snapshot, judged: &judged };
    let detail = Detail { goroutines, width: output::terminal_width() };
    let file = to.output.as_deref();
    let show = |format| output::to(file, |out| report.write(format, &detail, out));
    match to.format {
        Format::Full => show(gostray_report::Format::Full),
        Format::Concise => show(gostray_report::Format::Concise),
        Format::Json => show(gostray_report::Format::Json),
        Format::Agent => show(gostray_report::Format::Agent),
        Format::Html => output::raw_to(file, |out| report.write_page(&detail, out)),
        Format::Pprof => output::raw_to(file, |out| gostray_profile::write_pprof(snapshot, out)),
        Format::Text => output::raw_to(file, |out| gostray_profile::write_traceback(snapshot, out)),
    }?;
    Ok(if to.exit_zero {
        Exit::Clean
    } else if report.count(Verdict::Proven) + report.count(Verdict::Likely) > 0 {
        Exit::Leaks
    } else if judged.is_empty() {
        Exit::Nothing
    } else {
        Exit::Clean
    })
}
