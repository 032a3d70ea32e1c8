//! All packages that are known, each once: those that are worked on, and the others, which are read when
//! something of them is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::build::Context;
use crate::flow::Ending;
use crate::module::{Origin, Workspace};
use crate::name::Name;
use crate::package::folder::{FolderFiles, Reading};
use crate::package::scope::scope;
use crate::package::stamp::FileStamp;
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

/// How the functions of a package end that do not return, by the type they are a method of and their name.
pub type Endings = FxHashMap<(Option<Name>, Name), Ending>;

/// A folder that is worked on: it has a package, and perhaps one of external tests. They are read when something of
/// them is asked for.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    import: Name,
    origin: Origin,
    tests: bool,
    read: OnceLock<Read>,
    /// How its functions end, if that is known without reading them.
    endings: Mutex<Option<Arc<Endings>>>,
}

/// What was read of one.
#[derive(Debug)]
struct Read {
    packages: [Option<Package>; 2],
    stamps: Vec<FileStamp>,
    /// Could everything be read, and parsed?
    is_clean: bool,
}

/// What was looked at beyond the folders that are worked on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside {
    /// Folders that somebody may change, and what was read there.
    pub folders: BTreeMap<PathBuf, Vec<FileStamp>>,
    /// The folders that are worked on which packages elsewhere import.
    pub back: BTreeSet<PathBuf>,
}

/// The packages.
///
/// Those that are worked on have their numbers before any of them is read, so that it does not matter which of them
/// ever are.
#[derive(Debug)]
pub struct World {
    /// Where packages are.
    pub workspace: Workspace,
    /// What they are built for.
    pub context: Context,
    /// Functions that never return, beside those that are found to.
    pub never_return: Vec<FuncName>,
    folders: Vec<Folder>,
    by_import: FxHashMap<Name, usize>,
    others: boxcar::Vec<Package>,
    imports: Mutex<Imports>,
    /// What was read of folders that are not worked on, but may change.
    stamps: Mutex<BTreeMap<PathBuf, Vec<FileStamp>>>,
    /// The folders that are worked on which other packages import.
    back: Mutex<FxHashSet<usize>>,
    notes: Mutex<BTreeSet<Note>>,
    pub(crate) tables: Tables,
    /// How functions end that do not return.
    pub(crate) endings: Table<FuncId, Option<Ending>>,
    /// The types of files, where functions were looked into.
    types: Table<FileId, Arc<FileTypes>>,
    /// Packages that were read without bodies, with them.
    whole: Table<PackageId, PackageId>,
}

/// The numbers of packages that are not worked on begin here.
const OTHERS: u32 = 1 << 31;

fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(OTHERS - 1)
}

impl World {
    /// A world without packages.
    #[must_use]
    pub fn new(workspace: Workspace, context: Context) -> Self {
        Self {
            workspace,
            context,
            never_return: Vec::new(),
            folders: Vec::new(),
            by_import: FxHashMap::default(),
            others: boxcar::Vec::new(),
            imports: Mutex::default(),
            stamps: Mutex::default(),
            back: Mutex::default(),
            notes: Mutex::default(),
            tables: Tables::default(),
            endings: Table::default(),
            types: Table::default(),
            whole: Table::default(),
        }
    }

    /// Says which folders are worked on, with their tests where these are wanted. None is read yet.
    pub fn open(&mut self, folders: &[PathBuf], tests: bool) {
        for folder in folders {
            let path = self.workspace.import_path(folder).unwrap_or_else(|| folder.display().to_string());
            // The standard library's own module has no name of its own.
            let is_std = self.workspace.module_of(folder).is_some_and(|module| module.path == "std");
            let path = if is_std { path.trim_start_matches("std/").to_owned() } else { path };
            let import = Name::new(&path);
            self.by_import.insert(import, self.folders.len());
            self.folders.push(Folder {
                path: folder.clone(),
                import,
                origin: if is_std { Origin::Std } else { Origin::Own },
                tests,
                read: OnceLock::new(),
                endings: Mutex::default(),
            });
        }
    }

