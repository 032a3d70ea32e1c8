//! The two lines of a frame, and the frames of a dump kept once.
//!
//! A dump of 100,000 goroutines repeats a few hundred frames a million times, in nearly the same
//! order. So each frame remembers which frame came after it last, and a frame that is the expected
//! one costs two comparisons instead of two hash look-ups.

use std::hash::BuildHasher;

use gostray_model::{Frame, FrameId, Tables};
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// A frame as it stands in the dump.
struct Raw {
    /// `main.(*T).f`, the function line without its arguments.
    function: Box<[u8]>,
    /// `\t/path/file.go:12`, the place line without offsets.
    place: Box<[u8]>,
    id: FrameId,
    /// The frame that came after this one last.
    follower: usize,
}

const NONE: usize = usize::MAX;

/// The function line of a frame whose place line is still to come.
#[derive(Debug, Clone, Copy)]
enum Pending {
    Nothing,
    /// Its function is that of this known frame.
    Known(usize),
    /// Its function is in `FrameReader::function`.
    New,
}

/// Interns the frames of a dump.
pub(super) struct FrameReader {
    known: Vec<Raw>,
    index: HashTable<usize>,
    /// The frame before the next one within its stack.
    previous: usize,
    /// The first frame of the stack read last.
    first: usize,
    pending: Pending,
    function: Vec<u8>,
}

impl FrameReader {
    pub(super) fn new() -> Self {
        Self {
            known: Vec::new(),
            index: HashTable::new(),
            previous: NONE,
            first: NONE,
            pending: Pending::Nothing,
            function: Vec::new(),
        }
    }

    /// How many distinct frames there are.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// A new stack begins.
    pub(super) fn begin_stack(&mut self) {
        self.previous = NONE;
        self.pending = Pending::Nothing;
    }

    /// Is a function line waiting for its place line?
    pub(super) fn is_pending(&self) -> bool {
        !matches!(self.pending, Pending::Nothing)
    }

    /// A function line: `pkg.f(0x1, {0x2?, …})` or `pkg.f(...)`. `false` if it isn't one.
    pub(super) fn function_line(&mut self, line: &[u8]) -> bool {
        let expected = if self.previous == NONE { self.first } else { self.known[self.previous].follower };
        if expected != NONE {
            let function = &self.known[expected].function;
            if line.len() > function.len() && line[function.len()] == b'(' && line.starts_with(function) {
                self.pending = Pending::Known(expected);
                return true;
            }
        }
        // Arguments hold no parentheses, receivers do: the last one opens the arguments.
        match memchr::memrchr(b'(', line) {
            Some(open) if open > 0 && line.ends_with(b")") => {
                self.set_function(&line[..open]);
                true
            }
            _ => false,
        }
    }

    /// The function of a `created by` line.
    pub(super) fn set_function(&mut self, function: &[u8]) {
        self.function.clear();
        self.function.extend_from_slice(function);
        self.pending = Pending::New;
    }

    /// A place line: `\t/path/file.go:12 +0x1d fp=0x… sp=0x… pc=0x…`. `None` if no function line
    /// came before it or it isn't one.
    pub(super) fn place_line(&mut self, line: &[u8], tables: &mut Tables) -> Option<FrameId> {
        let at = match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => return None,
            Pending::Known(expected) if is_place(line, &self.known[expected].place) => expected,
            Pending::Known(expected) => {
                self.function.clear();
                self.function.extend_from_slice(&self.known[expected].function);
                self.find(line, tables)?
            }
            Pending::New => self.find(line, tables)?,
        };
        match self.previous {
            NONE => self.first = at,
            previous => self.known[previous].follower = at,
        }
        self.previous = at;
        Some(self.known[at].id)
    }

    /// The frame of `self.function` and a place line, new or known.
    fn find(&mut self, line: &[u8], tables: &mut Tables) -> Option<usize> {
        let place = without_offsets(line);
        let (function, known) = (&self.function, &mut self.known);
        let hash = FxBuildHasher.hash_one((&function[..], place));
        let found = self.index.find(hash, |&at| *known[at].place == *place && *known[at].function == **function);
        if let Some(&at) = found {
            return Some(at);
        }
        let (file, number) = split_place(place)?;
        let id = tables.add_frame(Frame {
            function: String::from_utf8_lossy(function).into(),
            file: String::from_utf8_lossy(file).into(),
            line: number,
        });
        known.push(Raw { function: function[..].into(), place: place.into(), id, follower: NONE });
        let hasher = |&at: &usize| FxBuildHasher.hash_one((&*known[at].function, &*known[at].place));
        self.index.insert_unique(hash, known.len() - 1, hasher);
        Some(known.len() - 1)
    }
}

/// Is `line` this place, whatever offsets follow?
fn is_place(line: &[u8], place: &[u8]) -> bool {
    line.starts_with(place) && matches!(&line[place.len()..], [] | [b' ', b'+' | b'f', ..])
}

/// Cuts ` +0x1d`, ` fp=0x…`, ` sp=0x…`, ` pc=0x…` off the end; the path may contain spaces.
fn without_offsets(mut line: &[u8]) -> &[u8] {
    while let Some(space) = memchr::memrchr(b' ', line) {
        let word = &line[space + 1..];
        if ![&b"+0x"[..], b"fp=", b"sp=", b"pc="].iter().any(|prefix| word.starts_with(prefix)) {
            break;
        }
        line = &line[..space];
    }
    line
}

/// `\t/path/file.go:12` → path and line.
fn split_place(place: &[u8]) -> Option<(&[u8], u32)> {
    let text = place.trim_ascii_start();
    let colon = memchr::memrchr(b':', text)?;
    let line = std::str::from_utf8(&text[colon + 1..]).ok()?.parse().ok()?;
    Some((&text[..colon], line))
}
