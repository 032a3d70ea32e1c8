//! `sources`: where the source of services is.

use std::path::{Path, PathBuf};

use regex::Regex;
use serde::Deserialize;

/// One of `sources`: services, and the folder of their module on this machine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Their names; a regular expression of the whole name, as in relabelling.
    service: String,
    /// The folder of the module, or one within.
    folder: PathBuf,
}

/// Where the source of services is.
#[derive(Debug, Clone)]
pub struct Source {
    service: Regex,
    /// The folder.
    pub folder: PathBuf,
}

impl SourceConfig {
    pub(super) fn check(self, base: &Path, errors: &mut Vec<String>) -> Option<Source> {
        let folder = base.join(&self.folder);
        if !folder.is_dir() {
            errors.push(format!("sources: {} is no folder", folder.display()));
        }
        match Regex::new(&format!("^(?s:{})$", self.service)) {
            Ok(service) => Some(Source { service, folder }),
            Err(error) => {
                errors.push(format!("sources: service: {error}"));
                None
            }
        }
    }
}

impl Source {
    /// The first that is of a service.
    #[must_use]
    pub fn of<'s>(sources: &'s [Self], service: &str) -> Option<&'s Self> {
        sources.iter().find(|source| source.service.is_match(service))
    }
}
