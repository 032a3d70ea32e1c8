//! What depends on the machine: paths and environment.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where to look for commands and where to keep what is fetched.
#[derive(Debug, Clone)]
pub struct Machine {
    /// `$GOSTRAY_GO`.
    pub chosen_go: Option<PathBuf>,
    /// `$PATH`.
    pub path: OsString,
    /// Where Go is usually installed; looked into after `path`.
    pub usual_places: Vec<PathBuf>,
    /// Where fetched toolchains are kept.
    pub cache: PathBuf,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn this() -> Self {
        let home = env::var_os("HOME").map(PathBuf::from);
        let mut usual_places = vec![PathBuf::from("/usr/local/go/bin/go"), PathBuf::from("/usr/lib/go/bin/go")];
        if let Some(home) = &home {
            usual_places.push(home.join("go/bin/go"));
            usual_places.push(home.join(".local/go/bin/go"));
            let sdks = std::fs::read_dir(home.join("sdk")).into_iter().flatten().flatten();
            let mut sdks: Vec<_> = sdks.map(|sdk| sdk.path().join("bin/go")).collect();
            sdks.sort();
            usual_places.extend(sdks.into_iter().rev());
        }
        Self {
            chosen_go: env::var_os("GOSTRAY_GO").filter(|p| !p.is_empty()).map(PathBuf::from),
            path: env::var_os("PATH").unwrap_or_default(),
            usual_places,
            cache: cache_folder(home.as_deref()),
        }
    }

    /// The first command of that name on the path.
    pub(crate) fn command(&self, name: &str) -> Option<PathBuf> {
        env::split_paths(&self.path).map(|dir| dir.join(name)).find(|file| is_executable(file))
    }

    /// Every `go` that is there, the preferred one first.
    pub(crate) fn go_commands(&self) -> Vec<PathBuf> {
        let usual = self.usual_places.iter().filter(|file| is_executable(file)).cloned();
        self.command("go").into_iter().chain(usual).collect()
    }
}

/// `$GOSTRAY_CACHE`; within a checkout its `target` folder; else the user's cache.
fn cache_folder(home: Option<&Path>) -> PathBuf {
    if let Some(dir) = env::var_os("GOSTRAY_CACHE").filter(|dir| !dir.is_empty()) {
        return PathBuf::from(dir);
    }
    let executable = env::current_exe().unwrap_or_default();
    // Cargo marks its target folders with this file.
    if let Some(target) = executable.ancestors().find(|dir| dir.join("CACHEDIR.TAG").is_file()) {
        return target.join("go");
    }
    let user = env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    user.or_else(|| home.map(|home| home.join(".cache"))).unwrap_or_else(env::temp_dir).join("gostray")
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}
