//! The text of a file: spans, lines, what is wrong with it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bytes of a file, from `start` to before `end`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The first that does not belong to it.
    pub end: u32,
}

impl Span {
    /// A span. Files of more than 4 GiB have none.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: narrow(start), end: narrow(end) }
    }

    /// From the start of this one to the end of another.
    #[must_use]
    pub fn to(self, end: Self) -> Self {
        Self { start: self.start, end: end.end }
    }

    /// As the indices of a slice.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Does a byte belong to it?
    #[must_use]
    pub fn contains(self, at: u32) -> bool {
        (self.start..self.end).contains(&at)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// A place as people are told it: line and column begin at 1, columns count bytes, as Go's do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The byte in it.
    pub column: u32,
}

/// Where the lines of a file begin.
#[derive(Debug, Clone, Default)]
pub struct Lines(Vec<u32>);

impl Lines {
    /// Those of a text.
    #[must_use]
    pub fn new(source: &[u8]) -> Self {
        let starts = memchr::memchr_iter(b'\n', source).map(|at| u32::try_from(at + 1).unwrap_or(u32::MAX));
        Self(std::iter::once(0).chain(starts).collect())
    }

    /// Where a byte stands.
    #[must_use]
    pub fn position(&self, at: u32) -> Position {
        let line = self.0.partition_point(|start| *start <= at).max(1);
        Position { line: u32::try_from(line).unwrap_or(u32::MAX), column: at - self.0[line - 1] + 1 }
    }

    /// The first byte of a line, which begin at 1.
    #[must_use]
    pub fn start(&self, line: u32) -> Option<u32> {
        self.0.get((line as usize).checked_sub(1)?).copied()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// What is wrong with the text of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// The byte where Go's own parser reports it.
    pub at: u32,
    /// What is wrong.
    pub message: String,
}

impl SyntaxError {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at: u32::try_from(at).unwrap_or(u32::MAX), message: message.into() }
    }
}
