//! The `gostray` program: arguments → command → exit code.

mod cli;
mod commands;
mod corefile;
mod exit;
mod output;
mod progress;
mod server;
mod show;
mod source;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::exit::Exit;

fn main() -> ExitCode {
    end_with_what_fails();
    let args: Vec<OsString> = std::env::args_os().collect();
    if let Some(outcome) = commands::answer_vet(&args) {
        return ended(outcome);
    }
    if let Some(outcome) = commands::answer_go_test(&args) {
        return outcome;
    }
    let cli = match cli::Cli::try_parse_from(cli::go_flags(args.into_iter())) {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come as errors, too; a reader that has gone away is none.
            let _ = error.print();
            return if error.use_stderr() { Exit::Failure } else { Exit::Clean }.into();
        }
    };
    cli.color.write_global();
    ended(commands::run(cli.command))
}

/// A panic ends the process, on whatever thread it is: what goes on without one of its threads is worse than what is
/// started again. Only the rules are looked after on their own.
fn end_with_what_fails() {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        say(info);
        if !gostray_check::is_contained() {
            std::process::abort();
        }
    }));
}

fn ended(outcome: anyhow::Result<Exit>) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) if output::is_broken_pipe(&error) => Exit::Clean.into(),
        Err(error) => {
            let label = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
            anstream::eprintln!("{label}error:{label:#} {error:#}");
            Exit::Failure.into()
        }
    }
}
