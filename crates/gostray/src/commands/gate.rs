//! `gostray gate`: does a build leak, as a server sees it?

use std::time::{Duration, Instant};

use crate::cli::{Gate, ServerFormat};
use crate::exit::Exit;
use crate::progress::Progress;
use crate::server::{Place, page};
use crate::{output, server};

/// How often a server is asked while it does not know yet.
const AGAIN: Duration = Duration::from_secs(10);

/// What a server answers; see its OpenAPI description.
#[derive(serde::Deserialize)]
struct Answer {
    verdict: String,
    reason: String,
    #[serde(default)]
    leaks: Vec<Leak>,
    #[serde(default)]
    older: Vec<Leak>,
}

#[derive(serde::Deserialize)]
struct Leak {
    id: String,
    verdict: String,
    operation: String,
    blocked_at: Option<Place>,
    spread: Spread,
}

#[derive(serde::Deserialize)]
struct Spread {
    goroutines: u64,
    affected: u32,
    instances: u32,
}

pub(crate) fn run(args: &Gate) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (started, wait) = (Instant::now(), args.wait.unwrap_or_default());
    let progress = Progress::start(&format!("asking {}", args.server.server));
    let (text, answer) = loop {
        let text = runtime.block_on(ask(args))?;
        let answer: Answer = server::parse(&args.server, &text)?;
        if answer.verdict != "unknown" || started.elapsed() >= wait {
            break (text, answer);
        }
        progress.say(&format!("{}: {}", args.service, answer.reason));
        std::thread::sleep(AGAIN.min(wait.saturating_sub(started.elapsed())));
    };
    drop(progress);
    output::to(None, |out| match args.format {
        ServerFormat::Json => writeln!(out, "{text}"),
        ServerFormat::Full => show(args, &answer, out),
    })?;
    Ok(match answer.verdict.as_str() {
        _ if args.exit_zero => Exit::Clean,
        "clean" => Exit::Clean,
        "leaking" => Exit::Leaks,
        _ => Exit::Nothing,
    })
}

async fn ask(args: &Gate) -> anyhow::Result<String> {
    let watched = args.watched.as_millis().to_string();
    let mut query = vec![("service", args.service.as_str()), ("watched", &watched)];
    query.extend(args.build.as_deref().map(|build| ("build", build)));
    server::ask(&args.server, &["gate"], &query).await
}

fn show(args: &Gate, answer: &Answer, out: &mut dyn std::io::Write) -> std::io::Result<()> {
    let build = args.build.as_deref().map(|build| format!(" {build}")).unwrap_or_default();
    writeln!(out, "{}{build}: {}: {}", args.service, answer.verdict, answer.reason)?;
    for (leaks, what) in [(&answer.leaks, ""), (&answer.older, " (an earlier build has it, too)")] {
        for leak in leaks {
            let spread = &leak.spread;
            match &leak.blocked_at {
                Some(place) => write!(out, "{}:{}: {} in {}", place.file, place.line, leak.operation, place.function)?,
                None => write!(out, "{}", leak.operation)?,
            }
            writeln!(
                out,
                ": {}, {} goroutines on {} of {} instances{what}\n  {}",
                leak.verdict,
                spread.goroutines,
                spread.affected,
                spread.instances,
                page(&args.server, &leak.id)
            )?;
        }
    }
    Ok(())
}
