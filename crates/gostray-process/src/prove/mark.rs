//! Marking: from what is known to be reachable to all that is.

use rustc_hash::FxHashMap;

use crate::heap::{Heap, Object};
use crate::prove::frontier::Frontier;

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

/// What there is to do when objects are reached, by their addresses. There are as many as goroutines and their
/// waiters, so that they are a sorted list: it takes half the memory of a map.
#[derive(Default)]
pub(crate) struct Asked(Vec<(u64, Then)>);

/// What there is to do when an object is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Then {
    /// It belongs to a goroutine: its contents count only when that may run.
    BelongsTo(u32),
    /// Who has it can wake a goroutine.
    Wakes(u32),
    /// Who has it can get what lies at an address.
    LeadsTo(u64),
}

impl Asked {
    /// Of objects that belong to goroutines, that can wake goroutines, and that lead to an address.
    pub(crate) fn new(
        belong: impl Iterator<Item = (u64, usize)>,
        wake: impl Iterator<Item = (u64, usize)>,
        lead: impl Iterator<Item = (u64, u64)>,
    ) -> Self {
        let number = |goroutine: usize| u32::try_from(goroutine).unwrap_or(u32::MAX);
        let belong = belong.map(|(object, goroutine)| (object, Then::BelongsTo(number(goroutine))));
        let wake = wake.map(|(object, goroutine)| (object, Then::Wakes(number(goroutine))));
        let lead = lead.map(|(object, address)| (object, Then::LeadsTo(address)));
        let mut asked: Vec<(u64, Then)> = belong.chain(wake).chain(lead).collect();
        asked.sort_unstable();
        asked.shrink_to_fit();
        Self(asked)
    }

    pub(crate) fn objects(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().map(|(object, _)| *object)
    }

    /// What there is to do for an object, its owner first.
    fn of(&self, object: u64) -> impl Iterator<Item = Then> + '_ {
        let first = self.0.partition_point(|(other, _)| *other < object);
        self.0[first..].iter().take_while(move |(other, _)| *other == object).map(|(_, then)| *then)
    }

    fn owner(&self, object: u64) -> Option<usize> {
        self.of(object).find_map(|then| match then {
            Then::BelongsTo(goroutine) => Some(goroutine as usize),
            _ => None,
        })
    }
}

/// Marks objects.
pub(crate) struct Marker<'c, 'm> {
    heap: &'c Heap<'m>,
    marked: Vec<u64>,
    frontier: Frontier<'c, 'm>,
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
            frontier: Frontier::new(heap),
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
        if asks {
            let asked = self.asked;
            let mut has_owner = false;
            for then in asked.of(self.heap.address(object)) {
                match then {
                    Then::BelongsTo(_) => has_owner = true,
                    Then::Wakes(goroutine) => self.woken.push(goroutine as usize),
                    Then::LeadsTo(address) => self.pointer(address, From::Root(Root::WeakPointer)),
                }
            }
            if has_owner {
                return;
            }
        }
        if has_pointers {
            self.frontier.push(object, number);
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
        let heap = self.heap;
        // What lies near is mostly made together. Only a trail needs what is nearest first.
        let depth_first = self.trail.is_none();
        while let Some(mut level) = self.frontier.take() {
            level.drain(heap, |object| {
                let mut next = Some(object);
                while let Some(object) = next {
                    self.contents(object, From::Object(heap.number(object)));
                    next = if depth_first { self.frontier.pop() } else { None };
                }
            });
            self.frontier.give_back(level);
        }
    }

    /// Goroutines that something reached can wake.
    pub(crate) fn take_woken(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.woken)
    }
}
