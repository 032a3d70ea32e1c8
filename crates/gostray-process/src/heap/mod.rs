//! The Go heap: its spans, what they hold, and which words of an object are pointers.
//!
//! Spans with pointers are copied whole, in as few reads as possible; those without are only known by
//! their place.

mod buffer;
mod copy;
mod pointers;
mod span;

pub(crate) use buffer::Buffer;
pub(crate) use copy::Heap;
pub(crate) use pointers::PointerMaps;
pub(crate) use span::Span;

/// The heap is managed in pages of this size, in bytes.
pub(crate) const PAGE: u64 = 8192;

/// An object of the heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Object {
    /// The number of its span.
    pub(crate) span: u32,
    /// Its place in the span.
    pub(crate) index: u32,
}
