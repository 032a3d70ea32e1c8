//! `gostray diff A B`.

use anyhow::bail;
use gostray_model::Diff;
use gostray_report::{Detail, DiffReport};
use gostray_verdict::Policy;

use crate::cli::{self, Format};
use crate::exit::Exit;
use crate::{output, source};

pub(crate) fn run(args: &cli::Diff) -> anyhow::Result<Exit> {
    let filter = super::filter(&args.selection)?;
    let format = match args.output.format {
        Format::Full => gostray_report::Format::Full,
        Format::Concise => gostray_report::Format::Concise,
        Format::Json => gostray_report::Format::Json,
        Format::Agent => gostray_report::Format::Agent,
        Format::Pprof | Format::Text | Format::Html => {
            bail!("a difference has no pprof, text or html form: use full, concise, json or agent")
        }
    };
    if args.before == "-" && args.after == "-" {
        bail!("A and B can't both be standard input");
    }
    let mut before = source::load(&args.before, &args.endpoint, &args.core)?;
    let mut after = source::load(&args.after, &args.endpoint, &args.core)?;
    source::assume_time(&mut before);
    source::assume_time(&mut after);
    filter.apply(&mut before);
    filter.apply(&mut after);
    let diff = Diff::between(&before, &after);
    let report = DiffReport { before: &before, after: &after, diff: &diff, policy: &Policy::default() };
    let detail = Detail { goroutines: false, width: output::terminal_width() };
    output::to(args.output.output.as_deref(), |out| report.write(format, &detail, out))?;
    Ok(if before.records.is_empty() && after.records.is_empty() {
        Exit::Nothing
    } else if report.has_new_leaks() && !args.output.exit_zero {
        Exit::Leaks
    } else {
        Exit::Clean
    })
}
