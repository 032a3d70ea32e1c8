//! Where the fields of the runtime's structures lie in a release: `layout.tsv`, made by `cargo xtask
//! layouts` from the DWARF of programs built with each. A release that is not in it may tell by the DWARF of the
//! program itself.

use std::borrow::Cow;
use std::fs::File;

use object::ReadCache;
use rustc_hash::FxHashMap;

use crate::dwarf::RuntimeLayout;
use crate::machine::Machine;

const TABLE: &str = include_str!("layout.tsv");
/// The oldest minor version whose structures are those that are looked for.
const OLDEST: u32 = 18;
/// The structures without which goroutines can't be listed.
const LISTED: &[&str] = &["runtime.g.", "runtime.moduledata.", "runtime._func.", "runtime.inlinedCall."];
/// What goroutines can be listed without: who started one is known since Go 1.21.
const LISTED_WITHOUT: &str = "runtime.g.parentGoid";

/// The offsets of one release, by `package.type.field`.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    offsets: FxHashMap<Cow<'static, str>, u64>,
    /// The minor version of the release: the 27 of Go 1.27.3.
    pub(crate) minor: u32,
    pub(crate) source: Source,
}

/// Where a layout is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Table {
        /// The release in the table.
        release: &'static str,
        /// The very patch release that was asked for was seen to have it.
        is_exact: bool,
    },
    /// The DWARF of the program. That tells where fields lie, and nothing of what the collector does with them: it is
    /// enough for a list, not for a proof.
    Dwarf,
}

