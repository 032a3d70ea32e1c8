//! Which goroutines to show, in the words of pprof (`focus`, `ignore`) and Delve (`with`, `label`).

use regex_lite::Regex;

use crate::record::Record;
use crate::snapshot::{NoteKind, Snapshot};
use crate::tables::StackId;

/// A condition on goroutines. The empty filter keeps all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    focus: Option<Regex>,
    ignore: Option<Regex>,
    states: Vec<String>,
    labels: Vec<(String, Option<String>)>,
}

/// A filter that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// The pattern as given.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

impl std::fmt::Display for FilterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "invalid regular expression {:?}: {}", self.pattern, self.reason)
    }
}

impl std::error::Error for FilterError {}

impl Filter {
    /// Keeps goroutines with a frame (function or file) that matches.
    ///
    /// # Errors
    /// If the pattern is no regular expression.
    pub fn focus(mut self, pattern: &str) -> Result<Self, FilterError> {
        self.focus = Some(compile(pattern)?);
        Ok(self)
    }

    /// Leaves out goroutines with a frame (function or file) that matches.
    ///
    /// # Errors
    /// If the pattern is no regular expression.
    pub fn ignore(mut self, pattern: &str) -> Result<Self, FilterError> {
        self.ignore = Some(compile(pattern)?);
        Ok(self)
    }

    /// Keeps goroutines in one of the given states: the runtime's wait reason or a part of it.
    #[must_use]
    pub fn state(mut self, state: &str) -> Self {
        self.states.push(state.to_lowercase());
        self
    }

    /// Keeps goroutines with the label, and with that value of it if one is given.
    #[must_use]
    pub fn label(mut self, key: &str, value: Option<&str>) -> Self {
        self.labels.push((key.to_owned(), value.map(str::to_owned)));
        self
    }

    /// Does it keep everything?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.focus.is_none() && self.ignore.is_none() && self.states.is_empty() && self.labels.is_empty()
    }

    /// Leaves only the goroutines it keeps in a snapshot, and a note that says so.
    pub fn apply(&self, snapshot: &mut Snapshot) {
        if self.is_empty() {
            return;
        }
        let before = snapshot.goroutines();
        let keep: Vec<bool> = snapshot.records.iter().map(self.on(snapshot)).collect();
        let mut keep = keep.into_iter();
        snapshot.records.retain(|_| keep.next().unwrap_or(true));
        snapshot.note(NoteKind::Source, format!("{} of {before} goroutines selected", snapshot.goroutines()));
    }

    /// The filter as a function of one snapshot's records; a stack is matched once, however many
    /// goroutines have it.
    fn on<'a>(&'a self, snapshot: &'a Snapshot) -> impl FnMut(&Record) -> bool + 'a {
        let stacks: Vec<bool> = (0..snapshot.tables.stack_count())
            .map(|at| self.keeps_stack(snapshot, StackId(u32::try_from(at).unwrap_or(u32::MAX))))
            .collect();
        move |record| {
            stacks[record.stack.0 as usize]
                && (self.states.is_empty() || {
                    let reason = snapshot.tables.status(record.status).reason.to_lowercase();
                    self.states.iter().any(|s| reason.contains(s))
                })
                && self.labels.iter().all(|(key, value)| {
                    snapshot
                        .tables
                        .labels(record.labels)
                        .iter()
                        .any(|(k, v)| **k == **key && value.as_ref().is_none_or(|value| **v == **value))
                })
        }
    }

    fn keeps_stack(&self, snapshot: &Snapshot, id: StackId) -> bool {
        let stack = snapshot.tables.stack(id);
        let any = |pattern: &Regex| {
            stack.frames.iter().chain(&stack.created_by).any(|frame| {
                let frame = snapshot.tables.frame(*frame);
                pattern.is_match(&frame.function) || pattern.is_match(&frame.file)
            })
        };
        self.focus.as_ref().is_none_or(any) && !self.ignore.as_ref().is_some_and(any)
    }
}

fn compile(pattern: &str) -> Result<Regex, FilterError> {
    Regex::new(pattern).map_err(|e| FilterError { pattern: pattern.to_owned(), reason: e.to_string() })
}
