//! What tells whether a file is still the one that was read, and whether a package still declares the same.

use std::fmt;
use std::fs::Metadata;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::ast::{Body, DeclKind};
use crate::package::SourceFile;
use crate::source::Span;

/// A file that was changed less than this before it was looked at may have changed once more since, and show it
/// by nothing: file systems count time in steps.
const SETTLED: Duration = Duration::from_secs(2);

/// The content of something, as far as that can be told in sixteen bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Digest([u8; 16]);

impl Digest {
    /// That of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut digest = Digester::default();
        digest.0.update(bytes);
        digest.finish()
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Makes the digest of several things; each ends where the next begins.
#[derive(Debug, Clone, Default)]
pub struct Digester(blake3::Hasher);

impl Digester {
    /// Adds something.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) {
        self.add(text.as_bytes());
    }

    /// Adds the digest of something.
    pub fn digest(&mut self, digest: Digest) {
        self.0.update(&digest.0);
    }

    /// That of all that was added.
    #[must_use]
    pub fn finish(&self) -> Digest {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        Digest(bytes)
    }
}

/// What the file system says of a file: it does not change as long as the file does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Stamp {
    size: u64,
    /// Nanoseconds since 1970; none for a file that had just been changed, which is not to be trusted.
    modified: Option<u128>,
    /// When it was last changed as the system counts, which no program can set back.
    changed: (i64, i64),
    inode: u64,
}

impl Stamp {
    /// That of a file.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok();
        let is_settled =
            modified.is_some_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age >= SETTLED));
        let since = modified.filter(|_| is_settled).and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let (changed, inode) = of_system(metadata);
        Self { size: metadata.len(), modified: since.map(|since| since.as_nanos()), changed, inode }
    }

    /// Does another one say that the file is the same?
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.modified.is_some() && self == other
    }
}

#[cfg(unix)]
fn of_system(metadata: &Metadata) -> ((i64, i64), u64) {
    use std::os::unix::fs::MetadataExt as _;
    ((metadata.ctime(), metadata.ctime_nsec()), metadata.ino())
}

#[cfg(not(unix))]
fn of_system(_metadata: &Metadata) -> ((i64, i64), u64) {
    Default::default()
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    /// Its name.
    pub name: String,
    /// What the file system said of it.
    pub stamp: Stamp,
    /// What was in it.
    pub digest: Digest,
}

impl SourceFile {
    /// Adds what it declares: its text without the bodies of functions, without comments, without the space around
    /// lines. As long as that stays, other packages see the same.
    pub fn declarations(&self, digest: &mut Digester) {
        let ast = &self.file.ast;
        let bodies = self.file.decls.iter().filter_map(|decl| match ast[*decl].kind {
            DeclKind::Func(function) => match function.body {
                Body::Block(block) => Some((ast[block].span, true)),
                Body::Skipped(span) => Some((span, true)),
                Body::None => None,
            },
            _ => None,
        });
        let comments = self.file.comments.iter().map(|span| (*span, false));
        let mut left_out: Vec<(Span, bool)> = bodies.chain(comments).collect();
        left_out.sort_unstable_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
        let (mut at, mut breaks) = (0, false);
        let mut add = |text: &[u8]| {
            // Where lines end matters to Go; how many of them are empty does not.
            for (line, text) in text.split(|byte| *byte == b'\n').enumerate() {
                breaks |= line > 0;
                let text = text.trim_ascii();
                if !text.is_empty() {
                    if std::mem::take(&mut breaks) {
                        digest.add(b"\n");
                    }
                    digest.add(text);
                }
            }
        };
        for (span, is_body) in left_out {
            let range = span.range();
            // Comments within bodies are behind already.
            let Some(text) = self.source.get(at..range.start) else { continue };
            add(text);
            if is_body {
                add(b"{}");
            } else if memchr::memchr(b'\n', &self.source[range.clone()]).is_some() {
                add(b"\n");
            }
            at = range.end;
        }
        add(self.source.get(at..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::Bodies;

    fn declared(text: &str) -> Digest {
        let mut digest = Digester::default();
        SourceFile::new("a.go".into(), text.into(), Bodies::Parse).declarations(&mut digest);
        digest.finish()
    }

    #[test]
    fn what_others_see_is_neither_bodies_nor_comments() {
        let text = "package a\n\n// T is.\ntype T struct{ a int }\n\nfunc (t T) F(x int) {\n\tgo f() // c\n}\n";
        let same = "package a\ntype T struct{ a int }\n/* more\nlines */\nfunc (t T) F(x int) { /* c */ }\n\n";
        assert_eq!(declared(text), declared(same));
        for other in
            [text.replace("a int", "b int"), text.replace("x int", "x, y int"), text.replace("package a", "package b")]
        {
            assert_ne!(declared(text), declared(&other), "{other}");
        }
        // A field, or two.
        assert_ne!(
            declared("package a\ntype T struct {\na /* c */ b\n}"),
            declared("package a\ntype T struct {\na\nb\n}")
        );
    }

    #[test]
    fn a_file_that_was_just_changed_is_not_trusted() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stamp = |path: &std::path::Path| Stamp::of(&std::fs::metadata(path).unwrap());
        let now = stamp(file.path());
        assert!(!now.is_same(&now));
        file.as_file().set_modified(SystemTime::now() - Duration::from_secs(10)).unwrap();
        let old = stamp(file.path());
        assert!(old.is_same(&stamp(file.path())));
        std::fs::write(file.path(), "x").unwrap();
        file.as_file().set_modified(SystemTime::now() - Duration::from_secs(10)).unwrap();
        assert!(!old.is_same(&stamp(file.path())));
    }
}
