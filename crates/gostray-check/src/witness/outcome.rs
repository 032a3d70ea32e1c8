//! What a witness says of a fix.

use std::fmt;

use serde::Deserialize;

/// Goroutines of one kind that a call leaves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Left {
    /// How many.
    pub count: u32,
    /// How they wait, in the runtime's words.
    pub state: String,
    /// Where, without the path of the package.
    pub function: String,
    /// It is the call itself, which does not return.
    pub call: bool,
}

/// A call that leaves goroutines without a fix, and none with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The call, with its arguments: Go where that can be said in a few words.
    pub call: String,
    /// How often it was made, by the same order, without the fix and with it.
    pub runs: (u32, u32),
    /// How many of the calls without it left something.
    pub leaked: u32,
    /// What the last of these left.
    pub left: Vec<Left>,
}

/// Has a fix a witness?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Witnessed {
    /// It has.
    By(Witness),
    /// It has none, and why.
    Not(String),
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} leaves ", self.call)?;
        for (at, left) in self.left.iter().enumerate() {
            let and = if at > 0 { " and " } else { "" };
            match (left.call, left.count) {
                (true, _) => write!(f, "{and}itself waiting in {} ({})", left.function, left.state)?,
                (false, 1) => write!(f, "{and}a goroutine in {} ({})", left.function, left.state)?,
                (false, count) => write!(f, "{and}{count} goroutines in {} ({})", left.function, left.state)?,
            }
        }
        f.write_str(" without the fix, and nothing with it")
    }
}

impl fmt::Display for Witnessed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::By(witness) => write!(f, "witness: {witness}"),
            Self::Not(why) => write!(f, "no witness: {why}"),
        }
    }
}
