//! A living process, as `/proc` shows it. Reading its memory does not stop it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use gostray_model::{Target, TargetKind};

use crate::error::{ProcessError, Subject};
use crate::memory::{Memory, PAGE, Part};
use crate::process::Process;
use crate::processes;

/// A mapping of a process's address space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) shared: bool,
    pub(crate) executable: bool,
    pub(crate) path: String,
}

impl Mapping {
    /// Does it belong to the kernel, and can't be read like other memory?
    pub(crate) fn is_kernels(&self) -> bool {
        self.path.starts_with("[v")
    }
}

/// A living process whose memory may be read.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) pid: u32,
    memory: File,
}

impl Live {
    pub(crate) fn open(pid: u32) -> Result<Self, ProcessError> {
        let path = format!("/proc/{pid}/mem");
        match File::open(&path) {
            Ok(memory) => {
                let live = Self { pid, memory };
                // Opening may succeed where reading does not: a process that has ended maps nothing.
                if live.mappings()?.is_empty() { Err(ProcessError::Gone { pid }) } else { Ok(live) }
            }
            Err(error) => Err(explain(pid, &path, error)),
        }
    }

    /// The path of its executable, as its mappings name it.
    fn executable_path(&self) -> Result<String, ProcessError> {
        let path = format!("/proc/{}/exe", self.pid);
        let link = fs::read_link(&path).map_err(|e| explain(self.pid, &path, e))?;
        Ok(link.to_string_lossy().into_owned())
    }

    /// The name of the emulator that it is, if it is one.
    fn emulator(&self) -> Option<String> {
        let path = self.executable_path().ok()?;
        let name = path.rsplit('/').next()?;
        name.starts_with("qemu-").then(|| name.to_owned())
    }
}

impl Process for Live {
    fn subject(&self) -> Subject {
        Subject::Process(self.pid)
    }

    fn target(&self) -> Target {
        Target {
            kind: TargetKind::Process,
            name: format!("pid:{}", self.pid),
            pid: Some(self.pid),
            started_at: processes::started_at(self.pid),
            ..Target::default()
        }
    }

    fn executable(&self) -> Result<Vec<Mapping>, ProcessError> {
        let path = self.executable_path()?;
        Ok(self.mappings()?.into_iter().filter(|mapping| mapping.path == path).collect())
    }

    /// Also of one that was deleted.
    fn executable_file(&self) -> Option<File> {
        File::open(format!("/proc/{}/exe", self.pid)).ok()
    }

    fn has_memory(&self, address: u64) -> bool {
        self.read(address, &mut [0]).is_ok()
    }

    /// What went wrong with a process that is no longer what it was, went wrong for that.
    fn explain(&self, error: ProcessError) -> ProcessError {
        let pid = self.pid;
        if matches!(error, ProcessError::Gone { .. } | ProcessError::Permission { .. }) {
            return error;
        }
        // What an emulator runs is not what the kernel runs.
        if let (ProcessError::NotGo { .. }, Some(name)) = (&error, self.emulator()) {
            let what = format!("{name} runs it, a program for another processor");
            return ProcessError::Unsupported { subject: self.subject(), what };
        }
        match self.mappings() {
            Ok(mappings) if mappings.is_empty() => ProcessError::Gone { pid },
            Err(ProcessError::Gone { .. }) => ProcessError::Gone { pid },
            // What its memory was is no longer there, but it is.
            Ok(mappings) if mappings.iter().all(|mapping| self.read(mapping.start, &mut [0]).is_err()) => {
                ProcessError::Replaced { pid }
            }
            _ => error,
        }
    }
}

impl Memory for Live {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ProcessError> {
        self.memory.read_exact_at(buffer, address).map_err(|_| ProcessError::Unreadable { address })
    }

    fn read_many(&self, parts: &[Part], buffer: &mut [u8]) -> Result<(), ProcessError> {
        read_vectored(self.pid, parts, buffer)
    }

    fn mappings(&self) -> Result<Vec<Mapping>, ProcessError> {
        mappings(self.pid)
    }

    fn present(&self, start: u64, end: u64) -> Vec<bool> {
        present_pages(self.pid, start, end)
    }
}

/// The mappings of a process: none if it has ended.
pub(crate) fn mappings(pid: u32) -> Result<Vec<Mapping>, ProcessError> {
    let path = format!("/proc/{pid}/maps");
    let read = || fs::read_to_string(&path).map_err(|e| explain(pid, &path, e));
    let mut text = read()?;
    // The file belongs to the program that ran when it was opened: another may have been executed since.
    if text.is_empty() {
        text = read()?;
    }
    Ok(text.lines().filter_map(parse_mapping).collect())
}

/// Which pages of a process exist, in memory or swapped out: `/proc/PID/pagemap`. All, if it can't be
/// told. Touching one that does not exist would make the kernel give the process one.
pub(crate) fn present_pages(pid: u32, start: u64, end: u64) -> Vec<bool> {
    /// Bits of an entry: present, swapped out.
    const EXISTS: u64 = 3 << 62;
    let pages = usize::try_from((end - start).div_ceil(PAGE)).unwrap_or(0);
    let mut entries = vec![0u8; pages * 8];
    let read = File::open(format!("/proc/{pid}/pagemap"))
        .and_then(|pagemap| pagemap.read_exact_at(&mut entries, start / PAGE * 8));
    match read {
        Ok(()) => entries.chunks_exact(8).map(|entry| crate::memory::word(entry, 0) & EXISTS != 0).collect(),
        Err(_) => vec![true; pages],
    }
}

