//! Stopping every thread of a process, and letting it go.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::{Duration, Instant};

use nix::libc;

use crate::hold::registers::{general, own, place};
use crate::hold::wire::Failure;
use crate::prove::threads::Thread;
use crate::sys::{self, Event, Registers, SignalInfo};

/// A thread that is waited for is asked so often at once before others get the processor.
const SPINS: u32 = 64;
/// How long a thread that was interrupted, and does not stop, is waited for to let it go.
const LATE: Duration = Duration::from_secs(1);
const LATE_STEP: Duration = Duration::from_millis(1);

/// The threads of a process that stand still. What drops it lets them go.
pub(crate) struct Stopped {
    pub(crate) pid: u32,
    pub(crate) since: Instant,
    threads: BTreeMap<i32, Pending>,
}

/// Signals that were on their way to a thread when it was stopped, each with what came with it: without
/// that the Go runtime takes a fault for one that someone sent, and ends the process.
#[derive(Default)]
pub(crate) struct Pending(Vec<(i32, Option<SignalInfo>)>);

/// Signals that a thread's own code causes, so that nothing else may come before them.
const FAULTS: [i32; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP];

impl Stopped {
    /// Stops all threads: again and again, until none is new.
    pub(crate) fn all(pid: u32, deadline: Instant) -> Result<Self, Failure> {
        let mut stopped = Self { pid, since: Instant::now(), threads: BTreeMap::new() };
        let limit = deadline.saturating_duration_since(stopped.since);
        loop {
            let mut new = Vec::new();
            for tid in tasks(pid)? {
                if !stopped.threads.contains_key(&tid) && seize(pid, tid)? {
                    // From here on it is ours to let go, whatever becomes of the others.
                    stopped.threads.insert(tid, Pending::default());
                    new.push(tid);
                }
            }
            if new.is_empty() {
                return if stopped.threads.is_empty() { Err(Failure::Gone) } else { Ok(stopped) };
            }
            for tid in new {
                if !stopped.wait(tid, deadline)? {
                    return Err(Failure::Busy { limit });
                }
            }
        }
    }

    /// Stops one thread.
    pub(crate) fn one(pid: u32, tid: i32, deadline: Instant) -> Result<Self, Failure> {
        let mut stopped = Self { pid, since: Instant::now(), threads: BTreeMap::new() };
        if !seize(pid, tid)? {
            return Err(Failure::Gone);
        }
        stopped.threads.insert(tid, Pending::default());
        let limit = deadline.saturating_duration_since(stopped.since);
        match stopped.wait(tid, deadline)? {
            true if stopped.threads.is_empty() => Err(Failure::Gone),
            true => Ok(stopped),
            false => Err(Failure::Busy { limit }),
        }
    }

    /// Waits until a thread stands still, or is gone; `false` if it does neither in time.
    fn wait(&mut self, tid: i32, deadline: Instant) -> Result<bool, Failure> {
        for spin in 0u32.. {
            match sys::wait(tid, false).map_err(failed)? {
                Some(Event::Stopped { signal, event }) => {
                    self.threads.entry(tid).or_default().note(tid, signal, event);
                    return Ok(true);
                }
                Some(Event::Ended) => {
                    self.threads.remove(&tid);
                    return Ok(true);
                }
                None if Instant::now() >= deadline && sys::is_dead(tid) => {
                    self.threads.remove(&tid);
                    return Ok(true);
                }
                None if Instant::now() >= deadline => return Ok(false),
                None if spin % SPINS == SPINS - 1 => std::thread::yield_now(),
                None => std::hint::spin_loop(),
            }
        }
        Ok(false)
    }

    /// What every thread holds, if there is time for it.
    pub(crate) fn held(&self, deadline: Instant) -> Result<Vec<(Thread, Registers)>, Failure> {
        let mut held = Vec::new();
        for tid in self.threads.keys() {
            if Instant::now() >= deadline {
                return Err(Failure::Busy { limit: deadline.saturating_duration_since(self.since) });
            }
            let registers = match sys::registers(*tid) {
                Ok(registers) => registers,
                // Killed while it stood still: all of the process ends.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Err(Failure::Gone),
                Err(error) => return Err(failed(error)),
            };
            let (pc, sp) = place(&registers);
            let mut words = general(&registers);
            let extended = sys::extended_registers(*tid).map_err(failed)?;
            words.extend(extended.chunks_exact(8).map(|bytes| crate::memory::word(bytes, 0)));
            held.push((Thread { tid: *tid, pc, sp, own: own(&registers), words }, registers));
        }
        Ok(held)
    }

