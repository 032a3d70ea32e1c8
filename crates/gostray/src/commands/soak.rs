//! `gostray soak --target URL --pprof URL REQUEST…`.

use crate::cli::Soak;
use crate::exit::Exit;

#[cfg(target_os = "linux")]
pub(crate) use linux::run;

#[cfg(target_os = "linux")]
mod linux {
    use std::path::Path;
    use std::time::Duration;

    use anyhow::{Context as _, bail};
    use gostray_endpoint::Address;
    use gostray_gate::soak::{self, Options, Progress as Step, Request, Target};
    use gostray_report::{SoakFormat, SoakReport};

    use super::{Exit, Soak};
    use crate::cli;
    use crate::output;
    use crate::progress::Progress;

    /// A service under test may be held up for longer than one that serves customers.
    const MAX_PAUSE: Duration = Duration::from_secs(5);

    pub(crate) fn run(args: &Soak) -> anyhow::Result<Exit> {
        let requests = requests(args)?;
        let base = if args.target.contains("://") { args.target.clone() } else { format!("http://{}", args.target) };
        let base = base.trim_end_matches('/').to_owned() + "/";
        let base = reqwest::Url::parse(&base).with_context(|| {
            format!("--target {}: where the service listens, e.g. http://localhost:8080", args.target)
        })?;
        let target = match (&args.seen.pprof, args.seen.pid) {
            (Some(address), _) => Target::endpoint(Address::parse(address)?, gostray_endpoint::Options::default()),
            (None, Some(pid)) => Target::process(pid, MAX_PAUSE)?,
            (None, None) => bail!("say where the goroutines are seen: --pprof or --pid"),
        };
        let options = Options {
            base,
            rate: args.rate,
            duration: args.duration,
            concurrency: args.concurrency.into(),
            timeout: args.timeout,
            drain: args.drain,
            hang_up: !args.no_hang_up,
        };
        let progress = Progress::start("looking at the service before anything is sent");
        let mut say = |step: &Step<'_>| {
            let (number, of) = step.number;
            progress.say(&format!(
                "{number}/{of} {}: {} requests sent, {} goroutines",
                step.phase, step.sent, step.goroutines
            ));
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = async {
            // Without that handler, Ctrl-C ends us at once, which is right, too.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let outcome = runtime.block_on(soak::soak(&target, &requests, &options, stop, &mut say))?;
        drop(progress);
        let report = SoakReport { outcome: &outcome, target: &args.target, limit: args.memory_limit };
        let format = match args.format {
            cli::SoakFormat::Full => SoakFormat::Full,
            cli::SoakFormat::Json => SoakFormat::Json,
            cli::SoakFormat::Html => SoakFormat::Html,
        };
        output::to(args.output.as_deref(), |out| report.write(format, output::terminal_width(), out))?;
        Ok(match () {
            () if outcome.has_leaks() && !args.exit_zero => Exit::Leaks,
            () if outcome.is_incomplete() => Exit::Failure,
            () => Exit::Clean,
        })
    }

    fn requests(args: &Soak) -> anyhow::Result<Vec<Request>> {
        let mut requests = Vec::new();
        for text in &args.requests {
            requests.push(soak::parse_words(text)?);
        }
        let read =
            |path: &Path| std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()));
        if let Some(path) = &args.from.lines {
            requests.extend(soak::parse_lines(&read(path)?).with_context(|| path.display().to_string())?);
        }
        if let Some(path) = &args.from.har {
            requests.extend(soak::parse_har(&read(path)?).with_context(|| path.display().to_string())?);
        }
        if let Some(path) = &args.from.openapi {
            let (own, left_out) = soak::parse_openapi(&read(path)?).with_context(|| path.display().to_string())?;
            for operation in left_out {
                anstream::eprintln!("left out: {operation}");
            }
            requests.extend(own);
        }
        if requests.is_empty() {
            bail!("no request: name paths (gostray soak … /search?q=hat), or --requests, --har or --openapi");
        }
        Ok(requests)
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn run(_: &Soak) -> anyhow::Result<Exit> {
    anyhow::bail!("gostray soak works on Linux only")
}
