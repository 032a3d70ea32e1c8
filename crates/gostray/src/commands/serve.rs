//! `gostray serve`.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use gostray_fleet::{Options, check, serve};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tracing_subscriber::EnvFilter;

use crate::cli::{LogFormat, Serve};
use crate::exit::Exit;
use crate::output;

pub(crate) fn run(args: &Serve) -> anyhow::Result<Exit> {
    let options = Options {
        config: args.config.clone(),
        targets: args.targets.clone(),
        listen: args.listen.clone(),
        storage: args.storage.clone(),
        program: std::env::current_exe().ok(),
        time_scale: args.time_scale,
    };
    if args.check_config {
        let config = check(&options)?;
        output::to(None, |out| {
            let receivers = config.receivers.len();
            writeln!(out, "the configuration is good: {} jobs, {receivers} receivers of alerts", config.jobs.len())
        })?;
        return Ok(Exit::Clean);
    }
    log(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let reload = Arc::new(Notify::new());
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::spawn({
            let reload = reload.clone();
            async move {
                while hangup.recv().await.is_some() {
                    reload.notify_one();
                }
            }
        });
        let mut terminate = signal(SignalKind::terminate())?;
        let end = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        };
        serve(options, ready, reload, end).await?;
        Ok(Exit::Clean)
    })
}

fn ready(address: SocketAddr, is_tls: bool) {
    let scheme = if is_tls { "https" } else { "http" };
    let label = anstyle::Style::new().bold();
    anstream::eprintln!("gostray watches: {label}{scheme}://{address}{label:#} (Ctrl-C ends it)");
}

fn log(args: &Serve) -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) => EnvFilter::try_new(filter).context("RUST_LOG")?,
        Err(_) => EnvFilter::try_new(&args.log).context("--log")?,
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
