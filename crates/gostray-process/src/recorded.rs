//! Memory that was recorded: the image of a program as its file has it, for tests.

use std::ops::Range;

use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSegment, SegmentFlags};

use crate::error::ProcessError;
use crate::live::Mapping;
use crate::memory::Memory;

/// Parts of memory with what they hold.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    parts: Vec<(Range<u64>, Vec<u8>)>,
    mappings: Vec<Mapping>,
}

impl Recorded {
    /// What a program's file says will be in its memory when it starts, and where.
    pub(crate) fn of_file(file: &[u8]) -> Self {
        let object: ElfFile64<'_, Endianness, _> = ElfFile64::parse(file).unwrap();
        let mut recorded = Self::default();
        for segment in object.segments() {
            let range = segment.address()..segment.address() + segment.size();
            let mut bytes = segment.data().unwrap().to_vec();
            bytes.resize(usize::try_from(segment.size()).unwrap(), 0);
            let SegmentFlags::Elf { p_flags, .. } = segment.flags() else { panic!("no ELF") };
            recorded.mappings.push(Mapping {
                start: range.start,
                end: range.end,
                readable: true,
                writable: p_flags.0 & 2 != 0,
                shared: false,
                executable: p_flags.0 & 1 != 0,
                path: String::new(),
            });
            recorded.parts.push((range, bytes));
        }
        recorded
    }
}

impl Memory for Recorded {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ProcessError> {
        let unreadable = ProcessError::Unreadable { address };
        let Some((range, bytes)) = self.parts.iter().find(|(range, _)| range.contains(&address)) else {
            return Err(unreadable);
        };
        let at = usize::try_from(address - range.start).map_err(|_| ProcessError::Unreadable { address })?;
        match bytes.get(at..at.saturating_add(buffer.len())) {
            Some(bytes) => buffer.copy_from_slice(bytes),
            None => return Err(unreadable),
        }
        Ok(())
    }

    fn mappings(&self) -> Result<Vec<Mapping>, ProcessError> {
        Ok(self.mappings.clone())
    }
}
