//! Having a thread that stands still make a system call.

use memchr::memmem;
use nix::libc;

use crate::error::ProcessError;
use crate::hold::threads::{Stopped, failed};
use crate::hold::wire::Failure;
use crate::live::Mapping;
use crate::memory::Memory;
use crate::sys::{self, Event, Registers};

/// The instruction.
const SYSCALL: [u8; 2] = [0x0f, 0x05];
/// Code is searched in pieces of this size.
const PIECE: u64 = 1 << 20;
/// What a system call that was interrupted has for its result until it goes on.
const RESTART_WITH_BLOCK: i64 = -516;
/// A thread that is traced stops for other reasons, too; more often than this something is wrong.
const MAX_STOPS: u32 = 1000;

/// The address of an instruction that makes a system call. Any will do: the thread is stopped again
/// right behind it.
pub(crate) fn find_system_call(memory: &dyn Memory, mappings: &[Mapping]) -> Result<u64, ProcessError> {
    let finder = memmem::Finder::new(&SYSCALL);
    for mapping in mappings.iter().filter(|mapping| mapping.executable && !mapping.is_kernels()) {
        let mut start = mapping.start;
        while start < mapping.end {
            let end = mapping.end.min(start + PIECE + 1);
            if let Ok(code) = memory.bytes(start, end - start)
                && let Some(at) = finder.find(&code)
            {
                return Ok(start + at as u64);
            }
            start += PIECE;
        }
    }
    Err(ProcessError::Unreadable { address: 0 })
}

/// The thread that is disturbed least: one in its own code, or in a call that simply starts anew. A
/// sleep that goes on where it was works as well, but lies in the kernel's hands.
pub(crate) fn choose(registers: &[(i32, Registers)]) -> Option<(i32, Registers)> {
    let in_call = |r: &Registers| r.orig_rax.cast_signed() >= 0;
    let restarts_with_block = |r: &Registers| in_call(r) && r.rax.cast_signed() == RESTART_WITH_BLOCK;
    registers
        .iter()
        .min_by_key(|(_, registers)| (restarts_with_block(registers), !in_call(registers)))
        .map(|(tid, registers)| (*tid, *registers))
}

/// Has a stopped thread make a system call: its result, and the process that it made, if it did. All
/// registers are put back, so that what was interrupted goes on.
pub(crate) fn system_call(
    stopped: &mut Stopped,
    tid: i32,
    before: &Registers,
    instruction: u64,
    number: i64,
    arguments: [u64; 4],
) -> Result<(i64, Option<i32>), Failure> {
    let [rdi, rsi, rdx, r10] = arguments;
    let mut registers = *before;
    registers.rip = instruction;
    registers.rax = number.cast_unsigned();
    // In no system call: otherwise the kernel would start that anew before it goes on.
    registers.orig_rax = u64::MAX;
    (registers.rdi, registers.rsi, registers.rdx, registers.r10) = (rdi, rsi, rdx, r10);
    (registers.r8, registers.r9) = (0, 0);
    sys::set_registers(tid, &registers).map_err(failed)?;
    let made = step_over(stopped, tid);
    let result = sys::registers(tid).map(|registers| registers.rax.cast_signed());
    sys::set_registers(tid, before).map_err(failed)?;
    Ok((result.map_err(failed)?, made?))
}

/// Lets a thread execute one instruction. Signals that come meanwhile are kept for later.
fn step_over(stopped: &mut Stopped, tid: i32) -> Result<Option<i32>, Failure> {
    let mut made = None;
    for _ in 0..MAX_STOPS {
        sys::trace(libc::PTRACE_SINGLESTEP, tid, 0).map_err(failed)?;
        match sys::wait(tid, true).map_err(failed)? {
            Some(Event::Stopped { signal: libc::SIGTRAP, event: 0 }) => return Ok(made),
            Some(Event::Stopped { event, .. }) if is_new_process(event) => {
                made = i32::try_from(sys::event_message(tid).map_err(failed)?).ok();
            }
            Some(Event::Stopped { signal, event }) => stopped.pending(tid).note(signal, event),
            Some(Event::Ended) | None => return Err(Failure::Gone),
        }
    }
    Err(Failure::Failed { errno: libc::EIO })
}

fn is_new_process(event: i32) -> bool {
    [libc::PTRACE_EVENT_CLONE, libc::PTRACE_EVENT_FORK, libc::PTRACE_EVENT_VFORK].contains(&event)
}
