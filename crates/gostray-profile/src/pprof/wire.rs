//! Protobuf's wire format, borrowed from the input.

use crate::error::ProfileError;

/// The value of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// An integer; signed ones in two's complement.
    Varint(u64),
    /// A string, a message, or a packed list.
    Bytes(&'a [u8]),
    /// A 32- or 64-bit number; `profile.proto` has none, so it belongs to an unknown field.
    Fixed,
}

impl<'a> Value<'a> {
    /// The integer; 0 where the field has another type.
    pub(super) fn int(self) -> u64 {
        if let Self::Varint(value) = self { value } else { 0 }
    }

    /// The bytes; empty where the field has another type.
    pub(super) fn bytes(self) -> &'a [u8] {
        if let Self::Bytes(bytes) = self { bytes } else { &[] }
    }

    /// The integers of a repeated field, which writers may or may not pack.
    pub(super) fn for_each_int(self, mut each: impl FnMut(u64)) -> Result<(), ProfileError> {
        match self {
            Self::Varint(value) => each(value),
            Self::Bytes(mut packed) => {
                while !packed.is_empty() {
                    each(varint(&mut packed)?);
                }
            }
            Self::Fixed => {}
        }
        Ok(())
    }
}

/// The fields of a message in the order of the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field's number and value, `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, ProfileError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = varint(&mut self.rest)?;
        let number =
            u32::try_from(tag >> 3).ok().filter(|n| *n > 0).ok_or_else(|| damaged("a field number is wrong"))?;
        let value = match tag & 7 {
            0 => Value::Varint(varint(&mut self.rest)?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = varint(&mut self.rest)?;
                Value::Bytes(self.take(usize::try_from(length).unwrap_or(usize::MAX))?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(damaged("a field has a type that pprof does not use")),
        };
        Ok(Some((number, value)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ProfileError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| damaged("it ends within a field"))?;
        self.rest = rest;
        Ok(taken)
    }
}

/// Takes one base-128 integer of at most 64 bits.
fn varint(input: &mut &[u8]) -> Result<u64, ProfileError> {
    let mut value = 0u64;
    for (at, byte) in input.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if at == 9 && bits > 1 {
            break;
        }
        value |= bits << (7 * at);
        if byte & 0x80 == 0 {
            *input = &input[at + 1..];
            return Ok(value);
        }
    }
    Err(damaged(if input.len() < 10 { "it ends within a number" } else { "a number is longer than 64 bits" }))
}

fn damaged(what: &str) -> ProfileError {
    ProfileError::Malformed { what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints(value: Value<'_>) -> Vec<u64> {
        let mut all = Vec::new();
        value.for_each_int(|v| all.push(v)).unwrap();
        all
    }

    #[test]
    fn reads_fields_and_both_forms_of_lists() {
        let mut fields = Fields::of(b"\x08\x96\x01\x12\x03abc\x0d1234\x09abcdefgh");
        assert_eq!(fields.next().unwrap(), Some((1, Value::Varint(150))));
        assert_eq!(fields.next().unwrap(), Some((2, Value::Bytes(b"abc"))));
        assert_eq!(fields.next().unwrap(), Some((1, Value::Fixed)));
        assert_eq!(fields.next().unwrap(), Some((1, Value::Fixed)));
        assert_eq!(fields.next().unwrap(), None);
        assert_eq!(ints(Value::Bytes(b"\x01\x96\x01")), [1, 150]);
        assert_eq!(ints(Value::Varint(7)), [7]);
    }

    #[test]
    fn the_largest_number_fits_and_a_longer_one_is_refused() {
        let mut largest = &b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"[..];
        assert_eq!(varint(&mut largest).unwrap(), u64::MAX);
        for (bytes, message) in [
            (&b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"[..], "64 bits"),
            (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "64 bits"),
            (b"\x08\x80", "ends within a number"),
            (b"\x12\x05ab", "ends within a field"),
            (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "ends within a field"),
            (b"\x0b", "a type that pprof does not use"),
            (b"\x00\x00", "field number"),
        ] {
            let error = Fields::of(bytes).next().unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
