//! Reads tracebacks line by line into a snapshot.

use std::io::Read;

use gostray_model::{Age, Ancestor, FrameId, LabelsId, NoteKind, Record, Snapshot, Stack, StatusId, Tables};

use super::dumps::Dumps;
use super::frames::FrameReader;
use super::header;
use super::log::{self, Wrapping};
use crate::error::ProfileError;
use crate::lines::Lines;
use crate::{Format, Limits, Profile, ProfileKind};

/// Where the runtime silently stops writing a text dump.
const RUNTIME_LIMIT: u64 = 64 << 20;

/// Reads a `debug=2` dump, a crash, or a log that contains them.
pub(crate) fn read(input: impl Read, limits: &Limits) -> Result<Profile, ProfileError> {
    let mut reader = Reader::new(*limits);
    let mut lines = Lines::new(input);
    let mut is_cut = false;
    loop {
        match lines.next() {
            Ok(Some(line)) => {
                if line.cut {
                    reader.unread += u64::from(reader.current.is_some());
                } else {
                    reader.line(line.text);
                }
                is_cut = line.unterminated;
            }
            Ok(None) => break,
            // What was read is kept; the reader says that it is not all.
            Err(error) if reader.snapshot.records.is_empty() => return Err(ProfileError::from_io(error)),
            Err(error) => {
                let error = ProfileError::from_io(error);
                reader.snapshot.note(NoteKind::Missing, format!("reading stopped half-way: {error}"));
                break;
            }
        }
    }
    let bytes = lines.bytes();
    reader.finish(bytes, is_cut)
}

/// The goroutine whose lines are being read.
struct Current {
    id: u64,
    creator_id: u64,
    age: Age,
    status: StatusId,
    labels: LabelsId,
    /// Which part of it the next frame belongs to.
    part: Part,
    stack: Stack,
    /// The creators of creators that were read so far, and the one that is being read.
    ancestors: Vec<(u64, Stack)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Frames,
    CreatedBy,
}

struct Reader {
    limits: Limits,
    snapshot: Snapshot,
    frames: FrameReader,
    dumps: Dumps,
    wrapping: Wrapping,
    current: Option<Current>,
    /// The detail of the header read last, which is that of most headers that follow.
    last_detail: Vec<u8>,
    last_parsed: (StatusId, Age, LabelsId),
    /// Lines within goroutines that could not be read.
    unread: u64,
    /// Goroutines over a limit.
    over_limit: u64,
    scheduler_stacks: u64,
    spare: Vec<FrameId>,
}

