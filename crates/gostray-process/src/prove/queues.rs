//! What the collector keeps besides variables and stacks: functions and arguments of finalizers and
//! cleanups, set or queued to be run, and the objects of weak pointers.

use crate::globals::HeapGlobals;
use crate::heap::{Heap, Object};
use crate::layout::Layout;
use crate::memory::{Memory, half, word};

/// No queue has more blocks.
const MAX_BLOCKS: usize = 1 << 20;
/// No block holds more bytes.
const BLOCK: u64 = 4096;

/// What is kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Functions and arguments of finalizers and cleanups that are set.
    pub(crate) set: Vec<u64>,
    /// Objects with a finalizer: what they point to is kept, not they.
    pub(crate) finalized: Vec<Object>,
    /// Functions and arguments of those that wait to be run.
    pub(crate) queued: Vec<u64>,
    /// Objects that are pinned.
    pub(crate) pinned: Vec<Object>,
    /// The handle of a weak pointer, and the object it leads to. Who has the handle can get the
    /// object, as long as anything, a goroutine that waits included, keeps it.
    pub(crate) weak: Vec<(u64, u64)>,
}

pub(crate) fn read(
    memory: &dyn Memory,
    layout: &Layout,
    globals: &HeapGlobals,
    heap: &Heap<'_>,
) -> Result<Kept, String> {
    let mut kept = Kept { pinned: heap.pinned(memory)?, ..Kept::default() };
    let kind = |name: &str| layout.get(name).and_then(|kind| u8::try_from(kind).ok());
    let finalizer = kind("runtime._KindSpecialFinalizer");
    let cleanup = kind("runtime._KindSpecialCleanup");
    let weak = kind("runtime._KindSpecialWeakHandle");
    let readable = |error: crate::ProcessError| error.to_string();
    for special in heap.specials(memory, layout)? {
        let kind = Some(special.kind);
        if kind == finalizer {
            kept.set.push(memory.u64(special.address + layout.at("runtime.specialfinalizer.fn")).map_err(readable)?);
            kept.finalized.extend(heap.object(special.object));
        } else if kind == cleanup {
            // A function and, from Go 1.26 on, its argument: words of the record behind the header.
            let header = layout.at("runtime.special.__size");
            let size = layout.at("runtime.specialCleanup.__size").saturating_sub(header);
            let record = memory.bytes(special.address + header, size).map_err(readable)?;
            kept.set.extend(record.chunks_exact(8).map(|bytes| word(bytes, 0)));
        } else if kind == weak {
            let handle =
                memory.u64(special.address + layout.at("runtime.specialWeakHandle.handle")).map_err(readable)?;
            kept.weak.push((handle, special.object));
        }
    }
    for variable in &globals.finalizers {
        let first = memory.u64(*variable).map_err(readable)?;
        let block = Block {
            next: layout.index("runtime.finblock.alllink"),
            count: layout.index("runtime.finblock.cnt"),
            entries: layout.index("runtime.finblock.fin"),
            entry: layout.index("runtime.finalizer.__size"),
            size: layout.at("runtime.finblock.__size"),
        };
        block.read_all(memory, first, &mut kept.queued);
    }
    for queue in &globals.cleanups {
        let all = queue.saturating_add(layout.at("runtime.cleanupQueue.all"));
        let Ok(first) = memory.u64(all) else { continue };
        let block = Block {
            next: layout.index("runtime.cleanupBlock.cleanupBlockHeader.alllink"),
            count: layout.index("runtime.cleanupBlock.cleanupBlockHeader.n"),
            entries: layout.index("runtime.cleanupBlock.cleanups"),
            // A function alone in Go 1.25.
            entry: layout.get("runtime.cleanupFn.__size").and_then(|size| usize::try_from(size).ok()).unwrap_or(8),
            size: layout.at("runtime.cleanupBlock.__size"),
        };
        block.read_all(memory, first, &mut kept.queued);
    }
    Ok(kept)
}

/// A block of a queue.
struct Block {
    next: usize,
    count: usize,
    entries: usize,
    entry: usize,
    size: u64,
}

impl Block {
    /// Adds the words of every block of a list, if it is one: of the variables that lead here only
    /// one is the list, and what else looks like it does no harm.
    fn read_all(&self, memory: &dyn Memory, first: u64, words: &mut Vec<u64>) {
        let mut at = first;
        for _ in 0..MAX_BLOCKS {
            if at == 0 || !at.is_multiple_of(8) || self.size > BLOCK {
                return;
            }
            let Ok(block) = memory.bytes(at, self.size) else { return };
            let count = half(&block, self.count) as usize;
            let Some(entries) = block.get(self.entries..).and_then(|rest| rest.get(..count.checked_mul(self.entry)?))
            else {
                return;
            };
            words.extend(entries.chunks_exact(8).map(|bytes| word(bytes, 0)));
            at = word(&block, self.next);
        }
    }
}
