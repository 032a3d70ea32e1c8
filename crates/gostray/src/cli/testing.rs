//! The command lines of what runs something of the user's: test, soak.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{parse_duration, parse_rate, parse_size};

/// Run go test, and name the tests that leave goroutines behind.
///
/// Nothing of the module is changed: the tests run as go test runs them, with its cache, and what each of
/// them leaves behind is looked at from outside when it has ended. What can never run again is proven.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gostray test\n  \
    gostray test ./internal/... -- -race -count=1\n  \
    gostray test -race -run '^TestFetch$' ./internal/user\n  \
    gostray test --write-baseline leaks.json && gostray test --baseline leaks.json")]
pub(crate) struct Test {
    /// Packages, as go test takes them
    #[arg(value_name = "PACKAGES")]
    pub(crate) packages: Vec<String>,
    /// Go to this folder first
    #[arg(long = "directory", short = 'C', value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// So long a test's goroutines may go on after it [default: 1s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) settle: Option<std::time::Duration>,
    /// Run tests that leave something behind again so often: what is not seen again and not proven fails nothing
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) rerun: usize,
    /// Don't fail for what this file knows
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write what was left behind to a file for --baseline
    #[arg(long, value_name = "FILE")]
    pub(crate) write_baseline: Option<PathBuf>,
    /// How to show the result
    #[arg(long, value_enum, default_value_t = TestFormat::Full, value_name = "FORMAT")]
    pub(crate) format: TestFormat,
    /// Write to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Exit with 0 even if goroutines are left behind
    #[arg(long)]
    pub(crate) exit_zero: bool,
    /// Flags of go test
    #[arg(last = true, value_name = "GO TEST FLAGS")]
    pub(crate) flags: Vec<String>,
}

/// A way to show tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    /// For people
    Full,
    /// gostray.snapshot/v1, one a package and line
    Json,
    /// JUnit XML
    Junit,
    /// Workflow commands of GitHub Actions
    Github,
    /// One page for a browser
    Html,
}

/// Drive a service, and say which endpoint leaves how many goroutines behind per request.
///
/// Each endpoint is driven alone, in rounds, then with clients that hang up, then all together; after each
/// round the service comes to rest and its goroutines are counted. Pools that fill up are no leaks. The
/// requests change what they change: use a service that is there for tests.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gostray soak --target http://localhost:8080 --pprof localhost:6060 /search?q=hat /checkout?id=7\n  \
    gostray soak --target http://localhost:8080 --pid 4711 --requests requests.txt --rate 100\n  \
    gostray soak --target http://localhost:8080 --pid 4711 \"POST /orders 'Content-Type: application/json' '{}'\"\n  \
    gostray soak --target http://localhost:8080 --pprof :6060 --openapi api.json --format html -o soak.html")]
pub(crate) struct Soak {
    /// Requests: a path, or METHOD PATH HEADERS BODY as one argument
    #[arg(value_name = "REQUEST")]
    pub(crate) requests: Vec<String>,
    /// Where the service listens: paths are asked for there
    #[arg(long, value_name = "URL")]
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) seen: Seen,
    #[command(flatten)]
    pub(crate) from: RequestFiles,
    /// Requests a second, whatever the answers do
    #[arg(long, value_name = "N", default_value_t = 50.0, value_parser = parse_rate)]
    pub(crate) rate: f64,
    /// For so long each endpoint is driven
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    pub(crate) duration: std::time::Duration,
    /// So many requests under way at most
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) concurrency: u16,
    /// So long an answer may take
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub(crate) timeout: std::time::Duration,
    /// So long the service may take to come to rest
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    pub(crate) drain: std::time::Duration,
    /// Don't let clients hang up
    #[arg(long)]
    pub(crate) no_hang_up: bool,
    /// The memory that the service may use: how long it lasts is said
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = parse_size)]
    pub(crate) memory_limit: u64,
    /// How to show the result
    #[arg(long, value_enum, default_value_t = SoakFormat::Full, value_name = "FORMAT")]
    pub(crate) format: SoakFormat,
    /// Write to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Exit with 0 even if goroutines are left behind
    #[arg(long)]
    pub(crate) exit_zero: bool,
}

/// Where the goroutines are seen.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Seen {
    /// The pprof endpoint of the service: host:port or a URL
    #[arg(long, value_name = "URL")]
    pub(crate) pprof: Option<String>,
    /// The process of the service, on this machine: nothing is asked of it
    #[arg(long, value_name = "PID")]
    pub(crate) pid: Option<u32>,
}

/// Requests from files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Requests from files")]
pub(crate) struct RequestFiles {
    /// A request a line, as on the command line
    #[arg(long = "requests", value_name = "FILE")]
    pub(crate) lines: Option<PathBuf>,
    /// What a browser saved
    #[arg(long, value_name = "FILE")]
    pub(crate) har: Option<PathBuf>,
    /// An OpenAPI document, YAML or JSON: the operations whose parameters have examples
    #[arg(long, value_name = "FILE")]
    pub(crate) openapi: Option<PathBuf>,
}

/// A way to show a load test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SoakFormat {
    /// For people
    Full,
    /// gostray.soak/v1
    Json,
    /// One page for a browser, with the goroutines over time
    Html,
}
