//! `gostray demo`: a bundled leaky service, built, driven and looked into.

mod shop;

use std::time::Duration;

use anyhow::Context;
use gostray_endpoint::{Address, Options};
use gostray_model::{Diff, Snapshot, groups};
use gostray_report::{Detail, DiffReport, Format, Report};
use gostray_verdict::{Policy, judge_all};

use self::shop::Shop;
use crate::cli::Demo;
use crate::exit::Exit;
use crate::output;
use crate::progress::Progress;

/// Requests to each endpoint in a round.
const REQUESTS: usize = 20;
const LEAKING: [&str; 5] = ["/search?q=hat", "/checkout?id=7", "/recommend?for=ann", "/report", "/live"];
const HEALTHY: [&str; 3] = ["/orders?item=hat", "/quote?item=hat", "/stock?item=hat"];

pub(crate) fn run(args: &Demo) -> anyhow::Result<Exit> {
    let progress = Progress::start("looking for Go");
    let toolchain = shop::toolchain(args.go.as_deref(), &mut |step| progress.say(step))?;
    progress.say(&format!("building the shop with Go {}", toolchain.version()));
    let shop = Shop::start(&toolchain)?;
    drop(progress);
    let address = Address::parse(&shop.address)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

    say(&format!(
        "A small shop, built with Go {} and listening on {}, serves customers. It leaks.",
        toolchain.version(),
        shop.address
    ))?;
    heading(&format!("1. {REQUESTS} customers use each of its {} pages", LEAKING.len() + HEALTHY.len()))?;
    runtime.block_on(traffic(&shop.address))?;
    say("All were served. Nothing failed, nothing was logged.")?;

    heading(&format!("2. gostray inspect {}", shop.address))?;
    let before = runtime.block_on(settled(&address))?;
    show(&before)?;

    heading(&format!("3. {REQUESTS} more customers, then: gostray diff BEFORE {}", shop.address))?;
    runtime.block_on(traffic(&shop.address))?;
    let after = runtime.block_on(settled(&address))?;
    let diff = Diff::between(&before, &after);
    let report = DiffReport { before: &before, after: &after, diff: &diff, policy: &Policy::default() };
    output::to(None, |out| report.write(Format::Full, &detail(), out))?;

    prove(&shop)?;

    heading("What to try next")?;
    say(&next_steps(args, &shop.address))?;
    if args.keep {
        say("The shop stays open until Enter or Ctrl-C.")?;
        std::io::stdin().read_line(&mut String::new()).context("can't read from standard input")?;
    }
    Ok(Exit::Clean)
}

/// The same from outside: the shop needs no pprof for that, and could be stripped.
#[cfg(target_os = "linux")]
fn prove(shop: &Shop) -> anyhow::Result<()> {
    let pid = shop.pid();
    heading(&format!("4. gostray prove {pid}: without pprof, from the memory of the process"))?;
    let progress = Progress::start(&format!("reading process {pid}"));
    let proven = gostray_process::prove(pid, &gostray_process::ProveOptions::default(), &mut |_| {});
    drop(progress);
    match proven {
        Ok(snapshot) => show(&snapshot),
        // Where the kernel does not allow it, the rest of the story is true all the same.
        Err(error) => say(&format!("Not here: {error}")),
    }
}

#[cfg(not(target_os = "linux"))]
fn prove(_: &Shop) -> anyhow::Result<()> {
    heading("4. gostray prove PID")?;
    say("Not here: processes can be read from outside on Linux only.")
}

fn next_steps(args: &Demo, address: &str) -> String {
    let mut text = String::from(
        "  gostray inspect HOST:PORT        your own service, if it serves net/http/pprof\n  \
         gostray ps                       the Go processes of this machine\n  \
         gostray prove PID                one of them: what can never run again, and who holds the rest\n  \
         gostray inspect crash.log        a crash or SIGQUIT dump inside a log\n  \
         gostray diff A B                 what grew between two saved profiles\n  \
         gostray doctor                   what works on this machine",
    );
    if args.keep {
        text += &format!("\n  gostray inspect {address} --goroutines --focus search");
    } else {
        text += "\n  gostray demo --keep              the same, and the shop stays open";
    }
    text
}

fn detail() -> Detail {
    Detail { goroutines: false, width: output::terminal_width() }
}

fn show(snapshot: &Snapshot) -> anyhow::Result<()> {
    let judged = judge_all(snapshot, groups(snapshot), &Policy::default());
    let report = Report { snapshot, judged: &judged };
    output::to(None, |out| report.write(Format::Full, &detail(), out))
}

/// Visits every page `REQUESTS` times, as so many customers one after the other.
async fn traffic(address: &str) -> anyhow::Result<()> {
    // Which provider of TLS does not matter for plain HTTP on loopback, but there must be one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
    let progress = Progress::start("");
    for customer in 1..=REQUESTS {
        progress.say(&format!("customer {customer} of {REQUESTS}"));
        for page in LEAKING.iter().chain(&HEALTHY) {
            let response = client.get(format!("http://{address}{page}")).send().await?.error_for_status()?;
            response.bytes().await?;
        }
    }
    Ok(())
}

/// A snapshot taken when the requests' own goroutines have ended: when two in a row hold as many.
async fn settled(address: &Address) -> anyhow::Result<Snapshot> {
    let quick = Options { leak_profile: false, ..Options::default() };
    let mut last = 0;
    for _ in 0..40 {
        let now = gostray_endpoint::take(address, &quick, &mut |_| {}).await?.goroutines();
        if now == last {
            break;
        }
        last = now;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(gostray_endpoint::take(address, &Options::default(), &mut |_| {}).await?)
}

fn heading(text: &str) -> anyhow::Result<()> {
    let bold = anstyle::Style::new().bold();
    say(&format!("\n{bold}── {text} ──{bold:#}\n"))
}

fn say(text: &str) -> anyhow::Result<()> {
    output::to(None, |out| writeln!(out, "{text}"))
}
