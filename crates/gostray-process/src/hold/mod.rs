//! Holding up a process for a moment, without ever hurting it.
//!
//! Who traces a thread must let it go again, with the registers it had. If gostray is killed the kernel
//! lets its threads go; but one that was just made to fork would go on with the wrong registers. So it
//! is another process, the *keeper*, that traces: a small fork of gostray in a session of its own, which
//! no signal but SIGKILL reaches. It sees the end of its connection to gostray, whatever happened to
//! that, and then undoes all there is to undo. It is the watchdog, too: a process that is not let go in
//! time, it lets go itself.
//!
//! | module | subject |
//! |---|---|
//! | `limits` | whether the process can bear it: predicted pause, memory, seccomp |
//! | `keeper` | the keeper: what it is told, and what it does |
//! | `registers` | what the registers of a thread mean, by processor |
//! | `threads` | stopping every thread, and letting it go |
//! | `inject` | having a stopped thread make a system call |
//! | `copy` | the memory of a fork |
//! | `wire` | what is said between gostray and the keeper |

mod copy;
mod error;
mod inject;
mod keeper;
mod limits;
mod registers;
mod threads;
mod wire;

use std::os::unix::net::UnixStream;
use std::time::Duration;

pub(crate) use copy::Copy;
pub use error::HoldError;
pub(crate) use inject::find_system_call;
pub(crate) use limits::{Limits, can_fork, can_stop};

use crate::memory::Memory;
use crate::prove::threads::Thread;
use wire::{Reply, Request};

/// A process that can be held up.
pub(crate) struct Hold {
    pid: u32,
    keeper: i32,
    connection: UnixStream,
}

/// What is known of a process that was held up.
pub(crate) struct Held {
    pub(crate) threads: Vec<Thread>,
    /// From the first thread stopped to the last let go.
    pub(crate) pause: Duration,
}

impl Hold {
    /// Starts a keeper for a process, which goes on undisturbed.
    pub(crate) fn start(pid: u32) -> Result<Self, HoldError> {
        let failed = |what: std::io::Error| HoldError::Keeper { pid, what: what.to_string() };
        let (connection, other) = UnixStream::pair().map_err(failed)?;
        let keeper = crate::sys::fork(move || keeper::run(pid, other)).map_err(failed)?;
        Ok(Self { pid, keeper, connection })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Has the process fork; it goes on before this returns. `system_call` is the address of an
    /// instruction that makes one. What the copy does not get for itself is read from `shared`, the memory of the
    /// process, while that stands still; without it, that is not asked for.
    pub(crate) fn fork(
        &mut self,
        system_call: u64,
        limits: &Limits,
        shared: Option<&dyn Memory>,
    ) -> Result<(Copy, Held), HoldError> {
        let max_copy = can_fork(self.pid, limits)?;
        let stays = shared.is_some();
        let request = Request::Fork { system_call, max_pause: limits.max_pause, max_copy, stays };
        let (pid, threads, mut pause) = match self.ask(&request)? {
            Reply::Forked { pid, threads, pause } => (pid, threads, pause),
            reply => return Err(self.refused(&reply)),
        };
        let mut copy = match Copy::open(pid) {
            Ok(copy) => copy,
            Err(what) => {
                // If it was ended before, that is why.
                self.drop_copy()?;
                return Err(self.failed(what));
            }
        };
        if let Some(memory) = shared {
            let read = copy.read_apart(memory, |bytes| can_stop(self.pid, bytes, limits));
            pause = self.resume()?;
            if let Err(error) = read {
                self.drop_copy()?;
                return Err(error);
            }
        }
        Ok((copy, Held { threads, pause }))
    }

    /// Ends the copy of a fork: an error if it had to be ended before.
    pub(crate) fn drop_copy(&mut self) -> Result<(), HoldError> {
        match self.ask(&Request::DropCopy)? {
            Reply::Done { .. } => Ok(()),
            reply => Err(self.refused(&reply)),
        }
    }

    /// Stops every thread, for no longer than the limit.
    pub(crate) fn stop(&mut self, limits: &Limits) -> Result<Vec<Thread>, HoldError> {
        match self.ask(&Request::Stop { max_pause: limits.max_pause })? {
            Reply::Stopped { threads } => Ok(threads),
            reply => Err(self.refused(&reply)),
        }
    }

    /// Lets them go: how long they stood still. An error if they had to be let go before, so that what
    /// was read is not of one moment.
    pub(crate) fn resume(&mut self) -> Result<Duration, HoldError> {
        match self.ask(&Request::Resume)? {
            Reply::Done { pause } => Ok(pause),
            reply => Err(self.refused(&reply)),
        }
    }

    fn ask(&mut self, request: &Request) -> Result<Reply, HoldError> {
        wire::send(&mut self.connection, &request.encode())
            .and_then(|()| wire::receive(&mut self.connection))
            .map_err(|error| self.failed(error.to_string()))
            .and_then(|words| Reply::decode(&words).ok_or_else(|| self.failed("it said nothing sensible".to_owned())))
    }

    fn refused(&self, reply: &Reply) -> HoldError {
        match reply {
            Reply::Failed(error) => error.of(self.pid),
            _ => self.failed("it answered something else".to_owned()),
        }
    }

    fn failed(&self, what: String) -> HoldError {
        HoldError::Keeper { pid: self.pid, what }
    }
}

impl Drop for Hold {
    /// The end of the connection is what the keeper undoes everything for.
    fn drop(&mut self) {
        let _ = self.connection.shutdown(std::net::Shutdown::Both);
        let _ = crate::sys::wait(self.keeper, true);
    }
}
