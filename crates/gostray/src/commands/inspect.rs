//! `gostray inspect SRC`.

use std::io::IsTerminal;

use anyhow::bail;
use gostray_model::group_by;
use gostray_report::{Detail, Report};
use gostray_verdict::{Policy, Verdict, judge_all};

use crate::cli::{Format, Inspect};
use crate::exit::Exit;
use crate::{output, source};

pub(crate) fn run(args: &Inspect) -> anyhow::Result<Exit> {
    let filter = super::filter(&args.selection)?;
    let file = args.output.output.as_deref();
    if args.output.format == Format::Pprof && file.is_none() && std::io::stdout().is_terminal() {
        bail!("--format pprof writes a binary profile: add -o FILE or redirect standard output");
    }
    let mut snapshot = source::load(&args.source, &args.endpoint)?;
    filter.apply(&mut snapshot);
    if args.output.format == Format::Text && !snapshot.has_ids() {
        // Invented ones would be taken for real ones by whoever reads the text.
        bail!("{} has no goroutine ids, which a traceback needs: use --format pprof or json", args.source);
    }
    let judged = judge_all(&snapshot, group_by(&snapshot, &args.group), &Policy::default());
    let report = Report { snapshot: &snapshot, judged: &judged };
    let detail = Detail { goroutines: args.goroutines, width: output::terminal_width() };
    let show = |format| output::to(file, |out| report.write(format, &detail, out));
    match args.output.format {
        Format::Full => show(gostray_report::Format::Full),
        Format::Concise => show(gostray_report::Format::Concise),
        Format::Json => show(gostray_report::Format::Json),
        Format::Agent => show(gostray_report::Format::Agent),
        Format::Pprof => output::raw_to(file, |out| gostray_profile::write_pprof(&snapshot, out)),
        Format::Text => output::raw_to(file, |out| gostray_profile::write_traceback(&snapshot, out)),
    }?;
    Ok(if args.output.exit_zero {
        Exit::Clean
    } else if report.count(Verdict::Proven) + report.count(Verdict::Likely) > 0 {
        Exit::Leaks
    } else if judged.is_empty() {
        Exit::Nothing
    } else {
        Exit::Clean
    })
}