/// The kernel takes so many parts at once.
const MAX_PARTS: usize = 1024;
/// And not more than this at once, so that a process that must not be stopped for long never is.
const MAX_AT_ONCE: usize = 64 << 20;

/// Reads many parts of a process with few system calls.
fn read_vectored(pid: u32, parts: &[Part], buffer: &mut [u8]) -> Result<(), ProcessError> {
    let process = nix::unistd::Pid::from_raw(pid.cast_signed());
    let mut rest = buffer;
    // Where reading goes on, within a part that was read in pieces.
    let (mut next, mut offset) = (0, 0);
    while let Some(first) = parts.get(next) {
        let (mut remote, mut len, mut at, mut skip) = (Vec::new(), 0, next, offset);
        while let Some(part) = parts.get(at).filter(|_| len < MAX_AT_ONCE && remote.len() < MAX_PARTS) {
            let take = (part.len - skip).min(MAX_AT_ONCE - len);
            let base = usize::try_from(part.start).unwrap_or(usize::MAX).saturating_add(skip);
            remote.push(nix::sys::uio::RemoteIoVec { base, len: take });
            len += take;
            if skip + take < part.len {
                skip += take;
                break;
            }
            (at, skip) = (at + 1, 0);
        }
        let unreadable = ProcessError::Unreadable { address: first.start };
        let Some((here, after)) = rest.split_at_mut_checked(len) else { return Err(unreadable) };
        let read = nix::sys::uio::process_vm_readv(process, &mut [std::io::IoSliceMut::new(here)], &remote);
        if read != Ok(len) {
            return Err(unreadable);
        }
        (rest, next, offset) = (after, at, skip);
    }
    Ok(())
}

/// `start-end perms offset dev inode   path`.
fn parse_mapping(line: &str) -> Option<Mapping> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let permissions = fields.next()?;
    let path = fields.nth(3).unwrap_or_default().trim_start();
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        readable: permissions.contains('r'),
        writable: permissions.contains('w'),
        shared: permissions.contains('s'),
        executable: permissions.contains('x'),
        path: path.to_owned(),
    })
}

/// Says why `/proc` refused, and the exact next command.
fn explain(pid: u32, path: &str, error: io::Error) -> ProcessError {
    // A thread that is gone gives ESRCH; a zombie has no memory.
    if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(3) {
        return ProcessError::Gone { pid };
    }
    if error.kind() != io::ErrorKind::PermissionDenied {
        return ProcessError::Proc { path: path.to_owned(), source: error };
    }
    let user = |path: String| fs::metadata(path).map(|metadata| metadata.uid()).ok();
    let (own, owner) = (user("/proc/self".to_owned()), user(format!("/proc/{pid}")));
    // The files of who may not be looked at belong to root, whosever the process is.
    let hides = owner != Some(0) && user(format!("/proc/{pid}/mem")) == Some(0);
    let yama = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let yama = yama.trim();
    let sudo = format!("run: sudo gostray prove {pid}   (or: sudo gostray inspect pid:{pid})");
    let (why, mend) = if own != owner {
        ("it belongs to another user".to_owned(), sudo)
    } else if yama == "3" {
        (
            "Yama allows it to nobody until the next boot: kernel.yama.ptrace_scope is 3".to_owned(),
            "if it serves net/http/pprof, use gostray inspect HOST:PORT".to_owned(),
        )
    } else if matches!(yama, "1" | "2") {
        (format!("Yama allows it only with CAP_SYS_PTRACE: kernel.yama.ptrace_scope is {yama}"), sudo)
    } else if hides {
        ("it has secrets: it was started with capabilities, or has called prctl PR_SET_DUMPABLE".to_owned(), sudo)
    } else {
        let sudo = if own == Some(0) { String::new() } else { format!("{sudo}\n") };
        (
            "no CAP_SYS_PTRACE, as in most containers".to_owned(),
            format!(
                "{sudo}in Kubernetes: kubectl debug -it POD --target=CONTAINER --profile=general --image=IMAGE-WITH-GOSTRAY\n\
                 in Docker: docker run --cap-add SYS_PTRACE …"
            ),
        )
    };
    ProcessError::Permission { pid, why, mend }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines_of_maps() {
        let mapping =
            parse_mapping("00400000-0056c000 r-xp 00000000 fe:00 1234                           /srv/my app (deleted)")
                .unwrap();
        assert_eq!((mapping.start, mapping.end, mapping.executable), (0x40_0000, 0x56_c000, true));
        assert_eq!(mapping.path, "/srv/my app (deleted)");
        assert_eq!(parse_mapping("7ffc1000-7ffc2000 rw-p 00000000 00:00 0 ").unwrap().path, "");
    }
}
