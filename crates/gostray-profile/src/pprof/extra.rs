//! What a snapshot knows and pprof has no field for, as labels of a sample.
//!
//! `go tool pprof -tags` shows them to a person; a comment in the file tells [`super::read`] that
//! they are ours and not the program's.

use gostray_model::{Frame, Stack, Status, Tables};

/// The comment of the files that [`super::write`] makes.
pub(super) const COMMENT: &str =
    "written by gostray: labels state, leaked, stack, created_by and created_at are not the program's own";

const STATE: &str = "state";
const LEAKED: &str = "leaked";
const STACK: &str = "stack";
const CREATED_BY: &str = "created_by";
const CREATED_AT: &str = "created_at";
const KEYS: [&str; 5] = [STATE, LEAKED, STACK, CREATED_BY, CREATED_AT];

/// The facts that go into labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Extra {
    pub(super) state: String,
    pub(super) leaked: bool,
    pub(super) truncated: bool,
    pub(super) unavailable: bool,
    pub(super) elided: u32,
    pub(super) created_by: Option<Frame>,
}

impl Extra {
    pub(super) fn of(tables: &Tables, stack: &Stack, status: &Status) -> Self {
        Self {
            state: status.reason.clone().into_owned(),
            leaked: status.leaked,
            truncated: stack.truncated,
            unavailable: stack.unavailable,
            elided: stack.elided,
            created_by: stack.created_by.map(|id| tables.frame(id).clone()),
        }
    }

    /// The labels to write behind the program's own: a key that says nothing is left out, unless
    /// the program uses it, for the last one of a key is ours.
    pub(super) fn to_labels(&self, is_used: impl Fn(&str) -> bool) -> Vec<(&'static str, String)> {
        let mut stack = Vec::new();
        if self.truncated {
            stack.push("truncated".to_owned());
        }
        if self.unavailable {
            stack.push("unavailable".to_owned());
        }
        if self.elided > 0 {
            stack.push(format!("{} elided", self.elided));
        }
        let creator = self.created_by.as_ref();
        let values = [
            (STATE, self.state.clone()),
            (LEAKED, if self.leaked { "true".to_owned() } else { String::new() }),
            (STACK, stack.join(", ")),
            (CREATED_BY, creator.map(|f| f.function.to_string()).unwrap_or_default()),
            (CREATED_AT, creator.map(|f| format!("{}:{}", f.file, f.line)).unwrap_or_default()),
        ];
        values.into_iter().filter(|(key, value)| !value.is_empty() || is_used(key)).collect()
    }

    /// Takes ours out of a sample's labels.
    pub(super) fn take(labels: &mut Vec<(Box<str>, Box<str>)>) -> Self {
        let mut last = |key: &str| {
            let at = labels.iter().rposition(|(k, _)| **k == *key)?;
            Some(labels.remove(at).1).filter(|value| !value.is_empty())
        };
        let [state, leaked, stack, created_by, created_at] = KEYS.map(&mut last);
        let stack = stack.unwrap_or_default();
        let created_by = created_by.map(|function| {
            let at = created_at.unwrap_or_default();
            let (file, line) = at.rsplit_once(':').unwrap_or((&at, ""));
            Frame { function, file: file.into(), line: line.parse().unwrap_or(0) }
        });
        Self {
            state: state.unwrap_or_default().into(),
            leaked: leaked.is_some(),
            truncated: stack.split(", ").any(|word| word == "truncated"),
            unavailable: stack.split(", ").any(|word| word == "unavailable"),
            elided: stack.split(", ").find_map(|word| word.strip_suffix(" elided")?.parse().ok()).unwrap_or(0),
            created_by,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_come_back_and_the_programs_own_stay() {
        let extra = Extra {
            state: "chan send".into(),
            truncated: true,
            elided: 7,
            created_by: Some(Frame { function: "main.f".into(), file: "/a b:c/f.go".into(), line: 3 }),
            ..Extra::default()
        };
        let own = [("state", "open"), ("leaked", "oil")].map(|(k, v)| (Box::from(k), Box::from(v)));
        let mut labels = own.to_vec();
        let written = extra.to_labels(|key| own.iter().any(|(k, _)| **k == *key));
        labels.extend(written.into_iter().map(|(k, v)| (k.into(), v.into())));
        assert_eq!(Extra::take(&mut labels), extra);
        assert_eq!(labels, own);
    }
}
