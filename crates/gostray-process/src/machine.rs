//! What differs between processors.

/// A processor that Go programs are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machine {
    Amd64,
    Arm64,
}

impl Machine {
    /// As Go calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// What the function table says of it: the unit of the lengths of instructions, and the size of a
    /// pointer.
    pub(crate) fn quantum_and_word(self) -> [u8; 2] {
        match self {
            Self::Amd64 => [1, 8],
            Self::Arm64 => [4, 8],
        }
    }

    /// Every address that the code of a function could mean, rising. Whether one is meant or only looks
    /// so is told by what lies there.
    pub(crate) fn references(self, code: &[u8], entry: u64) -> Vec<u64> {
        let mut found = match self {
            Self::Amd64 => amd64(code, entry),
            Self::Arm64 => arm64(code, entry),
        };
        found.retain(|address| address % 8 == 0);
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Operands are relative to the end of their instruction, which for the ones that matter is the end of
/// the operand.
fn amd64(code: &[u8], entry: u64) -> Vec<u64> {
    let operands = code.windows(4).enumerate();
    operands
        .map(|(at, operand)| {
            let operand = i32::from_le_bytes([operand[0], operand[1], operand[2], operand[3]]);
            (entry + at as u64 + 4).wrapping_add_signed(operand.into())
        })
        .collect()
}

/// `ADRP` puts the address of a page into a register; `ADD`, a load or a store adds to it.
fn arm64(code: &[u8], entry: u64) -> Vec<u64> {
    let mut found = Vec::new();
    let mut registers = [None; 32];
    for (at, bytes) in code.chunks_exact(4).enumerate() {
        let instruction = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let (to, from) = ((instruction & 31) as usize, (instruction >> 5 & 31) as usize);
        if instruction & 0x9f00_0000 == 0x9000_0000 {
            // 21 bits of pages, signed: the lower two stand apart.
            let pages = (instruction >> 5 & 0x7_ffff) << 2 | instruction >> 29 & 3;
            let pages = i64::from((pages << 11).cast_signed() >> 11);
            let page = (entry + 4 * at as u64) & !0xfff;
            registers[to] = Some(page.wrapping_add_signed(pages << 12));
            continue;
        }
        let offset = u64::from(instruction >> 10 & 0xfff);
        let target = match instruction & 0xffc0_0000 {
            // ADD; loads and stores of 8, 4 and 1 bytes, whose offsets count in these.
            0x9100_0000 => registers[from].map(|page: u64| page.wrapping_add(offset)),
            0xf940_0000 | 0xf900_0000 => registers[from].map(|page| page.wrapping_add(offset * 8)),
            0xb940_0000 | 0xb900_0000 => registers[from].map(|page| page.wrapping_add(offset * 4)),
            0x3940_0000 | 0x3900_0000 => registers[from].map(|page| page.wrapping_add(offset)),
            _ => None,
        };
        found.extend(target);
        if instruction & 0xffc0_0000 == 0x9100_0000 {
            registers[to] = target;
        }
    }
    found
}
