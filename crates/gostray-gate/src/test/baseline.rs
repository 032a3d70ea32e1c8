//! Leaks that are known: a file of what each test leaves behind, which stays the same when lines move.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::leak::Leaks;

/// Known leaks.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Baseline {
    /// Always `gostray.test-baseline/v1`.
    schema: String,
    leaks: BTreeSet<Known>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Known {
    package: String,
    /// Empty for what the package itself started.
    test: String,
    signature: String,
    /// For people: the state, and where they wait.
    what: String,
}

/// Why a baseline can't be read.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is not JSON, or not a baseline.
    #[error("it is no baseline of gostray test: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of another version.
    #[error("it is a baseline of another kind, {0:?}: write it again with --write-baseline")]
    Schema(String),
}

const SCHEMA: &str = "gostray.test-baseline/v1";

impl Baseline {
    /// That of leaks.
    pub fn of<'a>(leaks: impl IntoIterator<Item = &'a Leaks>) -> Self {
        let mut known = BTreeSet::new();
        for own in leaks {
            for leak in own.leaks.iter().filter(|leak| leak.is_leak) {
                let tables = &own.snapshot.tables;
                let group = &leak.judged.group;
                let place = group.blocked_at(tables).map_or("?", |frame| &frame.function);
                known.insert(Known {
                    package: own.package.clone(),
                    test: own.origin.test().unwrap_or_default().to_owned(),
                    signature: group.signature.to_string(),
                    what: format!("{} at {place}", group.state(tables)),
                });
            }
        }
        Self { schema: SCHEMA.to_owned(), leaks: known }
    }

    /// Reads one.
    ///
    /// # Errors
    /// If it is no baseline of this version.
    pub fn read(text: &[u8]) -> Result<Self, BaselineError> {
        let baseline: Self = serde_json::from_slice(text)?;
        if baseline.schema != SCHEMA {
            return Err(BaselineError::Schema(baseline.schema));
        }
        Ok(baseline)
    }

    /// As it is written to a file.
    #[must_use]
    pub fn write(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// How many leaks are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.leaks.len()
    }

    /// Is none known?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leaks.is_empty()
    }

    pub(crate) fn knows(&self, package: &str, test: &str, signature: &str) -> bool {
        self.leaks.iter().any(|own| own.package == package && own.test == test && own.signature == signature)
    }
}