impl Reader {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            snapshot: Snapshot::default(),
            frames: FrameReader::new(),
            dumps: Dumps::default(),
            wrapping: Wrapping::None,
            current: None,
            last_detail: Vec::new(),
            last_parsed: (StatusId(0), Age::UNKNOWN, LabelsId::NONE),
            unread: 0,
            over_limit: 0,
            scheduler_stacks: 0,
            spare: Vec::new(),
        }
    }

    /// One line of the input, as it stands there.
    fn line(&mut self, line: &[u8]) {
        if self.current.is_some() {
            if self.wrapping == Wrapping::None {
                return self.text(line);
            }
            let wrapping = std::mem::take(&mut self.wrapping);
            let text = wrapping.unwrap(line);
            self.wrapping = wrapping;
            match text {
                Some(text) => self.lines_of(&text),
                // Another program's line in between.
                None => self.outside(line),
            }
        } else {
            self.outside(line);
        }
    }

    /// A line that belongs to no goroutine, unless one begins in it.
    fn outside(&mut self, line: &[u8]) {
        if let Some(parts) = header::split(line)
            && self.begin_goroutine(parts.id, parts.detail)
        {
            self.wrapping = Wrapping::None;
            return;
        }
        match log::find_header(line) {
            Some(found) => {
                self.end_goroutine();
                self.wrapping = found.wrapping;
                self.lines_of(&found.text);
            }
            None if line.trim_ascii().is_empty() => {}
            None => self.dumps.foreign_line(),
        }
    }

    /// The text of a JSON field may be several lines.
    fn lines_of(&mut self, text: &[u8]) {
        if matches!(self.wrapping, Wrapping::Json(_)) {
            let text = text.strip_suffix(b"\n").unwrap_or(text);
            text.split(|b| *b == b'\n').for_each(|line| self.text(line));
        } else {
            self.text(text);
        }
    }

    /// One line without what a log puts around it.
    fn text(&mut self, line: &[u8]) {
        match line {
            [] => self.end_goroutine(),
            [b'\t', ..] => self.place_line(line),
            _ if self.frames.is_pending() => self.other_line(line),
            _ if line.starts_with(b"goroutine ") => self.other_line(line),
            _ if self.current.is_some() && self.frames.function_line(line) => {}
            _ => self.other_line(line),
        }
    }

    fn place_line(&mut self, line: &[u8]) {
        let Some(current) = &mut self.current else { return };
        if line == b"\tgoroutine running on other thread; stack unavailable" {
            current.stack.unavailable = true;
            return;
        }
        if self.frames.len() >= self.limits.distinct {
            self.unread += 1;
            return;
        }
        match self.frames.place_line(line, &mut self.snapshot.tables) {
            Some(frame) => current.add(frame),
            None => self.unread += 1,
        }
    }

    /// Everything that is not a frame.
    fn other_line(&mut self, line: &[u8]) {
        if self.frames.is_pending() {
            // A function line without its place.
            self.unread += 1;
            self.frames.begin_stack();
        }
        if let Some(parts) = header::split(line)
            && self.begin_goroutine(parts.id, parts.detail)
        {
            return;
        }
        let Some(current) = &mut self.current else { return self.outside(line) };
        if let Some(rest) = line.strip_prefix(b"created by ") {
            let (function, creator) = split_created_by(rest);
            if current.ancestors.is_empty() {
                current.creator_id = creator.unwrap_or(0);
            }
            current.part = Part::CreatedBy;
            self.frames.set_function(function);
        } else if let Some(id) = number_between(line, b"[originating from goroutine ", b"]:") {
            current.ancestors.push((id, Stack::default()));
            current.part = Part::Frames;
            self.frames.begin_stack();
        } else if let Some(count) = number_between(line, b"...", b" frames elided...") {
            current.stack_mut().elided = u32::try_from(count).unwrap_or(u32::MAX);
        } else if line == b"...additional frames elided..." {
            current.stack_mut().truncated = true;
        } else if !self.frames.function_line(line) {
            if current.is_whole(&self.snapshot.tables) {
                // `go test` writes its `FAIL` right behind the last goroutine.
                self.end_goroutine();
                self.outside(line);
            } else {
                self.unread += 1;
            }
        }
    }

    /// Begins a goroutine; `false` if the header breaks the grammar.
    fn begin_goroutine(&mut self, id: u64, detail: &[u8]) -> bool {
        if detail != self.last_detail || self.last_detail.is_empty() {
            let Some((status, minutes, labels)) = header::parse_detail(detail) else { return false };
            let tables = &mut self.snapshot.tables;
            let age = minutes.map_or(Age::UNKNOWN, |minutes| Age::from_secs(minutes.saturating_mul(60)));
            self.last_parsed = (tables.add_status(status), age, tables.add_labels(labels));
            self.last_detail.clear();
            self.last_detail.extend_from_slice(detail);
        }
        self.end_goroutine();
        let (status, age, labels) = self.last_parsed;
        let stack = Stack { frames: std::mem::take(&mut self.spare), ..Stack::default() };
        self.frames.begin_stack();
        self.current =
            Some(Current { id, creator_id: 0, age, status, labels, part: Part::Frames, stack, ancestors: Vec::new() });
        true
    }

    /// Files the goroutine that was being read.
    fn end_goroutine(&mut self) {
        let Some(mut current) = self.current.take() else { return };
        if self.frames.is_pending() {
            self.unread += 1;
            self.frames.begin_stack();
        }
        if current.id == 0 {
            // Thread 0's scheduler stack in a crash: not a goroutine.
            self.scheduler_stacks += 1;
            return;
        }
        current.stack.truncated |= is_cut_by_old_go(&current);
        let tables = &mut self.snapshot.tables;
        if self.snapshot.records.len() >= self.limits.records || tables.stack_count() >= self.limits.distinct {
            self.over_limit += 1;
            return;
        }
        for (id, stack) in std::mem::take(&mut current.ancestors) {
            let stack = tables.add_stack(stack);
            self.snapshot.ancestors.push(Ancestor { of: current.id, id, stack });
        }
        let stack = add_stack(tables, current.stack, &mut self.spare);
        self.dumps.goroutine(self.snapshot.records.len());
        self.snapshot.records.push(Record {
            id: current.id,
            creator_id: current.creator_id,
            count: 1,
            age: current.age,
            stack,
            status: current.status,
            labels: current.labels,
        });
    }

    fn finish(mut self, bytes: u64, is_cut: bool) -> Result<Profile, ProfileError> {
        let cut_within = self.current.as_ref().is_some_and(|current| {
            let has_creator = current.stack.created_by.is_some() || current.id == 1 || current.stack.unavailable;
            is_cut || self.frames.is_pending() || !has_creator
        });
        self.end_goroutine();
        if self.snapshot.records.is_empty() {
            return Err(ProfileError::NotAProfile { what: "text without a goroutine traceback".into() });
        }
        let earlier = self.dumps.keep_last(&mut self.snapshot);
        let snapshot = &mut self.snapshot;
        let mut missing = |text: String| snapshot.note(NoteKind::Missing, text);
        if bytes == RUNTIME_LIMIT {
            missing("the dump is exactly 64 MiB long, where the Go runtime silently stops: goroutines are missing; use debug=0 for the true count".into());
        } else if cut_within {
            missing("the dump is cut off within its last goroutine: others may be missing".into());
        }
        if self.unread > 0 {
            missing(format!("{} within tracebacks could not be read", count(self.unread, "line")));
        }
        if self.over_limit > 0 {
            missing(format!("{} beyond the limits of the reader left out", count(self.over_limit, "goroutine")));
        }
        if earlier.dumps > 0 {
            snapshot.note(
                NoteKind::Warning,
                format!(
                    "the input holds several dumps with the same goroutine ids: this is the last one; {} of {} left out",
                    count(earlier.goroutines, "goroutine"),
                    count(earlier.dumps, "earlier dump"),
                ),
            );
        }
        let truncated = snapshot.records.iter().filter(|r| snapshot.tables.stack(r.stack).truncated).count() as u64;
        if truncated > 0 {
            let text = "the outer frames were not printed, so that the function they were started with is not known";
            snapshot.note(NoteKind::Warning, format!("{}: {text}", count(truncated, "goroutine")));
        }
        if self.scheduler_stacks > 0 {
            snapshot.note(NoteKind::Source, "goroutine 0 is a thread's scheduler stack, not a goroutine: left out");
        }
        Ok(Profile { snapshot: self.snapshot, kind: ProfileKind::Goroutine, format: Format::Traceback })
    }
}

