//! A living process → a snapshot.

use gostray_model::{Age, NoteKind, Record, Snapshot, Stack, Status, Target, TargetKind};
use jiff::Timestamp;

use crate::error::ProcessError;
use crate::globals::Globals;
use crate::goroutine::Goroutine;
use crate::image::Image;
use crate::live::Live;
use crate::memory::{Memory, word};
use crate::processes;
use crate::unwind::Unwinder;

/// No process has more goroutines, dead ones included.
const MAX_GOROUTINES: u64 = 1 << 28;

/// How often a list that does not fit is read.
const ATTEMPTS: u32 = 5;

/// A Go process that can be read.
pub(crate) struct Attached {
    process: Live,
    pub(crate) image: Image,
    globals: Globals,
}

impl Attached {
    pub(crate) fn open(pid: u32) -> Result<Self, ProcessError> {
        let process = Live::open(pid)?;
        let image = Image::find(&process)?;
        let globals = Globals::find(&process, &image).map_err(|what| ProcessError::Layout {
            pid,
            version: image.build.go_version.clone(),
            what,
        })?;
        Ok(Self { process, image, globals })
    }

    /// Every goroutine that is not dead, as the runtime lists them.
    pub(crate) fn goroutines(&self) -> Result<Vec<Goroutine>, ProcessError> {
        // The list may be replaced by a longer one between the reading of its address and its length.
        // What really does not fit does so every time.
        let mut result = self.list();
        for _ in 1..ATTEMPTS {
            if !matches!(result, Err(ProcessError::Layout { .. } | ProcessError::Unreadable { .. })) {
                break;
            }
            result = self.list();
        }
        result
    }

    fn list(&self) -> Result<Vec<Goroutine>, ProcessError> {
        let memory: &dyn Memory = &self.process;
        let layout_error = |what: String| ProcessError::Layout {
            pid: self.process.pid,
            version: self.image.build.go_version.clone(),
            what,
        };
        let list = memory.bytes(self.globals.allgs, 16)?;
        let (data, len) = (word(&list, 0), word(&list, 8));
        if len > MAX_GOROUTINES {
            return Err(layout_error(format!("{len} goroutines")));
        }
        let mut goroutines = Vec::new();
        for address in memory.bytes(data, 8 * len)?.chunks_exact(8) {
            let read = Goroutine::read(memory, &self.image.layout, word(address, 0)).map_err(layout_error)?;
            goroutines.extend(read);
        }
        // Ids are never used again.
        let mut ids: Vec<u64> = goroutines.iter().map(|g| g.id).collect();
        ids.sort_unstable();
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(layout_error(format!("two goroutines have the id {}", pair[0])));
        }
        Ok(goroutines)
    }

    /// Does the runtime keep it for itself? `debug=2` leaves those out, too.
    pub(crate) fn is_system(&self, goroutine: &Goroutine) -> bool {
        let functions = self.image.module(goroutine.start_pc).map(|m| &m.functions);
        let start = functions.and_then(|f| f.find(goroutine.start_pc).map(|function| f.name(function)));
        start.is_some_and(|name| name.starts_with(b"runtime.") && name != b"runtime.main")
    }
}

/// Lists the goroutines of a living process without stopping it.
///
/// The process runs on while it is read, so that this is not one instant: goroutines that were moving
/// may be missing, or be shown where they were. Stacks of goroutines that a thread was running are not
/// shown. Notes of the snapshot say so. Nothing is written to the process, and nothing is left behind.
///
/// # Errors
/// If the process has ended, may not be read, is not Go, or is of a release that is not known or does
/// not look as it should.
pub fn take(pid: u32) -> Result<Snapshot, ProcessError> {
    let attached = Attached::open(pid)?;
    let memory: &dyn Memory = &attached.process;
    let layout = &attached.image.layout;
    let mut snapshot =
        Snapshot { target: target(pid, &attached), taken_at: Some(Timestamp::now()), ..Snapshot::default() };
    let goroutines = attached.goroutines()?;
    let (system, goroutines): (Vec<_>, Vec<_>) = goroutines.iter().partition(|g| attached.is_system(g));
    let mut unwinder = Unwinder::new(&attached.image, memory);
    let (mut running, mut moved, mut unread_labels) = (0u64, 0u64, 0u64);
    for goroutine in &goroutines {
        let tables = &mut snapshot.tables;
        let mut stack = match goroutine.resume {
            Some(resume) => unwinder.unwind(resume, goroutine.top, tables),
            None => Stack { unavailable: true, ..Stack::default() },
        };
        running += u64::from(stack.unavailable);
        if std::mem::take(&mut stack.truncated) {
            // It went on while its stack was read: half of it is another's.
            moved += 1;
            stack = Stack { unavailable: true, ..Stack::default() };
        }
        // The main goroutine was started by the runtime.
        stack.created_by = (goroutine.id != 1).then(|| unwinder.created_by(goroutine.created_pc, tables)).flatten();
        let status = Status {
            leaked: goroutine.is_leaked(),
            scan: goroutine.scan,
            locked_to_thread: goroutine.locked,
            ..status(goroutine.state(&attached.globals))
        };
        unread_labels += u64::from(goroutine.has_unread_labels(layout));
        let labels = goroutine.labels(memory, layout).unwrap_or_default();
        let record = Record {
            id: goroutine.id,
            creator_id: if goroutine.id == 1 { 0 } else { goroutine.creator_id },
            count: 1,
            age: Age::UNKNOWN,
            stack: tables.add_stack(stack),
            status: tables.add_status(status),
            labels: tables.add_labels(labels),
        };
        snapshot.records.push(record);
    }
    let notes = [
        (NoteKind::Source, 1, "read from the memory of the process, which was not stopped: goroutines that were moving may be missing or shown where they were".to_owned()),
        (NoteKind::Source, system.len() as u64, format!("{} of the runtime itself left out", plural(system.len() as u64))),
        (NoteKind::Warning, running, format!("{} running: no stack without stopping the process", plural(running))),
        (NoteKind::Warning, moved, format!("{} moved while being read: no stack", plural(moved))),
        (NoteKind::Missing, unread_labels, format!("the labels of {} are not read: they are a map before Go 1.24", plural(unread_labels))),
    ];
    notes.into_iter().filter(|(_, count, _)| *count > 0).for_each(|(kind, _, text)| snapshot.note(kind, text));
    if !layout.is_exact {
        let text = format!(
            "the layout of Go {} stands in for that of {}; it was checked",
            layout.release, attached.image.build.go_version
        );
        snapshot.note(NoteKind::Source, text);
    }
    Ok(snapshot)
}

fn target(pid: u32, attached: &Attached) -> Target {
    let build = &attached.image.build;
    Target {
        kind: TargetKind::Process,
        name: format!("pid:{pid}"),
        pid: Some(pid),
        go_version: Some(build.go_version.clone()),
        module: (!build.module.is_empty()).then(|| build.module.clone()),
        started_at: processes::started_at(pid),
        ..Target::default()
    }
}

/// `chan receive (durable)` is a reason with a mark, as in tracebacks.
fn status(reason: String) -> Status {
    match reason.strip_suffix(" (durable)") {
        Some(plain) => Status { durable: true, ..Status::new(plain.to_owned()) },
        None => Status::new(reason),
    }
}

fn plural(n: u64) -> String {
    format!("{n} goroutine{}", if n == 1 { "" } else { "s" })
}
