//! Which words of an object are pointers.
//!
//! Up to 512 bytes an object's bits stand at the end of its span; larger ones begin with their type,
//! and the largest have it in their span's record (Go 1.22 and later, `runtime/mbitmap.go`). Go 1.21
//! has a bitmap for each arena. Where the type can't be read every word may be one.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::globals::HeapGlobals;
use crate::heap::Span;
use crate::heap::span::Shape;
use crate::layout::Layout;
use crate::memory::{Memory, word};

/// The size of an arena in bytes, and of its bitmap: a bit for each word.
const ARENA: u64 = 64 << 20;
const BITMAP: u64 = ARENA / 64;
/// Addresses of the upper half of the address space count from here.
const ARENA_BASE: u64 = 0x8000_0000_0000;
/// `abi.TFlagGCMaskOnDemand` (Go 1.24 and later) and `abi.KindGCProg` (before).
const MASK_ON_DEMAND: u8 = 1 << 4;
const PROGRAM: u8 = 1 << 6;
/// The bytes of an object that its header takes.
const HEADER: u64 = 8;
/// No type has more bytes with pointers.
const MAX_POINTER_BYTES: u64 = 1 << 34;

/// What is needed to tell pointers, beyond the spans.
pub(crate) struct PointerMaps<'m> {
    /// The bitmaps of arenas, by the number of the arena (Go 1.21).
    arenas: FxHashMap<u64, Arena>,
    types: RefCell<FxHashMap<u64, Option<Rc<Mask>>>>,
    masks: MaskReader,
    memory: &'m dyn Memory,
}

struct Arena {
    /// A bit for each word.
    bits: Vec<u8>,
    /// For each 8 bytes of bits, whether what follows in the object is free of pointers.
    no_more: Vec<u8>,
}

/// The pointers of a type: of every `size` bytes the words whose bit is set in the first ones.
struct Mask {
    size: u64,
    bits: Vec<u8>,
    words: u64,
}

struct MaskReader {
    size: u64,
    pointer_bytes: u64,
    flags: usize,
    kind: usize,
    data: usize,
    record: u64,
    is_program_possible: bool,
}

impl<'m> PointerMaps<'m> {
    pub(crate) fn read(
        memory: &dyn Memory,
        types: &'m dyn Memory,
        layout: &Layout,
        globals: &HeapGlobals,
        spans: &[Span],
    ) -> Result<Self, String> {
        let field = |name: &str| layout.at(&format!("internal/abi.Type.{name}"));
        let masks = MaskReader {
            size: field("Size_"),
            pointer_bytes: field("PtrBytes"),
            flags: layout.index("internal/abi.Type.TFlag"),
            kind: layout.index("internal/abi.Type.Kind_"),
            data: layout.index("internal/abi.Type.GCData"),
            record: field("__size"),
            is_program_possible: layout.minor < 24,
        };
        let mut arenas = FxHashMap::default();
        for span in spans.iter().filter(|span| span.shape == Shape::Arena) {
            for arena in span.base / ARENA..=(span.base + span.size - 1) / ARENA {
                if let Entry::Vacant(slot) = arenas.entry(arena) {
                    slot.insert(Arena::read(memory, layout, globals, arena)?);
                }
            }
        }
        Ok(Self { arenas, types: RefCell::default(), masks, memory: types })
    }

