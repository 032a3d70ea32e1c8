//! The command lines of what looks into source: check, rule, explain.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Core, Endpoint, Pause, Selection};

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
    /// A generated test leaves goroutines without the fix, and none with it: it calls the function that leaks
    Witness,
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
    gostray explain core:core.4711 --source ~/src/shop\n  \
    gostray explain 4711 --format html -o leak.html\n  \
    kubectl logs shop-7d4 --previous | gostray explain - --source ~/src/shop")]
pub(crate) struct Explain {
    /// host:port, URL, pid:N, core:FILE, file or -
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
    /// How far fixes are verified. No file is changed
    #[arg(long, value_enum, default_value_t = ExplainVerify::Parse, value_name = "RUNG")]
    pub(crate) verify: ExplainVerify,
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
    pub(crate) core: Core,
    #[command(flatten)]
    pub(crate) pause: Pause,
}

/// How far the fixes of explanations are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainVerify {
    /// The file parses with it
    Parse,
    /// go build and go vet of its package pass
    Build,
    /// The tests of its package pass
    Test,
    /// A generated test leaves goroutines without the fix, and none with it: it calls the function that leaks
    Witness,
}

/// A way to show explanations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// For people: each leak with its story, in the source
    Full,
    /// gostray.snapshot/v1, with an explanation in each group
    Json,
    /// One page for a browser, with nothing to load: for a ticket
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
