//! Memory for a copy of the heap.

use std::io;

use memmap2::{Advice, MmapMut};

/// Bytes that may be many. Touching new memory takes longer than copying into it: it is made of huge
/// pages where the kernel has them, and used again.
#[derive(Default)]
pub(crate) struct Buffer {
    map: Option<MmapMut>,
    len: usize,
}

impl Buffer {
    /// A buffer of a size, of the memory of this one if that is enough; what it holds is undefined.
    pub(crate) fn of_size(self, len: usize) -> io::Result<Self> {
        if let Some(map) = self.map
            && map.len() >= len
        {
            return Ok(Self { map: Some(map), len });
        }
        // An eighth more, as heaps grow.
        let map = MmapMut::map_anon(len + len / 8 + 1)?;
        // A kernel without them does without.
        let _ = map.advise(Advice::HugePage);
        Ok(Self { map: Some(map), len })
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.map.as_deref().and_then(|map| map.get(..self.len)).unwrap_or_default()
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        self.map.as_deref_mut().and_then(|map| map.get_mut(..self.len)).unwrap_or_default()
    }
}
