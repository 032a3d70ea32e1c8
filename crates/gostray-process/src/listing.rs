//! Goroutines of a process → a snapshot.

use gostray_model::{Age, NoteKind, Record, Snapshot, Stack, Status, Target};
use jiff::Timestamp;

use crate::attached::Attached;
use crate::goroutine::Goroutine;
use crate::layout::Source;
use crate::site::Frames;
use crate::unwind::Unwinder;

/// A snapshot in the making.
pub(crate) struct Listing<'a> {
    attached: &'a Attached,
    pub(crate) unwinder: Unwinder<'a>,
    snapshot: Snapshot,
    system: u64,
    running: u64,
    moved: u64,
    unread_labels: u64,
}

impl<'a> Listing<'a> {
    pub(crate) fn new(attached: &'a Attached) -> Self {
        let snapshot = Snapshot { target: target(attached), taken_at: Some(Timestamp::now()), ..Snapshot::default() };
        let unwinder = Unwinder::new(&attached.image, attached.memory());
        Self { attached, unwinder, snapshot, system: 0, running: 0, moved: 0, unread_labels: 0 }
    }

    /// Adds a goroutine. `frames`, and whether it stands behind a call, are `None` where its stack can't be known, as
    /// of one that runs.
    pub(crate) fn add(&mut self, goroutine: &Goroutine, frames: Option<(&Frames, bool)>, is_proven: bool) {
        if self.attached.is_system(goroutine) {
            self.system += 1;
            return;
        }
        let tables = &mut self.snapshot.tables;
        let mut stack = match frames {
            Some((frames, is_behind_call)) => self.unwinder.show(frames, is_behind_call, tables),
            None => Stack { unavailable: true, ..Stack::default() },
        };
        self.running += u64::from(stack.unavailable);
        if std::mem::take(&mut stack.truncated) {
            // It went on while its stack was read: half of it is another's.
            self.moved += 1;
            stack = Stack { unavailable: true, ..Stack::default() };
        }
        // The main goroutine was started by the runtime.
        let is_main = goroutine.id == 1;
        stack.created_by = (!is_main).then(|| self.unwinder.created_by(goroutine.created_pc, tables)).flatten();
        let status = Status {
            leaked: is_proven || goroutine.is_leaked(),
            scan: goroutine.scan,
            locked_to_thread: goroutine.locked,
            ..status(goroutine.state(&self.attached.globals))
        };
        let labels = goroutine.labels(self.attached.memory(), &self.attached.image.layout);
        self.unread_labels += u64::from(labels.is_err());
        let record = Record {
            id: goroutine.id,
            creator_id: if is_main { 0 } else { goroutine.creator_id },
            count: 1,
            age: Age::UNKNOWN,
            stack: tables.add_stack(stack),
            status: tables.add_status(status),
            labels: tables.add_labels(labels.unwrap_or_default()),
        };
        self.snapshot.records.push(record);
    }

    /// The snapshot, with notes of what it lacks.
    pub(crate) fn finish(self) -> Snapshot {
        let mut snapshot = self.snapshot;
        let notes = [
            (NoteKind::Source, self.system, "of the runtime itself left out"),
            (NoteKind::Warning, self.running, "running: no stack without stopping the process at the right moment"),
            (NoteKind::Warning, self.moved, "moved while being read: no stack"),
            (NoteKind::Missing, self.unread_labels, "with labels that could not be read"),
        ];
        for (kind, count, what) in notes.into_iter().filter(|(_, count, _)| *count > 0) {
            snapshot.note(kind, format!("{} {what}", plural(count)));
        }
        let version = &self.attached.image.build.go_version;
        match self.attached.image.layout.source {
            Source::Table { is_exact: true, .. } => {}
            Source::Table { release, .. } => snapshot.note(
                NoteKind::Source,
                format!("the layout of Go {release} stands in for that of {version}; it was checked"),
            ),
            Source::Dwarf => snapshot.note(
                NoteKind::Warning,
                format!(
                    "this version does not know {version}: the program's own DWARF told where things lie, and it was checked"
                ),
            ),
        }
        snapshot
    }
}

fn target(attached: &Attached) -> Target {
    let build = &attached.image.build;
    Target {
        go_version: Some(build.go_version.clone()),
        module: (!build.module.is_empty()).then(|| build.module.clone()),
        ..attached.process.target()
    }
}

/// `chan receive (durable)` is a reason with a mark, as in tracebacks.
fn status(reason: String) -> Status {
    match reason.strip_suffix(" (durable)") {
        Some(plain) => Status { durable: true, ..Status::new(plain.to_owned()) },
        None => Status::new(reason),
    }
}

/// `1 goroutine`, `2 goroutines`.
pub(crate) fn plural(n: u64) -> String {
    format!("{n} goroutine{}", if n == 1 { "" } else { "s" })
}
