//! Why a process could not be held up.

use std::time::Duration;

/// Why a process could not be held up; the messages say what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError {
    /// Another process traces it.
    #[error("process {pid} is traced by process {by} already (a debugger, strace): end that first")]
    Traced {
        /// The process.
        pid: u32,
        /// Who traces it.
        by: u32,
    },
    /// The kernel does not let us stop it.
    #[error("no permission to stop process {pid}: run: sudo gostray prove {pid}")]
    Permission {
        /// The process.
        pid: u32,
    },
    /// It ended, or executed another program.
    #[error("process {pid} ended, or executed another program, while it was to be held up")]
    Gone {
        /// The process.
        pid: u32,
    },
    /// Not all of its threads could be stopped in time.
    #[error(
        "not all threads of process {pid} could be stopped within {}: it starts threads all the time, or one waits for a device; try again, or allow more with --max-pause", millis(.limit)
    )]
    Busy {
        /// The process.
        pid: u32,
        /// The time that `--max-pause` leaves for it.
        limit: Duration,
    },
    /// It would be held up for longer than is allowed.
    #[error("process {pid} would be held up for about {}, and --max-pause is {}: allow more if it can bear it", millis(.predicted), millis(.limit))]
    TooLong {
        /// The process.
        pid: u32,
        /// How long it would take.
        predicted: Duration,
        /// `--max-pause`.
        limit: Duration,
    },
    /// It was let go because time was up.
    #[error("process {pid} was let go after {}, before it was read: allow more with --max-pause", millis(.limit))]
    Expired {
        /// The process.
        pid: u32,
        /// `--max-pause`.
        limit: Duration,
    },
    /// A filter might kill it for a system call that it does not make itself.
    #[error(
        "process {pid} has a seccomp filter, which might forbid a fork: add --fork-under-seccomp if it allows clone and wait4 (as those of Docker and Kubernetes do)"
    )]
    Seccomp {
        /// The process.
        pid: u32,
    },
    /// The memory that the copy may cost is not there.
    #[error(
        "a copy of process {pid} may cost it {} MiB of memory, and only {} MiB are left to it: raise its memory limit for the moment, or allow --max-copy to end it early", needed >> 20, left >> 20
    )]
    Memory {
        /// The process.
        pid: u32,
        /// The bytes that it may cost.
        needed: u64,
        /// The bytes that are left.
        left: u64,
    },
    /// The copy cost the process more than is allowed, and was given up.
    #[error("process {pid} writes so much that its copy cost it more than {} MiB (--max-copy): try again when it is quieter", limit >> 20)]
    CopyTooLarge {
        /// The process.
        pid: u32,
        /// `--max-copy`.
        limit: u64,
    },
    /// The kernel refused the fork.
    #[error("process {pid} can't fork: {what}")]
    Fork {
        /// The process.
        pid: u32,
        /// What the kernel said.
        what: String,
    },
    /// The copy was killed, and did not go.
    #[error(
        "process {copy}, the copy of process {pid} that was read, is left behind: it was killed, does nothing any more, and goes when what the kernel waits for (a device, a network file system) answers, or when process {pid} ends"
    )]
    Left {
        /// The process.
        pid: u32,
        /// Its copy.
        copy: u32,
    },
    /// The process that holds the other one did not do its part.
    #[error("could not hold up process {pid}: {what}")]
    Keeper {
        /// The process.
        pid: u32,
        /// What failed.
        what: String,
    },
}

fn millis(duration: &Duration) -> String {
    format!("{duration:.1?}")
}

impl HoldError {
    /// May the process be stopped and read where it could not fork?
    pub(crate) fn leaves_stopping(&self) -> bool {
        matches!(
            self,
            Self::Seccomp { .. }
                | Self::Memory { .. }
                | Self::Fork { .. }
                | Self::TooLong { .. }
                | Self::CopyTooLarge { .. }
        )
    }
}
