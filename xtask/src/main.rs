//! gostray's developer commands: fixtures, generated tables, benchmarks.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "developer commands print")]

mod bench;
mod bench_check;
mod bench_detector;
mod bench_fleet;
mod bench_golang;
mod bench_process;
mod bench_test;
mod corpus;
mod fixes;
mod golden;
mod layouts;
mod oracle;
mod patches;
mod releases;
mod std_packages;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

/// gostray's developer commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    #[command(flatten)]
    Task(Task),
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Measure reading speed and memory beside panicparse and go tool pprof.
    Bench(bench::Args),
    /// Measure gostray check beside go vet, staticcheck and golangci-lint.
    BenchCheck(bench_check::Args),
    /// Write again what gostray check finds in real modules: crates/gostray-check/corpus.
    Corpus,
    /// Look at what gostray check finds of real fixes: crates/gostray-check/fixes.
    Fixes(fixes::Args),
    /// Measure the detector of gostray serve on a simulated fleet, beside the rules people have.
    BenchDetector(bench_detector::Args),
    /// Measure gostray serve on many targets: processor, memory, lateness, bytes a sample.
    BenchFleet(bench_fleet::Args),
    /// Measure the Go front end beside Go's own parser.
    BenchGolang(bench_golang::Args),
    /// Measure what proving costs a process, from inside it, beside its own leak profile and dump.
    BenchProcess(bench_process::Args),
    /// Measure gostray test beside go test, and compare what it finds with goleak.
    BenchTest(bench_test::Args),
    /// Take the golden dumps again: fixtures/golden/dumps.
    Golden(golden::Args),
    /// Read the runtime's layouts again: crates/gostray-process/src/layout.tsv.
    Layouts(layouts::Args),
    /// Compare the Go front end with Go's own packages.
    #[command(subcommand)]
    Oracle(oracle::Oracle),
    /// Write the list of the standard library's packages again: crates/gostray-model/src/std_packages.txt.
    StdPackages,
}

fn main() -> anyhow::Result<()> {
    let Command::Task(task) = Command::parse();
    match task {
        Task::Bench(args) => bench::run(&args),
        Task::BenchCheck(args) => bench_check::run(&args),
        Task::Corpus => corpus::run(),
        Task::Fixes(args) => fixes::run(&args),
        Task::BenchDetector(args) => bench_detector::run(&args),
        Task::BenchFleet(args) => bench_fleet::run(&args),
        Task::BenchGolang(args) => bench_golang::run(&args),
        Task::BenchProcess(args) => bench_process::run(&args),
        Task::BenchTest(args) => bench_test::run(&args),
        Task::Golden(args) => golden::run(&args),
        Task::Layouts(args) => layouts::run(&args),
        Task::Oracle(oracle) => oracle::run(&oracle),
        Task::StdPackages => std_packages::run(),
    }
}

/// The root of the checkout.
fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
