//! Numbers of as few bytes as they need: LEB128, with zigzag for those that may be negative.

use super::Corrupt;

pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, (value << 1) as u64 ^ (value >> 63) as u64);
}

/// Reads from the front of bytes; never beyond their end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&mut self) -> Result<u64, Corrupt> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(Corrupt("it ends within a number"))?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Corrupt("a number has more than 64 bits"));
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Corrupt("a number has more than 64 bits"))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Corrupt> {
        let value = self.get()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(crate) fn get_u32(&mut self) -> Result<u32, Corrupt> {
        u32::try_from(self.get()?).map_err(|_| Corrupt("a number has more than 32 bits"))
    }

    /// A number of things that follow, each of at least one byte: never more than there are bytes.
    pub(crate) fn length(&mut self) -> Result<usize, Corrupt> {
        let length = self.get()?;
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= self.0.len())
            .ok_or(Corrupt("it says that more follows than there is"))
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<Self, Corrupt> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Corrupt("it ends within a column"))?;
        self.0 = rest;
        Ok(Reader(taken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_put_is_read(unsigned: u64, signed: i64) {
            let mut bytes = Vec::new();
            put(&mut bytes, unsigned);
            put_signed(&mut bytes, signed);
            let mut reader = Reader(&bytes);
            prop_assert_eq!((reader.get()?, reader.signed()?), (unsigned, signed));
            prop_assert!(reader.is_empty());
        }
    }

    #[test]
    fn the_end_and_too_many_bits_are_errors() {
        assert!(Reader(&[0x80]).get().is_err());
        assert!(Reader(&[0xff; 10]).get().is_err());
        assert!(Reader(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]).get().is_err());
        assert!(Reader(&[3, 0, 0]).length().is_err());
        assert!(Reader(&[0xff, 0xff, 0xff, 0xff, 0x1f]).get_u32().is_err());
    }
}
