//! Runs the program as a user would.
#![allow(dead_code, reason = "not every test file uses all of it")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

pub(crate) const GOSTRAY: &str = env!("CARGO_BIN_EXE_gostray");

/// What a run left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(GOSTRAY);
    // From the folder of the data, so that names in outputs are the same everywhere.
    command.args(args).current_dir(folder()).env_remove("NO_COLOR").env("LC_ALL", "C.UTF-8").env("GOSTRAYCACHE", "off");
    command
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// A file of `tests/data`.
pub(crate) fn data(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

pub(crate) fn gostray(args: &[&str]) -> Run {
    command(args).stdin(Stdio::null()).output().unwrap().into()
}

pub(crate) fn gostray_with_stdin(args: &[&str], input: &[u8]) -> Run {
    let mut child = command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // It may stop reading early.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap().into()
    })
}
