//! All packages that were loaded, each once: those that are worked on at once, the others when something
//! of them is asked for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::build::Context;
use crate::flow::Ending;
use crate::module::{Origin, Workspace};
use crate::name::Name;
use crate::package::folder::FolderFiles;
use crate::package::scope::scope;
use crate::package::{FileId, Package, PackageId, SourceFile};
use crate::parser::Bodies;
use crate::pool::pool;
use crate::types::{FileTypes, FuncId, FuncName, Table, Tables};

/// Something that could not be read, and is missing from what is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// A package that is imported and not on this machine.
    MissingPackage(Name),
    /// A file or folder that could not be read, and why.
    Unread(PathBuf, String),
}

/// By import path, and whether the standard library asks: it has packages of its own.
type Imports = FxHashMap<(Name, bool), Arc<OnceLock<Option<PackageId>>>>;

/// The packages.
#[derive(Debug)]
pub struct World {
    /// Where packages are.
    pub workspace: Workspace,
    /// What they are built for.
    pub context: Context,
    /// Functions that never return, beside those that are found to.
    pub never_return: Vec<FuncName>,
    packages: boxcar::Vec<Package>,
    imports: Mutex<Imports>,
    notes: Mutex<BTreeSet<Note>>,
    pub(crate) tables: Tables,
    /// How functions end that do not return.
    pub(crate) endings: Table<FuncId, Option<Ending>>,
    /// The types of files, where functions were looked into.
    types: Table<FileId, Arc<FileTypes>>,
    /// Packages that were read without bodies, with them.
    whole: Table<PackageId, PackageId>,
}

impl World {
    /// A world without packages.
    #[must_use]
    pub fn new(workspace: Workspace, context: Context) -> Self {
        Self {
            workspace,
            context,
            never_return: Vec::new(),
            packages: boxcar::Vec::new(),
            imports: Mutex::default(),
            notes: Mutex::default(),
            tables: Tables::default(),
            endings: Table::default(),
            types: Table::default(),
            whole: Table::default(),
        }
    }

    /// Loads the packages of folders with all that is in them, tests included where they are wanted;
    /// `progress` hears of every folder. They come in the order of the folders.
    pub fn load(&self, folders: &[PathBuf], tests: bool, progress: &(dyn Fn() + Sync)) -> Vec<PackageId> {
        let read: Vec<FolderFiles> = pool().install(|| {
            let read = folders.par_iter().map(|folder| {
                let files = FolderFiles::read(folder, &self.context, tests, Bodies::Parse);
                progress();
                files
            });
            read.collect()
        });
        let mut loaded = Vec::new();
        for (folder, files) in folders.iter().zip(read) {
            let path = self.workspace.import_path(folder).unwrap_or_else(|| folder.display().to_string());
            // The standard library's own module has no name of its own.
            let is_std = self.workspace.module_of(folder).is_some_and(|module| module.path == "std");
            let path = if is_std { path.trim_start_matches("std/").to_owned() } else { path };
            self.note_unread(&files);
            if !files.package.is_empty() {
                let origin = if is_std { Origin::Std } else { Origin::Own };
                let id = self.add(Name::new(&path), folder, origin, files.package);
                for from_std in [false, true] {
                    let cell = self.cell(Name::new(&path), from_std);
                    let _ = cell.set(Some(id));
                }
                loaded.push(id);
            }
            if !files.external.is_empty() {
                loaded.push(self.add(Name::new(&format!("{path}_test")), folder, Origin::Own, files.external));
            }
        }
        loaded
    }

    fn note_unread(&self, files: &FolderFiles) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.extend(files.unread.iter().map(|(path, why)| Note::Unread(path.clone(), why.clone())));
    }

    fn add(&self, path: Name, folder: &Path, origin: Origin, files: Vec<SourceFile>) -> PackageId {
        let (scope, methods) = scope(&files);
        let name = files.first().map_or(path, SourceFile::package_name);
        let at = self.packages.push_with(|at| Package {
            id: PackageId(u32::try_from(at).unwrap_or(u32::MAX)),
            path,
            name,
            folder: folder.to_owned(),
            origin,
            files,
            scope,
            methods,
        });
        PackageId(u32::try_from(at).unwrap_or(u32::MAX))
    }

    fn cell(&self, path: Name, from_std: bool) -> Arc<OnceLock<Option<PackageId>>> {
        let mut imports = self.imports.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(imports.entry((path, from_std)).or_default())
    }

    /// The package that an import of another one means, loaded if it was not yet: without the bodies of
    /// its functions. `None` if it is not on this machine.
    pub fn import(&self, path: Name, from: Origin) -> Option<PackageId> {
        let cell = self.cell(path, from == Origin::Std);
        *cell.get_or_init(|| {
            if path == "C" {
                return None;
            }
            let Some((folder, origin)) = self.workspace.find(path.as_str(), from) else {
                let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
                notes.insert(Note::MissingPackage(path));
                return None;
            };
            let files = FolderFiles::read(&folder, &self.context, false, Bodies::Skip);
            self.note_unread(&files);
            if files.package.is_empty() {
                let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
                notes.insert(Note::MissingPackage(path));
                return None;
            }
            // The standard library's vendored packages are named by where they are.
            let is_vendored = origin == Origin::Std && path.as_str().split('/').next().is_some_and(|p| p.contains('.'));
            let path = if is_vendored { Name::new(&format!("vendor/{path}")) } else { path };
            Some(self.add(path, &folder, origin, files.package))
        })
    }

    /// The types of a file, found once.
    #[must_use]
    pub fn types_of(&self, file: FileId) -> Arc<FileTypes> {
        if let Some(known) = self.types.get(&file) {
            return known;
        }
        let found = Arc::new(FileTypes::of(self, file));
        self.types.set(file, Arc::clone(&found));
        found
    }

    /// A function of a package that was read without bodies, with its body: that of a second reading,
    /// whose types are not those of the first.
    #[must_use]
    pub fn with_body(&self, function: FuncId) -> Option<FuncId> {
        let package = self.package(function.file.package);
        let whole = self.whole.get(&package.id).unwrap_or_else(|| {
            let files = FolderFiles::read(&package.folder, &self.context, false, Bodies::Parse);
            let whole = self.add(package.path, &package.folder, package.origin, files.package);
            self.whole.set(package.id, whole);
            whole
        });
        let file = FileId { package: whole, file: function.file.file };
        let (from, to) = (&self.file(function.file).file, &self.package(whole).files.get(file.file as usize)?.file);
        // Declarations of a file keep their order.
        let at = from.decls.iter().position(|decl| *decl == function.decl)?;
        Some(FuncId { file, decl: *to.decls.get(at)? })
    }

    /// A package.
    ///
    /// # Panics
    ///
    /// If it is one of another world.
    #[must_use]
    #[expect(clippy::panic, reason = "ids come from the world alone")]
    pub fn package(&self, id: PackageId) -> &Package {
        self.packages.get(id.0 as usize).unwrap_or_else(|| panic!("{id:?} is of another world"))
    }

    /// A file.
    #[must_use]
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.package(id.package).files[id.file as usize]
    }

    /// How many packages and files were loaded.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.packages.count(), self.packages.iter().map(|(_, package)| package.files.len()).sum())
    }

    /// What could not be read, sorted.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
