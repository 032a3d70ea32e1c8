//! Reads the text line by line into a snapshot.

use std::io::Read;

use gostray_model::{Age, FrameId, LabelsId, NoteKind, Operation, Record, Snapshot, Stack, Status, Tables};

use super::hidden::{Addresses, Clue, Landmarks};
use super::{goquote, line};
use crate::error::ProfileError;
use crate::lines::Lines;
use crate::pprof::{notes, state};
use crate::{Format, Limits, Profile, ProfileKind};

/// Reads a `debug=1` profile.
///
/// # Errors
/// If the input fails before the first stack, or is another profile.
pub(crate) fn read(input: impl Read, limits: &Limits) -> Result<Profile, ProfileError> {
    let mut lines = Lines::new(input);
    let first = lines.next().map_err(ProfileError::from_io)?.ok_or(ProfileError::Empty)?;
    let Some((name, total)) = line::head(first.text) else {
        return Err(ProfileError::Malformed { what: "the first line is not `goroutine profile: total N`".into() });
    };
    let kind = match name {
        "goroutine" => ProfileKind::Goroutine,
        "goroutineleak" => ProfileKind::GoroutineLeak,
        name => return Err(ProfileError::WrongProfile { name: name.to_owned() }),
    };
    let mut reader = Reader::new(kind, total, *limits);
    loop {
        match lines.next() {
            Ok(Some(line)) if line.cut || (line.unterminated && line::is_bare_address(line.text)) => reader.unread += 1,
            Ok(Some(line)) => {
                if line::head(line.text).is_some() {
                    reader
                        .snapshot
                        .note(NoteKind::Warning, "another profile follows in the same input: it was left out");
                    break;
                }
                reader.line(line.text);
            }
            Ok(None) => break,
            // What was read is kept; the reader says that it is not all.
            Err(error) => {
                let error = ProfileError::from_io(error);
                if reader.stacks.is_empty() {
                    return Err(error);
                }
                reader.snapshot.note(NoteKind::Missing, format!("reading stopped half-way: {error}"));
                break;
            }
        }
    }
    Ok(reader.finish())
}

/// A stack of the profile, whose operation is not known before all were read.
struct Counted {
    count: u32,
    labels: LabelsId,
    frames: Vec<FrameId>,
    addresses: Addresses,
    /// It has fewer frames than addresses: the text was cut within it.
    is_short: bool,
}

impl Counted {
    fn clue<'a>(&self, tables: &'a Tables) -> Clue<'a> {
        let innermost = self.frames.first().map_or("", |id| &*tables.frame(*id).function);
        Clue { addresses: self.addresses, innermost }
    }
}

struct Reader {
    kind: ProfileKind,
    total: Option<u64>,
    limits: Limits,
    snapshot: Snapshot,
    stacks: Vec<Counted>,
    current: Option<Counted>,
    /// The return addresses of the current stack.
    pcs: Vec<u64>,
    /// The number of distinct frames.
    frames: usize,
    unread: u64,
    phantoms: u64,
    over_limit: u64,
    short: u64,
}

impl Reader {
    fn new(kind: ProfileKind, total: Option<u64>, limits: Limits) -> Self {
        Self {
            kind,
            total,
            limits,
            snapshot: Snapshot::default(),
            stacks: Vec::new(),
            current: None,
            pcs: Vec::new(),
            frames: 0,
            unread: 0,
            phantoms: 0,
            over_limit: 0,
            short: 0,
        }
    }

    fn line(&mut self, text: &[u8]) {
        if text.is_empty() {
            self.end_stack(true);
        } else if let Some(labels) = text.strip_prefix(b"# labels: ") {
            match (&mut self.current, goquote::labels(labels)) {
                (Some(current), Some(labels)) => current.labels = self.snapshot.tables.add_labels(labels),
                _ => self.unread += 1,
            }
        } else if let Some(text) = text.strip_prefix(b"#\t") {
            self.frame_line(text);
        } else {
            self.end_stack(false);
            match line::count(text, &mut self.pcs) {
                Some(count) => {
                    let addresses = Addresses::new(&self.pcs, None);
                    self.current =
                        Some(Counted { count, labels: LabelsId::NONE, frames: Vec::new(), addresses, is_short: false });
                }
                None => self.unread += 1,
            }
        }
    }

