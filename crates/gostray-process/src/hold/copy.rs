//! The memory of a fork, which stands still.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::error::ProcessError;
use crate::hold::HoldError;
use crate::live::{Mapping, mappings, present_pages};
use crate::memory::{Memory, PAGE};

/// A copy of a process.
pub(crate) struct Copy {
    pid: u32,
    memory: File,
    apart: Option<Apart>,
}

/// What a fork does not copy: memory that it shares with the process, in which that writes on, and what it was told
/// to leave out (`MADV_DONTFORK`). Only C has such.
struct Apart {
    /// All that was mapped.
    mappings: Vec<Mapping>,
    /// What was there, in rising order.
    parts: Vec<(u64, Vec<u8>)>,
}

impl Copy {
    pub(crate) fn open(pid: u32) -> Result<Self, String> {
        let path = format!("/proc/{pid}/mem");
        let memory = File::open(&path).map_err(|error: io::Error| format!("{path}: {error}"))?;
        Ok(Self { pid, memory, apart: None })
    }

    /// Reads what is not copied from the process, while that stands still; if `may` says so, which is told how much
    /// it is.
    pub(crate) fn read_apart(
        &mut self,
        memory: &dyn Memory,
        may: impl FnOnce(u64) -> Result<(), HoldError>,
    ) -> Result<(), HoldError> {
        // One that has ended meanwhile is found out later.
        let (Ok(all), Ok(copied)) = (memory.mappings(), mappings(self.pid)) else { return Ok(()) };
        let is_copied = |mapping: &Mapping| copied.iter().any(|c| c.start <= mapping.start && mapping.end <= c.end);
        let apart = all.iter().filter(|mapping| mapping.writable && !mapping.is_kernels());
        let apart: Vec<_> = apart.filter(|mapping| mapping.shared || !is_copied(mapping)).collect();
        may(apart.iter().map(|mapping| mapping.end - mapping.start).sum())?;
        let parts = apart.into_iter().flat_map(|mapping| read_pages(memory, mapping.start..mapping.end)).collect();
        self.apart = Some(Apart { mappings: all, parts });
        Ok(())
    }
}

/// All of it, or the pages of it that are there: a file may have been cut.
fn read_pages(memory: &dyn Memory, all: Range<u64>) -> Vec<(u64, Vec<u8>)> {
    if let Ok(bytes) = memory.bytes(all.start, all.end - all.start) {
        return vec![(all.start, bytes)];
    }
    let pages = all.step_by(PAGE as usize);
    pages.filter_map(|page| Some((page, memory.bytes(page, PAGE).ok()?))).collect()
}

impl Apart {
    /// What was there; `None` if that was copied, an error if not all of it was there.
    fn get(&self, address: u64, len: usize) -> Option<Result<&[u8], ProcessError>> {
        let after = self.parts.partition_point(|(start, _)| *start <= address);
        let end = address.saturating_add(len as u64);
        if let Some((start, bytes)) = after.checked_sub(1).map(|number| &self.parts[number])
            && address < start + bytes.len() as u64
        {
            let from = usize::try_from(address - start).unwrap_or(usize::MAX);
            let here = from.checked_add(len).and_then(|to| bytes.get(from..to));
            return Some(here.ok_or(ProcessError::Unreadable { address }));
        }
        let reaches = self.parts.get(after).is_some_and(|(start, _)| *start < end);
        reaches.then_some(Err(ProcessError::Unreadable { address }))
    }
}

/// Reads through `/proc`, part by part: `process_vm_readv` pins what it reads, for which the kernel gives
/// the copy pages of its own, so that looking at it would cost the memory that forking saves.
impl Memory for Copy {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ProcessError> {
        match self.apart.as_ref().and_then(|apart| apart.get(address, buffer.len())) {
            Some(bytes) => buffer.copy_from_slice(bytes?),
            None => {
                self.memory.read_exact_at(buffer, address).map_err(|_| ProcessError::Unreadable { address })?;
            }
        }
        Ok(())
    }

    fn mappings(&self) -> Result<Vec<Mapping>, ProcessError> {
        match &self.apart {
            Some(apart) => Ok(apart.mappings.clone()),
            None => mappings(self.pid),
        }
    }

    fn present(&self, start: u64, end: u64) -> Vec<bool> {
        let mut present = present_pages(self.pid, start, end);
        if let Some(apart) = &self.apart {
            for (page, exists) in (start..end).step_by(PAGE as usize).zip(&mut present) {
                *exists |= matches!(apart.get(page, 1), Some(Ok(_)));
            }
        }
        present
    }
}
