//! The modules that are worked on, those they need, and which folder has a package.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use crate::module::mod_file::{ModFile, ModFileError, Replacement, WorkFile};
use crate::module::places::Places;
use crate::module::version::{compare, escape};

/// Older `go.mod` files name only what is needed directly; the rest is found in those of the needed.
const PRUNED_SINCE: u32 = 17;
/// Since then a `vendor` folder is used wherever there is one.
const VENDOR_SINCE: u32 = 14;

/// A module that is worked on.
#[derive(Debug, Clone)]
pub struct Module {
    /// Its path.
    pub path: String,
    /// Where it lies.
    pub folder: PathBuf,
    /// The minor version of Go it is written in.
    pub minor: u32,
    /// Folders that patterns leave out.
    pub ignore: Vec<PathBuf>,
}

/// Where a package comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A module that is worked on.
    Own,
    /// The standard library.
    Std,
    /// Another module.
    Dependency,
}

/// The modules, and where their packages are.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The modules that are worked on; none for files outside of any.
    pub modules: Vec<Module>,
    /// GOROOT and the module cache.
    pub places: Places,
    /// The folders of other modules by their path.
    dependencies: FxHashMap<String, PathBuf>,
    vendor: Option<PathBuf>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// A file can't be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A `go.mod` or `go.work` file is wrong.
    #[error("{}: {error}", path.display())]
    ModFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: ModFileError,
    },
}

impl Workspace {
    /// The workspace of a folder: that of its `go.work` or `go.mod`, or none.
    ///
    /// # Errors
    ///
    /// If one of these files can't be read.
    pub fn of(folder: &Path, places: Places) -> Result<Self, WorkspaceError> {
        let work = match std::env::var("GOWORK") {
            Ok(value) if value == "off" => None,
            Ok(value) if !value.is_empty() => Some(PathBuf::from(value)),
            _ => upwards(folder, "go.work"),
        };
        let own = upwards(folder, "go.mod");
        // A module that its go.work does not use is worked on alone.
        let mut files = Vec::new();
        let mut replace = Vec::new();
        let mut root = own.as_deref().and_then(Path::parent).unwrap_or(folder).to_owned();
        if let Some(path) = &work {
            let file =
                WorkFile::parse(&read(path)?).map_err(|error| WorkspaceError::ModFile { path: path.clone(), error })?;
            root = path.parent().unwrap_or(folder).to_owned();
            replace.extend(file.replace.into_iter().map(|replacement| (root.clone(), replacement)));
            for used in &file.uses {
                let path = root.join(used).join("go.mod");
                if path.is_file() {
                    files.push(path);
                }
            }
        } else if let Some(path) = own {
            files.push(path);
        }
        let mut workspace = Self { modules: Vec::new(), places, dependencies: FxHashMap::default(), vendor: None };
        let mut required: Vec<(String, String)> = Vec::new();
        let mut is_pruned = true;
        for path in files {
            let path = fs::canonicalize(&path).unwrap_or(path);
            let file =
                ModFile::parse(&read(&path)?).map_err(|error| WorkspaceError::ModFile { path: path.clone(), error })?;
            let folder = path.parent().unwrap_or(folder).to_owned();
            replace.extend(file.replace.iter().map(|replacement| (folder.clone(), replacement.clone())));
            is_pruned &= file.minor() >= PRUNED_SINCE;
            workspace.modules.push(Module {
                minor: file.minor(),
                ignore: file.ignore.iter().map(|ignored| folder.join(ignored)).collect(),
                path: file.module,
                folder,
            });
            required.extend(file.require);
        }
        let vendor = root.join("vendor");
        let may_vendor = workspace.modules.first().is_some_and(|module| module.minor >= VENDOR_SINCE);
        if may_vendor && vendor.join("modules.txt").is_file() {
            workspace.vendor = Some(vendor);
        }
        workspace.select(required, &replace, is_pruned);
        Ok(workspace)
    }

    /// Chooses the version of every module that is needed: the newest that is asked for.
    fn select(&mut self, required: Vec<(String, String)>, replace: &[(PathBuf, Replacement)], is_pruned: bool) {
        let mut selected: FxHashMap<String, String> = FxHashMap::default();
        let mut pending = required;
        while let Some((path, version)) = pending.pop() {
            let known = selected.get(&path);
            if known.is_some_and(|known| compare(known, &version).is_ge()) {
                continue;
            }
            if !is_pruned && let Some(file) = self.mod_file(&path, &version, replace) {
                pending.extend(file.require);
            }
            selected.insert(path, version);
        }
        for (path, version) in selected {
            if let Some(folder) = self.folder(&path, &version, replace) {
                self.dependencies.insert(path, folder);
            }
        }
    }

    fn folder(&self, path: &str, version: &str, replace: &[(PathBuf, Replacement)]) -> Option<PathBuf> {
        let cached = |path: &str, version: &str| {
            Some(self.places.cache.as_ref()?.join(format!("{}@{}", escape(path), escape(version))))
        };
        match replaced(path, version, replace) {
            Some((base, Replacement { new, new_version: None, .. })) => Some(base.join(new)),
            Some((_, Replacement { new, new_version: Some(version), .. })) => cached(new, version),
            None => cached(path, version),
        }
    }

