//! The memory of a fork, which stands still.

use std::io;

use crate::error::ProcessError;
use crate::live::{Mapping, mappings, present_pages};
use crate::memory::Memory;

use std::fs::File;
use std::os::unix::fs::FileExt;

/// A copy of a process.
pub(crate) struct Copy {
    pid: u32,
    memory: File,
}

impl Copy {
    pub(crate) fn open(pid: u32) -> Result<Self, String> {
        let path = format!("/proc/{pid}/mem");
        let memory = File::open(&path).map_err(|error: io::Error| format!("{path}: {error}"))?;
        Ok(Self { pid, memory })
    }
}

/// Reads through `/proc`, part by part: `process_vm_readv` pins what it reads, for which the kernel gives
/// the copy pages of its own, so that looking at it would cost the memory that forking saves.
impl Memory for Copy {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ProcessError> {
        self.memory.read_exact_at(buffer, address).map_err(|_| ProcessError::Unreadable { address })
    }

    fn mappings(&self) -> Result<Vec<Mapping>, ProcessError> {
        mappings(self.pid)
    }

    fn present(&self, start: u64, end: u64) -> Vec<bool> {
        present_pages(self.pid, start, end)
    }
}
