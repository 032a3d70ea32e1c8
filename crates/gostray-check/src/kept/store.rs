//! The files in which it is kept: one for each question, which is replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gostray_golang::package::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The first bytes of a file: what has others is of another version, and not read.
const HEAD: &[u8] = b"gostray check 1\n";
/// What was not used for so long is removed, as the go command does.
const MAX_AGE: Duration = Duration::from_secs(5 * 24 * 3600);
/// A file says once an hour that it is used.
const USED: Duration = Duration::from_secs(3600);
/// All files together have at most so many bytes; those that were not used for longest go first.
const MAX_SIZE: u64 = 1 << 30;

/// What `gostray check` keeps between two looks.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    file: PathBuf,
    program: String,
}

/// Why a cache can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// `GOSTRAYCACHE` is no absolute path.
    #[error("GOSTRAYCACHE is {0:?}: give the absolute path of a folder, or \"off\"")]
    Relative(PathBuf),
    /// It can't be emptied.
    #[error("can't empty {}: {error}", path.display())]
    Empty {
        /// What can't be removed.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl Cache {
    /// The folder of the user's caches: that of `GOSTRAYCACHE`, or `gostray` where Go's `os.UserCacheDir` is. None if it
    /// is switched off, or if there is no such place.
    ///
    /// # Errors
    ///
    /// If `GOSTRAYCACHE` is no absolute path.
    pub fn folder() -> Result<Option<PathBuf>, CacheError> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        match set("GOSTRAYCACHE") {
            Some(value) if value.as_os_str() == "off" => return Ok(None),
            Some(value) if value.is_absolute() => return Ok(Some(value)),
            Some(value) => return Err(CacheError::Relative(value)),
            None => {}
        }
        let user = match std::env::consts::OS {
            "windows" => set("LocalAppData"),
            "macos" => set("HOME").map(|home| home.join("Library/Caches")),
            _ => set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache"))),
        };
        Ok(user.filter(|folder| folder.is_absolute()).map(|folder| folder.join("gostray")))
    }

    /// What is kept in a folder for a question, such as the patterns and where they are asked. `program` tells one build
    /// of gostray from another: what one found another does not take.
    #[must_use]
    pub fn new(folder: &Path, program: &str, question: &str) -> Self {
        let folder = folder.join("check");
        let name = format!("{:?}", Digest::of(question.as_bytes()));
        Self { file: folder.join(name), folder, program: program.to_owned() }
    }

    /// Removes all that is kept in a folder.
    ///
    /// # Errors
    ///
    /// If that is not allowed.
    pub fn empty(folder: &Path) -> Result<(), CacheError> {
        let path = folder.join("check");
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(CacheError::Empty { path, error }),
            _ => Ok(()),
        }
    }

    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// What is kept, if anything is. What is damaged, or of another version, is not.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        let file = File::open(&self.file).ok()?;
        let metadata = file.metadata().ok()?;
        if metadata.len() > MAX_SIZE {
            return None;
        }
        // Go's caches do the same: the time of the last change tells when it was used.
        if metadata.modified().ok().and_then(|at| at.elapsed().ok()).is_some_and(|age| age > USED) {
            let _ = File::options().append(true).open(&self.file).map(|file| file.set_modified(SystemTime::now()));
        }
        let bytes = fs::read(&self.file).ok()?;
        let (digest, content) = bytes.strip_prefix(HEAD)?.split_at_checked(16)?;
        if Digest::of(content).bytes() != digest {
            return None;
        }
        postcard::from_bytes(content).ok()
    }

    /// Keeps something in the stead of what was kept. Whoever reads meanwhile has the one or the other. If it is not
    /// possible, nothing is lost but time.
    pub(crate) fn write(&self, kept: &impl Serialize) {
        let _ = self.try_write(kept);
        let _ = self.trim();
    }

    fn try_write(&self, kept: &impl Serialize) -> Option<()> {
        let content = postcard::to_stdvec(kept).ok()?;
        fs::create_dir_all(&self.folder).ok()?;
        let tag = self.folder.join("CACHEDIR.TAG");
        if !tag.is_file() {
            // https://bford.info/cachedir/
            let text = "Signature: 8a477f597d28d172789f06886806bc55\n# What gostray check keeps between two looks. \
                        Remove it as you like, or run: gostray clean\n";
            fs::write(tag, text).ok()?;
        }
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).ok()?;
        file.write_all(HEAD).ok()?;
        file.write_all(&Digest::of(&content).bytes()).ok()?;
        file.write_all(&content).ok()?;
        file.persist(&self.file).ok().map(|_| ())
    }

    /// Removes what was not used for long, and what is too much.
    fn trim(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let age = metadata.modified()?.elapsed().unwrap_or_default();
            if metadata.is_file() && entry.file_name() != "CACHEDIR.TAG" {
                files.push((age, metadata.len(), entry.path()));
            }
        }
        files.sort_unstable();
        let mut size = 0;
        for (age, length, path) in files {
            size += length;
            if age > MAX_AGE || size > MAX_SIZE {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_damaged_or_of_another_version_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), "1", "q");
        assert_eq!(cache.read::<Vec<u32>>(), None);
        let kept = vec![1u32, 2, 3];
        cache.write(&kept);
        assert_eq!(cache.read(), Some(kept.clone()));
        let whole = fs::read(&cache.file).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            fs::write(&cache.file, &damaged).unwrap();
            assert_eq!(cache.read::<Vec<u32>>(), None, "{at}");
            fs::write(&cache.file, &whole[..at]).unwrap();
            assert_eq!(cache.read::<Vec<u32>>(), None, "{at}");
        }
        cache.write(&kept);
        assert_eq!(cache.read(), Some(kept));
    }

    #[test]
    fn what_was_not_used_for_long_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (Cache::new(folder.path(), "1", "old"), Cache::new(folder.path(), "1", "new"));
        old.write(&1u32);
        let ago = |age: Duration| {
            File::options().append(true).open(&old.file).unwrap().set_modified(SystemTime::now() - age).unwrap();
        };
        ago(MAX_AGE - USED);
        new.write(&2u32);
        // It is used, and so it stays.
        assert_eq!(old.read(), Some(1u32));
        new.write(&2u32);
        assert_eq!(old.read(), Some(1u32));
        ago(MAX_AGE + USED);
        new.write(&2u32);
        assert!(!old.file.exists() && new.file.exists());
        Cache::empty(folder.path()).unwrap();
        Cache::empty(folder.path()).unwrap();
        assert_eq!(new.read::<u32>(), None);
    }
}
