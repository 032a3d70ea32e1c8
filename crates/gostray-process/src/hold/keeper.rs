//! The keeper: the process that traces another one for gostray, and undoes everything when gostray is
//! done or gone.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::SigSet;

use crate::hold::inject::{choose, system_call};
use crate::hold::threads::{Stopped, failed, is_holding, tasks};
use crate::hold::wire::{self, Failure, Reply, Request};
use crate::sys::{self, Event};

/// How often the size of a copy is looked at: not for more than a part of the time, as the kernel looks
/// at every page for it.
const LOOK: Duration = Duration::from_millis(100);
const LOOK_PART: u32 = 20;
/// Undoing must succeed: a thread may take this long to be stopped for it, again and again.
const UNDO: Duration = Duration::from_secs(1);
const UNDO_ATTEMPTS: u32 = 60;
/// A copy that was killed may take this long to end: the kernel frees all of its memory meanwhile.
const END: Duration = Duration::from_secs(10);
const END_STEP: Duration = Duration::from_millis(1);

/// Its state.
struct Keeper {
    pid: u32,
    connection: UnixStream,
    stopped: Option<(Stopped, Instant, Duration)>,
    copy: Option<ForkedCopy>,
    /// What happened to what was asked for since.
    late: Option<Failure>,
}

/// A copy that was made by fork.
struct ForkedCopy {
    pid: i32,
    system_call: u64,
    max_copy: u64,
    /// Bytes that were not shared right after the fork.
    own: u64,
    /// How long it took to find out.
    look_took: Duration,
    is_dead: bool,
}

/// Runs until gostray ends the connection, or ends.
pub(crate) fn run(pid: u32, connection: UnixStream) {
    // Nothing but SIGKILL may interrupt what is half done; and what ends gostray's terminal or process
    // group is not meant for us.
    let _ = SigSet::all().thread_block();
    let _ = nix::unistd::setsid();
    close_all_but(connection.as_raw_fd());
    let mut keeper = Keeper { pid, connection, stopped: None, copy: None, late: None };
    while keeper.next().is_ok() {}
    keeper.stopped = None;
    let _ = keeper.drop_copy();
}

/// Files that gostray had open are not ours to keep open: who reads its output waits for their end.
fn close_all_but(connection: i32) {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|fd| *fd != connection) {
        let _ = nix::unistd::close(fd);
    }
}

