//! The memory of a target behind one small trait.

use crate::error::ProcessError;
use crate::live::Mapping;

/// Memory that can be read: of a living process, later of a core or a recorded image.
pub(crate) trait Memory {
    /// Reads all of `buffer` from `address`.
    ///
    /// # Errors
    /// If any part of it can't be read.
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ProcessError>;

    /// Reads many parts, one behind the other, into a buffer that is as long as all of them.
    ///
    /// # Errors
    /// If any of them can't be read.
    fn read_many(&self, parts: &[Part], buffer: &mut [u8]) -> Result<(), ProcessError> {
        let mut rest = buffer;
        for part in parts {
            let (here, after) = rest.split_at_mut(part.len.min(rest.len()));
            self.read(part.start, here)?;
            rest = after;
        }
        Ok(())
    }

    /// What is mapped in it, in rising order.
    ///
    /// # Errors
    /// If that can't be told.
    fn mappings(&self) -> Result<Vec<Mapping>, ProcessError>;

    /// Which pages of 4 KiB from `start` to `end` have ever been written to or read; all of them, if it
    /// can't be told.
    fn present(&self, start: u64, end: u64) -> Vec<bool> {
        vec![true; usize::try_from((end - start).div_ceil(PAGE)).unwrap_or(0)]
    }
}

/// The size of a page, the unit of mappings, in bytes.
pub(crate) const PAGE: u64 = 4096;

/// A part of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its address.
    pub(crate) start: u64,
    /// Its length in bytes.
    pub(crate) len: usize,
}

/// No table of a Go program is larger; a length above it is damaged memory.
const MAX_BYTES: u64 = 1 << 30;
/// No symbol or file name is longer.
const MAX_NAME: usize = 4096;

impl dyn Memory + '_ {
    pub(crate) fn u8(&self, address: u64) -> Result<u8, ProcessError> {
        let mut bytes = [0; 1];
        self.read(address, &mut bytes)?;
        Ok(bytes[0])
    }

    pub(crate) fn u64(&self, address: u64) -> Result<u64, ProcessError> {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    pub(crate) fn u32(&self, address: u64) -> Result<u32, ProcessError> {
        let mut bytes = [0; 4];
        self.read(address, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    pub(crate) fn bytes(&self, address: u64, len: u64) -> Result<Vec<u8>, ProcessError> {
        if len > MAX_BYTES {
            return Err(ProcessError::Unreadable { address });
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        // Nothing may lie anywhere.
        if len > 0 {
            self.read(address, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// A Go string whose header lies at `address`.
    pub(crate) fn go_string(&self, address: u64) -> Result<String, ProcessError> {
        let (data, len) = (self.u64(address)?, self.u64(address.wrapping_add(8))?);
        if len > MAX_NAME as u64 {
            return Err(ProcessError::Unreadable { address: data });
        }
        Ok(String::from_utf8_lossy(&self.bytes(data, len)?).into_owned())
    }
}

/// A little-endian word in a buffer; 0 beyond its end, which no caller takes for anything valid.
pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    at.checked_add(8).and_then(|end| bytes.get(at..end)).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// The same for 32 bits.
pub(crate) fn half(bytes: &[u8], at: usize) -> u32 {
    at.checked_add(4).and_then(|end| bytes.get(at..end)).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}
