//! All that a proof looks at, copied from the memory of one moment: the heap, the goroutines and their
//! stacks, the channels they wait for, the variables, and what the collector keeps besides.

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::attached::Attached;
use crate::globals::HeapGlobals;
use crate::goroutine::{Fields, Goroutine};
use crate::heap::{Buffer, Heap};
use crate::memory::{Memory, Part, word};
use crate::prove::foreign;
use crate::prove::queues;
use crate::prove::threads::{self, Thread, ThreadStack};
use crate::site::{Resume, Sites};
use crate::standing::{Place, Standing};

/// No goroutine waits for more at once: a select of 65,536 cases does.
const MAX_WAITS: usize = 1 << 16;
/// A function may use so much below the stack pointer.
const RED_ZONE: u64 = 128;
/// No variables of a module are larger.
const MAX_VARIABLES: u64 = 4 << 30;

/// A copy of what a proof looks at.
pub(crate) struct Capture<'m> {
    pub(crate) heap: Heap<'m>,
    /// Those that are not dead.
    pub(crate) goroutines: Vec<Goroutine>,
    pub(crate) stacks: Stacks,
    /// What goroutines wait for: fields of a `runtime.hchan` by its address.
    pub(crate) channels: FxHashMap<u64, Channel>,
    pub(crate) variables: Vec<Variables>,
    /// Stacks of threads that are not stacks of goroutines, and registers.
    pub(crate) threads: Vec<ThreadStack>,
    /// Goroutines that a thread is running on, and where it is.
    pub(crate) on_thread: FxHashMap<usize, Resume>,
    /// Where goroutines stand that a thread is running: what is shown of them, and nothing else.
    pub(crate) standing: FxHashMap<usize, Place>,
    /// Words that the collector keeps: finalizers and cleanups, set and queued, weak pointers.
    pub(crate) kept: queues::Kept,
    /// Words of memory that is not Go's, where the program has such.
    pub(crate) foreign: Vec<(u64, u64)>,
}

/// The heads of the queues of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Channel {
    pub(crate) receivers: u64,
    pub(crate) senders: u64,
}

/// The variables of a module that may hold pointers.
pub(crate) struct Variables {
    pub(crate) start: u64,
    pub(crate) bytes: Vec<u8>,
    /// A bit for each word.
    pub(crate) mask: Vec<u8>,
}

/// Copies of stacks.
#[derive(Default)]
pub(crate) struct Stacks {
    /// By goroutine: from which address on, and where in `bytes`.
    parts: Vec<Option<(u64, Range<usize>)>>,
    bytes: Buffer,
}

/// Memory to be used again.
#[derive(Default)]
pub(crate) struct Recycled {
    heap: Buffer,
    stacks: Buffer,
}

impl Stacks {
    /// The copy of a goroutine's stack, and the address it begins at.
    pub(crate) fn get(&self, goroutine: usize) -> Option<(u64, &[u8])> {
        let (start, range) = self.parts.get(goroutine)?.as_ref()?;
        Some((*start, self.bytes.as_ref().get(range.clone())?))
    }
}

/// Offsets within a `runtime.sudog`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SudogFields {
    pub(crate) size: u64,
    pub(crate) goroutine: u64,
    pub(crate) next: u64,
    pub(crate) element: u64,
    pub(crate) wait_link: u64,
    pub(crate) channel: u64,
}

impl SudogFields {
    pub(crate) fn new(layout: &crate::layout::Layout) -> Self {
        let field = |name: &str| layout.at(&format!("runtime.sudog.{name}"));
        Self {
            size: field("__size"),
            goroutine: field("g"),
            next: field("next"),
            element: field("elem"),
            wait_link: field("waitlink"),
            channel: field("c"),
        }
    }
}