impl Keeper {
    /// Does what is asked for next; an error when there is nothing more to come.
    fn next(&mut self) -> io::Result<()> {
        self.wait_for_request()?;
        let words = wire::receive(&mut self.connection)?;
        let request = Request::decode(&words).ok_or(io::ErrorKind::InvalidData)?;
        let reply = self.answer(&request).unwrap_or_else(Reply::Failed);
        wire::send(&mut self.connection, &reply.encode())?;
        // A thread that could not be let go: our end does it.
        match reply {
            Reply::Failed(_) if is_holding(self.pid) => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }

    /// Waits, and meanwhile watches the time and the size of the copy.
    fn wait_for_request(&mut self) -> io::Result<()> {
        loop {
            let timeout = match (&self.stopped, &self.copy) {
                (Some((_, deadline, _)), _) => Some(deadline.saturating_duration_since(Instant::now())),
                (None, Some(copy)) if !copy.is_dead => Some(LOOK.max(copy.look_took * LOOK_PART)),
                _ => None,
            };
            // A timeout of nothing would be none.
            let timeout = timeout.map(|timeout| timeout.max(Duration::from_micros(1)));
            self.connection.set_read_timeout(timeout)?;
            match peek(&self.connection) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {
                    self.connection.set_read_timeout(None)?;
                    return Ok(());
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            if let Some((_, deadline, limit)) = &self.stopped
                && Instant::now() >= *deadline
            {
                self.late = Some(Failure::Expired { limit: *limit });
                self.stopped = None;
            }
            self.watch_copy();
        }
    }

    fn answer(&mut self, request: &Request) -> Result<Reply, Failure> {
        match *request {
            Request::Stop { max_pause } => {
                let deadline = Instant::now() + max_pause;
                let stopped = Stopped::all(self.pid, Instant::now() + max_pause / 2)?;
                let threads = stopped.held(deadline)?.into_iter().map(|(thread, _)| thread).collect();
                self.late = None;
                self.stopped = Some((stopped, deadline, max_pause));
                Ok(Reply::Stopped { threads })
            }
            Request::Resume => match (self.stopped.take(), self.late.take()) {
                (Some((stopped, ..)), _) => {
                    let since = stopped.since;
                    drop(stopped);
                    Ok(Reply::Done { pause: since.elapsed() })
                }
                (None, Some(failure)) => Err(failure),
                (None, None) => Err(Failure::Failed { errno: libc::EINVAL }),
            },
            Request::Fork { system_call, max_pause, max_copy, stays } => {
                self.fork(system_call, max_pause, max_copy, stays)
            }
            Request::DropCopy => {
                self.watch_copy();
                self.drop_copy()?;
                self.late.take().map_or(Ok(Reply::Done { pause: Duration::ZERO }), Err)
            }
        }
    }

    fn fork(&mut self, instruction: u64, max_pause: Duration, max_copy: u64, stays: bool) -> Result<Reply, Failure> {
        self.drop_copy()?;
        self.late = None;
        let mut stopped = Stopped::all(self.pid, Instant::now() + max_pause / 2)?;
        let since = stopped.since;
        // Forking and letting go take time as well.
        let held = stopped.held(since + max_pause / 4 * 3)?;
        let registers: Vec<_> = held.iter().map(|(thread, registers)| (thread.tid, *registers)).collect();
        // Better one that has no signal to deal with first.
        let calm: Vec<_> = registers.iter().copied().filter(|(tid, _)| stopped.pending(*tid).is_empty()).collect();
        let (tid, before) = choose(&calm).or_else(|| choose(&registers)).ok_or(Failure::Gone)?;
        // What the thread makes is traced and stands still from the start.
        let new = libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_TRACEFORK | libc::PTRACE_O_TRACEVFORK;
        sys::trace(libc::PTRACE_SETOPTIONS, tid, usize::try_from(new).unwrap_or(0)).map_err(failed)?;
        // No flags: memory of its own, and no signal to the parent at its end.
        let mut made = None;
        let result = system_call(&mut stopped, tid, &before, (instruction, libc::SYS_clone), [0; 4], &mut made);
        let _ = sys::trace(libc::PTRACE_SETOPTIONS, tid, 0);
        let copy = match (made, result) {
            (Some(copy), Ok(_)) => copy,
            (None, Ok(result)) => return Err(Failure::Fork { errno: i32::try_from(-result).unwrap_or(libc::EIO) }),
            (made, Err(failure)) => {
                // It was made, and something went wrong since: it must not run.
                let made = made.or_else(|| if failure == Failure::Gone { self.orphan() } else { None });
                self.copy = made.map(|pid| ForkedCopy::new(pid, instruction, max_copy));
                drop(stopped);
                let _ = self.drop_copy();
                return Err(failure);
            }
        };
        // From here on it is ours to end, even if we are killed.
        let stands = sys::wait(copy, true);
        let ends_with_us = sys::trace(libc::PTRACE_SETOPTIONS, copy, libc::PTRACE_O_EXITKILL as usize);
        let stays = stays && stands.is_ok() && ends_with_us.is_ok();
        self.stopped = stays.then_some((stopped, since + max_pause, max_pause));
        let pause = since.elapsed();
        self.copy = Some(ForkedCopy::new(copy, instruction, max_copy));
        stands.map_err(failed)?;
        ends_with_us.map_err(failed)?;
        let threads = held.into_iter().map(|(thread, _)| thread).collect();
        Ok(Reply::Forked { pid: u32::try_from(copy).unwrap_or(0), threads, pause })
    }

    /// The copy of a process that was killed after it had made it, and before it could say so.
    fn orphan(&self) -> Option<i32> {
        let deadline = Instant::now() + UNDO;
        while Instant::now() < deadline {
            match sys::wait_any() {
                Ok(Some((tid, Event::Stopped { .. }))) if !is_thread(self.pid, tid) => return Some(tid),
                Ok(Some(_)) => {}
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                // Nothing is traced any more.
                Err(_) => return None,
            }
        }
        None
    }

    /// Ends a copy that costs too much.
    fn watch_copy(&mut self) {
        let Some(copy) = self.copy.as_mut().filter(|copy| !copy.is_dead) else { return };
        let start = Instant::now();
        let Some(own) = own_bytes(copy.pid) else { return };
        copy.look_took = start.elapsed();
        if copy.own == u64::MAX {
            copy.own = own;
        }
        if own.saturating_sub(copy.own) > copy.max_copy {
            copy.kill();
            self.late = Some(Failure::CopyTooLarge { limit: copy.max_copy });
        }
    }

    /// Ends the copy, and has the process forget it.
    fn drop_copy(&mut self) -> Result<(), Failure> {
        let Some(mut copy) = self.copy.take() else { return Ok(()) };
        let left = Failure::Left { copy: copy.pid.unsigned_abs() };
        copy.kill();
        if !has_ended(copy.pid, END) {
            // It is asked for again at our end.
            self.copy = Some(copy);
            return Err(left);
        }
        for _ in 0..UNDO_ATTEMPTS {
            match self.reap(&copy) {
                // Nobody is left to remember it.
                Err(Failure::Gone) => return Ok(()),
                Ok(()) => return Ok(()),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Err(left)
    }

    /// Its parent is the process: only that can take it off the list of processes.
    fn reap(&self, copy: &ForkedCopy) -> Result<(), Failure> {
        let mut last = Failure::Gone;
        for tid in tasks(self.pid)? {
            let attempt = || {
                let mut stopped = Stopped::one(self.pid, tid, Instant::now() + UNDO)?;
                let (_, before) = stopped.held(Instant::now() + UNDO)?.into_iter().next().ok_or(Failure::Gone)?;
                let flags = libc::__WALL | libc::WNOHANG;
                let arguments = [u64::from(copy.pid.unsigned_abs()), 0, u64::from(flags.unsigned_abs()), 0];
                let call = (copy.system_call, libc::SYS_wait4);
                system_call(&mut stopped, tid, &before, call, arguments, &mut None)
            };
            match attempt() {
                // Its id, or an error that says that it is no child (any more).
                Ok(result) if result != 0 => return Ok(()),
                Ok(_) => last = Failure::Failed { errno: libc::EAGAIN },
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }
}

impl ForkedCopy {
    fn new(pid: i32, system_call: u64, max_copy: u64) -> Self {
        Self { pid, system_call, max_copy, own: u64::MAX, look_took: Duration::ZERO, is_dead: false }
    }

    fn kill(&mut self) {
        if !std::mem::replace(&mut self.is_dead, true) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// Waits until a process has ended that was killed: `false` if it has not in time. One that sleeps where nothing can
/// interrupt it ends when it is done with that, which may be never.
fn has_ended(pid: i32, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        match sys::wait(pid, false) {
            Ok(Some(Event::Ended)) | Err(_) => return true,
            // Stops that were on their way come first.
            Ok(Some(Event::Stopped { .. })) => {}
            Ok(None) if Instant::now() >= deadline => return false,
            Ok(None) => std::thread::sleep(END_STEP),
        }
    }
}

fn is_thread(pid: u32, tid: i32) -> bool {
    Path::new(&format!("/proc/{pid}/task/{tid}")).exists()
}

/// The bytes that a copy has for itself: those that the process has written since, and so had copied.
fn own_bytes(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let field = |name: &str| -> Option<u64> {
        text.lines().find_map(|line| line.strip_prefix(name))?.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    Some((field("Private_Clean:")? + field("Private_Dirty:")?) * 1024)
}

/// Waits for data without taking any.
fn peek(connection: &UnixStream) -> io::Result<usize> {
    let mut byte = [0];
    nix::sys::socket::recv(connection.as_raw_fd(), &mut byte, nix::sys::socket::MsgFlags::MSG_PEEK)
        .map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::zombie_processes, reason = "it is what is tested that waits for it")]
    fn who_does_not_end_is_not_waited_for_without_end() {
        let mut process = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = i32::try_from(process.id()).unwrap();
        assert!(!has_ended(pid, Duration::from_millis(10)));
        process.kill().unwrap();
        assert!(has_ended(pid, Duration::from_secs(60)));
        // It is no longer there to be asked for.
        assert!(has_ended(pid, Duration::ZERO));
    }
}
