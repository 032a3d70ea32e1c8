//! `gostray gate`: does a build leak, as a server sees it?

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use reqwest::header::AUTHORIZATION;

use crate::cli::{Gate, GateFormat};
use crate::exit::Exit;
use crate::output;
use crate::progress::Progress;

/// How often a server is asked while it does not know yet.
const AGAIN: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const MAX_ANSWER: usize = 16 << 20;

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
struct Place {
    function: String,
    file: String,
    line: u32,
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
    let progress = Progress::start(&format!("asking {}", args.server));
    let (text, answer) = loop {
        let text = runtime.block_on(ask(args))?;
        let answer: Answer = serde_json::from_str(&text)
            .with_context(|| format!("{} answers something else than a gostray server does", args.server))?;
        if answer.verdict != "unknown" || started.elapsed() >= wait {
            break (text, answer);
        }
        progress.say(&format!("{}: {}", args.service, answer.reason));
        std::thread::sleep(AGAIN.min(wait.saturating_sub(started.elapsed())));
    };
    drop(progress);
    output::to(None, |out| match args.format {
        GateFormat::Json => writeln!(out, "{text}"),
        GateFormat::Full => show(args, &answer, out),
    })?;
    Ok(match answer.verdict.as_str() {
        _ if args.exit_zero => Exit::Clean,
        "clean" => Exit::Clean,
        "leaking" => Exit::Leaks,
        _ => Exit::Nothing,
    })
}

async fn ask(args: &Gate) -> anyhow::Result<String> {
    gostray_endpoint::prepare_tls();
    let server = args.server.trim_end_matches('/');
    let mut url = url::Url::parse(&format!("{server}/api/v1/gate"))
        .with_context(|| format!("{:?}: --server is a URL, like http://localhost:7117", args.server))?;
    url.query_pairs_mut()
        .append_pair("service", &args.service)
        .append_pair("watched", &args.watched.as_millis().to_string());
    if let Some(build) = &args.build {
        url.query_pairs_mut().append_pair("build", build);
    }
    let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
    let mut request = client.get(url);
    if let Some(path) = &args.token_file {
        let token = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        request = request.header(AUTHORIZATION, format!("Bearer {}", token.trim()));
    }
    let mut response = request.send().await.map_err(reqwest::Error::without_url).with_context(|| {
        format!("can't reach {}: check the address, and that `gostray serve` runs there", args.server)
    })?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            bail!("{} answers more than {} MiB", args.server, MAX_ANSWER >> 20);
        }
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    if status == reqwest::StatusCode::UNAUTHORIZED {
        bail!("{} wants to know who asks: give a token with --token-file", args.server);
    }
    if !status.is_success() {
        bail!("{} answers {status}: {}", args.server, text.lines().next().unwrap_or_default());
    }
    Ok(text)
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
                ": {}, {} goroutines on {} of {} instances{what}\n  {}/leaks/{}",
                leak.verdict,
                spread.goroutines,
                spread.affected,
                spread.instances,
                args.server.trim_end_matches('/'),
                leak.id
            )?;
        }
    }
    Ok(())
}
