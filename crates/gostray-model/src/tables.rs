//! What repeats in a snapshot, kept once: frames, stacks, label sets, statuses.

use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::record::Status;

/// A place in a Go program: function, file, line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The symbol name as the runtime prints it: `net/http.(*conn).serve`.
    pub function: Box<str>,
    /// The source file as the compiler recorded it; empty where the source has none.
    pub file: Box<str>,
    /// The line, from 1; 0 where the source has none.
    pub line: u32,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);
        impl $name {
            fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}
id!(/** A frame's place in [`Tables`]. */ FrameId);
id!(/** A stack's place in [`Tables`]. */ StackId);
id!(/** A status's place in [`Tables`]. */ StatusId);
id!(/** A label set's place in [`Tables`]; [`LabelsId::NONE`] is the empty set. */ LabelsId);

impl LabelsId {
    /// No labels.
    pub const NONE: Self = Self(0);
}

/// A goroutine's pprof labels, sorted by key.
pub type Labels = Vec<(Box<str>, Box<str>)>;

/// A call stack, innermost frame first, with the `go` statement that started it where known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Stack {
    /// The frames, innermost first.
    pub frames: Vec<FrameId>,
    /// The `go` statement that started the goroutine.
    pub created_by: Option<FrameId>,
    /// How many frames the source left out between the inner and the outer ones; 0 where none.
    pub elided: u32,
    /// The outermost frames are missing, and with them the start function.
    pub truncated: bool,
    /// The source could not read the stack (`goroutine running on other thread`).
    pub unavailable: bool,
}

/// An insert-only table of distinct values.
#[derive(Debug, Clone)]
struct Interner<T> {
    values: Vec<T>,
    /// Hashes are kept: making them again whenever the table grows costs more than their room.
    index: HashTable<(u64, u32)>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { values: Vec::new(), index: HashTable::new() }
    }
}

impl<T: Hash + Eq> Interner<T> {
    fn find(&self, value: &T) -> Option<u32> {
        let hash = FxBuildHasher.hash_one(value);
        self.index.find(hash, |&(_, at)| self.values[at as usize] == *value).map(|&(_, at)| at)
    }

    fn intern(&mut self, value: T) -> u32 {
        let Self { values, index } = self;
        let hash = FxBuildHasher.hash_one(&value);
        let entry =
            index.entry(hash, |&(known, at)| known == hash && values[at as usize] == value, |&(known, _)| known);
        match entry {
            hashbrown::hash_table::Entry::Occupied(found) => found.get().1,
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                // A snapshot is bounded far below 2^32 distinct values by every reader.
                let at = u32::try_from(values.len()).unwrap_or(u32::MAX);
                vacant.insert((hash, at));
                values.push(value);
                at
            }
        }
    }
}

/// The tables of one snapshot.
#[derive(Debug, Clone)]
pub struct Tables {
    frames: Interner<Frame>,
    stacks: Interner<Stack>,
    statuses: Interner<Status>,
    labels: Interner<Labels>,
}

impl Default for Tables {
    fn default() -> Self {
        let mut labels = Interner::default();
        labels.intern(Labels::new());
        Self { frames: Interner::default(), stacks: Interner::default(), statuses: Interner::default(), labels }
    }
}

impl Tables {
    /// The id of a frame, new or known.
    pub fn add_frame(&mut self, frame: Frame) -> FrameId {
        FrameId(self.frames.intern(frame))
    }

    /// The id of a stack, new or known.
    pub fn add_stack(&mut self, stack: Stack) -> StackId {
        StackId(self.stacks.intern(stack))
    }

    /// The id of a stack that is known; saves a reader from giving up its buffer for each goroutine.
    #[must_use]
    pub fn find_stack(&self, stack: &Stack) -> Option<StackId> {
        self.stacks.find(stack).map(StackId)
    }

    /// The id of a status, new or known.
    pub fn add_status(&mut self, status: Status) -> StatusId {
        StatusId(self.statuses.intern(status))
    }

    /// The id of a label set, new or known; the order of the labels does not matter.
    pub fn add_labels(&mut self, mut labels: Labels) -> LabelsId {
        labels.sort();
        LabelsId(self.labels.intern(labels))
    }

    /// The frame of an id of these tables.
    #[must_use]
    pub fn frame(&self, id: FrameId) -> &Frame {
        &self.frames.values[id.index()]
    }

    /// The stack of an id of these tables.
    #[must_use]
    pub fn stack(&self, id: StackId) -> &Stack {
        &self.stacks.values[id.index()]
    }

    /// The status of an id of these tables.
    #[must_use]
    pub fn status(&self, id: StatusId) -> &Status {
        &self.statuses.values[id.index()]
    }

    /// The labels of an id of these tables.
    #[must_use]
    pub fn labels(&self, id: LabelsId) -> &Labels {
        &self.labels.values[id.index()]
    }

    /// How many distinct stacks there are; ids run from 0 to one less.
    #[must_use]
    pub fn stack_count(&self) -> usize {
        self.stacks.values.len()
    }

    /// A stack's frames that are worth showing: without the runtime's own frames at the inner end
    /// (`runtime.gopark`, `runtime.chansend`, …) and at the outer end (`runtime.goexit`,
    /// `runtime.main`, `runtime.corostart` of a coroutine), which tracebacks don't show. A stack that
    /// is all runtime is shown whole.
    pub fn visible<'a>(&'a self, stack: &'a Stack) -> impl DoubleEndedIterator<Item = &'a Frame> + ExactSizeIterator {
        let ids = &stack.frames;
        let hidden = |id: &FrameId| is_runtime(&self.frame(*id).function);
        let start = ids.iter().position(|id| !hidden(id)).unwrap_or(0);
        let end = ids.iter().rposition(|id| !hidden(id)).map_or(ids.len(), |last| last + 1);
        ids[start..end.max(start)].iter().map(|id| self.frame(*id))
    }

    /// The runtime's own frames at the inner end of a stack, innermost first.
    pub fn hidden<'a>(&'a self, stack: &'a Stack) -> impl Iterator<Item = &'a str> {
        stack.frames.iter().map(|id| &*self.frame(*id).function).take_while(|function| is_runtime(function))
    }
}

/// Is this one of the functions that Go's own profiles hide at the inner end of a stack?
fn is_runtime(function: &str) -> bool {
    function.starts_with("runtime.") || function.starts_with("internal/runtime/")
}
