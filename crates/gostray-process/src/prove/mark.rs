//! Marking: from what is known to be reachable to all that is.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::heap::{Heap, Object};

/// Where something was reached from first, when it was not another object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Root {
    /// A variable, by its address.
    Variable(u64),
    /// The stack of a goroutine, by its number.
    Goroutine(usize),
    /// A register or system stack of a thread.
    Thread(i32),
    Finalizer,
    QueuedFinalizer,
    WeakPointer,
    Pinned,
    /// Memory of C.
    Foreign(u64),
}

/// What there is to do when objects are reached, by their addresses.
#[derive(Default)]
pub(crate) struct Asked {
    objects: FxHashMap<u64, Entry>,
    /// Goroutines that something can wake, in chains.
    wakes: Vec<(u32, u32)>,
    /// Addresses that something leads to, in chains.
    leads: Vec<(u64, u32)>,
}

/// What there is to do for one object; there are as many as goroutines and their waiters.
#[derive(Clone, Copy)]
struct Entry {
    belongs_to: u32,
    wakes: u32,
    leads: u32,
}

/// No goroutine, or the end of a chain.
const NONE: u32 = u32::MAX;

impl Asked {
    fn entry(&mut self, object: u64) -> &mut Entry {
        self.objects.entry(object).or_insert(Entry { belongs_to: NONE, wakes: NONE, leads: NONE })
    }

    /// It belongs to a goroutine: its contents count only when that may run.
    pub(crate) fn belongs_to(&mut self, object: u64, goroutine: usize) {
        self.entry(object).belongs_to = u32::try_from(goroutine).unwrap_or(NONE);
    }

    /// Who has it can wake a goroutine.
    pub(crate) fn wakes(&mut self, object: u64, goroutine: usize) {
        let place = u32::try_from(self.wakes.len()).unwrap_or(NONE);
        let next = std::mem::replace(&mut self.entry(object).wakes, place);
        self.wakes.push((u32::try_from(goroutine).unwrap_or(NONE), next));
    }

    /// Who has it can get another object.
    pub(crate) fn leads_to(&mut self, object: u64, other: u64) {
        let place = u32::try_from(self.leads.len()).unwrap_or(NONE);
        let next = std::mem::replace(&mut self.entry(object).leads, place);
        self.leads.push((other, next));
    }

    pub(crate) fn objects(&self) -> impl Iterator<Item = u64> + '_ {
        self.objects.keys().copied()
    }

    fn owner(&self, object: u64) -> Option<usize> {
        self.objects.get(&object).filter(|entry| entry.belongs_to != NONE).map(|entry| entry.belongs_to as usize)
    }
}

/// What a chain holds, from a place on.
fn chain<T: Copy>(of: &[(T, u32)], from: u32) -> impl Iterator<Item = T> + '_ {
    let mut at = from;
    std::iter::from_fn(move || {
        let (value, next) = *of.get(at as usize)?;
        at = next;
        Some(value)
    })
}

/// Marks objects.
pub(crate) struct Marker<'c, 'm> {
    heap: &'c Heap<'m>,
    marked: Vec<u64>,
    queue: VecDeque<Object>,
    /// By the address of the object.
    asked: &'c Asked,
    /// Goroutines that have turned out to be reachable since it was asked last.
    woken: Vec<usize>,
    /// The bytes of all that is marked.
    pub(crate) bytes: u64,
    /// Where everything was reached from, if that is to be known: then what is nearer comes first.
    pub(crate) trail: Option<Trail>,
}

/// Where each object was reached from first.
#[derive(Default)]
pub(crate) struct Trail {
    /// By the number of the object; those without pointers only if they were asked about.
    from: FxHashMap<u64, From>,
    /// The same for objects with pointers, in less memory: the number of the other object plus 1, or
    /// with the highest bit set that of a root.
    dense: Vec<u32>,
    roots: Vec<Root>,
    last_root: Option<Root>,
}

/// Where an object was reached from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Object(u64),
    Root(Root),
}

const IS_ROOT: u32 = 1 << 31;

impl Trail {
    pub(crate) fn new(objects_with_pointers: u64) -> Self {
        // Beyond that they are few, and go to the map.
        let dense = usize::try_from(objects_with_pointers).unwrap_or(0).min(IS_ROOT as usize - 1);
        Self { dense: vec![0; dense], ..Self::default() }
    }

