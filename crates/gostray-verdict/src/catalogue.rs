//! Goroutines that are meant to wait: `catalogue.toml`, read into a table.

use std::sync::LazyLock;

#[cfg(test)]
use gostray_model::Operation;
use gostray_model::{FunctionName, Group, Tables};
use serde::Deserialize;

/// An entry of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The function it is started with, normalised; a trailing `*` stands for anything.
    start: String,
    /// A function that is on its stack, normalised, in addition.
    #[serde(default)]
    frame: Option<String>,
    /// May functions outside the standard library be on its stack, where it is of the library?
    #[serde(default)]
    user_frames: bool,
    /// The operations it waits in (the tokens of [`Operation`]); any where empty.
    #[serde(default)]
    wait: Vec<String>,
    /// Above so many it is no longer taken for granted.
    #[serde(default)]
    many: Option<u64>,
    /// Why it waits, and what makes it end.
    pub reason: String,
    /// What too many of them mean.
    #[serde(default)]
    too_many: Option<String>,
}

#[derive(Deserialize)]
struct File {
    known: Vec<Known>,
}

static CATALOGUE: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let file: Result<File, _> = toml::from_str(include_str!("catalogue.toml"));
    // The file is part of the binary and a test reads it.
    file.map(|file| file.known).unwrap_or_default()
});

/// The entry for a group, if its goroutines are meant to wait.
#[must_use]
pub fn known(tables: &Tables, group: &Group) -> Option<&'static Known> {
    let stack = group.stack(tables);
    let started_with = FunctionName::new(&group.started_with(tables)?.function);
    let start = started_with.normalised();
    // `net/http.(*conn).serve` waits for a request or runs somebody's handler.
    let calls_back =
        started_with.is_std() && tables.visible(stack).any(|frame| !FunctionName::new(&frame.function).is_std());
    CATALOGUE.iter().find(|entry| {
        matches(&entry.start, &start)
            && (entry.user_frames || !calls_back)
            && (entry.wait.is_empty() || entry.wait.iter().any(|token| token == group.operation.token()))
            && entry.frame.as_ref().is_none_or(|pattern| {
                tables.visible(stack).any(|f| matches(pattern, &FunctionName::new(&f.function).normalised()))
            })
    })
}

impl Known {
    /// What `count` of them mean, where that is too many.
    #[must_use]
    pub fn too_many(&self, count: u64) -> Option<&str> {
        (count > self.many?).then(|| self.too_many.as_deref().unwrap_or(&self.reason))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

/// Every operation by its token, for the test of the file.
#[cfg(test)]
const OPERATIONS: [Operation; 15] = [
    Operation::ChanSend,
    Operation::ChanReceive,
    Operation::Chan,
    Operation::Select,
    Operation::Mutex,
    Operation::RwMutex,
    Operation::Cond,
    Operation::WaitGroup,
    Operation::Semaphore,
    Operation::Io,
    Operation::Sleep,
    Operation::Syscall,
    Operation::Coroutine,
    Operation::Run,
    Operation::Other,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_well_formed() {
        let file: File = toml::from_str(include_str!("catalogue.toml")).unwrap();
        assert_eq!(file.known.len(), CATALOGUE.len());
        for entry in &file.known {
            assert!(entry.reason.len() > 10 && !entry.reason.ends_with('.'), "{}", entry.start);
            assert_eq!(entry.many.is_some(), entry.too_many.is_some(), "{}", entry.start);
            for token in &entry.wait {
                assert!(OPERATIONS.iter().any(|o| o.token() == token), "{}: {token}", entry.start);
            }
            let plain = entry.start.trim_end_matches('*');
            if plain == entry.start {
                assert_eq!(FunctionName::new(plain).normalised(), plain, "must be normalised");
            }
        }
    }
}
