//! Memory that is not Go's, in a program with C: it may know the address of an object that is pinned.

use std::ops::Range;

use crate::attached::Attached;
use crate::globals::HeapGlobals;
use crate::heap::Heap;
use crate::live::Mapping;
use crate::memory::{Memory, PAGE, word};

/// It is looked at in pieces of this size.
const PIECE: u64 = 4 << 20;
/// The size of a chunk of the runtime's own memory (`persistentChunkSize`).
const CHUNK: u64 = 256 << 10;
const MAX_CHUNKS: usize = 1 << 20;
/// The sizes that queues of spans have, in words: at least a page.
const QUEUE_WORDS: std::ops::RangeInclusive<u64> = 512..=1 << 28;

/// Every word that is the address of an object, and where it lies; but not in `unused`.
pub(crate) fn read(
    memory: &dyn Memory,
    mappings: &[Mapping],
    attached: &Attached,
    globals: &HeapGlobals,
    heap: &Heap<'_>,
    unused: Vec<Range<u64>>,
) -> Result<Vec<(u64, u64)>, String> {
    let is_anonymous = |range: &Range<u64>| {
        let whole = mappings.iter().find(|mapping| mapping.start <= range.start && range.end <= mapping.end);
        let is_variables = |own: &Range<u64>| own.start < range.end && range.start < own.end;
        whole.is_some_and(|mapping| mapping.path.is_empty() && !mapping.shared)
            && !attached.image.modules.iter().any(|module| is_variables(&module.variables))
    };
    let mut nothing = runtime_chunks(memory, &globals.chunks, is_anonymous);
    let queues = nothing.iter().flat_map(|chunk| span_queues(memory, chunk, heap));
    let queues: Vec<_> = queues.filter(is_anonymous).collect();
    nothing.extend(queues);
    nothing.extend(unused);
    let mut found = Vec::new();
    for mapping in mappings.iter().filter(|mapping| mapping.writable && !mapping.is_kernels()) {
        let mut start = mapping.start;
        while start < mapping.end {
            let end = mapping.end.min(start + PIECE);
            // Of memory that is its own alone, what does not exist holds nothing.
            let mut pages = match mapping.shared {
                true => vec![true; usize::try_from((end - start) / PAGE).unwrap_or(0)],
                false => memory.present(start, end),
            };
            pages.push(false);
            let mut from = None;
            for (page, exists) in (start..).step_by(PAGE as usize).zip(pages) {
                match (from, exists) {
                    (None, true) => from = Some(page),
                    (Some(first), false) => {
                        read_piece(memory, first, page, attached, heap, &nothing, &mut found)?;
                        from = None;
                    }
                    _ => {}
                }
            }
            start = end;
        }
    }
    Ok(found)
}

fn read_piece(
    memory: &dyn Memory,
    start: u64,
    end: u64,
    attached: &Attached,
    heap: &Heap<'_>,
    nothing: &[Range<u64>],
    found: &mut Vec<(u64, u64)>,
) -> Result<(), String> {
    // The heap is Go's, and its variables are looked at word by word with their types.
    if heap.has_arena(start) && heap.has_arena(end - 1) {
        return Ok(());
    }
    let is_gos = |address: u64| {
        heap.has_arena(address)
            || attached.image.modules.iter().flat_map(|module| &module.own).any(|part| part.contains(&address))
            || nothing.iter().any(|chunk| chunk.contains(&address))
    };
    let mut look = |start: u64, bytes: &[u8]| {
        for (at, bytes) in (start..).step_by(8).zip(bytes.chunks_exact(8)) {
            let value = word(bytes, 0);
            if heap.object(value).is_some() && !is_gos(at) {
                found.push((at, value));
            }
        }
    };
    if let Ok(bytes) = memory.bytes(start, end - start) {
        look(start, &bytes);
        return Ok(());
    }
    // What is mapped need not exist: a file that was cut, memory of a device. What the process has and its copy has
    // not, on the other hand, must not be passed over.
    for page in (start..end).step_by(PAGE as usize) {
        match memory.bytes(page, PAGE.min(end - page)) {
            Ok(bytes) => look(page, &bytes),
            Err(_) if attached.process.has_memory(page) => {
                return Err(format!("what C may have at {page:#x} was not copied"));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// Where the collector queues spans, since Go 1.26: memory of its own, outside the heap, full of what lies first
/// in a span. A record of each queue lies among the runtime's: `spanSPMC` in `runtime/mgcmark_greenteagc.go`.
fn span_queues(memory: &dyn Memory, chunk: &Range<u64>, heap: &Heap<'_>) -> Vec<Range<u64>> {
    const DEAD: usize = 16;
    const HEAD: usize = 32;
    const CAPACITY: usize = 40;
    const RING: usize = 48;
    let Ok(bytes) = memory.bytes(chunk.start, chunk.end - chunk.start) else { return Vec::new() };
    let queue = |record: &[u8]| {
        let (capacity, ring) = (word(record, CAPACITY), word(record, RING));
        let (head, tail) = (word(record, HEAD) & 0xffff_ffff, word(record, HEAD) >> 32);
        let is_one = QUEUE_WORDS.contains(&capacity)
            && capacity.is_power_of_two()
            && record[DEAD] <= 1
            && tail.wrapping_sub(head) & 0xffff_ffff <= capacity
            && ring != 0
            && ring % PAGE == 0
            && !heap.has_arena(ring);
        is_one.then(|| ring..ring.saturating_add(capacity * 8))
    };
    (0..bytes.len().saturating_sub(RING + 7)).step_by(8).filter_map(|at| queue(&bytes[at..at + RING + 8])).collect()
}

/// Chunks in which the runtime keeps its own records, those of spans above all. What it keeps there
/// for the collector (finalizers, cleanups) is looked at elsewhere. `is_memory` tells them from what a variable may
/// hold instead: a number of bytes can be an address of the program.
fn runtime_chunks(memory: &dyn Memory, variables: &[u64], is_memory: impl Fn(&Range<u64>) -> bool) -> Vec<Range<u64>> {
    let mut chunks = Vec::new();
    for variable in variables {
        let Ok(mut at) = memory.u64(*variable) else { continue };
        let mut list = Vec::new();
        // Each begins with the address of the next.
        while at != 0 && at % PAGE == 0 && list.len() < MAX_CHUNKS {
            let chunk = at..at.saturating_add(CHUNK);
            let Some(next) = memory.u64(at).ok().filter(|_| is_memory(&chunk)) else { break };
            list.push(chunk);
            at = next;
        }
        if at == 0 {
            chunks.append(&mut list);
        }
    }
    chunks
}