impl Current {
    /// The stack that is being read: the goroutine's own, or its newest ancestor's.
    fn stack_mut(&mut self) -> &mut Stack {
        self.ancestors.last_mut().map_or(&mut self.stack, |(_, stack)| stack)
    }

    /// Is there nothing that has to follow: was the `go` statement read, or the main function?
    fn is_whole(&self, tables: &Tables) -> bool {
        let is_main = |frame: &FrameId| &*tables.frame(*frame).function == "main.main";
        match self.part {
            Part::Frames => self.ancestors.is_empty() && self.stack.frames.last().is_some_and(is_main),
            Part::CreatedBy => self.ancestors.last().map_or(&self.stack, |(_, stack)| stack).created_by.is_some(),
        }
    }

    fn add(&mut self, frame: FrameId) {
        match self.part {
            Part::Frames => self.stack_mut().frames.push(frame),
            Part::CreatedBy => self.stack_mut().created_by = Some(frame),
        }
    }
}

/// Up to Go 1.20 the runtime prints 100 frames, hidden ones counted, and says that it left others out
/// only where it hid none. From Go 1.21 on, which names the creating goroutine, it always says so.
fn is_cut_by_old_go(current: &Current) -> bool {
    let stack = &current.stack;
    (95..=100).contains(&stack.frames.len())
        && stack.elided == 0
        && stack.created_by.is_some()
        && current.creator_id == 0
}

/// Interns a stack and keeps its allocation for the next one where the stack was known.
fn add_stack(tables: &mut Tables, stack: Stack, spare: &mut Vec<FrameId>) -> gostray_model::StackId {
    match tables.find_stack(&stack) {
        Some(known) => {
            *spare = stack.frames;
            spare.clear();
            known
        }
        None => tables.add_stack(stack),
    }
}

/// `main.f in goroutine 12` → the function and, from Go 1.21 on, the goroutine.
fn split_created_by(rest: &[u8]) -> (&[u8], Option<u64>) {
    const BETWEEN: &[u8] = b" in goroutine ";
    let digits = rest.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (head, id) = rest.split_at(rest.len() - digits);
    match head.strip_suffix(BETWEEN) {
        Some(function) => (function, std::str::from_utf8(id).ok().and_then(|id| id.parse().ok())),
        None => (rest, None),
    }
}

fn number_between(line: &[u8], before: &[u8], after: &[u8]) -> Option<u64> {
    std::str::from_utf8(line.strip_prefix(before)?.strip_suffix(after)?).ok()?.parse().ok()
}

/// `1 line`, `2 lines`.
fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
