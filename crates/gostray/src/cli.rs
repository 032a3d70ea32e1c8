//! The command line. Help, man pages and completions all come from here.

use std::ffi::OsString;
use std::path::PathBuf;

mod fleet;

pub(crate) use fleet::{Export, Gate, GateFormat, LogFormat, Serve, Store};

use clap::{Args, Parser, Subcommand, ValueEnum};
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
    /// Say what a rule means, why, and what to do instead
    Rule(RuleArgs),
    /// Join what is stuck in a process to the statement that causes it, and to its fix
    Explain(Explain),
    /// Run go test, and name the tests that leave goroutines behind
    Test(Test),
    /// Drive a service, and say which endpoint leaves how many goroutines behind per request
    Soak(Soak),
    /// Group and judge the goroutines of a service, a process or a saved dump
    Inspect(Inspect),
    /// Prove which goroutines of a process can never run again, and show who holds the others
    Prove(Prove),
    /// Watch the goroutines of a process or service, live in the terminal
    Top(Top),
    /// Show what grew between two snapshots, in absolute counts
    Diff(Diff),
    /// Watch a fleet: scrape, store, tell leaks from load, alert, and show all of it in the browser
    Serve(Serve),
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
    /// Serve ps, inspect, prove, explain and check to assistants, over standard input and output (MCP)
    Mcp,
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

/// Find goroutine leaks in Go source, prove the path, hand over the fix.
///
/// Nothing is built or run: source is read as it lies on disk. Packages are named as for the go
/// command; without any, it is ./... .
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gostray check\n  \
    gostray check ./internal/... --format concise\n  \
    gostray check -C ../shop -tags integration")]
pub(crate) struct Check {
    /// Packages: ./..., a folder, an import path, a file
    #[arg(value_name = "PACKAGES")]
    pub(crate) patterns: Vec<String>,
    /// Go to this folder first
    #[arg(long = "directory", short = 'C', value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Build tags, separated by commas
    #[arg(long, value_name = "TAGS")]
    pub(crate) tags: Vec<String>,
    /// Report what only makes leaks easy, too
    #[arg(long)]
    pub(crate) hygiene: bool,
    #[command(flatten)]
    pub(crate) fixes: Fixes,
    #[command(flatten)]
    pub(crate) known: Known,
    /// Compare with a running program: what it shows comes first, with how many goroutines wait because of it.
    /// host:port, URL, pid:N or file; may be given again
    #[arg(long, value_name = "SRC")]
    pub(crate) profile: Vec<String>,
    /// Look into tests, too [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) tests: Option<bool>,
    /// How to show the findings
    #[arg(long, value_enum, default_value_t = CheckFormat::Full, value_name = "FORMAT")]
    pub(crate) format: CheckFormat,
    /// Write to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Exit with 0 even if there are findings
    #[arg(long)]
    pub(crate) exit_zero: bool,
    /// Look again whenever the source changes
    #[arg(long, conflicts_with_all = ["fix", "unsafe_fixes", "diff", "write_baseline"])]
    pub(crate) watch: bool,
}

/// What to mend.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fixes")]
pub(crate) struct Fixes {
    /// Mend what can be mended without changing anything else
    #[arg(long)]
    pub(crate) fix: bool,
    /// Mend what may change results, order or errors, too: look at the difference
    #[arg(long)]
    pub(crate) unsafe_fixes: bool,
    /// Show what would be changed, and change nothing
    #[arg(long)]
    pub(crate) diff: bool,
    /// How far fixes are verified; what fails is taken back
    #[arg(long, value_enum, default_value_t = Verify::Check, value_name = "RUNG")]
    pub(crate) verify: Verify,
}

/// How far fixes are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Verify {
    /// The file still parses
    Parse,
    /// The finding is gone, and there is no new one
    Check,
    /// go build and go vet of the packages pass
    Build,
    /// Their tests pass
    Test,
}

/// What is known already.
#[derive(Debug, Args)]
#[command(next_help_heading = "Known findings")]
pub(crate) struct Known {
    /// Leave out what this file knows
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write what was found to a file for --baseline
    #[arg(long, value_name = "FILE")]
    pub(crate) write_baseline: Option<PathBuf>,
    /// Report only what is on lines that changed since a revision of Git
    #[arg(long, value_name = "REV")]
    pub(crate) new_from: Option<String>,
}

/// Join what is stuck in a process to the statement that causes it, and to its fix.
///
/// The goroutines that leak are looked for in the source, and `check` says why they wait; where it does not know,
/// who could wake them is said. Source that is not that of the binary is not explained.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gostray explain 4711 --source ~/src/shop\n  \
    gostray explain :6060\n  \
    kubectl logs shop-7d4 --previous | gostray explain - --source ~/src/shop")]
pub(crate) struct Explain {
    /// host:port, URL, pid:N, file or -
    #[arg(value_name = "SRC")]
    pub(crate) source: String,
    /// The source of the program: its module, or a folder of it
    #[arg(long = "source", value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Build tags of the program, separated by commas
    #[arg(long, value_name = "TAGS")]
    pub(crate) tags: Vec<String>,
    /// Explain every goroutine that waits and is not meant to, not only those that leak
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// How to show the result
    #[arg(long, value_enum, default_value_t = ExplainFormat::Full, value_name = "FORMAT")]
    pub(crate) format: ExplainFormat,
    /// Write to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Exit with 0 even if there are leaks
    #[arg(long)]
    pub(crate) exit_zero: bool,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[command(flatten)]
    pub(crate) pause: Pause,
}

