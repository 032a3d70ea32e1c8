//! Where goroutines stand that threads are running, while the threads stand still: what is shown of them.
//!
//! A thread stands in the goroutine's code, or has left it: for the runtime's own stack, which notes in the
//! goroutine's record where it will go on, or for a signal handler, below which the kernel put the registers of what
//! it interrupted. The last is where a program that crashes stands.

use rustc_hash::FxHashMap;

use crate::goroutine::Goroutine;
use crate::layout::Layout;
use crate::memory::{Memory, PAGE};
use crate::prove::threads::Thread;
use crate::site::{Resume, Sites};

/// Where the stack pointer, the program counter and the code segment lie in what the kernel puts below a signal
/// handler, `struct ucontext` of amd64.
const CONTEXT_SP: u64 = 160;
const CONTEXT_PC: u64 = 168;
const CONTEXT_CS: u64 = 184;
/// The code segment of a program of 64 bits, as Linux has it.
const USER_CS: u64 = 0x33;
/// A signal stack, of which so many pages at most are looked at: the runtime makes them of 32 KiB.
const PAGES: u64 = 16;

/// A handler may be interrupted, too: no program gets here.
pub(crate) const MAX_NESTED: usize = 8;

/// The function that the kernel calls for a signal.
const HANDLER: &[u8] = b"runtime.sigtramp";

/// A place where a goroutine stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) resume: Resume,
    /// It stands behind a call, and not anywhere.
    pub(crate) is_behind_call: bool,
}

/// Where the threads of a process stand.
pub(crate) struct Standing<'a> {
    memory: &'a dyn Memory,
    layout: &'a Layout,
    /// By thread id: where it is, and what it was interrupted at.
    threads: FxHashMap<u64, Vec<Resume>>,
}

impl<'a> Standing<'a> {
    pub(crate) fn of(memory: &'a dyn Memory, layout: &'a Layout, threads: &[Thread], sites: &mut Sites<'_>) -> Self {
        let threads = threads.iter().map(|thread| {
            let mut places = vec![Resume { pc: thread.pc, sp: thread.sp }];
            while let Some(before) = places.last().and_then(|at| interrupted(memory, *at, sites)) {
                places.push(before.at);
                if places.len() > MAX_NESTED {
                    break;
                }
            }
            (u64::from(thread.tid.unsigned_abs()), places)
        });
        Self { memory, layout, threads: threads.collect() }
    }

    /// Where a goroutine stands that a thread is running.
    pub(crate) fn place(&self, goroutine: &Goroutine) -> Option<Place> {
        if goroutine.resume.is_some() {
            return None;
        }
        let word = |at: u64| self.memory.u64(at).ok();
        let tid = word(goroutine.m.checked_add(self.layout.at("runtime.m.procid"))?)?;
        let stack = goroutine.low..goroutine.top;
        if let Some(place) = self.threads.get(&tid)?.iter().find(|place| stack.contains(&place.sp)) {
            return Some(Place { resume: *place, is_behind_call: false });
        }
        let field = |name: &str| word(goroutine.address.checked_add(self.layout.at(name))?);
        let left = Resume { pc: field("runtime.g.sched.pc")?, sp: field("runtime.g.sched.sp")? };
        stack.contains(&left.sp).then_some(Place { resume: left, is_behind_call: true })
    }
}

/// What a signal handler interrupted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interrupted {
    pub(crate) at: Resume,
    /// Where on the handler's stack its registers lie, with nothing behind them but more of those.
    pub(crate) context: u64,
}

/// What a thread was interrupted at, if it stands in a signal handler of the runtime, and nothing but the runtime's
/// own code stands on that stack.
pub(crate) fn interrupted(memory: &dyn Memory, at: Resume, sites: &mut Sites<'_>) -> Option<Interrupted> {
    // Not beyond the end of the page that it ends in, which may be the last.
    let end = |pages: u64| Some(at.sp.checked_add(pages * PAGE)? & !(PAGE - 1));
    let stack = (1..=PAGES).rev().find_map(|pages| memory.bytes(at.sp, end(pages)?.checked_sub(at.sp)?).ok())?;
    let frames = sites.walk(at, at.sp.checked_add(stack.len() as u64)?, &stack);
    let mut others = frames.iter();
    let handler = others.next_back()?;
    let is_runtimes = others.all(|frame| sites.name(frame.site).starts_with(b"runtime."));
    if !is_runtimes || sites.name(handler.site) != HANDLER {
        return None;
    }
    // Tracebacks end in it, so that it counts as the outermost; behind its return address lies the context.
    let context = handler.sp.checked_add(sites.get(handler.site).frame_size?)?.checked_add(8)?;
    let word = |offset: u64| memory.u64(context.checked_add(offset)?).ok();
    word(CONTEXT_CS).filter(|segment| segment & 0xffff == USER_CS)?;
    Some(Interrupted { at: Resume { pc: word(CONTEXT_PC)?, sp: word(CONTEXT_SP)? }, context })
}