impl<'m> Capture<'m> {
    /// Copies it. `threads` are those of a process that stands still; without them nothing that is
    /// found is a proof. Text and types, which don't change, are read from `attached`.
    pub(crate) fn read(
        memory: &dyn Memory,
        attached: &'m Attached,
        globals: &HeapGlobals,
        threads: Option<&[Thread]>,
        sites: &mut Sites<'_>,
        recycled: Recycled,
    ) -> Result<Self, String> {
        let layout = &attached.image.layout;
        let is_still = threads.is_some();
        let heap = Heap::read(memory, attached.memory(), &attached.image, globals, recycled.heap)?;
        let goroutines = goroutines(memory, attached, &heap)?;
        let stands_on = StackIndex::new(&goroutines);
        let on_thread = threads
            .unwrap_or_default()
            .iter()
            .filter_map(|thread| Some((stands_on.find(thread.sp)?, Resume { pc: thread.pc, sp: thread.sp })))
            .collect();
        let standing = Standing::of(memory, layout, threads.unwrap_or_default(), sites);
        let standing = goroutines.iter().enumerate().filter_map(|(number, g)| Some((number, standing.place(g)?)));
        let standing = standing.collect();
        let stacks = stacks(memory, &goroutines, &on_thread, is_still, recycled.stacks)?;
        let channels = channels(memory, layout, &heap, &goroutines)?;
        let variables = variables(memory, attached)?;
        let kept = queues::read(memory, layout, globals, &heap)?;
        let mappings = memory.mappings().map_err(|error| error.to_string())?;
        let held = threads.map(|threads| {
            let stand = threads::Stand { memory, heap: &heap, mappings: &mappings, layout };
            threads::read(&stand, threads, |sp| stands_on.find(sp).map(|number| &goroutines[number]), sites)
        });
        let threads::Threads { stacks: threads, unused } = held.transpose()?.unwrap_or_default();
        // What C holds keeps a goroutine from being proven; a process that runs on proves nothing.
        let foreign = match is_still && attached.uses_c() {
            true => foreign::read(memory, &mappings, attached, globals, &heap, unused)?,
            false => Vec::new(),
        };
        Ok(Self { heap, goroutines, stacks, channels, variables, threads, on_thread, standing, kept, foreign })
    }
}

fn variables(memory: &dyn Memory, attached: &Attached) -> Result<Vec<Variables>, String> {
    let mut variables = Vec::new();
    for module in &attached.image.modules {
        for (range, mask) in module.pointers.as_ref().ok_or("which variables are pointers is not known")? {
            let len = range.end.saturating_sub(range.start).min(MAX_VARIABLES);
            let bytes = memory.bytes(range.start, len).map_err(|error| error.to_string())?;
            variables.push(Variables { start: range.start, bytes, mask: mask.clone() });
        }
    }
    Ok(variables)
}

impl Capture<'_> {
    /// Gives its memory back, to be used for the next.
    pub(crate) fn recycle(self) -> Recycled {
        Recycled { heap: self.heap.recycle(), stacks: self.stacks.bytes }
    }
}

/// Every goroutine that is not dead.
fn goroutines(memory: &dyn Memory, attached: &Attached, heap: &Heap<'_>) -> Result<Vec<Goroutine>, String> {
    let list = memory.bytes(attached.globals.allgs, 16).map_err(|error| error.to_string())?;
    let (data, len) = (word(&list, 0), word(&list, 8));
    if len == 0 || len > crate::attached::MAX_GOROUTINES {
        return Err(format!("{len} goroutines"));
    }
    let addresses = memory.bytes(data, 8 * len).map_err(|error| error.to_string())?;
    let fields = Fields::new(&attached.image.layout);
    let mut goroutines = Vec::with_capacity(addresses.len() / 8);
    for address in addresses.chunks_exact(8).map(|address| word(address, 0)) {
        let record = heap.object(address).map(|object| (heap.address(object), heap.contents(object)));
        let Some((_, record)) = record.filter(|(start, record)| *start == address && record.len() >= fields.size)
        else {
            return Err(format!("the goroutine at {address:#x} is no object of the heap"));
        };
        goroutines.extend(Goroutine::parse(record, &fields, address)?);
    }
    let mut ids: Vec<u64> = goroutines.iter().map(|goroutine| goroutine.id).collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("two goroutines have the id {}", pair[0])),
        None => Ok(goroutines),
    }
}

