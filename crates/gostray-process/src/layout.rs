//! Where the fields of the runtime's structures lie in a release: `layout.tsv`, made by `cargo xtask
//! layouts` from the DWARF of programs built with each.

use rustc_hash::FxHashMap;

use crate::machine::Machine;

const TABLE: &str = include_str!("layout.tsv");

/// The offsets of one release, by `package.type.field`.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    offsets: FxHashMap<&'static str, u64>,
    /// The minor version of the release: the 27 of Go 1.27.3.
    pub(crate) minor: u32,
    /// The release of the table.
    pub(crate) release: &'static str,
    /// The very patch release that was asked for was seen to have it.
    pub(crate) is_exact: bool,
}

impl Layout {
    /// The layout for a version as the binary tells it: `go1.25.5 X:greenteagc`. That of another
    /// patch release stands in where there is none of its own: it must be validated either way.
    pub(crate) fn of(version: &str, machine: Machine) -> Option<Self> {
        let number = version.strip_prefix("go")?.split([' ', '-']).next()?;
        let minor_of =
            |release: &str| release.split('.').nth(1)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
        let minor: u32 = minor_of(number)?;
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
                Some((cells.next()?, cells.nth(column)?.parse().ok()?))
            })
            .collect();
        let release = columns[column].0;
        Some(Self { offsets, minor, release, is_exact })
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
    use super::*;

    #[test]
    fn takes_the_release_or_one_of_the_same_line() {
        let exact = Layout::of("go1.27.3", Machine::Amd64).unwrap();
        assert!(exact.is_exact && exact.minor == 27 && exact.at("runtime.g.goid") == 152);
        for version in ["go1.25.5 X:greenteagc", "go1.26.6-X:nogreenteagc", "go1.23.999", "go1.24rc1"] {
            assert!(!Layout::of(version, Machine::Amd64).unwrap().is_exact, "{version}");
        }
        for version in ["go1.20.14", "go1.99.1", "devel go1.28", ""] {
            assert!(Layout::of(version, Machine::Amd64).is_none(), "{version}");
        }
        assert_eq!(Layout::releases(), "1.21 to 1.27");
    }
}
