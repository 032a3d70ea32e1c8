//! `gostray top SRC`.

use std::io::IsTerminal;

use anyhow::{Context as _, bail};
use gostray_endpoint::Address;
use gostray_model::Snapshot;
use gostray_top::{Options, Take};

use crate::cli::Top;
use crate::exit::Exit;
use crate::source;

pub(crate) fn run(args: &Top) -> anyhow::Result<Exit> {
    if !std::io::stdout().is_terminal() {
        bail!("top needs a terminal: gostray inspect {} shows the goroutines once", args.source);
    }
    let options = |can_prove| Options { name: args.source.clone(), interval: args.interval, can_prove };
    match source::process(&args.source) {
        Some(pid) => gostray_top::run(&options(true), process(pid, args.max_pause)?),
        None => gostray_top::run(&options(false), endpoint(args)?),
    }
    .context("the terminal")?;
    Ok(Exit::Clean)
}

#[cfg(target_os = "linux")]
fn process(pid: u32, max_pause: std::time::Duration) -> anyhow::Result<Take> {
    use gostray_process::{ProveOptions, Prover, Reader};
    let reader = Reader::attach(pid)?;
    let mut prover: Option<Prover> = None;
    let mut proven = std::collections::BTreeMap::new();
    Ok(Box::new(move |prove| {
        if !prove {
            let mut snapshot = reader.take().map_err(|error| error.to_string())?;
            keep(&mut snapshot, &proven);
            return Ok(snapshot);
        }
        let options = ProveOptions { max_pause, ..ProveOptions::default() };
        let mut own = match prover.take() {
            Some(own) => own,
            None => Prover::attach(pid).map_err(|error| error.to_string())?,
        };
        let snapshot = own.prove(&options, &mut |_| {}).map_err(|error| error.to_string());
        prover = Some(own);
        let snapshot = snapshot?;
        // What was proven stays proven, and who held the others may well hold them still.
        proven.clone_from(&snapshot.facts);
        Ok(snapshot)
    }))
}

/// Marks goroutines that were proven before.
#[cfg(target_os = "linux")]
fn keep(snapshot: &mut Snapshot, proven: &std::collections::BTreeMap<u64, gostray_model::Fact>) {
    for record in &mut snapshot.records {
        let Some(fact) = proven.get(&record.id) else { continue };
        if fact.proven {
            let status = gostray_model::Status { leaked: true, ..snapshot.tables.status(record.status).clone() };
            record.status = snapshot.tables.add_status(status);
        }
        snapshot.facts.insert(record.id, fact.clone());
    }
}

#[cfg(not(target_os = "linux"))]
fn process(pid: u32, _: std::time::Duration) -> anyhow::Result<Take> {
    bail!("process {pid} can't be read from outside: that works on Linux only")
}

fn endpoint(args: &Top) -> anyhow::Result<Take> {
    let address = Address::parse(&args.source)
        .with_context(|| format!("{:?}: top shows a process (its id) or a pprof endpoint (host:port)", args.source))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Ids and the leak profile would stop the target, or cost it a garbage collection, again and again.
    let options =
        gostray_endpoint::Options { max_dump: 0, leak_profile: false, ..gostray_endpoint::Options::default() };
    Ok(Box::new(move |_| {
        runtime
            .block_on(gostray_endpoint::take(&address, &options, &mut |_| {}))
            .map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
    }))
}
