//! The command lines of what looks at running programs and dumps, and what they share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{parse_duration, parse_grouping, parse_header, parse_size};

/// Group and judge the goroutines of a service, a process, a core or a saved dump.
///
/// SRC is `host:port` or a URL of net/http/pprof, `pid:N` (or a bare number) of a Go process on this
/// machine, `core:FILE`, a saved goroutine profile (debug=0, 1 or 2, gzipped or not), a crash or SIGQUIT dump
/// inside a log, or `-` for standard input.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gostray inspect :6060\n  \
    gostray inspect pid:4711\n  \
    gostray inspect core:core.4711.zst --executable ./shop\n  \
    gostray inspect http://10.0.3.7:6060/debug/pprof/ --focus 'shop/.*search'\n  \
    kubectl logs shop-7d4 --previous | gostray inspect -\n  \
    gostray inspect goroutines.pb.gz --format pprof -o g.pb.gz && go tool pprof g.pb.gz")]
pub(crate) struct Inspect {
    /// host:port, URL, pid:N, core:FILE, file or -
    #[arg(value_name = "SRC")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// List every goroutine with its stack, not only groups
    #[arg(long)]
    pub(crate) goroutines: bool,
    /// Put goroutines together by signature, a location (Delve's words), or a label (label:KEY)
    #[arg(long, value_name = "BY", default_value = "signature", value_parser = parse_grouping,
          long_help = GROUP_HELP)]
    pub(crate) group: gostray_model::Grouping,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[command(flatten)]
    pub(crate) core: Core,
}

const GROUP_HELP: &str = "Put goroutines together by:
  signature  start function, blocked function and operation (the default)
  userloc    the innermost location outside the standard library
  curloc     the innermost location that is not the runtime's
  goloc      the go statement that started them
  startloc   the function they were started with
  label:KEY  the value of a pprof label";

/// Watch the goroutines of a process or service, live in the terminal.
///
/// Looks never stop the program, and take at most a twentieth of the time; `p` proves, which holds a process up for
/// a moment. `?` lists the keys.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gostray top 4711\n  \
    gostray top :6060 --interval 5s")]
pub(crate) struct Top {
    /// pid:N, a bare process id, host:port or URL
    #[arg(value_name = "SRC")]
    pub(crate) source: String,
    /// Look so often
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
    pub(crate) interval: std::time::Duration,
    /// A proof never holds up the process for longer
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = parse_duration)]
    pub(crate) max_pause: std::time::Duration,
}

/// Show what grew between two snapshots, in absolute counts.
///
/// A and B are each what `inspect` takes; A is the earlier one. Signatures survive a deploy, so
/// the snapshots may come from different builds.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gostray inspect :6060 --format text -o before.txt   # … some load later:\n  \
    gostray diff before.txt :6060")]
pub(crate) struct Diff {
    /// The earlier snapshot: host:port, URL, pid:N, core:FILE, file or -
    #[arg(value_name = "A")]
    pub(crate) before: String,
    /// The later one
    #[arg(value_name = "B")]
    pub(crate) after: String,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[command(flatten)]
    pub(crate) core: Core,
}

/// Prove which goroutines of a process or core can never run again, and show who holds the others.
///
/// Nothing is asked of the process: no pprof, no agent, no symbols, Go 1.21 to 1.27. It is looked at
/// twice while it runs; only if goroutines look unreachable both times it is held up for a moment, for
/// a snapshot by fork (or, where that can't be, for reading it).
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gostray prove 4711\n  \
    gostray prove pid:4711 --format json\n  \
    gostray prove core:core.4711\n  \
    gostray prove 4711 --format html -o leak.html   # to attach to a ticket\n  \
    gostray prove 4711 --max-pause 10ms")]
pub(crate) struct Prove {
    /// The process by its id, or as pid:N; or core:FILE
    #[arg(value_name = "PID|CORE")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// List every goroutine with its stack, not only groups
    #[arg(long)]
    pub(crate) goroutines: bool,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) core: Core,
    #[command(flatten)]
    pub(crate) pause: Pause,
}

