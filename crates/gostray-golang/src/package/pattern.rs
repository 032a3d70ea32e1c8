//! Patterns of packages: `./...`, `./cmd/x`, `example.com/m/...`, `main.go`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::module::{Origin, Workspace};

/// Why a pattern names nothing.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// There is no such folder.
    #[error("{0}: no such folder")]
    NoFolder(String),
    /// There is no such package on this machine.
    #[error("package {0} is not on this machine")]
    NoPackage(String),
}

/// A folder that could not be looked into, and why.
pub type Unread = (PathBuf, String);

/// The folders that patterns name, in order, and the notes of what could not be looked into.
///
/// # Errors
///
/// If one of them names a folder or package that is not there.
pub fn folders(
    workspace: &Workspace,
    base: &Path,
    patterns: &[String],
) -> Result<(Vec<PathBuf>, Vec<Unread>), PatternError> {
    let mut folders = BTreeSet::new();
    let mut unread = Vec::new();
    for pattern in patterns {
        let (stem, is_tree) = match pattern.strip_suffix("...") {
            Some("") => (".", true),
            Some(stem) => (stem.trim_end_matches('/'), true),
            None => (pattern.trim_end_matches('/'), false),
        };
        let stem = if stem.is_empty() { "/" } else { stem };
        let is_path = stem == "." || stem == ".." || stem.starts_with("./") || stem.starts_with("../");
        let is_path = is_path || Path::new(stem).is_absolute() || stem.ends_with(".go");
        let folder = if is_path {
            let path = plain(&base.join(stem));
            match path.extension() {
                Some(extension) if extension == "go" && path.is_file() => path.parent().unwrap_or(base).to_owned(),
                _ if path.is_dir() => path,
                _ => return Err(PatternError::NoFolder(pattern.clone())),
            }
        } else {
            match workspace.find(stem, Origin::Own) {
                Some((folder, _)) => folder,
                // `x` may be meant as `./x`, which go itself refuses to guess.
                None => return Err(PatternError::NoPackage(stem.to_owned())),
            }
        };
        if is_tree {
            tree(workspace, &folder, &mut folders, &mut unread);
        } else {
            folders.insert(folder);
        }
    }
    Ok((folders.into_iter().collect(), unread))
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// The folders below one that have Go files, as `...` means them: not `testdata`, not `vendor`, not what
/// begins with `.` or `_`, not other modules, and no links.
fn tree(workspace: &Workspace, root: &Path, into: &mut BTreeSet<PathBuf>, unread: &mut Vec<Unread>) {
    let ignored: Vec<&PathBuf> = workspace.modules.iter().flat_map(|module| &module.ignore).collect();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                unread.push((folder, error.to_string()));
                continue;
            }
        };
        let (mut has_go, mut below) = (false, Vec::new());
        let mut is_other_module = false;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                let is_left_out = name.starts_with(['.', '_']) || name == "testdata" || name == "vendor";
                if !is_left_out && !ignored.contains(&&entry.path()) {
                    below.push(entry.path());
                }
            } else {
                has_go |= name.ends_with(".go");
                is_other_module |= name == "go.mod";
            }
        }
        // A module within a module is worked on only if the workspace says so.
        let is_own = workspace.modules.iter().any(|module| module.folder == folder);
        if is_other_module && folder != root && !is_own {
            continue;
        }
        pending.append(&mut below);
        // Package builtin is documentation.
        let is_builtin =
            folder.ends_with("src/builtin") && workspace.module_of(&folder).is_some_and(|module| module.path == "std");
        if has_go && !is_builtin {
            into.insert(folder);
        }
    }
}
