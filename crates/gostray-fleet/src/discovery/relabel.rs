//! Relabelling, as Prometheus does it.

use std::collections::BTreeMap;

use md5::{Digest as _, Md5};
use regex::Regex;

use crate::config::RelabelConfig;
use crate::discovery::regexp;

/// Labels of a target.
pub type Labels = BTreeMap<String, String>;

/// One step of relabelling.
#[derive(Debug, Clone)]
pub struct Rule {
    sources: Vec<String>,
    separator: String,
    regex: Regex,
    target: String,
    replacement: String,
    modulus: u64,
    action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

impl Rule {
    /// Checks a step.
    ///
    /// # Errors
    /// If it is none that Prometheus would take.
    pub fn new(config: &RelabelConfig) -> Result<Self, String> {
        let action = match config.action.as_deref().unwrap_or("replace").to_lowercase().as_str() {
            "replace" => Action::Replace,
            "keep" => Action::Keep,
            "drop" => Action::Drop,
            "keepequal" => Action::KeepEqual,
            "dropequal" => Action::DropEqual,
            "hashmod" => Action::HashMod,
            "labelmap" => Action::LabelMap,
            "labeldrop" => Action::LabelDrop,
            "labelkeep" => Action::LabelKeep,
            "lowercase" => Action::Lowercase,
            "uppercase" => Action::Uppercase,
            other => return Err(format!("unknown action {other:?}")),
        };
        check(config, action)?;
        let regex =
            regexp::anchored(config.regex.as_deref().unwrap_or("(.*)")).map_err(|error| format!("regex: {error}"))?;
        Ok(Self {
            sources: config.source_labels.clone(),
            separator: config.separator.clone().unwrap_or_else(|| ";".to_owned()),
            regex,
            target: config.target_label.clone().unwrap_or_default(),
            replacement: config.replacement.clone().unwrap_or_else(|| "$1".to_owned()),
            modulus: config.modulus.unwrap_or(0),
            action,
        })
    }

