//! Programs that can't be read: each is refused with the reason and what to do instead.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails says where, and one that is skipped why"
)]

mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gostray_process::{ProveOptions, prove, take};
use program::{Program, toolchain};

/// A program that says that it is ready, and waits.
const PROGRAM: &str = r#"package main

import "os"

func main() {
	os.Stdout.WriteString("ready\n")
	os.Stdin.Read(make([]byte, 1))
}
"#;

fn source(folder: &Path) -> PathBuf {
    let source = folder.join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("go.mod"), "module example.com/waits\n\ngo 1.21\n").unwrap();
    fs::write(source.join("main.go"), PROGRAM).unwrap();
    source
}

/// It is neither listed nor proven, for these reasons.
fn refused(program: &Program, parts: &[&str]) {
    let errors = [
        take(program.pid()).unwrap_err().to_string(),
        prove(program.pid(), &ProveOptions::default(), &mut |_| {}).unwrap_err().to_string(),
    ];
    for error in errors {
        for part in parts {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    }
    program.assert_unharmed();
}

fn is_installed(command: &str) -> bool {
    let is_installed = Command::new(command).arg("--version").output().is_ok();
    if !is_installed {
        eprintln!("SKIPPED: {command} is not installed here");
    }
    is_installed
}

/// Builds it by hand, with an environment.
fn build(source: &Path, name: &str, environment: &[(&str, &str)]) -> PathBuf {
    let executable = source.join(name);
    let go = toolchain("1.27.3").root().unwrap().join("bin/go");
    let mut command = Command::new(go);
    command.current_dir(source).args(["build", "-buildvcs=false", "-o"]).arg(&executable).arg(".");
    let built = command.env("GOTOOLCHAIN", "local").envs(environment.iter().copied()).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    executable
}

#[test]
fn programs_of_32_bits_are() {
    let folder = tempfile::tempdir().unwrap();
    let executable = build(&source(folder.path()), "waits", &[("GOARCH", "386")]);
    refused(&Program::start(&executable, &[], &[]), &["32-bit program", "gostray inspect HOST:PORT"]);
}

#[test]
fn programs_that_an_emulator_runs_are() {
    let emulator = "qemu-aarch64-static";
    if !is_installed(emulator) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let executable = build(&source(folder.path()), "waits", &[("GOARCH", "arm64")]);
    let found = Command::new("sh").args(["-c", &format!("command -v {emulator}")]).output().unwrap();
    // Beside the program, as it is started there.
    let path = folder.path().join(emulator);
    fs::copy(String::from_utf8(found.stdout).unwrap().trim(), &path).unwrap();
    let program = Program::start(&path, &[executable.to_str().unwrap()], &[]);
    refused(&program, &[emulator, "another processor", "gostray inspect HOST:PORT"]);
}

#[test]
fn programs_of_gccgo_are() {
    if !is_installed("gccgo") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path());
    let executable = source.join("waits");
    let built = Command::new("gccgo").current_dir(&source).args(["-o", "waits", "main.go"]).status();
    assert!(built.unwrap().success());
    refused(&Program::start(&executable, &[], &[]), &["no program of the Go compiler", "gccgo", "gostray ps"]);
}

/// Garble writes `unknown` in the place of the release, padded.
#[test]
fn programs_whose_release_was_taken_out_are() {
    let folder = tempfile::tempdir().unwrap();
    let executable = build(&source(folder.path()), "waits", &[]);
    let mut bytes = fs::read(&executable).unwrap();
    let header = [b"\xff Go buildinf:\x08\x02".as_slice(), &[0; 16], b"\x08go1.27.3"].concat();
    let at = memchr::memmem::find(&bytes, &header).unwrap();
    bytes[at + 33..at + 41].copy_from_slice(b"unknown ");
    fs::write(&executable, bytes).unwrap();
    refused(&Program::start(&executable, &[], &[]), &["release was taken out", "garble", "gostray inspect HOST:PORT"]);
}
