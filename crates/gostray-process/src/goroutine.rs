//! The runtime's own record of a goroutine (`runtime.g`), read and validated.

use gostray_model::Labels;

use crate::error::ProcessError;
use crate::globals::Globals;
use crate::labels;
use crate::layout::Layout;
use crate::memory::{Memory, half, word};
use crate::site::Resume;

/// The statuses of `runtime.g.atomicstatus`.
const RUNNING: u32 = 2;
const SYSCALL: u32 = 3;
const WAITING: u32 = 4;
const COPYSTACK: u32 = 8;
const LEAKED: u32 = 10;
/// A garbage collection scans the stack.
const SCAN: u32 = 0x1000;
/// Ids count up from 1; no process gets here.
const MAX_ID: u64 = 1 << 48;
/// No stack is larger (the runtime's limit is 1 GB).
const MAX_STACK: u64 = 2 << 30;

/// Where the fields of the record lie in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) size: usize,
    low: usize,
    top: usize,
    m: usize,
    sp: usize,
    pc: usize,
    syscall_sp: usize,
    syscall_pc: usize,
    status: usize,
    id: usize,
    reason: usize,
    locked: usize,
    parent: usize,
    created_pc: usize,
    start_pc: usize,
    labels: usize,
    waiting: usize,
    defers: usize,
    panics: usize,
    context: usize,
}

impl Fields {
    pub(crate) fn new(layout: &Layout) -> Self {
        let field = |name: &str| layout.index(&format!("runtime.g.{name}"));
        Self {
            size: field("__size"),
            low: field("stack.lo"),
            top: field("stack.hi"),
            m: field("m"),
            sp: field("sched.sp"),
            pc: field("sched.pc"),
            syscall_sp: field("syscallsp"),
            syscall_pc: field("syscallpc"),
            status: field("atomicstatus"),
            id: field("goid"),
            reason: field("waitreason"),
            locked: field("lockedm"),
            parent: field("parentGoid"),
            created_pc: field("gopc"),
            start_pc: field("startpc"),
            labels: field("labels"),
            waiting: field("waiting"),
            defers: field("_defer"),
            panics: field("_panic"),
            context: field("sched.ctxt"),
        }
    }
}

/// A goroutine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Goroutine {
    /// The address of its record.
    pub(crate) address: u64,
    pub(crate) id: u64,
    pub(crate) creator_id: u64,
    status: u32,
    reason: u8,
    pub(crate) scan: bool,
    pub(crate) locked: bool,
    /// Where it was started, and with which function.
    pub(crate) created_pc: u64,
    pub(crate) start_pc: u64,
    /// Where its stack lies.
    pub(crate) low: u64,
    pub(crate) top: u64,
    /// Where it will go on; `None` where a thread is running it.
    pub(crate) resume: Option<Resume>,
    /// The thread that runs it, or whose system call it waits for.
    pub(crate) m: u64,
    /// What it waits for: a list of `runtime.sudog`.
    pub(crate) waiting: u64,
    pub(crate) defers: u64,
    pub(crate) panics: u64,
    /// The closure that it will go on at the start of: a register that is saved with it.
    pub(crate) context: u64,
    labels: u64,
}

impl Goroutine {
    /// Reads the record of the one at `address`: `Ok(None)` for one that is dead, an error that names
    /// what can't be where the layout does not fit.
    pub(crate) fn parse(bytes: &[u8], fields: &Fields, address: u64) -> Result<Option<Self>, String> {
        let field = |at: usize| word(bytes, at);
        let raw = half(bytes, fields.status);
        let status = raw & !SCAN;
        match status {
            // Not yet or no longer used.
            0 | 6 | 11 => return Ok(None),
            1..=4 | 8..=10 => {}
            _ => return Err(format!("a goroutine has the status {raw:#x}")),
        }
        let (low, top, id) = (field(fields.low), field(fields.top), field(fields.id));
        if id == 0 || id > MAX_ID {
            return Err(format!("a goroutine has the id {id}"));
        }
        if low >= top || top - low > MAX_STACK || low % 8 != 0 || top % 8 != 0 {
            return Err(format!("goroutine {id} has a stack from {low:#x} to {top:#x}"));
        }
        let resume = match status {
            RUNNING => None,
            SYSCALL => Some(Resume { pc: field(fields.syscall_pc), sp: field(fields.syscall_sp) }),
            _ => Some(Resume { pc: field(fields.pc), sp: field(fields.sp) }),
        };
        Ok(Some(Self {
            address,
            id,
            creator_id: field(fields.parent),
            status,
            reason: bytes.get(fields.reason).copied().unwrap_or(0),
            scan: raw & SCAN != 0,
            locked: field(fields.locked) != 0,
            created_pc: field(fields.created_pc),
            start_pc: field(fields.start_pc),
            low,
            top,
            resume: resume.filter(|r| (low..=top).contains(&r.sp) && r.sp % 8 == 0),
            m: field(fields.m),
            waiting: field(fields.waiting),
            defers: field(fields.defers),
            panics: field(fields.panics),
            context: field(fields.context),
            labels: field(fields.labels),
        }))
    }

    /// Is it parked, with its stack at rest?
    pub(crate) fn is_parked(&self) -> bool {
        matches!(self.status, WAITING | LEAKED) && !self.scan && self.resume.is_some()
    }

    /// Is it in a system call, or a call of C? Then what it will go on with is described, wherever below
    /// on its stack its thread may stand.
    pub(crate) fn is_in_syscall(&self) -> bool {
        self.status == SYSCALL && !self.scan
    }

    /// Is its stack at rest at a place that the tables of its functions describe?
    pub(crate) fn is_at_rest(&self) -> bool {
        !matches!(self.status, RUNNING | COPYSTACK) && !self.scan && self.resume.is_some()
    }

    /// The word that a traceback prints for it.
    pub(crate) fn state(&self, globals: &Globals) -> String {
        let name = match self.status {
            1 => "runnable",
            RUNNING => "running",
            SYSCALL => "syscall",
            WAITING => "waiting",
            COPYSTACK => "copystack",
            9 => "preempted",
            LEAKED => "leaked",
            _ => "???",
        };
        let reason = globals.wait_reasons.get(usize::from(self.reason)).filter(|reason| !reason.is_empty());
        match reason {
            Some(reason) if matches!(self.status, WAITING | LEAKED) => reason.clone(),
            _ => name.to_owned(),
        }
    }

    /// Did the runtime's leak profile mark it?
    pub(crate) fn is_leaked(&self) -> bool {
        self.status == LEAKED
    }

    /// Its pprof labels.
    pub(crate) fn labels(&self, memory: &dyn Memory, layout: &Layout) -> Result<Labels, ProcessError> {
        if self.labels == 0 {
            return Ok(Labels::new());
        }
        if layout.minor < 24 {
            return labels::of_map(memory, self.labels);
        }
        let (data, len) = (memory.u64(self.labels)?, memory.u64(self.labels.wrapping_add(8))?);
        labels::of_list(memory, data, len)
    }
}
