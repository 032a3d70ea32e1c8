//! The command lines of what watches a fleet.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use gostray_fleet::ListenAddress;

use super::parse_duration;

/// Watch a fleet: scrape, store, tell leaks from load, alert, and show all of it in the browser.
///
/// With a configuration, what it says; with targets, these; with neither, the Go processes of this
/// machine. The configuration has Prometheus's shape, and is read again on SIGHUP.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gostray serve localhost:6060\n  \
    gostray serve --config gostray.yaml\n  \
    gostray serve --config gostray.yaml --check-config")]
pub(crate) struct Serve {
    /// pprof endpoints: host:port or URL
    #[arg(value_name = "TARGET", conflicts_with = "config")]
    pub(crate) targets: Vec<String>,
    /// The configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Say whether the configuration is any good, and end
    #[arg(long, requires = "config")]
    pub(crate) check_config: bool,
    /// Where to listen; `:7117` is all interfaces [default: 127.0.0.1:7117, or what the configuration says]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<ListenAddress>,
    /// Where to keep what was seen [default: gostray-data, or what the configuration says]
    #[arg(long, value_name = "DIR")]
    pub(crate) storage: Option<PathBuf>,
    /// How to log
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    /// What to log: error, warn, info, debug, or as RUST_LOG has it
    #[arg(long, default_value = "info", value_name = "LEVEL")]
    pub(crate) log: String,
    /// How much faster than in life time goes by: days of a test in minutes
    #[arg(long, hide = true, default_value_t = 1.0, value_parser = time_scale)]
    pub(crate) time_scale: f64,
}

fn time_scale(text: &str) -> Result<f64, String> {
    let scale: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    if (1.0..=10_000.0).contains(&scale) { Ok(scale) } else { Err("it is a number from 1 to 10000".to_owned()) }
}

/// How to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people
    Text,
    /// A JSON object a line
    Json,
}

/// Ask a gostray server whether a build leaks, for canaries and rollouts.
///
/// Exits with 0 if it is clean, 1 if it leaks, 4 if it was not watched for long enough.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gostray gate --server http://localhost:7117 --service orders --build v2.14.0\n  \
    gostray gate --server https://gostray.example --service orders --build v2.14.0 --token-file token --wait 1h")]
pub(crate) struct Gate {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The service
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: String,
    /// The build; any of the service's where absent
    #[arg(long, value_name = "BUILD")]
    pub(crate) build: Option<String>,
    /// For how long one of its processes must have been watched
    #[arg(long, default_value = "1h", value_parser = parse_duration, value_name = "DURATION")]
    pub(crate) watched: Duration,
    /// Wait until it is known, but not longer
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    pub(crate) wait: Option<Duration>,
    /// How to show the answer
    #[arg(long, value_enum, default_value_t = ServerFormat::Full, value_name = "FORMAT")]
    pub(crate) format: ServerFormat,
    /// Exit with 0 even if it leaks
    #[arg(long)]
    pub(crate) exit_zero: bool,
}

/// Show the leaks that a gostray server knows, or one of them.
///
/// Exits with 1 if one is open or confirmed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gostray leaks --server http://localhost:7117\n  \
    gostray leaks --server http://localhost:7117 --service orders --state all\n  \
    gostray leaks --server http://localhost:7117 4f1c9a2b7d40")]
pub(crate) struct Leaks {
    /// One of them, by its id
    #[arg(value_name = "LEAK")]
    pub(crate) leak: Option<String>,
    #[command(flatten)]
    pub(crate) server: Server,
    /// Those of a service
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// Those in these states, separated by commas: open, confirmed, accepted, resolved, or all
    #[arg(long, default_value = "open,confirmed", value_name = "STATES")]
    pub(crate) state: String,
    /// How to show them
    #[arg(long, value_enum, default_value_t = ServerFormat::Full, value_name = "FORMAT")]
    pub(crate) format: ServerFormat,
    /// Exit with 0 even if there are leaks
    #[arg(long)]
    pub(crate) exit_zero: bool,
}

/// Serve ps, inspect, prove, explain, check, and what a gostray server knows, to assistants, over standard input and
/// output (MCP).
#[derive(Debug, Args)]
pub(crate) struct Mcp {
    /// A gostray server, whose leaks can be asked for
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// A file with a bearer token for it
    #[arg(long, value_name = "FILE", requires = "server")]
    pub(crate) token_file: Option<PathBuf>,
}

/// A gostray server.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The server
    #[arg(long, value_name = "URL")]
    pub(crate) server: String,
    /// A file with a bearer token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// How to show what a server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServerFormat {
    /// For people
    Full,
    /// As the server gives it
    Json,
}

/// Write what other tools read: Prometheus rules, a Grafana dashboard, a mixin, the API, samples.
#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// Alerting and recording rules for Prometheus
    Rules {
        /// As a PrometheusRule for the Prometheus operator
        #[arg(long)]
        crd: bool,
    },
    /// A dashboard for Grafana
    Dashboard,
    /// Rules and dashboard as a mixin
    Mixin {
        /// The folder to write to
        #[arg(value_name = "DIR", default_value = "gostray-mixin")]
        folder: PathBuf,
    },
    /// The HTTP API of `gostray serve`, as OpenAPI
    Api,
    /// The samples of a store as Parquet
    Parquet {
        /// The store's folder
        #[arg(long, default_value = "gostray-data", value_name = "DIR")]
        storage: PathBuf,
        /// How far back
        #[arg(long, default_value = "24h", value_parser = parse_duration, value_name = "DURATION")]
        since: Duration,
        /// The file to write
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
}

/// Look after the store of `gostray serve`.
#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Read all of it, and say whether it is whole
    Check {
        /// Its folder
        #[arg(default_value = "gostray-data", value_name = "DIR")]
        storage: PathBuf,
    },
    /// Copy it while it is in use
    Backup {
        /// Its folder
        #[arg(value_name = "DIR")]
        storage: PathBuf,
        /// The file to write
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
}
