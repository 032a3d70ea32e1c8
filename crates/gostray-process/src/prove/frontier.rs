//! Objects that were reached and not yet looked into.

use crate::heap::{Heap, Object};

/// So many words of bits are looked through for each object of a level at most: fewer objects make a list.
const WORDS_PER_OBJECT: usize = 4;
/// So many objects are fetched from memory together: one after the other, each would be waited for.
const FETCHED: usize = 32;

/// Objects in levels: all that are reached from one level make up the next. The first of a level are a list; where it
/// has many, the others have a bit for each object of the heap, which takes less memory by far, and come in the order
/// in which they lie there.
pub(crate) struct Frontier<'h, 'm> {
    heap: &'h Heap<'m>,
    next: Level,
    /// The memory of the level before.
    spare: Level,
}

/// Objects that are equally far.
#[derive(Default)]
pub(crate) struct Level {
    list: Vec<Object>,
    /// Those beyond the list, by number.
    bits: Vec<u64>,
    has_bits: bool,
}

impl<'h, 'm> Frontier<'h, 'm> {
    pub(crate) fn new(heap: &'h Heap<'m>) -> Self {
        Self { heap, next: Level::default(), spare: Level::default() }
    }

    /// Adds an object with pointers to the next level.
    pub(crate) fn push(&mut self, object: Object, number: u64) {
        let next = &mut self.next;
        let words = usize::try_from(self.heap.with_pointers.div_ceil(64)).unwrap_or(0);
        if next.list.len() <= words / WORDS_PER_OBJECT {
            next.list.push(object);
            return;
        }
        next.bits.resize(words, 0);
        next.has_bits = true;
        let word = usize::try_from(number / 64).ok().and_then(|word| next.bits.get_mut(word));
        word.into_iter().for_each(|word| *word |= 1 << (number % 64));
    }

    /// Takes the object that was added last; `None` when none is left but in bits.
    pub(crate) fn pop(&mut self) -> Option<Object> {
        self.next.list.pop()
    }

    /// Takes the next level; `None` when nothing is left.
    pub(crate) fn take(&mut self) -> Option<Level> {
        let is_empty = !self.next.has_bits && self.next.list.is_empty();
        (!is_empty).then(|| std::mem::replace(&mut self.next, std::mem::take(&mut self.spare)))
    }

    /// Gives back the memory of a level that is done.
    pub(crate) fn give_back(&mut self, level: Level) {
        self.spare = level;
    }
}

impl Level {
    /// Takes every object out.
    pub(crate) fn drain(&mut self, heap: &Heap<'_>, mut each: impl FnMut(Object)) {
        self.list.drain(..).for_each(&mut each);
        if !std::mem::take(&mut self.has_bits) {
            return;
        }
        let mut numbered = heap.numbered();
        let mut together = Vec::with_capacity(FETCHED);
        for (at, word) in self.bits.iter_mut().enumerate() {
            let mut word = std::mem::take(word);
            while word != 0 {
                let number = 64 * at as u64 + u64::from(word.trailing_zeros());
                word &= word - 1;
                together.extend(numbered.object(number));
                if together.len() == FETCHED {
                    together.iter().for_each(|object| heap.fetch(*object));
                    together.drain(..).for_each(&mut each);
                }
            }
        }
        together.into_iter().for_each(each);
    }
}
