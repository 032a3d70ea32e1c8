//! One file a command.

mod check;
mod clean;
mod demo;
mod diff;
mod doctor;
mod explain;
mod export;
mod gate;
mod inspect;
mod leaks;
mod man;
mod mcp;
mod prove;
mod ps;
mod rule;
mod serve;
mod soak;
mod store;
mod test;
mod top;
mod verify;

use clap::CommandFactory;

use crate::cli::{Cli, Command, Document, Selection};
use crate::exit::Exit;
use crate::output;

pub(crate) use check::answer_vet;
pub(crate) use test::answer_go_test;

/// Runs a command.
pub(crate) fn run(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Check(args) => check::run(&args),
        Command::Clean => clean::run(),
        Command::Rule(args) => rule::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Prove(args) => prove::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Leaks(args) => leaks::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Export(args) => export::run(args),
        Command::Store(args) => store::run(args),
        Command::Ps(args) => ps::run(&args),
        Command::Mcp(args) => mcp::run(args),
        Command::Top(args) => top::run(&args),
        Command::Doctor => doctor::run(),
        Command::Demo(args) => demo::run(&args),
        Command::Completions { shell } => {
            output::raw_to(None, |out| {
                clap_complete::generate(shell, &mut Cli::command(), "gostray", &mut { out });
                Ok(())
            })?;
            Ok(Exit::Clean)
        }
        Command::Man { dir } => man::run(&dir),
        Command::Schema { of } => {
            let schema = match of {
                Document::Snapshot => gostray_report::snapshot_schema(),
                Document::Findings => gostray_report::findings_schema(),
                Document::Soak => gostray_report::soak_schema(),
            };
            output::raw_to(None, |out| out.write_all(schema.as_bytes()))?;
            Ok(Exit::Clean)
        }
    }
}

/// The filter of a selection.
fn filter(selection: &Selection) -> anyhow::Result<gostray_model::Filter> {
    let mut filter = gostray_model::Filter::default();
    if let Some(pattern) = &selection.focus {
        filter = filter.focus(pattern)?;
    }
    if let Some(pattern) = &selection.ignore {
        filter = filter.ignore(pattern)?;
    }
    for state in &selection.state {
        filter = filter.state(state);
    }
    for label in &selection.label {
        filter = match label.split_once('=') {
            Some((key, value)) => filter.label(key, Some(value)),
            None => filter.label(label, None),
        };
    }
    Ok(filter)
}
