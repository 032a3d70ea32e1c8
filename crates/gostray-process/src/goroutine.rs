//! The runtime's own record of a goroutine (`runtime.g`), read and validated.

use gostray_model::Labels;

use crate::error::ProcessError;
use crate::globals::Globals;
use crate::layout::Layout;
use crate::memory::{Memory, half, word};
use crate::unwind::Resume;

/// The statuses of `runtime.g.atomicstatus`.
const RUNNING: u32 = 2;
const SYSCALL: u32 = 3;
const WAITING: u32 = 4;
const LEAKED: u32 = 10;
/// A garbage collection scans the stack.
const SCAN: u32 = 0x1000;
/// Ids count up from 1; no process gets here.
const MAX_ID: u64 = 1 << 48;
/// No stack is larger (the runtime's limit is 1 GB).
const MAX_STACK: u64 = 2 << 30;
/// No goroutine has more labels.
const MAX_LABELS: u64 = 4096;

/// A goroutine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Goroutine {
    pub(crate) id: u64,
    pub(crate) creator_id: u64,
    status: u32,
    reason: u8,
    pub(crate) scan: bool,
    pub(crate) locked: bool,
    /// Where it was started, and with which function.
    pub(crate) created_pc: u64,
    pub(crate) start_pc: u64,
    /// The end of its stack.
    pub(crate) top: u64,
    /// Where it will go on; `None` where a thread is running it.
    pub(crate) resume: Option<Resume>,
    labels: u64,
}

impl Goroutine {
    /// Reads the one at `address`: `Ok(None)` for one that is dead, an error that names what can't be
    /// where the layout does not fit.
    pub(crate) fn read(memory: &dyn Memory, layout: &Layout, address: u64) -> Result<Option<Self>, String> {
        let bytes = memory.bytes(address, layout.at("runtime.g.__size")).map_err(|e| e.to_string())?;
        let offset = |field: &str| usize::try_from(layout.at(&format!("runtime.g.{field}"))).unwrap_or(usize::MAX - 8);
        let field = |name: &str| word(&bytes, offset(name));
        let raw = half(&bytes, offset("atomicstatus"));
        let status = raw & !SCAN;
        match status {
            // Not yet or no longer used.
            0 | 6 | 11 => return Ok(None),
            1..=4 | 8..=10 => {}
            _ => return Err(format!("a goroutine has the status {raw:#x}")),
        }
        let (low, top, id) = (field("stack.lo"), field("stack.hi"), field("goid"));
        if id == 0 || id > MAX_ID {
            return Err(format!("a goroutine has the id {id}"));
        }
        if low >= top || top - low > MAX_STACK || low % 8 != 0 {
            return Err(format!("goroutine {id} has a stack from {low:#x} to {top:#x}"));
        }
        let resume = match status {
            RUNNING => None,
            SYSCALL => Some(Resume { pc: field("syscallpc"), sp: field("syscallsp") }),
            _ => Some(Resume { pc: field("sched.pc"), sp: field("sched.sp") }),
        };
        Ok(Some(Self {
            id,
            creator_id: field("parentGoid"),
            status,
            reason: bytes.get(offset("waitreason")).copied().unwrap_or(0),
            scan: raw & SCAN != 0,
            locked: field("lockedm") != 0,
            created_pc: field("gopc"),
            start_pc: field("startpc"),
            top,
            resume: resume.filter(|r| (low..=top).contains(&r.sp)),
            labels: field("labels"),
        }))
    }

    /// The word that a traceback prints for it.
    pub(crate) fn state(&self, globals: &Globals) -> String {
        let name = match self.status {
            1 => "runnable",
            RUNNING => "running",
            SYSCALL => "syscall",
            WAITING => "waiting",
            8 => "copystack",
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

    /// Its pprof labels. Before Go 1.24 they are a map, which is not read.
    pub(crate) fn labels(&self, memory: &dyn Memory, layout: &Layout) -> Result<Labels, ProcessError> {
        if self.labels == 0 || layout.minor < 24 {
            return Ok(Labels::new());
        }
        let (data, len) = (memory.u64(self.labels)?, memory.u64(self.labels.wrapping_add(8))?);
        if len > MAX_LABELS {
            return Err(ProcessError::Unreadable { address: self.labels });
        }
        (0..len)
            .map(|index| {
                let label = data.wrapping_add(32 * index);
                Ok((memory.go_string(label)?.into(), memory.go_string(label.wrapping_add(16))?.into()))
            })
            .collect()
    }

    /// Has it labels that can't be read?
    pub(crate) fn has_unread_labels(&self, layout: &Layout) -> bool {
        self.labels != 0 && layout.minor < 24
    }
}
