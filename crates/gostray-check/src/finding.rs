//! What is reported, and how it is mended.

use std::path::PathBuf;

use gostray_golang::package::SourceFile;
use gostray_golang::{Position, Span};
use serde::{Deserialize, Serialize};

use crate::rules::Rule;

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tier {
    /// All uses are seen, and there is a path on which it happens that what comes from outside alone decides on: which of
    /// several things is first, a time limit, the end of a context, something that fails.
    Proven,
    /// It happens unless something outside of what is seen prevents it, or if the values are such that the path is taken.
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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

impl Place {
    pub(crate) fn of(file: &SourceFile, span: Span) -> Self {
        let lines = file.lines();
        Self {
            file: file.path.clone(),
            start: span.start,
            end: span.end,
            position: lines.position(span.start),
            end_position: lines.position(span.end),
        }
    }
}

/// A place, and what happens there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Where.
    pub place: Place,
    /// What.
    pub note: String,
}

/// What a fix may change beside what it mends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    /// What it may change beside.
    pub safety: Safety,
    /// What it does, as an order: `make room for one`.
    pub title: String,
    /// The changes; none for what is only said.
    pub edits: Vec<Edit>,
}

/// A leak in the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule.
    #[serde(with = "by_code")]
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
    /// Of what is not given back on this way: is it on no way at all?
    pub is_never_given_back: bool,
    /// How many goroutines wait because of it, in snapshots of running programs that it was compared with.
    pub live: u64,
}

/// A rule is written as its code.
mod by_code {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::rules::{Rule, rule};

    pub(super) fn serialize<S: Serializer>(rule: &&'static Rule, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(rule.code)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<&'static Rule, D::Error> {
        let code = String::deserialize(from)?;
        rule(&code).ok_or_else(|| D::Error::custom("there is no such rule"))
    }
}
