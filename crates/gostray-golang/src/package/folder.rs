//! The packages of a folder: which of its files are built, and together.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::build::Context;
use crate::package::SourceFile;
use crate::package::stamp::{Digest, FileStamp, Stamp};
use crate::parser::Bodies;

/// Larger files are left out: nobody wrote them.
const MAX_FILE: u64 = 64 << 20;

/// The files of a folder, by what they belong to.
#[derive(Debug, Default)]
pub struct FolderFiles {
    /// The package, and its tests where they were asked for.
    pub package: Vec<SourceFile>,
    /// Tests that are a package of their own.
    pub external: Vec<SourceFile>,
    /// Files that are not built.
    pub ignored: Vec<PathBuf>,
    /// Files that could not be read, and why.
    pub unread: Vec<(PathBuf, String)>,
    /// What was read, those that are not built included, by name; empty unless it was asked for.
    pub stamps: Vec<FileStamp>,
}

/// What is read of a folder.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Its tests, too.
    pub tests: bool,
    /// With the bodies of functions?
    pub bodies: Bodies,
    /// Note what was read, so that a change can be told later.
    pub stamps: bool,
}

/// The Go files of a folder by name, sorted: those that may be built.
///
/// # Errors
///
/// If the folder can't be read.
pub fn go_files(folder: &Path, tests: bool) -> io::Result<Vec<String>> {
    let names = fs::read_dir(folder)?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names
        .filter(|name| name.ends_with(".go") && !name.starts_with(['.', '_']))
        .filter(|name| tests || !name.ends_with("_test.go"))
        .collect();
    names.sort_unstable();
    Ok(names)
}

impl FolderFiles {
    /// Reads those of a folder. A folder that can't be read has one unread file, itself.
    #[must_use]
    pub fn read(folder: &Path, context: &Context, how: Reading) -> Self {
        let mut files = Self::default();
        let names = match go_files(folder, how.tests) {
            Ok(names) => names,
            Err(error) => {
                files.unread.push((folder.to_owned(), error.to_string()));
                return files;
            }
        };
        for name in names {
            files.add(folder.join(&name), name, context, how);
        }
        files.separate();
        files
    }

    fn add(&mut self, path: PathBuf, name: String, context: &Context, how: Reading) {
        let is_allowed = context.allows_name(&name);
        if !is_allowed && !how.stamps {
            self.ignored.push(path);
            return;
        }
        let metadata = fs::metadata(&path);
        match &metadata {
            // Not a file, but a folder with an odd name.
            Ok(metadata) if !metadata.is_file() => return,
            Ok(metadata) if metadata.len() > MAX_FILE => {
                let why = format!("{} MiB are too much for a source file", metadata.len() >> 20);
                self.unread.push((path, why));
                return;
            }
            _ => {}
        }
        if !is_allowed {
            // Its name alone says that it is not built: what is in it does not matter.
            self.stamps.push(FileStamp { name, stamp: Stamp::default(), digest: Digest::default() });
            self.ignored.push(path);
            return;
        }
        let source = match fs::read(&path) {
            Ok(source) => source,
            Err(error) => {
                self.unread.push((path, error.to_string()));
                return;
            }
        };
        if how.stamps {
            // It was looked at before it was read: if it changed in between, the next look shows that.
            let stamp = metadata.map(|metadata| Stamp::of(&metadata)).unwrap_or_default();
            self.stamps.push(FileStamp { name, stamp, digest: Digest::of(&source) });
        }
        if !context.allows_text(&source) {
            self.ignored.push(path);
            return;
        }
        let file = SourceFile::new(path, source, how.bodies);
        let uses_c = file.imports.iter().any(|import| import.path == "C");
        if uses_c && !context.cgo || file.package_name() == "documentation" {
            self.ignored.push(file.path);
            return;
        }
        self.package.push(file);
    }

    /// Tells external tests from the package.
    fn separate(&mut self) {
        let files = std::mem::take(&mut self.package);
        let is_external = |file: &SourceFile| file.is_test && file.package_name().as_str().ends_with("_test");
        (self.external, self.package) = files.into_iter().partition(is_external);
        // Files of another package than the first are an error to Go, too.
        let first = self.package.iter().find(|file| !file.is_test).or(self.package.first());
        let Some(name) = first.map(SourceFile::package_name) else { return };
        let (these, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.package).into_iter().partition(|file| file.package_name() == name);
        self.package = these;
        for file in others {
            let why = format!("it is of package {}, the others of {name}", file.package_name());
            self.unread.push((file.path, why));
        }
    }
}
