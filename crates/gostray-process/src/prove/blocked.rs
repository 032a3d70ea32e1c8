//! What a parked goroutine waits for: the objects through which alone it can be woken.
//!
//! What is not clear is [`Wait::Unknown`], and a goroutine that waits so counts as one that may run:
//! reasons that are not the program's own synchronisation, code that parks by itself under a borrowed
//! reason, waiters that are just being woken and so are in no queue any more.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::goroutine::Goroutine;
use crate::prove::capture::{Capture, Stacks, SudogFields};
use crate::site::{Frames, Sites};

/// More waiters than that are not followed.
const MAX_WAITERS: usize = 1 << 24;
/// A select has no more cases.
const MAX_CASES: usize = 1 << 16;
/// The frames in which a waiter on a semaphore or condition keeps its `runtime.sudog`.
const FRAMES_OF_WAITER: usize = 6;

/// What a goroutine waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Nothing that could come.
    Forever,
    /// One of these objects, through these `runtime.sudog`.
    On {
        /// Addresses of channels, semaphores or lists of waiters, also within objects.
        objects: Box<[u64]>,
        sudogs: Box<[u64]>,
    },
    Unknown,
}

impl Wait {
    /// What can wake it.
    pub(crate) fn objects(&self) -> &[u64] {
        match self {
            Self::On { objects, .. } => objects,
            _ => &[],
        }
    }

    /// Its waiters.
    pub(crate) fn sudogs(&self) -> &[u64] {
        match self {
            Self::On { sudogs, .. } => sudogs,
            _ => &[],
        }
    }
}