    fn frame_line(&mut self, text: &[u8]) {
        let (Some(current), Some(line)) = (&mut self.current, line::frame(text)) else {
            self.unread += 1;
            return;
        };
        if line.address == 0 {
            // Go prints the frame of a stack without addresses so.
            return;
        }
        if self.frames >= self.limits.distinct || current.frames.len() > self.pcs.len() {
            self.unread += 1;
            return;
        }
        if current.frames.is_empty() {
            current.addresses = Addresses::new(&self.pcs, Some(line.address));
        }
        let id = self.snapshot.tables.add_frame(line.frame);
        self.frames = self.frames.max(id.0 as usize + 1);
        current.frames.push(id);
    }

    /// Files the stack that was being read. `is_whole`: an empty line ended it, as it should.
    fn end_stack(&mut self, is_whole: bool) {
        let Some(mut current) = self.current.take() else { return };
        let Addresses { len, hidden, last, .. } = current.addresses;
        if (len == 0 || (len == 1 && last == 0)) && self.kind == ProfileKind::GoroutineLeak {
            self.phantoms += u64::from(current.count);
            return;
        }
        // The last address is goexit's, which has no line.
        if !is_whole && (current.frames.is_empty() || hidden.unwrap_or(0) + current.frames.len() + 1 < len) {
            current.is_short = true;
            self.short += 1;
        }
        if self.stacks.len() >= self.limits.records.min(self.limits.distinct) {
            self.over_limit += u64::from(current.count);
            return;
        }
        self.stacks.push(current);
    }

    fn finish(mut self) -> Profile {
        self.end_stack(false);
        let landmarks = Landmarks::find(&self.stacks.iter().map(|stack| stack.clue(&self.snapshot.tables)));
        let (mut read, mut cut) = (0, 0);
        for counted in std::mem::take(&mut self.stacks) {
            read += u64::from(counted.count);
            let operation = landmarks.operation(counted.clue(&self.snapshot.tables));
            let is_cut = landmarks.is_cut(&counted.addresses);
            cut += if is_cut { u64::from(counted.count) } else { 0 };
            self.file(counted, operation, is_cut);
        }
        self.notes(read, cut);
        Profile { snapshot: self.snapshot, kind: self.kind, format: Format::Counts }
    }

    /// Puts a stack into the snapshot.
    fn file(&mut self, counted: Counted, operation: Operation, is_cut: bool) {
        let Counted { count, labels, frames, addresses, is_short } = counted;
        let tables = &mut self.snapshot.tables;
        let unavailable = frames.is_empty() && addresses.len == 0;
        let stack = Stack { frames, truncated: is_cut || is_short, unavailable, ..Stack::default() };
        let reason = match state::reason(tables, &stack) {
            _ if unavailable => state::UNKNOWN,
            Some(reason) => reason,
            None => operation.reason(),
        };
        let leaked = self.kind == ProfileKind::GoroutineLeak;
        let record = Record {
            id: 0,
            creator_id: 0,
            count,
            age: Age::UNKNOWN,
            stack: tables.add_stack(stack),
            status: tables.add_status(Status { leaked, derived: true, ..Status::new(reason) }),
            labels,
        };
        self.snapshot.records.push(record);
    }

    /// Says what is missing. `read` and `cut` count goroutines.
    fn notes(&mut self, read: u64, cut: u64) {
        let snapshot = &mut self.snapshot;
        let mut missing = |count: u64, text: String| {
            if count > 0 {
                snapshot.note(NoteKind::Missing, text);
            }
        };
        let found = read + self.phantoms + self.over_limit;
        match self.total {
            Some(total) if found < total => {
                missing(1, format!("{found} of {total} goroutines are in the file: it is cut off"));
            }
            Some(total) if found > total => {
                missing(1, format!("{found} goroutines are in the file, its first line says {total}: it was altered"));
            }
            Some(_) => {}
            None => missing(1, "the first line does not say how many goroutines there are: some may be missing".into()),
        }
        missing(self.unread, format!("{} of the profile could not be read", notes::count(self.unread, "line")));
        let over_limit = notes::count(self.over_limit, "goroutine");
        missing(self.over_limit, format!("{over_limit} beyond the limits of the reader left out"));
        let short = notes::count(self.short, "stack");
        missing(self.short, format!("the file is cut off within {short}"));
        missing(cut, notes::cut_stacks(cut));
        if self.phantoms > 0 {
            snapshot.note(NoteKind::Warning, notes::phantoms(self.phantoms));
        }
    }
}
