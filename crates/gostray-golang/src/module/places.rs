//! Where Go keeps things on this machine, found without asking it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// GOROOT and the module cache.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// The folder with the standard library in its `src`, if there is any.
    pub root: Option<PathBuf>,
    /// The module cache, if there is any.
    pub cache: Option<PathBuf>,
}

/// Where installations usually are.
const USUAL: [&str; 5] = [
    "/usr/local/go",
    "/usr/lib/go",
    "/usr/local/opt/go/libexec",
    "/opt/homebrew/opt/go/libexec",
    "C:\\Program Files\\Go",
];

impl Places {
    /// Those of this machine: from the environment, from what `go env -w` wrote, or the usual ones.
    #[must_use]
    pub fn find() -> Self {
        let settings = Settings::read();
        Self { root: root(&settings), cache: cache(&settings) }
    }

    /// The minor version of the standard library in GOROOT.
    #[must_use]
    pub fn minor(&self) -> Option<u32> {
        let text = fs::read_to_string(self.root.as_ref()?.join("VERSION")).ok()?;
        super::mod_file::minor(text.strip_prefix("go")?)
    }
}

/// The environment, and what is set in its stead by `go env -w`.
struct Settings(Vec<(String, String)>);

impl Settings {
    fn read() -> Self {
        let file = env::var_os("GOENV").map(PathBuf::from).or_else(|| Some(config()?.join("go/env")));
        let text = file.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.trim().split_once('='));
        Self(lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    fn get(&self, key: &str) -> Option<PathBuf> {
        let from_file = || self.0.iter().find(|(own, _)| own == key).map(|(_, value)| value.clone());
        let value = env::var(key).ok().filter(|value| !value.is_empty()).or_else(from_file)?;
        Some(PathBuf::from(value)).filter(|path| path.is_absolute())
    }
}

fn home() -> Option<PathBuf> {
    env::var_os("HOME").or_else(|| env::var_os("USERPROFILE")).map(PathBuf::from)
}

fn config() -> Option<PathBuf> {
    match env::consts::OS {
        "macos" => Some(home()?.join("Library/Application Support")),
        "windows" => env::var_os("AppData").map(PathBuf::from),
        _ => env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| Some(home()?.join(".config"))),
    }
}

fn root(settings: &Settings) -> Option<PathBuf> {
    let has_library = |root: &PathBuf| root.join("src/runtime").is_dir();
    let of_command = || {
        let path = env::var_os("PATH")?;
        let name = if cfg!(windows) { "go.exe" } else { "go" };
        let commands = env::split_paths(&path).map(|folder| folder.join(name)).filter(|command| command.is_file());
        let roots = commands.filter_map(|command| {
            let command = fs::canonicalize(command).ok()?;
            Some(command.parent()?.parent()?.to_owned())
        });
        roots.into_iter().find(has_library)
    };
    settings
        .get("GOROOT")
        .filter(has_library)
        .or_else(of_command)
        .or_else(|| USUAL.iter().map(|root| Path::new(root).to_owned()).find(has_library))
}

fn cache(settings: &Settings) -> Option<PathBuf> {
    let of_path = || {
        let path = settings.get("GOPATH").or_else(|| Some(home()?.join("go")))?;
        Some(env::split_paths(&path).next()?.join("pkg/mod"))
    };
    settings.get("GOMODCACHE").or_else(of_path).filter(|cache| cache.is_dir())
}
