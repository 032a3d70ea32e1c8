//! What a test binary left behind, as a line of its output.
//!
//! `go test` keeps the output of a binary in its cache and shows it again: so a cached result tells of
//! the same leaks.

use std::collections::BTreeMap;
use std::time::Duration;

use gostray_model::{Age, StackId};
use gostray_model::{Fact, Frame, Note, NoteKind, Record, Snapshot, Stack, Status, Target, TargetKind};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// What such a line starts with: no test prints that. (`\u{16}` is test2json's.)
pub(crate) const MARK: &str = "\u{1}gostray-test ";

/// So many goroutines are told about; more are counted.
const MAX_GOROUTINES: usize = 20_000;

/// What one test binary left behind.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Left {
    /// The folder of the package.
    pub(crate) folder: String,
    /// The Go release.
    pub(crate) go_version: String,
    /// When it was looked at.
    pub(crate) taken_at: Option<Timestamp>,
    /// For how long the binary was held up for a proof, in nanoseconds.
    pub(crate) pause_ns: Option<u64>,
    /// Why nothing can be said of it.
    pub(crate) not_checked: Option<String>,
    /// What the reader should know.
    pub(crate) notes: Vec<(u8, String)>,
    /// More goroutines than are told about.
    pub(crate) more: u64,
    pub(crate) stacks: Vec<WireStack>,
    pub(crate) goroutines: Vec<WireGoroutine>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WireStack {
    frames: Vec<(String, String, u32)>,
    created_by: Option<(String, String, u32)>,
    unavailable: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WireGoroutine {
    pub(crate) id: u64,
    creator_id: u64,
    stack: u32,
    state: String,
    /// It can never run again.
    leaked: bool,
    pub(crate) origin: WireOrigin,
    labels: Vec<(String, String)>,
    /// For how long it was seen after its test had ended.
    pub(crate) stayed_ns: u64,
    /// It ended before the other tests did.
    pub(crate) ended: bool,
    retained: u64,
    held_by: Option<String>,
}

/// Whose a goroutine is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum WireOrigin {
    /// It was there before the tests.
    Package,
    /// A test's.
    Test(String),
    /// It came while tests ran, and has lost its label.
    Unknown,
}

impl Left {
    /// Adds a goroutine of a snapshot.
    pub(crate) fn add(
        &mut self,
        snapshot: &Snapshot,
        record: &Record,
        stacks: &mut FxHashMap<StackId, u32>,
        origin: WireOrigin,
        stayed: Duration,
        ended: bool,
    ) {
        if self.goroutines.len() >= MAX_GOROUTINES {
            self.more += 1;
            return;
        }
        let tables = &snapshot.tables;
        let frame = |frame: &Frame| (frame.function.to_string(), frame.file.to_string(), frame.line);
        let stack = *stacks.entry(record.stack).or_insert_with(|| {
            let stack = tables.stack(record.stack);
            self.stacks.push(WireStack {
                frames: stack.frames.iter().map(|id| frame(tables.frame(*id))).collect(),
                created_by: stack.created_by.map(|id| frame(tables.frame(id))),
                unavailable: stack.unavailable,
            });
            u32::try_from(self.stacks.len() - 1).unwrap_or(u32::MAX)
        });
        let status = tables.status(record.status);
        let fact = snapshot.facts.get(&record.id);
        self.goroutines.push(WireGoroutine {
            id: record.id,
            creator_id: record.creator_id,
            stack,
            state: status.reason.to_string(),
            leaked: status.leaked,
            origin,
            labels: tables.labels(record.labels).iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
            stayed_ns: u64::try_from(stayed.as_nanos()).unwrap_or(u64::MAX),
            ended,
            retained: fact.map_or(0, |fact| fact.retained),
            held_by: fact.and_then(|fact| fact.held_by.as_deref()).map(str::to_owned),
        });
    }

    /// Takes over what a snapshot says of itself.
    pub(crate) fn describe(&mut self, snapshot: &Snapshot) {
        self.taken_at = snapshot.taken_at;
        self.pause_ns = snapshot.pause.and_then(|pause| u64::try_from(pause.as_nanos()).ok());
        self.go_version = snapshot.target.go_version.clone().unwrap_or_default();
        for note in &snapshot.notes {
            let note = (note.kind as u8, note.text.clone());
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }

    /// Adds what an earlier run of the same tests left.
    pub(crate) fn join(&mut self, before: Self) {
        let offset = u32::try_from(self.stacks.len()).unwrap_or(u32::MAX);
        // Those were told about; now they only were there before.
        let known: Vec<u64> = before.goroutines.iter().map(|own| own.id).collect();
        self.goroutines.retain(|own| !known.contains(&own.id));
        self.stacks.extend(before.stacks);
        let earlier = before.goroutines.into_iter();
        self.goroutines.extend(earlier.map(|own| WireGoroutine { stack: own.stack.saturating_add(offset), ..own }));
        self.more += before.more;
        self.not_checked = self.not_checked.take().or(before.not_checked);
    }

    pub(crate) fn line(&self) -> String {
        format!("{MARK}{}\n", serde_json::to_string(self).unwrap_or_default())
    }

    /// The snapshot of the goroutines of one origin.
    pub(crate) fn snapshot(&self, package: &str, origin: &WireOrigin) -> Snapshot {
        let mut snapshot = Snapshot {
            target: Target {
                kind: TargetKind::Process,
                name: package.to_owned(),
                go_version: (!self.go_version.is_empty()).then(|| self.go_version.clone()),
                ..Target::default()
            },
            taken_at: self.taken_at,
            pause: self.pause_ns.map(Duration::from_nanos),
            notes: self
                .notes
                .iter()
                .map(|(kind, text)| Note {
                    kind: match kind {
                        0 => NoteKind::Missing,
                        1 => NoteKind::Warning,
                        _ => NoteKind::Source,
                    },
                    text: text.clone(),
                })
                .collect(),
            ..Snapshot::default()
        };
        let mut facts = BTreeMap::new();
        for own in self.goroutines.iter().filter(|own| own.origin == *origin) {
            let tables = &mut snapshot.tables;
            let mut frame = |(function, file, line): &(String, String, u32)| {
                tables.add_frame(Frame { function: (&**function).into(), file: (&**file).into(), line: *line })
            };
            let Some(wire) = self.stacks.get(own.stack as usize) else { continue };
            let stack = Stack {
                frames: wire.frames.iter().map(&mut frame).collect(),
                created_by: wire.created_by.as_ref().map(&mut frame),
                unavailable: wire.unavailable,
                ..Stack::default()
            };
            let record = Record {
                id: own.id,
                creator_id: own.creator_id,
                count: 1,
                age: Age::UNKNOWN,
                stack: tables.add_stack(stack),
                status: tables.add_status(Status { leaked: own.leaked, ..Status::new(own.state.clone()) }),
                labels: tables.add_labels(own.labels.iter().map(|(k, v)| ((&**k).into(), (&**v).into())).collect()),
            };
            snapshot.records.push(record);
            let held_by = own.held_by.as_deref().map(Into::into);
            if own.leaked || held_by.is_some() {
                facts.insert(own.id, Fact { proven: own.leaked, retained: own.retained, held_by });
            }
        }
        snapshot.facts = facts;
        snapshot
    }

    /// Whose goroutines were left.
    pub(crate) fn origins(&self) -> Vec<WireOrigin> {
        let mut origins: Vec<WireOrigin> = self.goroutines.iter().map(|own| own.origin.clone()).collect();
        origins.sort();
        origins.dedup();
        origins
    }
}