    /// The signals that are kept back from a thread.
    pub(crate) fn pending(&mut self, tid: i32) -> &mut Pending {
        self.threads.entry(tid).or_default()
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let pid = self.pid.cast_signed();
        // First all that stand still: one that does not yet must not keep the others waiting. It was
        // interrupted and not waited for, or it is gone.
        let late: Vec<_> = self.threads.iter().filter(|(tid, pending)| pending.let_go(pid, **tid).is_err()).collect();
        let deadline = Instant::now() + LATE;
        for (tid, pending) in late {
            // One that sleeps where nothing can interrupt it is left to the kernel, which lets go of
            // everything when the keeper ends.
            while matches!(sys::wait(*tid, false), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(LATE_STEP);
            }
            let _ = pending.let_go(pid, *tid);
        }
    }
}

impl Pending {
    /// Keeps a signal that a thread stands still for, unless it was our own doing.
    pub(crate) fn note(&mut self, tid: i32, signal: i32, event: i32) {
        if event == 0 {
            self.0.push((signal, sys::signal_info(tid).ok()));
        }
    }

    /// Lets a thread go, with the signals that were kept back from it. Only one can go with it, with all
    /// that came with it: a fault, where there is one.
    fn let_go(&self, pid: i32, tid: i32) -> io::Result<()> {
        let first = self.0.iter().position(|(signal, _)| FAULTS.contains(signal)).unwrap_or(0);
        let signal = match self.0.get(first) {
            Some((signal, info)) => {
                // It stands still for this signal, or for a step, in whose stead the signal goes.
                let _ = info.as_ref().map(|info| sys::set_signal_info(tid, info));
                *signal
            }
            None => 0,
        };
        sys::trace(libc::PTRACE_DETACH, tid, usize::try_from(signal).unwrap_or(0))?;
        for (_, (signal, info)) in self.0.iter().enumerate().filter(|(at, _)| *at != first) {
            sys::signal_thread(pid, tid, *signal, info.as_ref());
        }
        Ok(())
    }

    /// Is there any?
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Begins to trace a thread and interrupts it; `false` if it is gone.
fn seize(pid: u32, tid: i32) -> Result<bool, Failure> {
    match sys::trace(libc::PTRACE_SEIZE, tid, 0) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(false),
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => return refused(pid, tid),
        Err(error) => return Err(failed(error)),
    }
    // Gone since: its end is what will be waited for.
    let _ = sys::trace(libc::PTRACE_INTERRUPT, tid, 0);
    Ok(true)
}

/// A thread that can't be traced: it is dying, has a tracer, or is not ours.
fn refused(pid: u32, tid: i32) -> Result<bool, Failure> {
    let status = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).unwrap_or_default();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    match field("TracerPid:").and_then(|by| by.parse().ok()) {
        Some(by) if by != 0 => Err(Failure::Traced { by }),
        _ if field("State:").is_none_or(|state| state.starts_with(['Z', 'X'])) => Ok(false),
        _ => Err(Failure::Permission),
    }
}

/// Is any thread of a process still traced by us?
pub(crate) fn is_holding(pid: u32) -> bool {
    let ours = format!("TracerPid:\t{}", std::process::id());
    tasks(pid).unwrap_or_default().into_iter().any(|tid| {
        let status = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).unwrap_or_default();
        status.lines().any(|line| line == ours)
    })
}

/// The threads of a process.
pub(crate) fn tasks(pid: u32) -> Result<Vec<i32>, Failure> {
    let entries = match fs::read_dir(format!("/proc/{pid}/task")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Failure::Gone),
        Err(error) => return Err(failed(error)),
    };
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// An error that has no name of its own.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
pub(crate) fn failed(error: io::Error) -> Failure {
    Failure::Failed { errno: error.raw_os_error().unwrap_or(libc::EIO) }
}
