//! The package `testing` of the user's toolchain, with a few more lines.
//!
//! `go test -overlay` replaces files of the standard library, too. Only files that exist are changed:
//! up to Go 1.23, `go vet` looks for added ones on disk. Lines keep their numbers.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::toolchain::Toolchain;

const HELPER: &str = include_str!("helper.go");

/// The packages that the helper needs, under names that `testing` does not have.
const IMPORTS: &str = "gostraycontext \"context\"; gostrayruntime \"runtime\"; gostraypprof \"runtime/pprof\"; \
                       gostrayatomic \"sync/atomic\"; gostraysyscall \"syscall\"; gostrayunsafe \"unsafe\";";

/// What is put behind which line of which file.
const CHANGES: [(&str, &[(&str, &str)]); 4] = [
    (
        "testing.go",
        &[
            ("import (", IMPORTS),
            ("func tRunner(t *T, fn func(t *T)) {", "defer gostrayTest(t.name)();"),
            ("func (m *M) Run() (code int) {", "gostrayBegin(); defer gostrayEnd();"),
        ],
    ),
    ("fuzz.go", &[("func fRunner(f *F, fn func(*F)) {", "defer gostrayTest(f.name)();")]),
    ("benchmark.go", &[("func (b *B) runN(n int) {", "defer gostrayTest(b.name)();")]),
    ("run_example.go", &[("func runExample(eg InternalExample) (ok bool) {", "defer gostrayTest(eg.Name)();")]),
];

/// Why `testing` can't be changed.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// A file could not be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not look as in the releases that are known.
    #[error(
        "the package testing of {version} is not known: {file} has {found} lines `{line}`, and not one; \
         gostray test knows Go 1.21 to 1.27"
    )]
    Unknown {
        /// The release.
        version: String,
        /// The file.
        file: &'static str,
        /// The line that is looked for.
        line: &'static str,
        /// How often it is there.
        found: usize,
    },
    /// The overlay of the user's own is none.
    #[error("the overlay {path}: {source}", path = .path.display())]
    Json {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The user replaces the same file.
    #[error("the overlay {path} replaces {file}, which gostray test has to replace, too", path = .path.display())]
    Taken {
        /// The user's overlay.
        path: PathBuf,
        /// The file.
        file: String,
    },
}

#[derive(Default, Serialize, Deserialize)]
struct Overlay {
    #[serde(rename = "Replace")]
    replace: BTreeMap<String, String>,
}

/// Writes the overlay for a toolchain below `cache`, with what the user's own replaces, and gives its path.
/// It is the same file as long as nothing changes, as the build cache of Go wants it.
pub(crate) fn write(toolchain: &Toolchain, own: Option<&Path>, cache: &Path) -> Result<PathBuf, OverlayError> {
    let mut overlay = Overlay::default();
    if let Some(path) = own {
        let text = read(path)?;
        overlay = serde_json::from_str(&text).map_err(|source| OverlayError::Json { path: path.to_owned(), source })?;
    }
    let folder = toolchain.root.join("src/testing");
    for (name, changes) in CHANGES {
        let from = folder.join(name);
        let mut text = changed(&read(&from)?, name, changes, &toolchain.version)?;
        if name == "testing.go" {
            text.push_str(HELPER);
        }
        let to = cache.join(format!("testing-{:016x}", hash(&text))).join(name);
        write_once(&to, &text)?;
        let key = from.display().to_string();
        if let (Some(_), Some(path)) = (overlay.replace.insert(key, to.display().to_string()), own) {
            return Err(OverlayError::Taken { path: path.to_owned(), file: from.display().to_string() });
        }
    }
    let text = serde_json::to_string_pretty(&overlay).unwrap_or_default();
    let path = cache.join(format!("overlay-{:016x}.json", hash(&text)));
    write_once(&path, &text)?;
    Ok(path)
}

fn changed(
    text: &str,
    file: &'static str,
    changes: &[(&'static str, &str)],
    version: &str,
) -> Result<String, OverlayError> {
    let mut changed = text.to_owned();
    for (line, addition) in changes {
        let whole = format!("\n{line}\n");
        let found = text.matches(&whole).count();
        if found != 1 {
            return Err(OverlayError::Unknown { version: version.to_owned(), file, line, found });
        }
        changed = changed.replacen(&whole, &format!("\n{line} {addition}\n"), 1);
    }
    Ok(changed)
}

/// Of text, and the same on every machine.
pub(crate) fn hash(text: &str) -> u64 {
    // FNV-1a: a file name, no more.
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn read(path: &Path) -> Result<String, OverlayError> {
    fs::read_to_string(path).map_err(|source| OverlayError::Io { path: path.to_owned(), source })
}

/// Whoever writes it at the same time writes the same.
fn write_once(path: &Path, text: &str) -> Result<(), OverlayError> {
    if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    let written = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        file.persist(path)?;
        Ok(())
    };
    written().map_err(|source| OverlayError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers() {
        let text = "package testing\n\nimport (\n\t\"fmt\"\n)\n\nfunc f() {\n}\n";
        let changes = [("import (", "a \"b\";"), ("func f() {", "g();")];
        let changed = changed(text, "testing.go", &changes, "go1.99").unwrap();
        assert_eq!(changed, "package testing\n\nimport ( a \"b\";\n\t\"fmt\"\n)\n\nfunc f() { g();\n}\n");
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let error = changed("package testing\n", "fuzz.go", &[("func f() {", "g();")], "go1.99").unwrap_err();
        assert!(error.to_string().contains("go1.99"), "{error}");
    }
}
