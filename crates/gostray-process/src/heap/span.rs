//! A span: a run of pages that holds objects of one size.

use std::ops::Range;

use crate::heap::PAGE;
use crate::layout::Layout;
use crate::memory::word;

/// States of a span.
const DEAD: u8 = 0;
const IN_USE: u8 = 1;
const MANUAL: u8 = 2;
/// Objects up to this size have their pointer bits at the end of their span (Go 1.22 and later).
const MAX_WITH_BITS: u64 = 512;
/// The size of the mark bits that stand behind those, where the collector uses them.
const INLINE_MARKS: u64 = 128;
/// Objects of at least this size have them.
const MIN_WITH_MARKS: u64 = 16;
/// No span has more pages: the address space is 47 bits.
const MAX_PAGES: u64 = 1 << 34;
/// A span of more than one object is not larger, in bytes (the largest is of 10 pages).
const MAX_SHARED: u64 = 1 << 20;

/// Where the pointer bits of a span's objects are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// It holds none.
    NoPointers,
    /// A bit for each word of the span, at this offset in it.
    Bits(u64),
    /// Each object begins with its type.
    Headers,
    /// The one object is of this type; 0 until it has been set.
    Large(u64),
    /// In the bitmap of the arena (Go 1.21).
    Arena,
    /// Not known: every word may be one.
    Anything,
}

/// A span in use: what marking needs of it, in one line of the processor's cache.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(crate) struct Span {
    pub(crate) base: u64,
    /// In bytes.
    pub(crate) size: u64,
    /// The size of an object, and how many there are.
    pub(crate) object_size: u64,
    /// The number of its first object among all.
    pub(crate) first_object: u64,
    /// Where its copy begins, for a span with pointers.
    pub(crate) copy: usize,
    pub(crate) shape: Shape,
    pub(crate) objects: u32,
    /// Multiply an offset by it and shift right by 32: the index of the object.
    reciprocal: u32,
}

/// What else is known of a span.
#[derive(Debug, Clone)]
pub(crate) struct SpanDetails {
    /// Objects from here on are free if their bit is not set.
    free_index: u32,
    allocated: u64,
    pub(crate) pinned: u64,
    sweep_generation: u32,
    pub(crate) specials: u64,
}

/// What an entry of the list of spans is.
pub(crate) enum Entry {
    InUse(Span, SpanDetails),
    /// A stack, or memory of the runtime itself: where it begins and ends.
    Manual(Range<u64>),
    /// Not in use.
    Dead,
}

/// How the runtime of a target lays out spans.
pub(crate) struct Spans<'a> {
    layout: &'a Layout,
    fields: Fields,
    /// Pointer bits are at the end of a span rather than in the arena.
    bits_in_span: bool,
    /// And mark bits behind them.
    has_inline_marks: bool,
}

struct Fields {
    start: usize,
    pages: usize,
    free_index: usize,
    objects: usize,
    allocated: usize,
    pinned: usize,
    sweep_generation: usize,
    class: usize,
    state: usize,
    is_user_arena: usize,
    object_size: usize,
    limit: usize,
    specials: usize,
    large_type: usize,
}

impl<'a> Spans<'a> {
    pub(crate) fn new(layout: &'a Layout, go_version: &str) -> Self {
        let field = |name: &str| layout.index(&format!("runtime.mspan.{name}"));
        let fields = Fields {
            start: field("startAddr"),
            pages: field("npages"),
            free_index: field("freeindex"),
            objects: field("nelems"),
            allocated: field("allocBits"),
            pinned: field("pinnerBits"),
            sweep_generation: field("sweepgen"),
            class: field("spanclass"),
            state: field("state"),
            is_user_arena: field("isUserArenaChunk"),
            object_size: field("elemsize"),
            limit: field("limit"),
            specials: field("specials"),
            large_type: field("largeType"),
        };
        // The collector is an experiment in Go 1.25 and the default from 1.26 on; the version says
        // when a program was built with the other one.
        let has_inline_marks = match layout.minor {
            ..=24 => false,
            25 => go_version.contains("greenteagc") && !go_version.contains("nogreenteagc"),
            _ => !go_version.contains("nogreenteagc"),
        };
        Self { layout, fields, bits_in_span: layout.minor >= 22, has_inline_marks }
    }