/// What the reasons of the runtime stand for, and the function that must have parked it.
fn parked_by(reason: &str) -> Option<(Kind, &'static [&'static [u8]])> {
    Some(match reason {
        "chan receive" => (Kind::Channel, &[b"runtime.chanrecv"]),
        "chan send" => (Kind::Channel, &[b"runtime.chansend"]),
        "select" => (Kind::Channel, &[b"runtime.selectgo"]),
        "chan receive (nil chan)" => (Kind::Nothing, &[b"runtime.chanrecv"]),
        "chan send (nil chan)" => (Kind::Nothing, &[b"runtime.chansend"]),
        "select (no cases)" => (Kind::Nothing, &[b"runtime.block"]),
        "sync.Mutex.Lock" => {
            (Kind::Semaphore, &[b"sync.runtime_SemacquireMutex", b"internal/sync.runtime_SemacquireMutex"])
        }
        "sync.RWMutex.Lock" => (Kind::Semaphore, &[b"sync.runtime_SemacquireRWMutex"]),
        "sync.RWMutex.RLock" => (Kind::Semaphore, &[b"sync.runtime_SemacquireRWMutexR"]),
        "sync.WaitGroup.Wait" => (Kind::Semaphore, &[b"sync.runtime_SemacquireWaitGroup"]),
        // That of a sync.WaitGroup up to Go 1.23; others wait so for what the program can't see.
        "semacquire" => (Kind::Semaphore, &[b"sync.runtime_Semacquire", b"sync.runtime_SemacquireWaitGroup"]),
        "sync.Cond.Wait" => (Kind::Condition, &[b"sync.runtime_notifyListWait"]),
        _ => return None,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    Channel,
    Semaphore,
    Condition,
}

/// Looks up what goroutines wait for.
pub(crate) struct Waits<'c, 'm> {
    capture: &'c Capture<'m>,
    fields: SudogFields,
    /// The first waiter of a `runtime.notifyList`.
    list_head: u64,
    /// Those that are in the queue of their channel.
    queued: FxHashSet<u64>,
    /// The waiters of lists of conditions that have been looked at.
    lists: std::cell::RefCell<FxHashMap<u64, FxHashSet<u64>>>,
}

impl<'c, 'm> Waits<'c, 'm> {
    pub(crate) fn new(capture: &'c Capture<'m>, layout: &crate::layout::Layout) -> Self {
        let mut waits = Self {
            capture,
            fields: SudogFields::new(layout),
            list_head: layout.at("runtime.notifyList.head"),
            queued: FxHashSet::default(),
            lists: std::cell::RefCell::default(),
        };
        for channel in capture.channels.values() {
            for first in [channel.receivers, channel.senders] {
                let list = waits.list(first);
                waits.queued.extend(list);
            }
        }
        waits
    }

    /// What a goroutine waits for, whose reason is `reason` and who stands in `frames`.
    pub(crate) fn of(&self, number: usize, reason: &str, frames: &Frames, sites: &Sites<'_>) -> Wait {
        let goroutine = &self.capture.goroutines[number];
        if !goroutine.is_parked() || self.capture.on_thread.contains_key(&number) || !frames.is_complete() {
            return Wait::Unknown;
        }
        let Some((kind, parkers)) = parked_by(reason) else { return Wait::Unknown };
        let mut names = frames.iter().take(FRAMES_OF_WAITER).map(|frame| sites.name(frame.site));
        if names.next() != Some(b"runtime.gopark".as_slice()) || !names.any(|name| parkers.contains(&name)) {
            return Wait::Unknown;
        }
        let found = match kind {
            Kind::Nothing => return if goroutine.waiting == 0 { Wait::Forever } else { Wait::Unknown },
            // A select of which every channel is nil has no waiter.
            Kind::Channel if goroutine.waiting == 0 => {
                return if reason == "select" { Wait::Forever } else { Wait::Unknown };
            }
            Kind::Channel => self.channels(goroutine),
            Kind::Semaphore => self.semaphore(number, frames),
            Kind::Condition => self.condition(number, frames),
        };
        found.map_or(Wait::Unknown, |(objects, sudogs)| Wait::On {
            objects: objects.into_boxed_slice(),
            sudogs: sudogs.into_boxed_slice(),
        })
    }

    fn field(&self, sudog: u64, field: u64) -> Option<u64> {
        self.capture.heap.word(sudog.checked_add(field)?)
    }

    /// Is it a waiter of this goroutine?
    fn is_waiter(&self, sudog: u64, goroutine: &Goroutine) -> bool {
        let heap = &self.capture.heap;
        heap.object(sudog).is_some_and(|object| {
            let size = heap.span(object).object_size;
            heap.address(object) == sudog && (self.fields.size..=self.fields.size + 16).contains(&size)
        }) && self.field(sudog, self.fields.goroutine) == Some(goroutine.address)
    }

    /// The waiters of a queue.
    fn list(&self, first: u64) -> FxHashSet<u64> {
        let mut list = FxHashSet::default();
        let mut at = first;
        while at != 0 && list.len() < MAX_WAITERS && list.insert(at) {
            at = self.field(at, self.fields.next).unwrap_or(0);
        }
        list
    }

    fn channels(&self, goroutine: &Goroutine) -> Option<(Vec<u64>, Vec<u64>)> {
        let (mut objects, mut sudogs) = (Vec::new(), Vec::new());
        let mut at = goroutine.waiting;
        while at != 0 {
            if sudogs.len() >= MAX_CASES || !self.is_waiter(at, goroutine) || !self.queued.contains(&at) {
                return None;
            }
            let channel = self.field(at, self.fields.channel).filter(|channel| *channel != 0)?;
            self.capture.channels.get(&channel)?;
            objects.push(channel);
            sudogs.push(at);
            at = self.field(at, self.fields.wait_link)?;
        }
        Some((objects, sudogs))
    }

    /// Up to Go 1.25 only the goroutine's own frames lead to the waiter.
    fn semaphore(&self, number: usize, frames: &Frames) -> Option<(Vec<u64>, Vec<u64>)> {
        let goroutine = &self.capture.goroutines[number];
        let words = std::iter::once(goroutine.waiting).chain(words(&self.capture.stacks, number, frames));
        let sudog = words.into_iter().find(|word| {
            // Once woken it waits for nothing.
            *word != 0
                && self.is_waiter(*word, goroutine)
                && self.field(*word, self.fields.element).is_some_and(|element| element != 0)
        })?;
        let element = self.field(sudog, self.fields.element)?;
        Some((vec![element], vec![sudog]))
    }

    fn condition(&self, number: usize, frames: &Frames) -> Option<(Vec<u64>, Vec<u64>)> {
        let goroutine = &self.capture.goroutines[number];
        let heap = &self.capture.heap;
        let from_waiter = (goroutine.waiting != 0)
            .then(|| self.field(goroutine.waiting, self.fields.element))
            .flatten()
            .filter(|list| *list != 0);
        let words = from_waiter.into_iter().chain(words(&self.capture.stacks, number, frames));
        for list in words {
            // A condition in a variable is reached anyway: it needs no looking at.
            let Some(first) = heap.word(list.wrapping_add(self.list_head)).filter(|first| *first != 0) else {
                continue;
            };
            if heap.object(first).is_none_or(|object| heap.address(object) != first) {
                continue;
            }
            let mut lists = self.lists.borrow_mut();
            let waiters = lists.entry(list).or_insert_with(|| self.list(first));
            if let Some(sudog) = waiters.iter().find(|sudog| self.is_waiter(**sudog, goroutine)) {
                return Some((vec![list], vec![*sudog]));
            }
        }
        None
    }
}

/// The words of the first frames of a goroutine.
fn words<'s>(stacks: &'s Stacks, number: usize, frames: &Frames) -> impl Iterator<Item = u64> + 's {
    let part = stacks.get(number).and_then(|(start, bytes)| {
        let first = frames.iter().next()?;
        let last = frames.iter().take(FRAMES_OF_WAITER).next_back()?;
        let at = |address: u64| usize::try_from(address.checked_sub(start)?).ok();
        bytes.get(at(first.sp)?..at(last.end)?.min(bytes.len()))
    });
    part.unwrap_or_default().chunks_exact(8).map(|bytes| crate::memory::word(bytes, 0))
}
