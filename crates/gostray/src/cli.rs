//! The command line. Help, man pages and completions all come from here.

use std::path::PathBuf;

mod fleet;
mod go_flags;
mod running;
mod source;
mod testing;

pub(crate) use fleet::{Export, Gate, Leaks, LogFormat, Mcp, Serve, Server, ServerFormat, Store};
pub(crate) use go_flags::go_flags;
pub(crate) use running::{
    Core, Demo, Diff, Endpoint, Format, Inspect, Output, Pause, Prove, Ps, Selection, Snapshot, Top,
};
pub(crate) use source::{Check, CheckFormat, Explain, ExplainFormat, ExplainVerify, Lang, RuleArgs, Verify};
pub(crate) use testing::{Soak, SoakFormat, Test, TestFormat};

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Finds goroutine leaks in Go services, says how sure it is, and shows what holds them.
#[derive(Debug, Parser)]
#[command(
    name = "gostray",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 clean, 1 leaks (proven or likely), 2 gostray could not do it, 4 nothing to check.\n\
                  Try it: gostray demo"
)]
pub(crate) struct Cli {
    /// When to colour the output; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Makes it the choice of every stream.
    pub(crate) fn write_global(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::AlwaysAnsi,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find goroutine leaks in Go source, prove the path, hand over the fix
    Check(Check),
    /// Remove what `gostray check` keeps so that the next look takes less time
    Clean,
    /// Say what a rule means, why, and what to do instead
    Rule(RuleArgs),
    /// Join what is stuck in a process to the statement that causes it, and to its fix
    Explain(Explain),
    /// Run go test, and name the tests that leave goroutines behind
    Test(Test),
    /// Drive a service, and say which endpoint leaves how many goroutines behind per request
    Soak(Soak),
    /// Group and judge the goroutines of a service, a process, a core or a saved dump
    Inspect(Inspect),
    /// Prove which goroutines of a process or core can never run again, and show who holds the others
    Prove(Prove),
    /// Watch the goroutines of a process or service, live in the terminal
    Top(Top),
    /// Show what grew between two snapshots, in absolute counts
    Diff(Diff),
    /// Watch a fleet: scrape, store, tell leaks from load, alert, and show all of it in the browser
    Serve(Serve),
    /// Show the leaks that a gostray server knows, or one of them
    Leaks(Leaks),
    /// Ask a gostray server whether a build leaks
    Gate(Gate),
    /// Write what other tools read: Prometheus rules, a Grafana dashboard, a mixin, the API, samples
    #[command(subcommand)]
    Export(Export),
    /// Look after the store of `gostray serve`
    #[command(subcommand)]
    Store(Store),
    /// List the Go processes of this machine, without stopping any
    Ps(Ps),
    /// Serve ps, inspect, prove, explain, check and the leaks of a server to assistants, over standard input and output
    /// (MCP)
    Mcp(Mcp),
    /// Say what works on this machine, and how to mend what doesn't
    Doctor,
    /// Show the whole story on a bundled leaky service
    Demo(Demo),
    /// Print shell completions
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the man pages
    Man {
        /// The folder to write to
        #[arg(default_value = "man")]
        dir: PathBuf,
    },
    /// Print the JSON Schema of `--format json`
    Schema {
        /// Whose
        #[arg(value_enum, default_value_t = Document::Snapshot)]
        of: Document,
    },
}

/// A kind of JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Document {
    /// gostray.snapshot/v1, of inspect, prove and diff
    Snapshot,
    /// gostray.findings/v1, of check
    Findings,
    /// gostray.soak/v1, of soak
    Soak,
}

fn parse_grouping(text: &str) -> Result<gostray_model::Grouping, String> {
    use gostray_model::Grouping;
    Ok(match text {
        "signature" => Grouping::Signature,
        "userloc" => Grouping::UserLoc,
        "curloc" => Grouping::CurLoc,
        "goloc" => Grouping::GoLoc,
        "startloc" => Grouping::StartLoc,
        _ => match text.strip_prefix("label:") {
            Some(key) if !key.is_empty() => Grouping::Label(key.to_owned()),
            _ => return Err("one of signature, userloc, curloc, goloc, startloc, label:KEY".to_owned()),
        },
    })
}

/// A Go duration: `30s`, `5m30s`, `1.5h`.
pub(crate) fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let duration: jiff::SignedDuration =
        text.parse().map_err(|_| "a duration such as 30s, 5m30s or 1.5h".to_owned())?;
    match std::time::Duration::try_from(duration) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("a duration above zero".to_owned()),
    }
}

/// Requests a second.
fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 100_000.0 => Ok(rate),
        _ => Err("requests a second, above 0 and up to 100000".to_owned()),
    }
}

/// A size: `1048576`, `64MiB`, `1GB` (powers of two, as Go's GOMEMLIMIT takes them).
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "" | "B" => 0,
        "K" | "KB" | "KiB" | "kB" => 10,
        "M" | "MB" | "MiB" => 20,
        "G" | "GB" | "GiB" => 30,
        _ => return Err("a size such as 256MiB or 1GiB".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "a size such as 256MiB or 1GiB".to_owned())?;
    number.checked_mul(1 << shift).filter(|size| *size > 0).ok_or_else(|| "a size above zero".to_owned())
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err("a header as NAME: VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn takes_go_durations() {
        for (text, millis) in
            [("30s", 30_000), ("5m30s", 330_000), ("1.5h", 5_400_000), ("250ms", 250), ("1h2m3s", 3_723_000)]
        {
            assert_eq!(parse_duration(text).map(|d| d.as_millis()), Ok(millis), "{text}");
        }
        for text in ["", "0s", "-5s", "30", "soon"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn takes_go_s_single_dash_flags() {
        let args = ["gostray", "inspect", "-json", "-focus=x", "-o", "f", "-"].map(OsString::from);
        let cli = Cli::try_parse_from(go_flags(args.into_iter())).unwrap();
        let Command::Inspect(inspect) = cli.command else { panic!("not inspect") };
        assert_eq!((inspect.output.format, inspect.selection.focus.as_deref()), (Format::Json, Some("x")));
        assert_eq!(inspect.source, "-");
    }

    #[test]
    fn flags_of_go_test_may_stand_anywhere() {
        let line = "gostray test -race ./a -run ^TestX$ -C dir --settle 2s -count=1 ./b -- -v -args -race x";
        let args = line.split(' ').map(OsString::from);
        let cli = Cli::try_parse_from(go_flags(args)).unwrap();
        let Command::Test(test) = cli.command else { panic!("not test") };
        assert_eq!(test.packages, ["./a", "./b"]);
        assert_eq!(test.flags, ["-race", "-run", "^TestX$", "-count=1", "-v", "-args", "-race", "x"]);
        assert_eq!((test.directory, test.settle), (Some("dir".into()), Some(std::time::Duration::from_secs(2))));
    }
}