/// The minor version of a release: the 27 of `1.27.3`.
fn minor_of(release: &str) -> Option<u32> {
    release.split('.').nth(1)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

impl Layout {
    /// The layout for a version as the binary tells it: `go1.25.5 X:greenteagc`. That of another
    /// patch release stands in where there is none of its own: it must be validated either way.
    pub(crate) fn of(version: &str, machine: Machine) -> Option<Self> {
        let number = version.strip_prefix("go")?.split([' ', '-']).next()?;
        let minor = minor_of(number)?;
        let mut lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        let columns: Vec<(&str, &str)> = lines.next()?.split('\t').skip(1).filter_map(|c| c.rsplit_once('-')).collect();
        // Which patch releases were seen to have it.
        let patches: Vec<&str> = lines.next()?.split('\t').skip(1).collect();
        let of_minor = |(release, architecture): &(&str, &str)| {
            *architecture == machine.name() && minor_of(release) == Some(minor)
        };
        let patch = number.split('.').nth(2).unwrap_or("0");
        let is_known = |at: &usize| of_minor(&columns[*at]) && patches[*at].split(',').any(|known| known == patch);
        let exact = (0..columns.len()).find(is_known);
        let column = exact.or_else(|| columns.iter().rposition(of_minor))?;
        // An experiment may have moved things, and so may a release to come.
        let is_exact =
            exact.is_some() && !version.contains("X:") && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let offsets = lines
            .filter_map(|line| {
                let mut cells = line.split('\t');
                Some((cells.next()?.into(), cells.nth(column)?.parse().ok()?))
            })
            .collect();
        Some(Self { offsets, minor, source: Source::Table { release: columns[column].0, is_exact } })
    }

    /// The layout that the DWARF of a program tells, or why it does not.
    pub(crate) fn of_program(version: &str, executable: Option<File>) -> Result<Self, String> {
        let release = version.strip_prefix("devel ").unwrap_or(version);
        let minor = minor_of(release).filter(|minor| *minor >= OLDEST).ok_or("it is too old")?;
        let executable = ReadCache::new(executable.ok_or("its executable is gone")?);
        let RuntimeLayout { offsets, missing } =
            RuntimeLayout::of_executable(&executable).map_err(|error| error.to_string())?;
        let is_needed = |field: &String| LISTED.iter().any(|of| field.starts_with(of)) && field != LISTED_WITHOUT;
        if let Some(field) = missing.iter().find(|field| is_needed(field)) {
            return Err(format!("its runtime has no {field}"));
        }
        let offsets = offsets.into_iter().map(|(field, offset)| (field.into(), offset)).collect();
        Ok(Self { offsets, minor, source: Source::Dwarf })
    }

    /// The offset of a field in bytes. A field that the table lacks lies nowhere that can be read, so
    /// that using it fails rather than lies.
    pub(crate) fn at(&self, field: &str) -> u64 {
        self.get(field).unwrap_or(1 << 62)
    }

    /// The same as an index into a buffer; beyond the end of any for a field that the table lacks.
    pub(crate) fn index(&self, field: &str) -> usize {
        self.get(field).and_then(|offset| usize::try_from(offset).ok()).unwrap_or(usize::MAX / 2)
    }

    /// What this release may not have.
    pub(crate) fn get(&self, field: &str) -> Option<u64> {
        self.offsets.get(field).copied()
    }

    /// The releases of the table.
    pub(crate) fn releases() -> String {
        let header = TABLE.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
        let known = header.split('\t').filter_map(|c| c.strip_suffix("-amd64"));
        let minors: Vec<&str> = known.filter_map(|release| release.rsplit_once('.')).map(|(minor, _)| minor).collect();
        format!("{} to {}", minors.first().unwrap_or(&"?"), minors.last().unwrap_or(&"?"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use gostray_toolchain::{Request, Toolchain};

    use super::*;
    use crate::error::Subject;
    use crate::image::Image;
    use crate::memory::Memory;
    use crate::recorded::Recorded;

    fn is_exact(layout: &Layout) -> bool {
        matches!(layout.source, Source::Table { is_exact: true, .. })
    }

    /// As if each release were one that the table does not know.
    #[test]
    fn a_program_tells_what_the_table_tells() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/lively");
        let folder = tempfile::tempdir().unwrap();
        for release in ["1.21.13", "1.22.10", "1.23.9", "1.24.11", "1.25.5", "1.26.6", "1.27.3"] {
            let toolchain = Toolchain::find(Request::Exactly(release.parse().unwrap()), &mut |_| {}).unwrap();
            let executable = folder.path().join(release);
            toolchain.build(&source, &executable, [""; 0]).unwrap();
            let version = format!("go{release}");
            let table = Layout::of(&version, Machine::Amd64).unwrap();
            let told = Layout::of_program(&version, File::open(&executable).ok()).unwrap();
            assert_eq!((told.minor, told.source), (table.minor, Source::Dwarf));
            assert!(told.offsets.len() > 100, "Go {release}: {} fields", told.offsets.len());
            for (field, offset) in &told.offsets {
                assert_eq!(table.get(field), Some(*offset), "Go {release}: {field}");
            }
            // What no DWARF tells.
            let file = std::fs::read(&executable).unwrap();
            let recorded = Recorded::of_file(&file);
            let mappings = recorded.mappings().unwrap();
            let image = Image::find(&recorded, &Subject::Process(0), &mappings, &|| None).unwrap();
            let wrapper = image.modules[0].functions.wrapper_id().map(u64::from);
            assert_eq!(wrapper, table.get("abi.FuncIDWrapper"), "Go {release}");
        }
    }

    #[test]
    fn a_program_that_tells_nothing_is_refused_with_the_reason() {
        let refused = |version, file| Layout::of_program(version, file).unwrap_err();
        let own = || File::open("/proc/self/exe").ok();
        assert!(refused("go1.28.0", None).contains("gone"));
        assert!(refused("go1.17.13", own()).contains("too old"));
        // A program of Rust.
        assert!(refused("devel go1.28-abc", own()).contains("has no runtime."));
        let text = File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).ok();
        assert!(refused("go1.28.0", text).contains("can't be read"));
    }

    #[test]
    fn takes_the_release_or_one_of_the_same_line() {
        let exact = Layout::of("go1.27.3", Machine::Amd64).unwrap();
        assert!(is_exact(&exact) && exact.minor == 27 && exact.at("runtime.g.goid") == 152);
        for version in ["go1.25.5 X:greenteagc", "go1.26.6-X:nogreenteagc", "go1.23.999", "go1.24rc1"] {
            assert!(!is_exact(&Layout::of(version, Machine::Amd64).unwrap()), "{version}");
        }
        for version in ["go1.20.14", "go1.99.1", "devel go1.28", ""] {
            assert!(Layout::of(version, Machine::Amd64).is_none(), "{version}");
        }
        assert_eq!(Layout::releases(), "1.21 to 1.27");
    }
}