    /// The size of the record of a span in bytes.
    pub(crate) fn record_size(&self) -> usize {
        self.layout.index("runtime.mspan.__size")
    }

    /// Reads a span's record; an error names what can't be.
    pub(crate) fn read(&self, record: &[u8]) -> Result<Entry, String> {
        let fields = &self.fields;
        let byte = |at: usize| record.get(at).copied().unwrap_or(0);
        let (base, pages) = (word(record, fields.start), word(record, fields.pages));
        match byte(fields.state) {
            IN_USE => {}
            MANUAL => return Ok(Entry::Manual(base..base.saturating_add(pages.saturating_mul(PAGE)))),
            DEAD => return Ok(Entry::Dead),
            state => return Err(format!("a span has the state {state}")),
        }
        let (object_size, limit) = (word(record, fields.object_size), word(record, fields.limit));
        // 64 bits wide in Go 1.21, 16 later.
        let count = |at: usize| if self.bits_in_span { word(record, at) & 0xffff } else { word(record, at) };
        let (objects, free_index) = (count(fields.objects), count(fields.free_index));
        let size = pages.wrapping_mul(PAGE);
        let fits = base % PAGE == 0
            && base != 0
            && (1..MAX_PAGES).contains(&pages)
            && base < 1 << 47
            && object_size > 0
            && object_size % 8 == 0
            && objects > 0
            && (objects == 1 || size <= MAX_SHARED)
            && objects.checked_mul(object_size).is_some_and(|total| total <= size)
            // One that was just made has its limit a moment after it is in use, and no object before.
            && (free_index == 0 || (base..=base + size).contains(&limit));
        if !fits {
            return Err(format!(
                "a span at {base:#x} of {pages} pages has {objects} objects of {object_size} bytes up to {limit:#x}"
            ));
        }
        let class = byte(fields.class);
        let is_user_arena = byte(fields.is_user_arena) != 0;
        let shape = if class & 1 != 0 {
            Shape::NoPointers
        } else if is_user_arena {
            Shape::Anything
        } else if !self.bits_in_span {
            Shape::Arena
        } else if object_size <= MAX_WITH_BITS {
            let marks = if self.has_inline_marks && object_size >= MIN_WITH_MARKS { INLINE_MARKS } else { 0 };
            Shape::Bits(size - size / 64 - marks)
        } else if class >> 1 == 0 {
            Shape::Large(word(record, fields.large_type))
        } else {
            Shape::Headers
        };
        let span = Span {
            base,
            size,
            object_size,
            first_object: 0,
            copy: usize::MAX,
            shape,
            objects: u32::try_from(objects).map_err(|_| format!("a span has {objects} objects"))?,
            reciprocal: u32::try_from((1u64 << 32).div_ceil(object_size)).unwrap_or(u32::MAX),
        };
        let details = SpanDetails {
            free_index: u32::try_from(free_index).unwrap_or(u32::MAX),
            allocated: word(record, fields.allocated),
            pinned: word(record, fields.pinned),
            sweep_generation: crate::memory::half(record, fields.sweep_generation),
            specials: word(record, fields.specials),
        };
        Ok(Entry::InUse(span, details))
    }
}

impl Span {
    /// The object at an offset.
    pub(crate) fn index_of(&self, offset: u64) -> u32 {
        if self.objects == 1 {
            return u32::from(offset >= self.object_size);
        }
        // Spans of more than one object are small, so that nothing overflows.
        u32::try_from((offset * u64::from(self.reciprocal)) >> 32).unwrap_or(u32::MAX)
    }

    /// The address of an object.
    pub(crate) fn address(&self, index: u32) -> u64 {
        self.base + u64::from(index) * self.object_size
    }

    pub(crate) fn has_pointers(&self) -> bool {
        self.shape != Shape::NoPointers
    }
}

impl SpanDetails {
    /// Where the bits are that say which objects are allocated, and from which object on they count.
    /// `None` while the span is swept: then the bits, the index or both may be those from before.
    pub(crate) fn allocation(&self, heap_generation: u32) -> Option<(u64, u32)> {
        (self.sweep_generation != heap_generation.wrapping_sub(1) && self.allocated != 0)
            .then_some((self.allocated, self.free_index))
    }
}
