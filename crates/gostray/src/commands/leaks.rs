//! `gostray leaks`: what a server knows of its leaks.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::cli::{Leaks, ServerFormat};
use crate::exit::Exit;
use crate::progress::Progress;
use crate::server::{Place, page};
use crate::{output, server};

/// What a server answers; see its OpenAPI description.
#[derive(serde::Deserialize)]
struct Answer {
    leaks: Vec<Leak>,
}

#[derive(serde::Deserialize)]
struct Leak {
    id: String,
    service: String,
    state: String,
    verdict: String,
    operation: String,
    blocked_at: Option<Place>,
    started_at: Option<Place>,
    spread: Spread,
    evidence: Vec<Evidence>,
    first_seen: i64,
    since_build: String,
    #[serde(default)]
    held_by: Vec<String>,
    #[serde(default)]
    commands: Vec<Next>,
}

#[derive(serde::Deserialize)]
struct Spread {
    affected: u32,
    instances: u32,
    goroutines: u64,
    per_hour: f64,
}

#[derive(serde::Deserialize)]
struct Evidence {
    kind: String,
    detail: String,
}

#[derive(serde::Deserialize)]
struct Next {
    title: String,
    command: String,
}

pub(crate) fn run(args: &Leaks) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let progress = Progress::start(&format!("asking {}", args.server.server));
    let text = runtime.block_on(async {
        match &args.leak {
            Some(id) => server::ask(&args.server, &["leaks", id], &[]).await,
            None => {
                let mut query = vec![("state", args.state.as_str())];
                query.extend(args.service.as_deref().map(|service| ("service", service)));
                server::ask(&args.server, &["leaks"], &query).await
            }
        }
    })?;
    drop(progress);
    let leaks = match args.leak {
        Some(_) => vec![server::parse(&args.server, &text)?],
        None => server::parse::<Answer>(&args.server, &text)?.leaks,
    };
    output::to(None, |out| match (args.format, &args.leak) {
        (ServerFormat::Json, _) => writeln!(out, "{text}"),
        (ServerFormat::Full, Some(_)) => leaks.iter().try_for_each(|leak| one(args, leak, out)),
        (ServerFormat::Full, None) if leaks.is_empty() => writeln!(out, "no leaks in these states: {}", args.state),
        (ServerFormat::Full, None) => leaks.iter().try_for_each(|leak| line(args, leak, out)),
    })?;
    let is_open = |leak: &Leak| matches!(leak.state.as_str(), "open" | "confirmed");
    Ok(if leaks.iter().any(is_open) && !args.exit_zero { Exit::Leaks } else { Exit::Clean })
}

fn line(args: &Leaks, leak: &Leak, out: &mut dyn Write) -> io::Result<()> {
    let Spread { affected, instances, goroutines, per_hour } = leak.spread;
    write!(out, "{}: {} {}: {}", leak.service, leak.verdict, leak.state, leak.operation)?;
    if let Some(place) = &leak.blocked_at {
        write!(out, " in {} {}:{}", place.function, place.file, place.line)?;
    }
    writeln!(
        out,
        ": {goroutines} goroutines on {affected} of {instances} instances, {per_hour:+.1} an hour\n  {}",
        page(&args.server, &leak.id)
    )
}

fn one(args: &Leaks, leak: &Leak, out: &mut dyn Write) -> io::Result<()> {
    line(args, leak, out)?;
    if let Some(place) = &leak.started_at {
        writeln!(out, "  started at  {} {}:{}", place.function, place.file, place.line)?;
    }
    if let Ok(first) = Timestamp::from_millisecond(leak.first_seen) {
        let build = if leak.since_build.is_empty() { "unknown" } else { &leak.since_build };
        writeln!(out, "  since       {first:.0}, build {build}")?;
    }
    for Evidence { kind, detail } in &leak.evidence {
        writeln!(out, "  because     {detail} ({kind})")?;
    }
    for holder in &leak.held_by {
        writeln!(out, "  held by     {holder}")?;
    }
    for Next { title, command } in &leak.commands {
        writeln!(out, "  {title}: {command}")?;
    }
    Ok(())
}
