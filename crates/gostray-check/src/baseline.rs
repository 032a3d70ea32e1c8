//! Findings that are known: a file of fingerprints, which stay the same when lines move.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::finding::Finding;

/// Known findings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Baseline {
    /// Always `gostray.baseline/v1`.
    schema: String,
    /// How often each fingerprint is known, with what it was when it was written.
    findings: BTreeMap<String, Known>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    count: usize,
    rule: String,
    file: String,
    message: String,
}

/// Why a baseline can't be read.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is not JSON, or not a baseline.
    #[error("it is no baseline: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of another version.
    #[error("it is a baseline of another version, {0:?}: write it again with --write-baseline")]
    Schema(String),
}

const SCHEMA: &str = "gostray.baseline/v1";

impl Baseline {
    /// That of findings.
    #[must_use]
    pub fn of(findings: &[Finding], base: &Path) -> Self {
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        for finding in findings {
            let file = finding.place.file.strip_prefix(base).unwrap_or(&finding.place.file);
            let entry = known.entry(finding.fingerprint.clone()).or_insert_with(|| Known {
                count: 0,
                rule: finding.rule.code.to_owned(),
                file: file.display().to_string(),
                message: finding.message.clone(),
            });
            entry.count += 1;
        }
        Self { schema: SCHEMA.to_owned(), findings: known }
    }

    /// Reads one.
    ///
    /// # Errors
    ///
    /// If it is no baseline of this version.
    pub fn read(text: &[u8]) -> Result<Self, BaselineError> {
        let baseline: Self = serde_json::from_slice(text)?;
        if baseline.schema != SCHEMA {
            return Err(BaselineError::Schema(baseline.schema));
        }
        Ok(baseline)
    }

    /// As it is written: by fingerprint, so that differences are small.
    #[must_use]
    pub fn write(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Only the findings that are not known; how many were.
    #[must_use]
    pub fn without(&self, findings: Vec<Finding>) -> (Vec<Finding>, usize) {
        let mut left: BTreeMap<&str, usize> =
            self.findings.iter().map(|(fingerprint, known)| (fingerprint.as_str(), known.count)).collect();
        let all = findings.len();
        let new: Vec<Finding> = findings
            .into_iter()
            .filter(|finding| match left.get_mut(finding.fingerprint.as_str()) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            })
            .collect();
        let known = all - new.len();
        (new, known)
    }
}