    /// Opens folders, and reads them at once; `progress` hears of every folder. Their packages come in the order of
    /// the folders.
    pub fn load(&mut self, folders: &[PathBuf], tests: bool, progress: &(dyn Fn() + Sync)) -> Vec<PackageId> {
        let first = self.folders.len();
        self.open(folders, tests);
        let added: Vec<usize> = (first..self.folders.len()).collect();
        self.read(&added, progress);
        added.into_iter().flat_map(|folder| self.packages_of(folder)).collect()
    }

    /// Reads some of the folders that are worked on, at once.
    pub fn read(&self, folders: &[usize], progress: &(dyn Fn() + Sync)) {
        pool().install(|| {
            folders.par_iter().for_each(|folder| {
                self.read_folder(*folder);
                progress();
            });
        });
    }

    /// Finds the types of all files of some of the folders that are worked on, at once: file by file, as folders are of
    /// very different sizes.
    pub fn infer(&self, folders: &[usize]) {
        self.read(folders, &|| {});
        let packages = folders.iter().flat_map(|folder| self.packages_of(*folder));
        let files: Vec<FileId> = packages.flat_map(|id| self.package(id).files().map(|(file, _)| file)).collect();
        pool().install(|| files.par_iter().for_each(|file| drop(self.types_of(*file))));
    }

    fn read_folder(&self, at: usize) -> &Read {
        let folder = &self.folders[at];
        folder.read.get_or_init(|| {
            let how = Reading { tests: folder.tests, bodies: Bodies::Parse, stamps: true };
            let files = FolderFiles::read(&folder.path, &self.context, how);
            self.note_unread(&files);
            let is_clean = files.unread.is_empty()
                && files.package.iter().chain(&files.external).all(|file| file.errors.is_empty());
            let first = narrow(at * 2);
            let external = Name::new(&format!("{}_test", folder.import));
            let package = |id, path, origin, files: Vec<SourceFile>| {
                (!files.is_empty()).then(|| package(PackageId(id), path, &folder.path, origin, files))
            };
            let packages = [
                package(first, folder.import, folder.origin, files.package),
                package(first + 1, external, Origin::Own, files.external),
            ];
            Read { packages, stamps: files.stamps, is_clean }
        })
    }

    /// The folders that are worked on, by number.
    pub fn folders(&self) -> impl Iterator<Item = (usize, &Path)> {
        self.folders.iter().enumerate().map(|(at, folder)| (at, folder.path.as_path()))
    }

    /// The packages of a folder that is worked on; it is read if it was not yet.
    #[must_use]
    pub fn packages_of(&self, folder: usize) -> Vec<PackageId> {
        self.read_folder(folder).packages.iter().flatten().map(|package| package.id).collect()
    }

    /// What was read of a folder that is worked on; none if none was needed.
    #[must_use]
    pub fn stamps(&self, folder: usize) -> Option<&[FileStamp]> {
        self.folders[folder].read.get().map(|read| read.stamps.as_slice())
    }

    /// Could all of a folder that is worked on be read, and parsed?
    #[must_use]
    pub fn is_clean(&self, folder: usize) -> bool {
        self.read_folder(folder).is_clean
    }

    /// The packages that are worked on and were read, in order.
    pub fn loaded(&self) -> impl Iterator<Item = &Package> {
        self.folders.iter().filter_map(|folder| folder.read.get()).flat_map(|read| read.packages.iter().flatten())
    }

    /// The folder of a package that is worked on.
    #[must_use]
    pub fn folder_of(&self, package: PackageId) -> Option<usize> {
        (package.0 < OTHERS).then_some(package.0 as usize / 2)
    }

    /// The folder that is worked on and has an import path.
    #[must_use]
    pub fn folder_by_import(&self, path: Name) -> Option<usize> {
        self.by_import.get(&path).copied()
    }

    /// Tells how the functions of a folder end, so that they need not be read for that.
    pub fn tell_endings(&self, folder: usize, endings: Endings) {
        *self.told(folder) = Some(Arc::new(endings));
    }

    /// Takes back what was told of some folders, and what was found by it.
    pub fn forget_endings(&self, folders: impl Iterator<Item = usize>) {
        folders.for_each(|folder| *self.told(folder) = None);
        self.endings.clear();
    }

