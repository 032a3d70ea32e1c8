//! Runs something of the user's for so long and no longer, with all that it starts.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How often it is looked whether it ended.
const STEP: Duration = Duration::from_millis(2);

/// How a command ended; `None` if it was still there after so long. Nothing of it is left.
pub(super) fn run(command: &mut Command, limit: Duration) -> io::Result<Option<ExitStatus>> {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let mut group = Group(command.spawn()?);
    let start = Instant::now();
    loop {
        if let Some(status) = group.0.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > limit {
            return Ok(None);
        }
        std::thread::sleep(STEP);
    }
}

struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // What it started may be there when it is not.
        #[cfg(unix)]
        if let Ok(group) = i32::try_from(self.0.id()) {
            let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(group), nix::sys::signal::Signal::SIGKILL);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