    fn set(&mut self, number: u64, from: From) {
        let Some(slot) = usize::try_from(number).ok().and_then(|number| self.dense.get_mut(number)) else {
            self.from.insert(number, from);
            return;
        };
        *slot = match from {
            From::Object(other) => match u32::try_from(other + 1).ok().filter(|other| *other < IS_ROOT) {
                Some(other) => other,
                None => return,
            },
            From::Root(root) => {
                // Roots come in runs: a goroutine's stack, a variable.
                if self.last_root != Some(root) {
                    self.roots.push(root);
                    self.last_root = Some(root);
                }
                u32::try_from(self.roots.len() - 1).unwrap_or(0) | IS_ROOT
            }
        };
    }

    /// Where an object was reached from.
    pub(crate) fn get(&self, number: u64) -> Option<From> {
        match usize::try_from(number).ok().and_then(|number| self.dense.get(number)) {
            None => self.from.get(&number).copied(),
            Some(0) => None,
            Some(slot) if slot & IS_ROOT != 0 => self.roots.get((slot & !IS_ROOT) as usize).copied().map(From::Root),
            Some(slot) => Some(From::Object(u64::from(*slot) - 1)),
        }
    }
}

impl<'c, 'm> Marker<'c, 'm> {
    pub(crate) fn new(heap: &'c Heap<'m>, asked: &'c Asked, has_trail: bool) -> Self {
        let words = usize::try_from(heap.objects / 64 + 1).unwrap_or(0);
        Self {
            heap,
            marked: vec![0; words],
            queue: VecDeque::new(),
            asked,
            woken: Vec::new(),
            bytes: 0,
            trail: has_trail.then(|| Trail::new(heap.with_pointers)),
        }
    }

    /// A word that is a pointer if it points into the heap.
    pub(crate) fn pointer(&mut self, word: u64, from: From) {
        if let Some(object) = self.heap.object(word) {
            self.mark(object, from);
        }
    }

    /// A word that may be a pointer or something else. If it leads to a goroutine or to a waiter, that
    /// goroutine may just be woken.
    pub(crate) fn doubtful(&mut self, word: u64, from: From) {
        let Some(object) = self.heap.object(word) else { return };
        if self.heap.is_free(object) {
            return;
        }
        if self.heap.asks(object.span)
            && let Some(owner) = self.asked.owner(self.heap.address(object))
        {
            self.woken.push(owner);
        }
        self.mark(object, from);
    }

    /// An object that is reached.
    pub(crate) fn mark(&mut self, object: Object, from: From) {
        let number = self.heap.number(object);
        let (word, bit) = (usize::try_from(number / 64).unwrap_or(0), 1u64 << (number % 64));
        if self.marked[word] & bit != 0 {
            return;
        }
        self.marked[word] |= bit;
        let span = self.heap.span(object);
        self.bytes += span.object_size;
        let (has_pointers, asks) = (span.has_pointers(), self.heap.asks(object.span));
        if let Some(trail) = &mut self.trail
            && (has_pointers || asks)
        {
            trail.set(number, from);
        }
        if asks && let Some(entry) = self.asked.objects.get(&span.address(object.index)) {
            self.woken.extend(chain(&self.asked.wakes, entry.wakes).map(|goroutine| goroutine as usize));
            for address in chain(&self.asked.leads, entry.leads) {
                self.pointer(address, From::Root(Root::WeakPointer));
            }
            if entry.belongs_to != NONE {
                return;
            }
        }
        if has_pointers {
            self.queue.push_back(object);
        }
    }

    /// Marks what the contents of an object point to.
    pub(crate) fn contents(&mut self, object: Object, from: From) {
        let heap = self.heap;
        heap.for_each_pointer(object, |_, value| {
            if value != 0 {
                self.pointer(value, from);
            }
        });
    }

    /// Marks until nothing is left to mark.
    pub(crate) fn drain(&mut self) {
        let nearest_first = self.trail.is_some();
        while let Some(object) = if nearest_first { self.queue.pop_front() } else { self.queue.pop_back() } {
            self.contents(object, From::Object(self.heap.number(object)));
        }
    }

    /// Goroutines that something reached can wake.
    pub(crate) fn take_woken(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.woken)
    }
}
