//! The packages of a folder: which of its files are built, and together.

use std::fs;
use std::path::{Path, PathBuf};

use crate::build::Context;
use crate::package::SourceFile;
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
}

impl FolderFiles {
    /// Reads those of a folder. A folder that can't be read has one unread file, itself.
    #[must_use]
    pub fn read(folder: &Path, context: &Context, tests: bool, bodies: Bodies) -> Self {
        let mut files = Self::default();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                files.unread.push((folder.to_owned(), error.to_string()));
                return files;
            }
        };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.retain(|name| name.ends_with(".go") && !name.starts_with(['.', '_']));
        names.sort_unstable();
        for name in names {
            if !tests && name.ends_with("_test.go") {
                continue;
            }
            files.add(folder.join(&name), &name, context, bodies);
        }
        files.separate();
        files
    }

    fn add(&mut self, path: PathBuf, name: &str, context: &Context, bodies: Bodies) {
        if !context.allows_name(name) {
            self.ignored.push(path);
            return;
        }
        match fs::metadata(&path) {
            // Not a file, but a folder with an odd name.
            Ok(metadata) if !metadata.is_file() => return,
            Ok(metadata) if metadata.len() > MAX_FILE => {
                let why = format!("{} MiB are too much for a source file", metadata.len() >> 20);
                self.unread.push((path, why));
                return;
            }
            _ => {}
        }
        let source = match fs::read(&path) {
            Ok(source) => source,
            Err(error) => {
                self.unread.push((path, error.to_string()));
                return;
            }
        };
        if !context.allows_text(&source) {
            self.ignored.push(path);
            return;
        }
        let file = SourceFile::new(path, source, bodies);
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
