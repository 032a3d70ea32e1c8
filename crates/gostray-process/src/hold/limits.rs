//! Whether a process can bear to be held up: how long it would take, and what its copy may cost.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::hold::HoldError;

/// Forking takes so long for each GiB in pages of 4 KiB, as measured (20 to 70 ms), and for each thread
/// that is stopped.
const FORK_GIB: Duration = Duration::from_millis(60);
const THREAD: Duration = Duration::from_micros(15);
/// Reading takes so long for each GiB: new memory of ours is touched for it.
const READ_GIB: Duration = Duration::from_millis(1000);
/// No process is made to fork that has less left than this, in bytes.
const MIN_LEFT: u64 = 64 << 20;

/// What a process must bear at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_pause: Duration,
    /// Bytes that a copy may cost; `None` for a quarter of what is left.
    pub(crate) max_copy: Option<u64>,
    pub(crate) fork_under_seccomp: bool,
}

/// May it fork? Gives the bytes that its copy may cost.
pub(crate) fn can_fork(pid: u32, limits: &Limits) -> Result<u64, HoldError> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|_| HoldError::Gone { pid })?;
    let number = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    if number("Seccomp:") == 2 && !limits.fork_under_seccomp {
        return Err(HoldError::Seccomp { pid });
    }
    // In KiB.
    let resident = (number("RssAnon:") + number("RssShmem:")) << 10;
    let predicted = scale(FORK_GIB, resident) + THREAD * u32::try_from(number("Threads:")).unwrap_or(u32::MAX);
    if predicted > limits.max_pause {
        return Err(HoldError::TooLong { pid, predicted, limit: limits.max_pause });
    }
    let left = memory_left(pid);
    let max_copy = limits.max_copy.unwrap_or(left / 4);
    // All of it is copied if the process writes to all of it while the copy lives.
    let needed = resident.min(max_copy).max(MIN_LEFT);
    if left < needed {
        return Err(HoldError::Memory { pid, needed, left });
    }
    Ok(max_copy)
}

/// May it stand still while so many bytes are read?
pub(crate) fn can_stop(pid: u32, bytes: u64, limits: &Limits) -> Result<(), HoldError> {
    let predicted = scale(READ_GIB, bytes);
    if predicted > limits.max_pause {
        return Err(HoldError::TooLong { pid, predicted, limit: limits.max_pause });
    }
    Ok(())
}

fn scale(gib: Duration, bytes: u64) -> Duration {
    let nanos = (u128::from(bytes) * gib.as_nanos()) >> 30;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The memory that a process may still use: what the machine has, and what the control groups it is in
/// leave.
fn memory_left(pid: u32) -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let available = available.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
    let mut left = available.map_or(u64::MAX, |kib| kib << 10);
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    for group in groups.lines() {
        let mut fields = group.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let (root, limit, used) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max", "memory.current"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
            _ => continue,
        };
        let number = |file: PathBuf| -> Option<u64> { fs::read_to_string(file).ok()?.trim().parse().ok() };
        // A limit holds for all below it. Those that can't be seen from here are not known.
        for folder in Path::new(path).ancestors() {
            let folder = Path::new(root).join(folder.strip_prefix("/").unwrap_or(folder));
            if let (Some(limit), Some(used)) = (number(folder.join(limit)), number(folder.join(used))) {
                left = left.min(limit.saturating_sub(used));
            }
        }
    }
    left
}
