//! Modules: which folder has the package of an import path.
//!
//! | module | subject |
//! |---|---|
//! | `mod_file` | `go.mod`, `go.work`, `vendor/modules.txt` |
//! | `version` | versions of modules, and which is newer |
//! | `places` | GOROOT and the module cache |
//! | `workspace` | the modules that are worked on, and those they need |

mod mod_file;
mod places;
mod version;
mod workspace;

pub use mod_file::{ModFile, ModFileError, Replacement, WorkFile};
pub use places::Places;
pub use workspace::{Module, Origin, Workspace, WorkspaceError};