/// The stacks of goroutines, to find one by an address on it.
struct StackIndex(Vec<(u64, u64, usize)>);

impl StackIndex {
    fn new(goroutines: &[Goroutine]) -> Self {
        let mut stacks: Vec<(u64, u64, usize)> =
            goroutines.iter().enumerate().map(|(number, g)| (g.low, g.top, number)).collect();
        stacks.sort_unstable();
        Self(stacks)
    }

    fn find(&self, sp: u64) -> Option<usize> {
        let after = self.0.partition_point(|(low, ..)| *low <= sp);
        let (_, top, number) = self.0.get(after.checked_sub(1)?)?;
        (sp < *top).then_some(*number)
    }
}

/// Copies stacks: of what is at rest from where it will go on, of the others all that may be used.
fn stacks(
    memory: &dyn Memory,
    goroutines: &[Goroutine],
    on_thread: &FxHashMap<usize, Resume>,
    is_still: bool,
    recycled: Buffer,
) -> Result<Stacks, String> {
    let mut stacks = Stacks::default();
    let mut parts = Vec::with_capacity(goroutines.len());
    let mut total = 0;
    for (number, goroutine) in goroutines.iter().enumerate() {
        let start = match (on_thread.get(&number), goroutine.resume) {
            (Some(_), Some(resume)) if goroutine.is_in_syscall() => resume.sp,
            (Some(at), _) => at.sp.saturating_sub(RED_ZONE) & !7,
            (None, Some(resume)) if goroutine.is_at_rest() => resume.sp,
            _ => goroutine.low,
        };
        let start = start.max(goroutine.low);
        let len = usize::try_from(goroutine.top - start).map_err(|_| "a stack is too large")?;
        parts.push(Part { start, len });
        stacks.parts.push(Some((start, total..total + len)));
        total += len;
    }
    stacks.bytes = recycled.of_size(total).map_err(|error| format!("no memory for copies of stacks: {error}"))?;
    let bytes = stacks.bytes.as_mut();
    if memory.read_many(&parts, bytes).is_err() {
        // One that can't be read is left out, and what it belongs to is not at rest: only a process
        // that runs on gives a stack back meanwhile.
        for (part, copy) in parts.iter().zip(&mut stacks.parts) {
            let Some((_, range)) = copy else { continue };
            if memory.read(part.start, &mut bytes[range.clone()]).is_err() {
                if is_still {
                    return Err(format!("a stack at {:#x} can't be read", part.start));
                }
                *copy = None;
            }
        }
    }
    Ok(stacks)
}

/// The channels that goroutines wait for.
fn channels(
    memory: &dyn Memory,
    layout: &crate::layout::Layout,
    heap: &Heap<'_>,
    goroutines: &[Goroutine],
) -> Result<FxHashMap<u64, Channel>, String> {
    let sudog = SudogFields::new(layout);
    let mut addresses = Vec::new();
    for goroutine in goroutines.iter().filter(|goroutine| goroutine.is_parked()) {
        let mut at = goroutine.waiting;
        for _ in 0..MAX_WAITS {
            let Some(channel) = heap.word(at.wrapping_add(sudog.channel)).filter(|_| at != 0) else { break };
            if channel != 0 {
                addresses.push(channel);
            }
            at = heap.word(at.wrapping_add(sudog.wait_link)).unwrap_or(0);
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    // Only objects of the heap: what else a word may be is not read.
    addresses.retain(|address| heap.object(*address).is_some_and(|object| heap.address(object) == *address));
    let size = layout.index("runtime.hchan.__size");
    let parts: Vec<Part> = addresses.iter().map(|start| Part { start: *start, len: size }).collect();
    let mut bytes = vec![0; parts.len() * size];
    memory.read_many(&parts, &mut bytes).map_err(|error| error.to_string())?;
    let (receivers, senders) = (layout.index("runtime.hchan.recvq.first"), layout.index("runtime.hchan.sendq.first"));
    let read = |record: &[u8]| Channel { receivers: word(record, receivers), senders: word(record, senders) };
    Ok(addresses.into_iter().zip(bytes.chunks_exact(size.max(1)).map(read)).collect())
}
