//! Inflation that a gzip bomb can't turn into memory.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use crate::error::ProfileError;

/// Inflates a gzip stream and fails once more than `limit` bytes have come out.
pub(crate) struct Inflate<R> {
    decoder: MultiGzDecoder<R>,
    left: u64,
    limit: u64,
}

impl<R: Read> Inflate<R> {
    pub(crate) fn new(input: R, limit: u64) -> Self {
        Self { decoder: MultiGzDecoder::new(input), left: limit, limit }
    }
}

impl<R: Read> Read for Inflate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(buffer).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                io::Error::other(ProfileError::Gzip(e.to_string()))
            }
            _ => e,
        })?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(ProfileError::TooLarge { limit: self.limit })),
        }
        Ok(read)
    }
}