/// A way to show explanations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// For people: each leak with its story, in the source
    Full,
    /// gostray.snapshot/v1, with an explanation in each group
    Json,
}

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

/// Say what a rule means, why, and what to do instead.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gostray rule\n  \
    gostray rule GS103\n  \
    gostray rule lost-cancel --lang zh-CN")]
pub(crate) struct RuleArgs {
    /// The rule, by code or name; all of them if there is none
    #[arg(value_name = "RULE")]
    pub(crate) rule: Option<String>,
    /// The language
    #[arg(long, value_enum, default_value_t = Lang::En, value_name = "LANG")]
    pub(crate) lang: Lang,
}

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// English
    En,
    /// Chinese
    #[value(name = "zh-CN")]
    ZhCn,
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

/// A way to show findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people: each with its story, in the source
    Full,
    /// One clickable line a finding
    Concise,
    /// gostray.findings/v1
    Json,
    /// A finding a line, as in it
    Jsonl,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands of GitHub Actions
    Github,
    /// JUnit XML
    Junit,
    /// One page for a browser
    Html,
    /// For assistants
    Agent,
}

/// Group and judge the goroutines of a service, a process or a saved dump.
///
/// SRC is `host:port` or a URL of net/http/pprof, `pid:N` (or a bare number) of a Go process on this
/// machine, a saved goroutine profile (debug=0, 1 or 2, gzipped or not), a crash or SIGQUIT dump
/// inside a log, or `-` for standard input.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gostray inspect :6060\n  \
    gostray inspect pid:4711\n  \
    gostray inspect http://10.0.3.7:6060/debug/pprof/ --focus 'shop/.*search'\n  \
    kubectl logs shop-7d4 --previous | gostray inspect -\n  \
    gostray inspect goroutines.pb.gz --format pprof -o g.pb.gz && go tool pprof g.pb.gz")]
pub(crate) struct Inspect {
    /// host:port, URL, pid:N, file or -
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
    /// The earlier snapshot: host:port, URL, pid:N, file or -
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
}

/// Prove which goroutines of a process can never run again, and show who holds the others.
///
/// Nothing is asked of the process: no pprof, no agent, no symbols, Go 1.21 to 1.27. It is looked at
/// twice while it runs; only if goroutines look unreachable both times it is held up for a moment, for
/// a snapshot by fork (or, where that can't be, for reading it).
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gostray prove 4711\n  \
    gostray prove pid:4711 --format json\n  \
    gostray prove 4711 --max-pause 10ms")]
pub(crate) struct Prove {
    /// The process: its id, or pid:N
    #[arg(value_name = "PID")]
    pub(crate) process: String,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// List every goroutine with its stack, not only groups
    #[arg(long)]
    pub(crate) goroutines: bool,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) pause: Pause,
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

/// Go's own flags have one dash; takes the ones we share.
pub(crate) fn go_flags(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.collect();
    let command = args.iter().skip(1).find_map(|arg| arg.to_str().filter(|arg| !arg.starts_with('-')));
    if command == Some("test") {
        return go_test_flags(args);
    }
    let json = if command == Some("ps") { "--json" } else { "--format=json" };
    for arg in &mut args {
        match arg.to_str() {
            Some("-json") => *arg = json.into(),
            Some(flag @ ("-focus" | "-ignore" | "-help" | "-version" | "-tags" | "-tests")) => {
                *arg = format!("-{flag}").into();
            }
            Some(flag) if ["-focus=", "-ignore=", "-tags=", "-tests="].iter().any(|own| flag.starts_with(own)) => {
                *arg = format!("-{flag}").into();
            }
            _ => {}
        }
    }
    args
}

/// Flags of `go test` without a value.
const GO_TEST_SWITCHES: [&str; 17] = [
    "-a",
    "-asan",
    "-benchmem",
    "-cover",
    "-failfast",
    "-fullpath",
    "-json",
    "-linkshared",
    "-modcacherw",
    "-msan",
    "-n",
    "-race",
    "-short",
    "-trimpath",
    "-v",
    "-work",
    "-x",
];

/// Who is used to `go test` writes its flags before the packages, too: they go where they belong.
fn go_test_flags(args: Vec<OsString>) -> Vec<OsString> {
    let (mut ours, mut flags) = (Vec::new(), Vec::new());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let text = arg.to_str().unwrap_or_default();
        let is_ours = !text.starts_with('-') || text.starts_with("--") || matches!(text, "-" | "-C" | "-o" | "-h");
        match text {
            "--" => {
                flags.extend(args);
                break;
            }
            "-args" => {
                flags.push(arg);
                flags.extend(args);
                break;
            }
            "-C" | "-o" => {
                ours.push(arg);
                ours.extend(args.next());
            }
            "-help" | "-version" => ours.push(format!("-{text}").into()),
            _ if is_ours => ours.push(arg),
            _ => {
                let has_value = !text.contains('=') && !GO_TEST_SWITCHES.contains(&text);
                flags.push(arg);
                flags.extend(if has_value { args.next() } else { None });
            }
        }
    }
    if !flags.is_empty() {
        ours.push("--".into());
        ours.extend(flags);
    }
    ours
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
