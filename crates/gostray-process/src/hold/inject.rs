//! Having a thread that stands still make a system call.

use std::time::Duration;

use memchr::memmem;
use nix::libc;

use crate::error::ProcessError;
use crate::hold::registers::{SYSTEM_CALL, disturbance, for_system_call, result};
use crate::hold::threads::{Stopped, failed};
use crate::hold::wire::Failure;
use crate::live::Mapping;
use crate::memory::Memory;
use crate::sys::{self, Event, Registers};

/// Code is searched in pieces of this size.
const PIECE: u64 = 1 << 20;
/// A thread that is traced stops for other reasons, too; more often than this something is wrong.
const MAX_STOPS: u32 = 1000;
/// A system call that is short is over before a thread of ours would wake from a sleep.
const SPINS: u32 = 200;
/// How often a longer one is asked for.
const STEP: Duration = Duration::from_micros(50);

/// The address of an instruction that makes a system call. Any will do: the thread is stopped again
/// right behind it.
pub(crate) fn find_system_call(memory: &dyn Memory, mappings: &[Mapping]) -> Result<u64, ProcessError> {
    let finder = memmem::Finder::new(SYSTEM_CALL);
    for mapping in mappings.iter().filter(|mapping| mapping.executable && !mapping.is_kernels()) {
        let mut start = mapping.start;
        while start < mapping.end {
            let end = mapping.end.min(start + PIECE + SYSTEM_CALL.len() as u64 - 1);
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

/// The thread that is disturbed least.
pub(crate) fn choose(registers: &[(i32, Registers)]) -> Option<(i32, Registers)> {
    registers.iter().min_by_key(|(_, registers)| disturbance(registers)).copied()
}

/// Has a stopped thread make a system call, `(address of the instruction, number)`: its result. All
/// registers are put back, so that what was interrupted goes on. The process that it made, if it did,
/// is in `made` even where something fails after that.
pub(crate) fn system_call(
    stopped: &mut Stopped,
    tid: i32,
    before: &Registers,
    (instruction, number): (u64, i64),
    arguments: [u64; 4],
    made: &mut Option<i32>,
) -> Result<i64, Failure> {
    let registers = for_system_call(before, instruction, number, arguments);
    let registers = registers.ok_or(Failure::Fork { errno: libc::ENOSYS })?;
    sys::set_registers(tid, &registers).map_err(failed)?;
    let stepped = step_over(stopped, tid, made);
    let gave = sys::registers(tid).map(|registers| result(&registers));
    sys::set_registers(tid, before).map_err(failed)?;
    stepped?;
    gave.map_err(failed)
}

/// Lets a thread execute one instruction. Signals that come meanwhile are kept for later.
fn step_over(stopped: &mut Stopped, tid: i32, made: &mut Option<i32>) -> Result<(), Failure> {
    for _ in 0..MAX_STOPS {
        sys::trace(libc::PTRACE_SINGLESTEP, tid, 0).map_err(failed)?;
        match wait(tid)? {
            Some(Event::Stopped { signal: libc::SIGTRAP, event: 0 }) => return Ok(()),
            Some(Event::Stopped { event, .. }) if is_new_process(event) => {
                *made = i32::try_from(sys::event_message(tid).map_err(failed)?).ok();
            }
            Some(Event::Stopped { signal, event }) => stopped.pending(tid).note(tid, signal, event),
            Some(Event::Ended) | None => return Err(Failure::Gone),
        }
    }
    Err(Failure::Failed { errno: libc::EIO })
}

/// Waits for what a thread does that was let go, which takes as long as it takes; or until it is dead.
fn wait(tid: i32) -> Result<Option<Event>, Failure> {
    for spin in 0u32.. {
        match sys::wait(tid, false).map_err(failed)? {
            Some(event) => return Ok(Some(event)),
            None if spin < SPINS => std::thread::yield_now(),
            None if sys::is_dead(tid) => return Ok(None),
            None => std::thread::sleep(STEP),
        }
    }
    Ok(None)
}

fn is_new_process(event: i32) -> bool {
    [libc::PTRACE_EVENT_CLONE, libc::PTRACE_EVENT_FORK, libc::PTRACE_EVENT_VFORK].contains(&event)
}
