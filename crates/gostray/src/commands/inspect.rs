//! `gostray inspect SRC`.

use gostray_model::group_by;

use crate::cli::Inspect;
use crate::exit::Exit;
use crate::{show, source};

pub(crate) fn run(args: &Inspect) -> anyhow::Result<Exit> {
    let filter = super::filter(&args.selection)?;
    show::check(&args.output)?;
    let mut snapshot = source::load(&args.source, &args.endpoint, &args.core)?;
    filter.apply(&mut snapshot);
    let groups = group_by(&snapshot, &args.group);
    show::snapshot(&snapshot, groups, &args.source, &args.output, args.goroutines)
}