/// How to read a core.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Core")]
pub(crate) struct Core {
    /// What the process of the core ran [default: the file that it ran, where it was]
    #[arg(long, value_name = "FILE")]
    pub(crate) executable: Option<PathBuf>,
}

/// What it may cost the process.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pause")]
pub(crate) struct Pause {
    /// Never hold up the process for longer; predicted first, and enforced
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = parse_duration)]
    pub(crate) max_pause: std::time::Duration,
    /// Give up a fork when it has cost the process so much memory, e.g. 256MiB [default: a quarter of
    /// what the process may still use]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) max_copy: Option<u64>,
    /// How to take a snapshot
    #[arg(long, value_enum, default_value_t = Snapshot::Auto, value_name = "HOW")]
    pub(crate) snapshot: Snapshot,
    /// Fork although a seccomp filter might kill the process for it
    #[arg(long)]
    pub(crate) fork_under_seccomp: bool,
}

/// How to take a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Snapshot {
    /// By fork if possible, otherwise by stopping
    Auto,
    /// Make the process fork and read its copy
    Fork,
    /// Read it while it stands still
    Stop,
}

/// List the Go processes of this machine, without stopping any.
#[derive(Debug, Args)]
pub(crate) struct Ps {
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show the whole story on a bundled leaky service.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Build the service with this Go release, e.g. 1.21.13
    #[arg(long, value_name = "VERSION")]
    pub(crate) go: Option<String>,
    /// Leave the service running until Enter or Ctrl-C, to try commands on it
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Which goroutines to show.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct Selection {
    /// Only goroutines with a function or file on their stack that matches
    #[arg(long, value_name = "REGEX")]
    pub(crate) focus: Option<String>,
    /// No goroutines with a function or file on their stack that matches
    #[arg(long, value_name = "REGEX")]
    pub(crate) ignore: Option<String>,
    /// Only goroutines in this state, e.g. 'chan send' or 'IO wait'; may be given again
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Vec<String>,
    /// Only goroutines with this pprof label; may be given again
    #[arg(long, value_name = "KEY[=VALUE]")]
    pub(crate) label: Vec<String>,
}

/// How to show them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// How to show the result
    #[arg(long, value_enum, default_value_t = Format::Full, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// Write to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Exit with 0 even if there are leaks
    #[arg(long)]
    pub(crate) exit_zero: bool,
}

/// A way to show results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Full,
    /// One clickable line a group
    Concise,
    /// gostray.snapshot/v1 (see `gostray schema`)
    Json,
    /// A profile that `go tool pprof` opens
    Pprof,
    /// A traceback as the Go runtime prints it (debug=2), of a source that has goroutine ids
    Text,
    /// One page for a browser, with nothing to load: for a ticket
    Html,
    /// One line a suspicious group, for assistants
    Agent,
}

/// How to ask a pprof endpoint.
#[derive(Debug, Args)]
#[command(next_help_heading = "Endpoint")]
pub(crate) struct Endpoint {
    /// Ask for ids and ages (debug=2, which stops the target) only up to so many goroutines
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub(crate) max_dump: u64,
    /// Don't ask for the runtime's leak profile (it costs the target a garbage collection)
    #[arg(long)]
    pub(crate) no_leak_profile: bool,
    /// Ask a target with more than 200,000 goroutines, too (the answer costs it memory)
    #[arg(long)]
    pub(crate) force: bool,
    /// Give up a request after so long
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub(crate) timeout: std::time::Duration,
    /// Send a header, e.g. 'Authorization: Bearer …'; may be given again
    #[arg(long, value_name = "NAME: VALUE", value_parser = parse_header)]
    pub(crate) header: Vec<(String, String)>,
}

impl Default for Endpoint {
    fn default() -> Self {
        let timeout = std::time::Duration::from_secs(30);
        Self { max_dump: 2_000, no_leak_profile: false, force: false, timeout, header: Vec::new() }
    }
}
