//! The stacks of threads that run no goroutine's code at the moment: system stacks, signal stacks, C.

use std::ops::Range;

use crate::goroutine::Goroutine;
use crate::heap::Heap;
use crate::layout::Layout;
use crate::live::Mapping;
use crate::memory::{Memory, word};
use crate::site::{Resume, Sites};
use crate::standing::{Interrupted, MAX_NESTED, interrupted};

/// A function may use so much below the stack pointer.
const RED_ZONE: u64 = 128;
/// No more of a stack that can't be walked is looked at: threads of C have 8 MiB.
const MAX_STACK: u64 = 16 << 20;

/// Threads in these wait for work, or mark for the collector: what their registers and frames hold is
/// left over, or only what is to be marked, and wakes nobody.
const IDLE: &[&[u8]] = &[
    b"runtime.stopm",
    b"runtime.mPark",
    b"runtime.gcstopm",
    b"runtime.stoplockedm",
    b"runtime.sysmon",
    b"runtime.templateThread",
    b"runtime.netpoll",
    b"runtime.gcDrain",
    b"runtime.gcDrainN",
];

/// The frames of a system stack end in these: beyond them only the scheduler has been. Those of a signal
/// stack don't: beyond them lie the registers of what was interrupted.
const ENDS: &[&[u8]] =
    &[b"runtime.systemstack", b"runtime.mcall", b"runtime.morestack", b"runtime.mstart", b"runtime.rt0_go"];

/// A thread that stands still.
#[derive(Debug, Clone)]
pub(crate) struct Thread {
    pub(crate) tid: i32,
    pub(crate) pc: u64,
    pub(crate) sp: u64,
    /// Where its own variables begin: C libraries put them at the end of the stack that they make for it. Not the
    /// first thread's, and 0 where it is not known.
    pub(crate) own: u64,
    /// Every register that can hold a pointer, vector registers included.
    pub(crate) words: Vec<u64>,
}

/// What a thread holds.
pub(crate) struct ThreadStack {
    pub(crate) tid: i32,
    /// Any of them may be a pointer.
    pub(crate) words: Vec<u64>,
}

/// What the threads of a process that stands still hold.
#[derive(Default)]
pub(crate) struct Threads {
    pub(crate) stacks: Vec<ThreadStack>,
    /// Parts of stacks made by C that are not in use: nothing there means anything.
    pub(crate) unused: Vec<Range<u64>>,
}

/// What threads stand in.
pub(crate) struct Stand<'a> {
    pub(crate) memory: &'a dyn Memory,
    pub(crate) heap: &'a Heap<'a>,
    pub(crate) mappings: &'a [Mapping],
    pub(crate) layout: &'a Layout,
}

/// What every thread holds that is not idle: its registers and, unless it stands on a goroutine's
/// stack, the frames it stands in.
pub(crate) fn read<'g>(
    stand: &Stand<'_>,
    threads: &[Thread],
    on_goroutine: impl Fn(u64) -> Option<&'g Goroutine>,
    sites: &mut Sites<'_>,
) -> Result<Threads, String> {
    let mut found = Threads::default();
    for thread in threads {
        let thread = &before_signals(stand, thread, sites);
        match on_goroutine(thread.sp) {
            Some(goroutine) => {
                // The system stack of its thread is not in use from where that will go on with it.
                let below = system_stack(stand, goroutine).and_then(|sp| unused(thread, sp, sp, stand.mappings));
                found.unused.extend(below);
                // What it will go on with after a system call is on its stack.
                if !goroutine.is_in_syscall() {
                    found.stacks.push(ThreadStack { tid: thread.tid, words: thread.words.clone() });
                }
            }
            None => on_system_stack(stand, thread, sites, &mut found)?,
        }
    }
    Ok(found)
}

/// What a thread was before signals interrupted it. A handler of the runtime wakes nobody, and what it has in its
/// frames is left over: when a program crashes, every goroutine that was printed. What it will go back to is what
/// counts, and all of that lies behind the handler on its stack.
fn before_signals(stand: &Stand<'_>, thread: &Thread, sites: &mut Sites<'_>) -> Thread {
    let mut thread = thread.clone();
    for _ in 0..MAX_NESTED {
        let at = Resume { pc: thread.pc, sp: thread.sp };
        let Some(Interrupted { at: Resume { pc, sp }, context }) = interrupted(stand.memory, at, sites) else { break };
        let Some(end) = stack_end(context, stand.heap, stand.mappings) else { break };
        let Ok(bytes) = stand.memory.bytes(context, end.saturating_sub(context)) else { break };
        let words = bytes.chunks_exact(8).map(|bytes| word(bytes, 0)).collect();
        thread = Thread { pc, sp, words, ..thread };
    }
    thread
}

