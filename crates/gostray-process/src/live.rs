//! A living process, as `/proc` shows it. Reading its memory does not stop it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use crate::error::ProcessError;
use crate::memory::Memory;

/// A mapping of a process's address space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) executable: bool,
    pub(crate) path: String,
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

    /// Its mappings, in rising order.
    pub(crate) fn mappings(&self) -> Result<Vec<Mapping>, ProcessError> {
        let path = format!("/proc/{}/maps", self.pid);
        let text = fs::read_to_string(&path).map_err(|e| explain(self.pid, &path, e))?;
        Ok(text.lines().filter_map(parse_mapping).collect())
    }

    /// Its executable, as its mappings name it.
    pub(crate) fn executable(&self) -> Result<String, ProcessError> {
        let path = format!("/proc/{}/exe", self.pid);
        let link = fs::read_link(&path).map_err(|e| explain(self.pid, &path, e))?;
        Ok(link.to_string_lossy().into_owned())
    }
}

impl Memory for Live {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ProcessError> {
        self.memory.read_exact_at(buffer, address).map_err(|_| ProcessError::Unreadable { address })
    }
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
    let own = fs::metadata("/proc/self").map(|m| std::os::unix::fs::MetadataExt::uid(&m)).ok();
    let owner = fs::metadata(format!("/proc/{pid}")).map(|m| std::os::unix::fs::MetadataExt::uid(&m)).ok();
    let yama = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let yama = yama.trim();
    let (why, mend) = if own != owner {
        ("it belongs to another user".to_owned(), format!("run: sudo gostray inspect pid:{pid}"))
    } else if matches!(yama, "1" | "2") {
        (
            format!("Yama allows it only with CAP_SYS_PTRACE: kernel.yama.ptrace_scope is {yama}"),
            format!("run: sudo gostray inspect pid:{pid}"),
        )
    } else if yama == "3" {
        (
            "Yama allows it to nobody until the next boot: kernel.yama.ptrace_scope is 3".to_owned(),
            "if it serves net/http/pprof, use gostray inspect HOST:PORT".to_owned(),
        )
    } else {
        (
            "no CAP_SYS_PTRACE, as in most containers".to_owned(),
            "in Kubernetes: kubectl debug -it POD --target=CONTAINER --profile=general --image=IMAGE-WITH-GOSTRAY\n\
             in Docker: docker run --cap-add SYS_PTRACE …"
                .to_owned(),
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
