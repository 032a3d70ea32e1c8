//! Names of variables, from the symbol table of the executable where it has one.

use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSegment, ObjectSymbol, ReadCache, SymbolKind};

use crate::process::Process;

/// Variables by their address.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    /// Start, size and name, rising.
    variables: Vec<(u64, u64, String)>,
}

impl Symbols {
    /// Those of a process; none where its executable was stripped or is gone.
    pub(crate) fn of(process: &dyn Process) -> Self {
        Self::read(process).unwrap_or_default()
    }

    fn read(process: &dyn Process) -> Option<Self> {
        let cache = ReadCache::new(process.executable_file()?);
        let object: ElfFile64<'_, Endianness, _> = ElfFile64::parse(&cache).ok()?;
        let start = process.executable().ok()?.first()?.start;
        // Where it was loaded, for one that can lie anywhere.
        let first = object.segments().map(|segment| segment.address()).min()? & !0xfff;
        let bias = start.wrapping_sub(first);
        let mut variables: Vec<(u64, u64, String)> = object
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Data && symbol.size() > 0)
            .filter_map(|symbol| {
                Some((symbol.address().wrapping_add(bias), symbol.size(), symbol.name().ok()?.to_owned()))
            })
            .collect();
        variables.sort_unstable();
        Some(Self { variables })
    }

    /// The variable that an address lies in.
    pub(crate) fn variable(&self, address: u64) -> Option<&str> {
        let after = self.variables.partition_point(|(start, ..)| *start <= address);
        let (start, size, name) = self.variables.get(after.checked_sub(1)?)?;
        (address < start + size).then_some(name)
    }
}