    /// Calls `each` with the offset and value of every pointer of an object; `bytes` is its span's copy.
    pub(crate) fn for_each_pointer(&self, span: &Span, bytes: &[u8], index: u32, each: &mut impl FnMut(u64, u64)) {
        let start = u64::from(index) * span.object_size;
        let Ok(at) = usize::try_from(start) else { return };
        let Some(object) = bytes.get(at..).and_then(|rest| rest.get(..usize::try_from(span.object_size).ok()?)) else {
            return;
        };
        match span.shape {
            Shape::NoPointers => {}
            Shape::Bits(offset) => {
                let Some(bits) = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)) else { return };
                let first = at / 8;
                // No object has more than 64 words.
                let mut mask = bits_at(bits, first, object.len() / 8);
                while mask != 0 {
                    let word_index = mask.trailing_zeros() as usize;
                    mask &= mask - 1;
                    each(8 * word_index as u64, word(object, 8 * word_index));
                }
            }
            Shape::Headers => self.typed(word(object, 0), HEADER, object, each),
            Shape::Large(of) => self.typed(of, 0, object, each),
            Shape::Arena => self.arena(span.base + start, object, each),
            Shape::Anything => every_word(object, 0, each),
        }
    }

    fn typed(&self, of: u64, start: u64, object: &[u8], each: &mut impl FnMut(u64, u64)) {
        let mask = self.types.borrow_mut().entry(of).or_insert_with(|| self.masks.read(self.memory, of)).clone();
        let Some(mask) = mask else { return every_word(object, start, each) };
        let end = object.len() as u64;
        let mut element = start;
        while element < end {
            for index in 0..mask.words {
                let at = element + 8 * index;
                if at + 8 > end {
                    return;
                }
                let bit = usize::try_from(index).unwrap_or(usize::MAX);
                if mask.bits[bit / 8] >> (bit % 8) & 1 != 0 {
                    each(at, word(object, usize::try_from(at).unwrap_or(usize::MAX - 8)));
                }
            }
            element += mask.size;
        }
    }

    fn arena(&self, address: u64, object: &[u8], each: &mut impl FnMut(u64, u64)) {
        let mut at = 0u64;
        let end = object.len() as u64;
        while at < end {
            let here = address + at;
            let Some(arena) = self.arenas.get(&(here / ARENA)) else { return every_word(object, at, each) };
            // Bits come in words of 64: from the one of this word of the object to the end of its word.
            let first = here % ARENA / 8;
            let (unit, skip) = (usize::try_from(first / 64).unwrap_or(0), first % 64);
            let count = (64 - skip).min((end - at) / 8);
            let mut mask = word(&arena.bits, unit * 8) >> skip;
            if count < 64 {
                mask &= (1 << count) - 1;
            }
            while mask != 0 {
                let offset = at + 8 * u64::from(mask.trailing_zeros());
                mask &= mask - 1;
                each(offset, word(object, usize::try_from(offset).unwrap_or(usize::MAX - 8)));
            }
            // The mark counts only for an object that goes on behind the word.
            let goes_on = at + 8 * count < end;
            if goes_on && arena.no_more.get(unit / 8).is_some_and(|byte| byte >> (unit % 8) & 1 != 0) {
                return;
            }
            at += 8 * count;
        }
    }
}

impl Arena {
    fn read(memory: &dyn Memory, layout: &Layout, globals: &HeapGlobals, arena: u64) -> Result<Self, String> {
        let readable = |error: crate::ProcessError| error.to_string();
        let directory = memory.u64(globals.heap + layout.at("runtime.mheap.arenas")).map_err(readable)?;
        let number = arena + ARENA_BASE / ARENA;
        let record = memory.u64(directory.wrapping_add(8 * number)).map_err(readable)?;
        if record == 0 {
            return Err(format!("the heap has no arena at {:#x}", arena * ARENA));
        }
        let bits =
            memory.bytes(record.wrapping_add(layout.at("runtime.heapArena.bitmap")), BITMAP).map_err(readable)?;
        let no_more = memory
            .bytes(record.wrapping_add(layout.at("runtime.heapArena.noMorePtrs")), BITMAP / 64)
            .map_err(readable)?;
        Ok(Self { bits, no_more })
    }
}

impl MaskReader {
    /// The pointers of the type at an address; `None` where it does not tell.
    fn read(&self, memory: &dyn Memory, of: u64) -> Option<Rc<Mask>> {
        let record = memory.bytes(of, self.record).ok()?;
        let at = |offset: u64| word(&record, usize::try_from(offset).unwrap_or(usize::MAX - 8));
        let (size, pointer_bytes) = (at(self.size), at(self.pointer_bytes));
        if size == 0 || size % 8 != 0 || pointer_bytes == 0 || pointer_bytes > size || pointer_bytes > MAX_POINTER_BYTES
        {
            return None;
        }
        let byte = |offset: usize| record.get(offset).copied().unwrap_or(0);
        let mut data = word(&record, self.data);
        if self.is_program_possible {
            if byte(self.kind) & PROGRAM != 0 {
                return None;
            }
        } else if byte(self.flags) & MASK_ON_DEMAND != 0 {
            // Made by the runtime when first needed: an address, or nothing yet.
            data = memory.u64(data).ok().filter(|data| *data > 4096)?;
        }
        let words = pointer_bytes.div_ceil(8);
        Some(Rc::new(Mask { size, bits: memory.bytes(data, words.div_ceil(8)).ok()?, words }))
    }
}

/// Up to 64 bits from a bit on.
fn bits_at(bits: &[u8], first: usize, count: usize) -> u64 {
    let (byte, skip) = (first / 8, first % 8);
    let mut bytes = [0u8; 16];
    let rest = bits.get(byte..).unwrap_or_default();
    let len = rest.len().min(9);
    bytes[..len].copy_from_slice(&rest[..len]);
    let all = u128::from_le_bytes(bytes) >> skip;
    let mask = if count >= 64 { u64::MAX } else { (1 << count) - 1 };
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    let low = all as u64;
    low & mask
}

fn every_word(object: &[u8], start: u64, each: &mut impl FnMut(u64, u64)) {
    for at in (usize::try_from(start).unwrap_or(0)..object.len()).step_by(8) {
        each(at as u64, word(object, at));
    }
}
