//! What the process's exit code says.

use std::process::ExitCode;

/// The exit codes of every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: nothing leaks.
    Clean = 0,
    /// 1: there are findings or leaks (proven or likely).
    Leaks = 1,
    /// 2: gostray itself could not do it: usage, unreachable, unreadable, no permission.
    Failure = 2,
    /// 4: there was nothing to check.
    Nothing = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