    fn told(&self, folder: usize) -> MutexGuard<'_, Option<Arc<Endings>>> {
        self.folders[folder].endings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a function ends, where that was told.
    pub(crate) fn told_ending(&self, function: FuncId) -> Option<Option<Ending>> {
        let told = self.told(self.folder_of(function.file.package)?).clone()?;
        let name = FuncName::of(self, function)?;
        Some(told.get(&(name.receiver, name.name)).copied())
    }

    fn note_unread(&self, files: &FolderFiles) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.extend(files.unread.iter().map(|(path, why)| Note::Unread(path.clone(), why.clone())));
    }

    fn add(&self, path: Name, folder: &Path, origin: Origin, files: Vec<SourceFile>) -> PackageId {
        let id = |at: usize| PackageId(OTHERS | narrow(at));
        id(self.others.push_with(|at| package(id(at), path, folder, origin, files)))
    }

    /// The package that an import of another one means, loaded if it was not yet: without the bodies of
    /// its functions, unless it is worked on. `None` if it is not on this machine.
    pub fn import(&self, path: Name, asker: PackageId) -> Option<PackageId> {
        if let Some(folder) = self.by_import.get(&path).copied()
            && let Some(package) = &self.read_folder(folder).packages[0]
        {
            if asker.0 >= OTHERS {
                self.back.lock().unwrap_or_else(PoisonError::into_inner).insert(folder);
            }
            return Some(package.id);
        }
        let from = self.package(asker).origin;
        let mut imports = self.imports.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = Arc::clone(imports.entry((path, from == Origin::Std)).or_default());
        drop(imports);
        *cell.get_or_init(|| {
            if path == "C" {
                return None;
            }
            let missing = || {
                let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
                notes.insert(Note::MissingPackage(path));
            };
            let Some((folder, origin)) = self.workspace.find(path.as_str(), from) else {
                missing();
                return None;
            };
            let files = self.read_other(&folder, Bodies::Skip);
            self.note_unread(&files);
            if files.package.is_empty() {
                missing();
                return None;
            }
            // The standard library's vendored packages are named by where they are.
            let is_vendored = origin == Origin::Std && path.as_str().split('/').next().is_some_and(|p| p.contains('.'));
            let path = if is_vendored { Name::new(&format!("vendor/{path}")) } else { path };
            Some(self.add(path, &folder, origin, files.package))
        })
    }

    /// What was looked at beyond the folders that are worked on.
    #[must_use]
    pub fn outside(&self) -> Outside {
        let folders = self.stamps.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let back = self.back.lock().unwrap_or_else(PoisonError::into_inner);
        Outside { folders, back: back.iter().map(|folder| self.folders[*folder].path.clone()).collect() }
    }

    /// Reads a folder that is not worked on.
    fn read_other(&self, folder: &Path, bodies: Bodies) -> FolderFiles {
        let stamps = !self.workspace.is_fixed(folder);
        let files = FolderFiles::read(folder, &self.context, Reading { tests: false, bodies, stamps });
        if stamps {
            let mut all = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
            // What was read first is what is remembered: if it changed in between, the next look shows that.
            all.entry(folder.to_owned()).or_insert_with(|| files.stamps.clone());
        }
        files
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
            let files = self.read_other(&package.folder, Bodies::Parse);
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
        let found = match self.folder_of(id) {
            Some(folder) => {
                let folder = self.folders.get(folder).map(|_| self.read_folder(folder));
                folder.and_then(|read| read.packages[id.0 as usize % 2].as_ref())
            }
            None => self.others.get((id.0 ^ OTHERS) as usize),
        };
        found.unwrap_or_else(|| panic!("{id:?} is of another world"))
    }

    /// A file.
    #[must_use]
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.package(id.package).files[id.file as usize]
    }

    /// How many packages and files were loaded.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let packages = || self.loaded().chain(self.others.iter().map(|(_, package)| package));
        (packages().count(), packages().map(|package| package.files.len()).sum())
    }

    /// What could not be read, sorted.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

fn package(id: PackageId, path: Name, folder: &Path, origin: Origin, files: Vec<SourceFile>) -> Package {
    let (scope, methods) = scope(&files);
    let name = files.first().map_or(path, SourceFile::package_name);
    Package { id, path, name, folder: folder.to_owned(), origin, files, scope, methods }
}
