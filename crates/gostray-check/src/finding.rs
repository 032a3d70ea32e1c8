//! What is reported, and how it is mended.

use std::path::PathBuf;

use gostray_golang::Position;

use crate::rules::Rule;

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// All uses are seen, and there is a path on which it happens.
    Proven,
    /// It happens unless something outside of what is seen prevents it.
    Likely,
    /// It makes leaks easy; not reported unless asked for.
    Hygiene,
}

impl Tier {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Likely => "likely",
            Self::Hygiene => "hygiene",
        }
    }
}

/// A place in a source file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The first byte.
    pub start: u32,
    /// The first byte behind it.
    pub end: u32,
    /// Line and column of the first byte.
    pub position: Position,
    /// Line and column behind the last.
    pub end_position: Position,
}

/// A place, and what happens there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where.
    pub place: Place,
    /// What.
    pub note: String,
}

/// What a fix may change beside what it mends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Safety {
    /// Nothing.
    Safe,
    /// Perhaps what the program does: results, order, errors.
    Unsafe,
    /// It is only shown: a person has to choose.
    Display,
}

impl Safety {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
            Self::Display => "display",
        }
    }
}

/// Bytes of a file to be replaced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// The file.
    pub file: PathBuf,
    /// The first byte.
    pub start: u32,
    /// The first byte that stays.
    pub end: u32,
    /// What comes in its place.
    pub text: String,
}

/// How a finding is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it may change beside.
    pub safety: Safety,
    /// What it does, as an order: `make room for one`.
    pub title: String,
    /// The changes; none for what is only said.
    pub edits: Vec<Edit>,
}

/// A leak in the source.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How sure it is.
    pub tier: Tier,
    /// Where it is reported.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// Why it matters here.
    pub why: String,
    /// The function it is in.
    pub function: String,
    /// Where the goroutine is started that stays.
    pub spawned_at: Option<Place>,
    /// Where it stays.
    pub blocks_at: Option<Place>,
    /// What happens, in order.
    pub path: Vec<Step>,
    /// How to mend it.
    pub fix: Option<Fix>,
    /// The same for the same finding when lines move: from the rule, the function and the statement.
    pub fingerprint: String,
    /// The function that gave what is not given back, as the runtime names it: `net/http.(*Client).Do`.
    pub given_by: Option<String>,
    /// How many goroutines wait because of it, in snapshots of running programs that it was compared with.
    pub live: u64,
}
