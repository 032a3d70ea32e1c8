//! The Go processes of this machine.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use jiff::Timestamp;
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection, ReadCache};

use crate::attached::Attached;
use crate::buildinfo::{self, BuildInfo};

/// A Go process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoProcess {
    /// Its process id.
    pub pid: u32,
    /// The name of its user, or the number of one without a name.
    pub user: String,
    /// What was built, and with which release.
    pub build: BuildInfo,
    /// How many goroutines it has; `None` where its memory can't be read.
    pub goroutines: Option<u64>,
    /// How many threads it has.
    pub threads: u64,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// Its executable, in its own file system.
    pub executable: String,
}

/// Lists the Go processes of this machine that can be seen, by process id; none is stopped.
/// Containers are seen through `/proc/PID/root`.
#[must_use]
pub fn processes() -> Vec<GoProcess> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids.into_iter().filter_map(process).collect()
}

fn process(pid: u32) -> Option<GoProcess> {
    let build = read_build_info(pid)?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok()).unwrap_or(0);
    let uid = fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    let user = nix::unistd::User::from_uid(uid.into()).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    let executable = fs::read_link(format!("/proc/{pid}/exe")).ok()?.to_string_lossy().into_owned();
    let goroutines = Attached::open(pid).and_then(|attached| {
        let goroutines = attached.goroutines()?;
        Ok(goroutines.iter().filter(|g| !attached.is_system(g)).count() as u64)
    });
    Some(GoProcess { pid, user, build, goroutines: goroutines.ok(), threads, started_at: started_at(pid), executable })
}

/// The build information in a process's executable; also of one that was deleted.
fn read_build_info(pid: u32) -> Option<BuildInfo> {
    let cache = ReadCache::new(File::open(format!("/proc/{pid}/exe")).ok()?);
    let object: ElfFile64<'_, Endianness, _> = ElfFile64::parse(&cache).ok()?;
    let section = object.section_by_name(".go.buildinfo")?.data().ok()?;
    let (version, rest) = split_string(section.get(32..)?)?;
    let (modules, _) = split_string(rest)?;
    buildinfo::parse(version, modules)
}

/// A string behind its length.
fn split_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = bytes.iter().take(9).position(|byte| byte & 0x80 == 0)? + 1;
    let len = bytes[..digits].iter().rev().fold(0usize, |len, byte| len << 7 | usize::from(byte & 0x7f));
    bytes.get(digits..)?.split_at_checked(len)
}

/// When a process started, as far as `/proc` tells: to a hundredth of a second.
pub(crate) fn started_at(pid: u32) -> Option<Timestamp> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in parentheses, which may hold anything.
    let after_command = &stat[stat.rfind(')')? + 2..];
    let ticks: u64 = after_command.split(' ').nth(19)?.parse().ok()?;
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let boot: i64 = boot.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())?;
    // The kernel counts in hundredths here, whatever its own clock does.
    let millis = boot.checked_mul(1000)?.checked_add(i64::try_from(ticks.checked_mul(10)?).ok()?)?;
    Timestamp::from_millisecond(millis).ok()
}
