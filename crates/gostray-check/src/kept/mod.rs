//! What is kept from one look at a module to the next, so that only what a change may have changed is looked at again.
//!
//! | module | subject |
//! |---|---|
//! | `store` | the files in which it is kept |
//! | `facts` | what is known of a folder without looking for leaks |
//! | `graph` | which folders can matter to which |
//! | `look` | a look: what is known already, what has to be looked at, what is kept of it |
//!
//! The findings of a folder depend on four things, and are kept under a digest of the first three:
//!
//! 1. what is in its files;
//! 2. what all that it imports declares, directly or not;
//! 3. which functions there never return;
//! 4. what is in the folders whose functions were looked into: these are noted while its findings are found.
//!
//! So a change within a function is looked at alone, unless it lets others return that did not. Beyond the folders that
//! are worked on there is GOROOT and the module cache, where nobody changes anything; if another version of a module is
//! chosen, all is looked at again, and so it is after a change in `vendor` or in what `replace` points to.
//!
//! What a file says of itself (size, times, inode) tells whether it has to be read at all.

mod facts;
mod graph;
mod look;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use gostray_golang::module::Origin;
use gostray_golang::package::{Digest, Digester, FileStamp, World};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::check::Options;
use crate::finding::Finding;

use facts::{Facts, endings_of, is_same};
use graph::Graph;
pub(crate) use look::Look;
pub use store::{Cache, CacheError};

/// What is kept of a question: of some folders, looked at in some way.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Of all that matters to every folder.
    pub(crate) identity: Digest,
    /// Folders that are not worked on, but may change.
    pub(crate) outside: BTreeMap<PathBuf, Vec<FileStamp>>,
    /// Folders that are worked on which packages elsewhere import: whatever imports those depends on these.
    pub(crate) back: BTreeSet<PathBuf>,
    /// Packages that are imported and not on this machine.
    pub(crate) missing: BTreeSet<String>,
    pub(crate) folders: FxHashMap<PathBuf, Folder>,
}

/// What is kept of a folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Folder {
    pub(crate) stamps: Vec<FileStamp>,
    pub(crate) facts: Facts,
    pub(crate) found: Option<Found>,
}

/// What was found in a folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// Of what it depends on.
    pub(crate) key: Digest,
    /// The other folders that were looked into for it, and what was in them.
    pub(crate) sight: Vec<(PathBuf, Digest)>,
    pub(crate) findings: Vec<Finding>,
}

impl Kept {
    /// What is kept, unless something has changed that matters to all of it.
    fn read(cache: &Cache, identity: Digest, world: &World) -> Self {
        let kept: Self = cache.read().unwrap_or_default();
        let is_there = |path: &String| world.workspace.find(path, Origin::Own).is_some();
        let is_valid = kept.identity == identity
            && kept.outside.iter().all(|(folder, stamps)| is_same(folder, stamps, world, false).is_some())
            && !kept.missing.iter().any(is_there);
        if is_valid { kept } else { Self { identity, ..Self::default() } }
    }
}

/// Of all that matters to every folder.
fn identity(cache: &Cache, world: &World, options: &Options) -> Digest {
    let mut digest = Digester::default();
    digest.text(cache.program());
    digest.text(&world.workspace.identity());
    digest.text(&format!("{:?} {:?}", world.context, world.never_return));
    let check = &options.config.check;
    digest.text(&format!("{} {:?} {:?}", options.tests, check.owners, check.background));
    digest.finish()
}