    /// What becomes of labels; `None` if the target is dropped.
    fn apply(&self, mut labels: Labels) -> Option<Labels> {
        let value = self
            .sources
            .iter()
            .map(|name| labels.get(name).map_or("", String::as_str))
            .collect::<Vec<_>>()
            .join(&self.separator);
        let set = |labels: &mut Labels, name: &str, value: String| {
            if value.is_empty() {
                labels.remove(name);
            } else {
                labels.insert(name.to_owned(), value);
            }
        };
        match self.action {
            Action::Keep if !self.regex.is_match(&value) => return None,
            Action::Drop if self.regex.is_match(&value) => return None,
            Action::Keep | Action::Drop => {}
            Action::KeepEqual | Action::DropEqual => {
                let same = labels.get(&self.target).map_or("", String::as_str) == value;
                if same != (self.action == Action::KeepEqual) {
                    return None;
                }
            }
            Action::Replace => {
                let Some(found) = self.regex.captures(&value) else { return Some(labels) };
                let target = regexp::expand(&self.target, &found);
                if !is_label(&target) {
                    return Some(labels);
                }
                set(&mut labels, &target, regexp::expand(&self.replacement, &found));
            }
            Action::Lowercase => set(&mut labels, &self.target, value.to_lowercase()),
            Action::Uppercase => set(&mut labels, &self.target, value.to_uppercase()),
            Action::HashMod => {
                let hash: [u8; 16] = Md5::digest(value.as_bytes()).into();
                let last =
                    u64::from_be_bytes([hash[8], hash[9], hash[10], hash[11], hash[12], hash[13], hash[14], hash[15]]);
                set(&mut labels, &self.target, (last % self.modulus).to_string());
            }
            Action::LabelMap => {
                let mapped: Vec<(String, String)> = labels
                    .iter()
                    .filter_map(|(name, value)| {
                        let found = self.regex.captures(name)?;
                        Some((regexp::expand(&self.replacement, &found), value.clone()))
                    })
                    .collect();
                for (name, value) in mapped {
                    set(&mut labels, &name, value);
                }
            }
            Action::LabelDrop => labels.retain(|name, _| !self.regex.is_match(name)),
            Action::LabelKeep => labels.retain(|name, _| self.regex.is_match(name)),
        }
        Some(labels)
    }
}

/// Two steps are the same if they do the same.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// Refuses what Prometheus refuses.
fn check(config: &RelabelConfig, action: Action) -> Result<(), String> {
    use Action::{DropEqual, HashMod, KeepEqual, LabelDrop, LabelKeep, LabelMap, Lowercase, Replace, Uppercase};
    let target = config.target_label.as_deref().unwrap_or_default();
    let has_replacement = config.replacement.as_deref().is_some_and(|replacement| replacement != "$1");
    let has_separator = config.separator.as_deref().is_some_and(|separator| separator != ";");
    let has_modulus = config.modulus.unwrap_or(0) != 0;
    if matches!(action, Replace | HashMod | Lowercase | Uppercase | KeepEqual | DropEqual) {
        if target.is_empty() {
            return Err("this action needs a target_label".to_owned());
        }
        if !(is_label(target) || action == Replace && target.contains('$')) {
            return Err(format!("{target:?} is no name of a label"));
        }
    }
    match action {
        HashMod if !has_modulus => Err("hashmod needs a modulus".to_owned()),
        Lowercase | Uppercase if has_replacement => Err("this action has no replacement".to_owned()),
        LabelMap if !is_label(&config.replacement.as_deref().unwrap_or("$1").replace(['$', '{', '}'], "_")) => {
            Err("labelmap needs a replacement that gives names of labels".to_owned())
        }
        KeepEqual | DropEqual
            if config.regex.as_deref().is_some_and(|regex| regex != "(.*)")
                || has_modulus
                || has_separator
                || has_replacement =>
        {
            Err("this action needs source_labels and target_label only".to_owned())
        }
        LabelDrop | LabelKeep
            if !config.source_labels.is_empty()
                || !target.is_empty()
                || has_modulus
                || has_separator
                || has_replacement =>
        {
            Err("this action needs a regex only".to_owned())
        }
        _ => Ok(()),
    }
}

/// Is it a name that a label may have?
fn is_label(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What becomes of labels after all steps; `None` if the target is dropped.
#[must_use]
pub fn relabel(rules: &[Rule], labels: Labels) -> Option<Labels> {
    rules.iter().try_fold(labels, |labels, rule| rule.apply(labels))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn run(yaml: &str, before: &[(&str, &str)]) -> Option<Labels> {
        let config: RelabelConfig = serde_saphyr::from_str(yaml).expect("a step");
        relabel(&[Rule::new(&config).expect("a step")], labels(before))
    }

    #[test]
    fn replaces() {
        let before = [("a", "foo"), ("b", "bar")];
        let after =
            run("{source_labels: [a, b], regex: '(f)oo;(b.*)', target_label: c, replacement: '${1}x$2'}", &before);
        assert_eq!(after, Some(labels(&[("a", "foo"), ("b", "bar"), ("c", "fxbar")])));
        let not = run("{source_labels: [a], regex: oo, target_label: a, replacement: x}", &before);
        assert_eq!(not, Some(labels(&before)), "from beginning to end");
        let gone = run("{source_labels: [a], regex: foo, target_label: b, replacement: ''}", &before);
        assert_eq!(gone, Some(labels(&[("a", "foo")])), "an empty value removes");
        let named = run("{source_labels: [a], regex: '(.*)', target_label: '${1}', replacement: v}", &before);
        assert_eq!(named, Some(labels(&[("a", "foo"), ("b", "bar"), ("foo", "v")])));
    }

    #[test]
    fn keeps_and_drops() {
        assert_eq!(run("{source_labels: [a], regex: 'x|y', action: keep}", &[("a", "z")]), None);
        assert!(run("{source_labels: [a], regex: 'x|y', action: keep}", &[("a", "y")]).is_some());
        assert_eq!(run("{source_labels: [a], regex: 'x.*', action: drop}", &[("a", "xy")]), None);
        assert_eq!(run("{source_labels: [a], target_label: b, action: keepequal}", &[("a", "1"), ("b", "2")]), None);
        assert_eq!(run("{source_labels: [a], target_label: b, action: dropequal}", &[("a", "1"), ("b", "1")]), None);
    }

    #[test]
    fn takes_what_prometheus_takes() {
        // What an action has no use for is passed over.
        assert!(run("{source_labels: [a], regex: x, action: keep, target_label: b}", &[("a", "x")]).is_some());
        assert!(run("{source_labels: [a], regex: 80, action: Keep}", &[("a", "80")]).is_some());
    }

    #[test]
    fn hashes_as_prometheus_does() {
        // Of Prometheus's own tests.
        let after = run("{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}", &[("c", "baz")]);
        assert_eq!(after.and_then(|labels| labels.get("d").cloned()), Some("976".to_owned()));
    }

    #[test]
    fn maps_and_drops_labels() {
        let before = [("a", "1"), ("b1", "2"), ("b2", "3")];
        let after = run("{regex: 'b(.*)', action: labelmap, replacement: 'x_$1'}", &before);
        assert_eq!(after, Some(labels(&[("a", "1"), ("b1", "2"), ("b2", "3"), ("x_1", "2"), ("x_2", "3")])));
        assert_eq!(run("{regex: 'b.*', action: labeldrop}", &before), Some(labels(&[("a", "1")])));
        assert_eq!(run("{regex: 'b.*', action: labelkeep}", &before), Some(labels(&[("b1", "2"), ("b2", "3")])));
        let upper = run("{source_labels: [a], target_label: a, action: uppercase}", &[("a", "xY")]);
        assert_eq!(upper, Some(labels(&[("a", "XY")])));
    }

    #[test]
    fn refuses_what_prometheus_refuses() {
        for yaml in [
            "{action: nothing}",
            "{action: hashmod, target_label: x}",
            "{action: replace}",
            "{regex: '(', target_label: x}",
            "{action: keepequal, source_labels: [a], target_label: b, regex: x}",
            "{action: lowercase, source_labels: [a], target_label: b, replacement: x}",
            "{action: labeldrop, regex: x, target_label: b}",
            "{action: labelmap, regex: x, replacement: 'a b'}",
            "{action: replace, target_label: 'a b'}",
        ] {
            let config: RelabelConfig = serde_saphyr::from_str(yaml).expect("a step");
            assert!(Rule::new(&config).is_err(), "{yaml}");
        }
    }

    proptest! {
        #[test]
        fn takes_anything(regex in ".{0,12}", replacement in ".{0,12}", target in ".{0,8}", value in ".{0,20}") {
            let config = RelabelConfig {
                source_labels: vec!["a".to_owned()],
                regex: Some(regex),
                replacement: Some(replacement),
                target_label: Some(target),
                ..RelabelConfig::default()
            };
            if let Ok(rule) = Rule::new(&config) {
                let _ = relabel(&[rule], labels(&[("a", &value)]));
            }
        }
    }
}