/// What a thread holds that stands on no goroutine's stack.
fn on_system_stack(
    stand: &Stand<'_>,
    thread: &Thread,
    sites: &mut Sites<'_>,
    found: &mut Threads,
) -> Result<(), String> {
    let Some(end) = stack_end(thread.sp, stand.heap, stand.mappings) else {
        return Err(format!("thread {} has its stack at {:#x}, where nothing is", thread.tid, thread.sp));
    };
    let start = thread.sp.saturating_sub(RED_ZONE) & !7;
    let resume = Resume { pc: thread.pc, sp: thread.sp & !7 };
    let bytes = stand.memory.bytes(start, end - start).map_err(|error| error.to_string())?;
    let from_sp = bytes.get(usize::try_from(resume.sp - start).unwrap_or(0)..).unwrap_or_default();
    let frames = sites.walk(resume, end, from_sp);
    // Below lies what earlier calls left behind. Where C, a signal handler or the kernel stands, nothing
    // tells how much is in use.
    let used = match frames.iter().next_back() {
        Some(last) if ENDS.contains(&sites.name(last.site)) => last.sp.saturating_add(RED_ZONE).min(end),
        _ => end,
    };
    let is_idle = frames.iter().any(|frame| IDLE.contains(&sites.name(frame.site)));
    if !is_on_signal_stack(thread.sp, from_sp) {
        found.unused.extend(unused(thread, thread.sp, if is_idle { used } else { start }, stand.mappings));
    }
    if !is_idle {
        let used = usize::try_from(used - start).unwrap_or(bytes.len()).min(bytes.len());
        let frames = bytes[..used].chunks_exact(8).map(|bytes| word(bytes, 0));
        found.stacks.push(ThreadStack { tid: thread.tid, words: thread.words.iter().copied().chain(frames).collect() });
    }
    Ok(())
}

/// Where the thread that a goroutine stands on will go on with its system stack.
fn system_stack(stand: &Stand<'_>, goroutine: &Goroutine) -> Option<u64> {
    let word = |at: u64| stand.memory.u64(at).ok().filter(|word| *word != 0);
    let system = word(goroutine.m.checked_add(stand.layout.at("runtime.m.g0"))?)?;
    word(system.checked_add(stand.layout.at("runtime.g.sched.sp"))?)
}

/// What is not in use of the stack that an address lies on, if C made it for the thread: all below `end`.
fn unused(thread: &Thread, sp: u64, end: u64, mappings: &[Mapping]) -> Option<Range<u64>> {
    Some(made_stack(thread, sp, mappings)?.start..end)
}

/// The mapping of the stack that C made for a thread, if it is nothing else: it has a guard below and the thread's own
/// variables at its end, or is the first thread's. A coroutine of C may stand on what `malloc` gave, which has such a
/// guard, too, and much else in it.
fn made_stack<'m>(thread: &Thread, sp: u64, mappings: &'m [Mapping]) -> Option<&'m Mapping> {
    let number = mappings.iter().position(|mapping| (mapping.start..mapping.end).contains(&sp))?;
    let (mapping, below) = (&mappings[number], number.checked_sub(1).map(|below| &mappings[below]));
    let has_guard = below.is_some_and(|below| below.end == mapping.start && !below.readable);
    let is_made = has_guard && (sp..mapping.end).contains(&thread.own);
    (is_made || mapping.path == "[stack]").then_some(mapping)
}

/// Does a handler of C stand on a stack of its own there? That may be an array on the stack of the thread, so that
/// what it interrupted lies below. The kernel notes it with what was interrupted: its address, flags, and size
/// (`uc_stack`).
fn is_on_signal_stack(sp: u64, from_sp: &[u8]) -> bool {
    (0..from_sp.len().saturating_sub(16)).step_by(8).any(|at| {
        let (start, size) = (word(from_sp, at), word(from_sp, at + 16));
        start != 0 && start <= sp && start.checked_add(size).is_some_and(|end| sp < end && size < MAX_STACK)
    })
}

/// Where a stack ends: with its span, if Go made it, otherwise with its mapping.
fn stack_end(sp: u64, heap: &Heap<'_>, mappings: &[Mapping]) -> Option<u64> {
    heap.stack_span(sp).map(|span| span.end).or_else(|| {
        let mapping = mappings.iter().find(|mapping| (mapping.start..mapping.end).contains(&sp))?;
        Some(mapping.end.min((sp & !7).saturating_add(MAX_STACK)))
    })
}
