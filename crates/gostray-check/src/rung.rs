//! How far a fix that was made is verified.

use crate::finding::Finding;
use crate::witness::Witnessed;

/// The rungs, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rung {
    /// The file still parses.
    Parse,
    /// The finding is gone, and there is none that was not there before.
    Check,
    /// `go build` and `go vet` of the package pass.
    Build,
    /// Its tests pass.
    Test,
    /// A generated test fails without it and passes with it.
    Witness,
}

impl Rung {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Check => "check",
            Self::Build => "build",
            Self::Test => "test",
            Self::Witness => "witness",
        }
    }
}

/// A fix that was made.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// What it mends, where that was.
    pub finding: Finding,
    /// The highest rung that it reached, of those that were asked for.
    pub rung: Rung,
    /// Where a witness was asked for: is there one?
    pub witnessed: Option<Witnessed>,
}
