//! Comparing the Go front end with Go's own packages, on real code.

pub(crate) mod corpus;
mod damage;
mod packages;
mod parser;
mod types;

use std::path::PathBuf;
use std::process::Command;

use anyhow::ensure;
use clap::Subcommand;
use gostray_toolchain::Toolchain;

use crate::checkout;
use crate::releases::{RELEASES, toolchain};

#[derive(Debug, Subcommand)]
pub(crate) enum Oracle {
    /// Compare every file with what go/parser makes of it, node by node.
    Parser(corpus::Args),
    /// Compare the types of what matters for concurrency with go/types.
    Types(corpus::Args),
    /// Compare which files belong to which package with what go list says.
    Packages(corpus::Args),
    /// Damage files, and see that what is away from the damage comes out unchanged.
    Damage(damage::Args),
}

pub(crate) fn run(oracle: &Oracle) -> anyhow::Result<()> {
    match oracle {
        Oracle::Parser(args) => parser::run(args),
        Oracle::Types(args) => types::run(args),
        Oracle::Packages(args) => packages::run(args),
        Oracle::Damage(args) => damage::run(args),
    }
}

/// The newest toolchain that gostray knows: its packages are the oracle.
pub(crate) fn newest() -> anyhow::Result<Toolchain> {
    toolchain(RELEASES[RELEASES.len() - 1])
}

/// Builds the Go program that asks Go's own packages.
pub(crate) fn build(go: &Toolchain, name: &str, folder: &std::path::Path) -> anyhow::Result<PathBuf> {
    let executable = folder.join(name);
    let source = checkout().join("xtask/oracles").join(name);
    let built = go.command().current_dir(source).args(["build", "-o"]).arg(&executable).arg("main.go").output()?;
    ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Ok(executable)
}

/// Runs a command for what it prints.
fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
