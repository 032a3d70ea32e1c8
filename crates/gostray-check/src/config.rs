//! `gostray.toml`, beside `go.mod`.

use std::collections::BTreeMap;

use gostray_golang::Name;
use gostray_golang::types::FuncName;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::finding::Tier;

/// What a project wants.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// `[check]`
    #[serde(default)]
    pub check: CheckConfig,
    /// `[test]`
    #[serde(default)]
    pub test: TestConfig,
}

/// `[test]`: what `gostray test` shall do in this module.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TestConfig {
    /// So long a test's goroutines may go on after it: `1s`.
    pub settle: Option<String>,
    /// Goroutines with one of these functions on their stack, or started by it, are meant to stay:
    /// `example.com/metrics.(*Reporter).run`.
    #[serde(default)]
    pub ignore: Vec<String>,
}

/// `[check]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CheckConfig {
    /// Report what only makes leaks easy, too.
    pub hygiene: Option<bool>,
    /// Look into tests, too.
    pub tests: Option<bool>,
    /// Rules, by code or name, and whether they are on.
    #[serde(default)]
    pub rules: BTreeMap<String, RuleSetting>,
    /// Files and folders to leave out, relative to the file, as in `.gitignore`: `gen/`, `*_mock.go`.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Functions that never return, beside those that are found to: `example.com/log.(*Logger).Die`.
    #[serde(default, deserialize_with = "functions")]
    pub never_return: Vec<FuncName>,
    /// Functions whose goroutines are meant to live as long as the process: those that run them, and those that they
    /// start. `example.com/metrics.(*Reporter).run`
    #[serde(default, deserialize_with = "functions")]
    pub background: Vec<FuncName>,
    /// What owns goroutines and has to be closed, beside what is known and found.
    #[serde(default)]
    pub owners: Vec<Owner>,
}

/// `[[check.owners]]`: a function that gives what has to be closed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Owner {
    /// The function.
    #[serde(deserialize_with = "function")]
    pub new: FuncName,
    /// The methods that end what it gives, the usual one first.
    #[serde(deserialize_with = "names")]
    pub close: &'static [&'static str],
}

fn function<'de, D: Deserializer<'de>>(from: D) -> Result<FuncName, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

fn functions<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<FuncName>, D::Error> {
    let all = Vec::<String>::deserialize(from)?;
    all.iter().map(|own| own.parse().map_err(D::Error::custom)).collect()
}

/// They live as long as the process, as all names do.
fn names<'de, D: Deserializer<'de>>(from: D) -> Result<&'static [&'static str], D::Error> {
    let names: Vec<&'static str> =
        Vec::<String>::deserialize(from)?.iter().map(|name| Name::new(name).as_str()).collect();
    if names.is_empty() {
        return Err(D::Error::custom("name a method that closes it"));
    }
    Ok(Vec::leak(names))
}

/// What is wanted of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleSetting {
    /// Reported, whatever its tier.
    On,
    /// Not reported.
    Off,
}

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is not TOML, or has a key that is none.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A rule that is none.
    #[error("[check.rules]: there is no rule {0:?}; `gostray rule` lists them{1}")]
    Rule(String, String),
}

impl Config {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// If it has a key or a rule that is none.
    pub fn read(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text)?;
        for name in config.check.rules.keys() {
            if crate::rules::rule(name).is_none() {
                let nearest = crate::rules::RULES.iter().find(|rule| {
                    rule.name.contains(name.as_str())
                        || name.contains(rule.name)
                        || rule.code.starts_with(name.as_str())
                });
                let hint = nearest.map(|rule| format!("; did you mean {:?}?", rule.name)).unwrap_or_default();
                return Err(ConfigError::Rule(name.clone(), hint));
            }
        }
        Ok(config)
    }

    /// Is a rule reported at a tier, when up to another one is asked for?
    pub(crate) fn wants(&self, rule: &crate::rules::Rule, tier: Tier, asked: Tier) -> bool {
        let setting = self
            .check
            .rules
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(rule.code) || name.as_str() == rule.name);
        match setting {
            Some((_, RuleSetting::On)) => true,
            Some((_, RuleSetting::Off)) => false,
            None => tier <= asked,
        }
    }

    /// Is a file left out? `path` is relative to the configuration, with slashes.
    pub(crate) fn excludes(&self, path: &str) -> bool {
        self.check.exclude.iter().any(|pattern| matches(pattern, path))
    }
}

/// A pattern with a slash is about the whole path, one without about any part of it; `*` stands for anything
/// within a part, `**` for any parts.
fn matches(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_start_matches("./");
    let (pattern, is_folder) = match pattern.strip_suffix('/') {
        Some(folder) => (folder, true),
        None => (pattern, false),
    };
    let parts: Vec<&str> = path.split('/').collect();
    if !pattern.contains('/') {
        let last = parts.len() - 1;
        return parts.iter().enumerate().any(|(at, part)| (!is_folder || at < last) && glob(pattern, part));
    }
    let wanted: Vec<&str> = pattern.trim_start_matches('/').split('/').collect();
    // A folder means all that is in it.
    (1..=parts.len()).any(|length| (!is_folder || length < parts.len()) && whole(&wanted, &parts[..length]))
}

fn whole(pattern: &[&str], parts: &[&str]) -> bool {
    match pattern.split_first() {
        None => parts.is_empty(),
        Some((&"**", rest)) => (0..=parts.len()).any(|skipped| whole(rest, &parts[skipped..])),
        Some((first, rest)) => {
            parts.split_first().is_some_and(|(part, others)| glob(first, part) && whole(rest, others))
        }
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| glob(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_gitignore() {
        for (pattern, path, is_match) in [
            ("*_mock.go", "a/b/x_mock.go", true),
            ("gen/", "gen/x.go", true),
            ("gen/", "a/gen/x.go", true),
            ("gen/", "a/gen.go", false),
            ("a/*/c.go", "a/b/c.go", true),
            ("a/*/c.go", "a/b/d/c.go", false),
            ("a/**/c.go", "a/b/d/c.go", true),
            ("third_party/x", "third_party/x/y.go", true),
        ] {
            assert_eq!(matches(pattern, path), is_match, "{pattern} {path}");
        }
    }

    #[test]
    fn a_rule_that_is_none_is_an_error_with_a_hint() {
        let error = Config::read("[check.rules]\ncancel = \"off\"\n").unwrap_err().to_string();
        assert!(error.contains("lost-cancel"), "{error}");
        let error = Config::read("[check]\nhygine = true\n").unwrap_err().to_string();
        assert!(error.contains("hygiene"), "{error}");
        let config = Config::read("[check.rules]\nGS101 = \"off\"\nlost-cancel = \"on\"\n").unwrap();
        assert_eq!(config.check.rules["GS101"], RuleSetting::Off);
    }
}