    fn mod_file(&self, path: &str, version: &str, replace: &[(PathBuf, Replacement)]) -> Option<ModFile> {
        let cached = |path: &str, version: &str| {
            let name = format!("cache/download/{}/@v/{}.mod", escape(path), escape(version));
            Some(self.places.cache.as_ref()?.join(name))
        };
        let file = match replaced(path, version, replace) {
            Some((base, Replacement { new, new_version: None, .. })) => base.join(new).join("go.mod"),
            Some((_, Replacement { new, new_version: Some(version), .. })) => cached(new, version)?,
            None => cached(path, version)?,
        };
        ModFile::parse(&fs::read_to_string(file).ok()?).ok()
    }

    /// The folder of a package, and where it comes from; `None` if it is not on this machine. The
    /// standard library has packages of its own, which only it may import.
    #[must_use]
    pub fn find(&self, import: &str, from: Origin) -> Option<(PathBuf, Origin)> {
        let is_std = !import.split('/').next().unwrap_or_default().contains('.');
        if let Some(root) = &self.places.root
            && (is_std || from == Origin::Std)
        {
            let source = root.join("src");
            if is_std && source.join(import).is_dir() {
                return Some((source.join(import), Origin::Std));
            }
            if from == Origin::Std {
                let vendored = ["vendor", "cmd/vendor"].map(|vendor| source.join(vendor).join(import));
                return vendored.into_iter().find(|folder| folder.is_dir()).map(|folder| (folder, Origin::Std));
            }
        }
        let own = self.modules.iter().filter_map(|module| Some((module, within(import, &module.path)?)));
        // Modules may lie in each other: the longest path counts.
        if let Some((module, rest)) = own.max_by_key(|(module, _)| module.path.len()) {
            let folder = module.folder.join(rest);
            if folder.is_dir() {
                return Some((folder, Origin::Own));
            }
        }
        if let Some(vendor) = &self.vendor {
            let folder = vendor.join(import);
            return folder.is_dir().then_some((folder, Origin::Dependency));
        }
        let mut module = import;
        loop {
            if let Some(folder) = self.dependencies.get(module) {
                let folder = folder.join(within(import, module).unwrap_or_default());
                if has_go_files(&folder) {
                    return Some((folder, Origin::Dependency));
                }
            }
            module = module.rsplit_once('/')?.0;
        }
    }

    /// All that decides where packages are, in words: as long as it stays, so do packages that are not worked on,
    /// but for folders that are no part of GOROOT or the module cache.
    #[must_use]
    pub fn identity(&self) -> String {
        let version =
            self.places.root.as_ref().map(|root| fs::read_to_string(root.join("VERSION")).unwrap_or_default());
        let mut dependencies: Vec<_> = self.dependencies.iter().collect();
        dependencies.sort_unstable();
        let dependencies: Vec<_> =
            dependencies.into_iter().map(|(path, folder)| (path, folder, folder.is_dir())).collect();
        format!("{:?} {:?} {version:?} {:?} {dependencies:?}", self.modules, self.places, self.vendor)
    }

    /// Does nobody change what is in a folder: is it part of GOROOT, or of the module cache?
    #[must_use]
    pub fn is_fixed(&self, folder: &Path) -> bool {
        [&self.places.root, &self.places.cache].into_iter().flatten().any(|fixed| folder.starts_with(fixed))
    }

    /// The import path of a folder of a module that is worked on.
    #[must_use]
    pub fn import_path(&self, folder: &Path) -> Option<String> {
        let modules =
            self.modules.iter().filter_map(|module| Some((module, folder.strip_prefix(&module.folder).ok()?)));
        let (module, rest) = modules.max_by_key(|(module, _)| module.folder.as_os_str().len())?;
        let rest: Vec<&str> = rest.iter().filter_map(|part| part.to_str()).collect();
        Some(std::iter::once(module.path.as_str()).chain(rest).collect::<Vec<_>>().join("/"))
    }

    /// The module that is worked on and has a folder.
    #[must_use]
    pub fn module_of(&self, folder: &Path) -> Option<&Module> {
        let modules = self.modules.iter().filter(|module| folder.starts_with(&module.folder));
        modules.max_by_key(|module| module.folder.as_os_str().len())
    }
}

/// What of an import path comes after that of a module.
fn within<'i>(import: &'i str, module: &str) -> Option<&'i str> {
    let rest = import.strip_prefix(module)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

fn replaced<'r>(
    path: &str,
    version: &str,
    replace: &'r [(PathBuf, Replacement)],
) -> Option<&'r (PathBuf, Replacement)> {
    let of_path = || replace.iter().filter(|(_, replacement)| replacement.old == path);
    of_path()
        .find(|(_, replacement)| replacement.old_version.as_deref() == Some(version))
        .or_else(|| of_path().find(|(_, replacement)| replacement.old_version.is_none()))
}

fn has_go_files(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| Path::new(&entry.file_name()).extension().is_some_and(|ext| ext == "go"))
}

fn read(path: &Path) -> Result<String, WorkspaceError> {
    fs::read_to_string(path).map_err(|error| WorkspaceError::Io { path: path.to_owned(), error })
}

/// The nearest file of this name, in a folder or above it.
fn upwards(folder: &Path, name: &str) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file())
}
