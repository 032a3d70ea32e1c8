//! Packages: files that share a scope, and what they declare.
//!
//! | module | subject |
//! |---|---|
//! | `file` | a source file |
//! | `scope` | what a package declares |
//! | `folder` | the packages of a folder |
//! | `pattern` | `./...`: which folders |
//! | `stamp` | whether a file is still the one that was read |
//! | `world` | all packages that were loaded, each once |

mod file;
mod folder;
mod pattern;
mod scope;
mod stamp;
mod world;

use std::path::PathBuf;

use rustc_hash::FxHashMap;

use crate::module::Origin;
use crate::name::Name;

pub use file::{Import, SourceFile};
pub use folder::{FolderFiles, Reading, go_files};
pub use pattern::{PatternError, Unread, folders};
pub(crate) use scope::declared;
pub use scope::{Item, ItemKind, Method};
pub use stamp::{Digest, Digester, FileStamp, Stamp};
pub use world::{Endings, Note, Outside, World};

/// A package of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageId(pub(crate) u32);

/// A file of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// The package.
    pub package: PackageId,
    /// Its place among the files of the package.
    pub file: u32,
}

/// A package: its files, and what they declare.
#[derive(Debug)]
pub struct Package {
    /// Its number.
    pub id: PackageId,
    /// Its import path; that of an external test ends in `_test`.
    pub path: Name,
    /// Its name.
    pub name: Name,
    /// Where it lies.
    pub folder: PathBuf,
    /// Where it comes from.
    pub origin: Origin,
    /// Its files, in the order of their names.
    pub files: Vec<SourceFile>,
    /// What it declares.
    pub scope: FxHashMap<Name, Item>,
    /// The methods that it declares, by the name of their type.
    pub methods: FxHashMap<Name, Vec<Method>>,
}

impl Package {
    /// The files, with their ids.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files
            .iter()
            .enumerate()
            .map(|(at, file)| (FileId { package: self.id, file: u32::try_from(at).unwrap_or(u32::MAX) }, file))
    }
}
