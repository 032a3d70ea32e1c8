//! A copy of the heap: every span with pointers.

use std::ops::Range;

use crate::globals::{HeapGlobals, MAX_SPANS};
use crate::heap::span::{Entry, Shape, SpanDetails, Spans};
use crate::heap::{Buffer, Object, PAGE, PointerMaps, Span};
use crate::image::Image;
use crate::memory::{Memory, Part, word};

/// Arenas of 64 MiB, the unit in which the heap takes address space.
const ARENA_PAGES: u64 = (64 << 20) / PAGE;
/// Records of spans that lie nearer than this to each other are read together.
const NEAR: u64 = 4096;
/// No heap has more records of spans, in bytes.
const MAX_RECORDS: usize = 8 << 30;
/// No object has more finalizers and the like, nor a span.
const MAX_SPECIALS: usize = 1 << 24;

/// The heap of a target at one moment.
pub(crate) struct Heap<'m> {
    spans: Vec<Span>,
    details: Vec<SpanDetails>,
    /// By span: does it hold objects that marking must ask about?
    asks: Vec<bool>,
    /// Spans that hold stacks, or memory of the runtime itself: where they begin and end.
    manual: Vec<Range<u64>>,
    /// How many objects there are room for.
    pub(crate) objects: u64,
    /// Those with pointers have the lower numbers: so many.
    pub(crate) with_pointers: u64,
    /// Spans with pointers, as their objects are numbered.
    numbered: Vec<u32>,
    /// How many bytes of spans with pointers were copied.
    pub(crate) copied: u64,
    bytes: Buffer,
    /// For each arena from the first on, where its pages begin in `pages`, plus 1.
    arenas: Vec<u32>,
    first_arena: u64,
    /// The number of the span of each page, plus 1.
    pages: Vec<u32>,
    /// Which objects are allocated: by span, where its bits begin, and from which object on they count.
    allocated: Vec<Option<(usize, u32)>>,
    allocation_bits: Vec<u8>,
    maps: PointerMaps<'m>,
}

/// What an entry of a span's list of specials asks for, beyond the object it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Special {
    pub(crate) address: u64,
    pub(crate) kind: u8,
    /// The address of the object.
    pub(crate) object: u64,
}

/// Finds objects by rising numbers.
pub(crate) struct Numbered<'h> {
    spans: &'h [Span],
    numbered: &'h [u32],
    at: usize,
}

impl Numbered<'_> {
    /// The object with pointers that has a number, which is not below any that was asked for before.
    pub(crate) fn object(&mut self, number: u64) -> Option<Object> {
        loop {
            let span = *self.numbered.get(self.at)?;
            let first = self.spans[span as usize].first_object;
            let index = u32::try_from(number.checked_sub(first)?).unwrap_or(u32::MAX);
            if index < self.spans[span as usize].objects {
                return Some(Object { span, index });
            }
            self.at += 1;
        }
    }
}

impl<'m> Heap<'m> {
    /// Copies the heap. The memory of `recycled` is used again: touching new memory takes as long as
    /// the copying itself. Types, which don't change, are read later from `types`.
    pub(crate) fn read(
        memory: &dyn Memory,
        types: &'m dyn Memory,
        image: &Image,
        globals: &HeapGlobals,
        recycled: Buffer,
    ) -> Result<Self, String> {
        let layout = &image.layout;
        let readable = |error: crate::ProcessError| error.to_string();
        let list = memory.bytes(globals.heap + layout.at("runtime.mheap.allspans"), 16).map_err(readable)?;
        let generation = memory.u32(globals.heap + layout.at("runtime.mheap.sweepgen")).map_err(readable)?;
        let (data, len) = (word(&list, 0), word(&list, 8));
        if len == 0 || len > MAX_SPANS {
            return Err(format!("the heap has {len} spans"));
        }
        let records = memory.bytes(data, 8 * len).map_err(readable)?;
        let mut records: Vec<u64> = records.chunks_exact(8).map(|record| word(record, 0)).collect();
        records.sort_unstable();
        let (mut spans, mut manual) = read_spans(memory, &Spans::new(layout, &image.build.go_version), &records)?;
        manual.sort_unstable_by_key(|span| span.start);
        spans.sort_unstable_by_key(|(span, _)| span.base);
        let (mut spans, details): (Vec<Span>, Vec<SpanDetails>) = spans.into_iter().unzip();
        if let Some(pair) = spans.windows(2).find(|pair| pair[0].base + pair[0].size > pair[1].base) {
            return Err(format!("two spans share {:#x}", pair[1].base));
        }
        let mut objects = 0;
        let mut with_pointers = 0;
        for has_pointers in [true, false] {
            for span in spans.iter_mut().filter(|span| span.has_pointers() == has_pointers) {
                span.first_object = objects;
                objects += u64::from(span.objects);
            }
            with_pointers = if has_pointers { objects } else { with_pointers };
        }
        let numbered = (0u32..).zip(&spans).filter(|(_, span)| span.has_pointers()).map(|(number, _)| number).collect();
        let (first_arena, arenas, pages) = index(&spans)?;
        let (allocated, allocation_bits) = read_allocation(memory, &spans, &details, generation)?;
        let maps = PointerMaps::read(memory, types, layout, globals, &spans)?;
        let (bytes, copied) = copy(memory, &mut spans, recycled)?;
        Ok(Self {
            asks: vec![false; spans.len()],
            spans,
            details,
            manual,
            objects,
            with_pointers,
            numbered,
            copied,
            bytes,
            arenas,
            first_arena,
            pages,
            allocated,
            allocation_bits,
            maps,
        })
    }

    /// The object that an address lies in.
    pub(crate) fn object(&self, address: u64) -> Option<Object> {
        let page = address / PAGE;
        let arena = usize::try_from((page / ARENA_PAGES).checked_sub(self.first_arena)?).ok()?;
        let pages = self.arenas.get(arena)?.checked_sub(1)? as usize;
        let number = self.pages[pages + usize::try_from(page % ARENA_PAGES).ok()?].checked_sub(1)?;
        let span = &self.spans[number as usize];
        let index = span.index_of(address - span.base);
        (index < span.objects).then_some(Object { span: number, index })
    }

    pub(crate) fn span(&self, object: Object) -> &Span {
        &self.spans[object.span as usize]
    }

    pub(crate) fn address(&self, object: Object) -> u64 {
        self.span(object).address(object.index)
    }

    /// The span of a stack.
    pub(crate) fn stack_span(&self, address: u64) -> Option<Range<u64>> {
        let after = self.manual.partition_point(|span| span.start <= address);
        self.manual.get(after.checked_sub(1)?).filter(|span| span.contains(&address)).cloned()
    }

    /// Does an address lie where the heap has address space?
    pub(crate) fn has_arena(&self, address: u64) -> bool {
        let arena = (address / PAGE / ARENA_PAGES).checked_sub(self.first_arena);
        arena
            .and_then(|arena| usize::try_from(arena).ok())
            .and_then(|arena| self.arenas.get(arena))
            .is_some_and(|a| *a != 0)
    }

    /// The number of an object among all.
    pub(crate) fn number(&self, object: Object) -> u64 {
        self.span(object).first_object + u64::from(object.index)
    }

    /// The object with pointers that has a number.
    pub(crate) fn by_number(&self, number: u64) -> Option<Object> {
        let after = self.numbered.partition_point(|span| self.spans[*span as usize].first_object <= number);
        let span = *self.numbered.get(after.checked_sub(1)?)?;
        let index = u32::try_from(number - self.spans[span as usize].first_object).ok()?;
        (index < self.spans[span as usize].objects).then_some(Object { span, index })
    }

    /// The objects with pointers, for who asks for them by rising numbers.
    pub(crate) fn numbered(&self) -> Numbered<'_> {
        Numbered { spans: &self.spans, numbered: &self.numbered, at: 0 }
    }

    /// Is it known to be free? Only a word that may not be a pointer at all can lead to such a one.
    pub(crate) fn is_free(&self, object: Object) -> bool {
        self.allocated[object.span as usize].is_some_and(|(bits, from)| {
            object.index >= from
                && self.allocation_bits[bits + object.index as usize / 8] >> (object.index % 8) & 1 == 0
        })
    }

    /// The copy of a span with pointers.
    pub(crate) fn bytes(&self, span: &Span) -> &[u8] {
        let end = span.copy.saturating_add(usize::try_from(span.size).unwrap_or(usize::MAX));
        self.bytes.as_ref().get(span.copy..end).unwrap_or_default()
    }

    /// The copy of an object, empty for one without pointers.
    pub(crate) fn contents(&self, object: Object) -> &[u8] {
        let span = self.span(object);
        let start = usize::try_from(u64::from(object.index) * span.object_size).unwrap_or(usize::MAX);
        let size = usize::try_from(span.object_size).unwrap_or(usize::MAX);
        self.bytes(span).get(start..start.saturating_add(size)).unwrap_or_default()
    }

    /// Has the processor fetch what [`for_each_pointer`](Self::for_each_pointer) will look at first.
    pub(crate) fn fetch(&self, object: Object) {
        let span = self.span(object);
        let bytes = self.bytes(span);
        let start = u64::from(object.index) * span.object_size;
        let bits = match span.shape {
            Shape::Bits(offset) => offset + start / 64,
            _ => start,
        };
        for at in [start, bits] {
            std::hint::black_box(usize::try_from(at).ok().and_then(|at| bytes.get(at)).copied());
        }
    }

    /// A word of an object with pointers, by its address.
    pub(crate) fn word(&self, address: u64) -> Option<u64> {
        let object = self.object(address)?;
        let span = self.span(object);
        let at = usize::try_from(address - span.base).ok()?;
        self.bytes(span).get(at..at.checked_add(8)?).map(|bytes| word(bytes, 0))
    }

    /// The words of an object that are pointers: their offsets in it and their values.
    pub(crate) fn for_each_pointer(&self, object: Object, mut each: impl FnMut(u64, u64)) {
        self.maps.for_each_pointer(self.span(object), self.bytes(self.span(object)), object.index, &mut each);
    }

    /// Every special: finalizers, cleanups, weak pointers and what else belongs to an object.
    pub(crate) fn specials(&self, memory: &dyn Memory, layout: &crate::layout::Layout) -> Result<Vec<Special>, String> {
        let (size, at) =
            (layout.at("runtime.special.__size"), |name: &str| layout.index(&format!("runtime.special.{name}")));
        let (next, offset, kind) = (at("next"), at("offset"), at("kind"));
        // 16 bits up to Go 1.23.
        let is_narrow = kind == offset + 2;
        let mut specials = Vec::new();
        for (span, details) in self.spans.iter().zip(&self.details).filter(|(_, details)| details.specials != 0) {
            let mut address = details.specials;
            while address != 0 {
                let record = memory.bytes(address, size).map_err(|error| error.to_string())?;
                let within = if is_narrow { word(&record, offset) & 0xffff } else { word(&record, offset) };
                if within >= span.size || specials.len() >= MAX_SPECIALS {
                    return Err(format!("the finalizers of the span at {:#x} are no list", span.base));
                }
                let kind = record.get(kind).copied().unwrap_or(0);
                specials.push(Special { address, kind, object: span.base + within });
                address = word(&record, next);
            }
        }
        Ok(specials)
    }

    /// Objects that are pinned: C or the kernel may know their addresses.
    pub(crate) fn pinned(&self, memory: &dyn Memory) -> Result<Vec<Object>, String> {
        let mut pinned = Vec::new();
        let spans = self.spans.iter().zip(&self.details).enumerate();
        for (number, (span, details)) in spans.filter(|(_, (_, details))| details.pinned != 0) {
            // Two bits for each object: pinned, and pinned more than once.
            let bits = memory.bytes(details.pinned, u64::from(span.objects).div_ceil(4)).map_err(|e| e.to_string())?;
            let is_pinned = |index: &u32| bits[*index as usize / 4] >> (index % 4 * 2) & 3 != 0;
            let number = u32::try_from(number).unwrap_or(0);
            pinned.extend((0..span.objects).filter(is_pinned).map(|index| Object { span: number, index }));
        }
        Ok(pinned)
    }

    /// The type of an object that says so itself: by its header, or because it is large.
    pub(crate) fn type_of(&self, object: Object) -> Option<u64> {
        match self.span(object).shape {
            Shape::Large(of) => Some(of),
            Shape::Headers => Some(word(self.contents(object), 0)),
            _ => None,
        }
        .filter(|of| *of != 0)
    }

    /// Does an object begin with its type?
    pub(crate) fn has_header(&self, object: Object) -> bool {
        self.span(object).shape == Shape::Headers
    }

    /// Has marking to ask about objects of a span?
    pub(crate) fn asks(&self, span: u32) -> bool {
        self.asks[span as usize]
    }

    /// Marking has to ask about an object.
    pub(crate) fn ask_about(&mut self, address: u64) {
        if let Some(object) = self.object(address) {
            self.asks[object.span as usize] = true;
        }
    }

    /// Gives its memory back, to be used for the next.
    pub(crate) fn recycle(self) -> Buffer {
        self.bytes
    }
}

/// The spans in use, and where the others begin and end.
type Read = (Vec<(Span, SpanDetails)>, Vec<Range<u64>>);

/// Reads the records of spans, `addresses` rising, and keeps those in use.
fn read_spans(memory: &dyn Memory, spans: &Spans<'_>, addresses: &[u64]) -> Result<Read, String> {
    let size = spans.record_size();
    let (parts, mut bytes) = join(addresses.iter().map(|start| Part { start: *start, len: size }))?;
    memory.read_many(&parts, &mut bytes).map_err(|error| error.to_string())?;
    let (mut in_use, mut manual) = (Vec::with_capacity(addresses.len()), Vec::new());
    let (mut part, mut start) = (0, 0);
    for address in addresses {
        while parts[part].start + parts[part].len as u64 <= *address {
            start += parts[part].len;
            part += 1;
        }
        let at = start + usize::try_from(address - parts[part].start).unwrap_or(0);
        let record = bytes.get(at..at + size).ok_or("the records of spans overlap")?;
        match spans.read(record)? {
            Entry::InUse(span, details) => in_use.push((span, details)),
            Entry::Manual(span) => manual.push(span),
            Entry::Dead => {}
        }
    }
    Ok((in_use, manual))
}

/// Joins parts in rising order that lie near each other, and makes room for them.
fn join(parts: impl Iterator<Item = Part>) -> Result<(Vec<Part>, Vec<u8>), String> {
    let mut joined: Vec<Part> = Vec::new();
    let mut total = 0usize;
    for part in parts {
        let end = part.start.checked_add(part.len as u64).ok_or("a record lies beyond the end of memory")?;
        let before = joined.last_mut().filter(|last| part.start <= (last.start + last.len as u64).saturating_add(NEAR));
        let (len, is_new) = match before {
            Some(last) => {
                let old = last.len;
                last.len = old.max(usize::try_from(end - last.start).unwrap_or(usize::MAX));
                (last.len - old, false)
            }
            None => (part.len, true),
        };
        if is_new {
            joined.push(part);
        }
        total = total
            .checked_add(len)
            .filter(|total| *total <= MAX_RECORDS)
            .ok_or("the records of the heap are too many")?;
    }
    Ok((joined, vec![0; total]))
}

/// An index from pages to spans.
type Index = (u64, Vec<u32>, Vec<u32>);

fn index(spans: &[Span]) -> Result<Index, String> {
    let arena = |page: u64| page / ARENA_PAGES;
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return Err("the heap is empty".to_owned()) };
    let first_arena = arena(first.base / PAGE);
    let count = arena((last.base + last.size - 1) / PAGE) - first_arena + 1;
    let mut arenas = vec![0u32; usize::try_from(count).unwrap_or(0)];
    let mut pages: Vec<u32> = Vec::new();
    for (number, span) in spans.iter().enumerate() {
        let number = u32::try_from(number + 1).map_err(|_| "too many spans")?;
        for page in span.base / PAGE..(span.base + span.size) / PAGE {
            let slot = &mut arenas[usize::try_from(arena(page) - first_arena).unwrap_or(0)];
            if *slot == 0 {
                *slot = u32::try_from(pages.len() + 1).map_err(|_| "the heap is too large")?;
                pages.resize(pages.len() + usize::try_from(ARENA_PAGES).unwrap_or(0), 0);
            }
            pages[*slot as usize - 1 + usize::try_from(page % ARENA_PAGES).unwrap_or(0)] = number;
        }
    }
    Ok((first_arena, arenas, pages))
}

/// By span, where its bits begin, and from which object on they count; and the bits.
type Allocation = (Vec<Option<(usize, u32)>>, Vec<u8>);

fn read_allocation(
    memory: &dyn Memory,
    spans: &[Span],
    details: &[SpanDetails],
    generation: u32,
) -> Result<Allocation, String> {
    let mut allocated = vec![None; spans.len()];
    let mut wanted: Vec<(Part, usize, u32)> = Vec::new();
    for (number, (span, details)) in spans.iter().zip(details).enumerate() {
        if let Some((bits, from)) = details.allocation(generation) {
            let len = (span.objects as usize).div_ceil(8);
            wanted.push((Part { start: bits, len }, number, from));
        }
    }
    wanted.sort_unstable_by_key(|(part, ..)| part.start);
    let (parts, mut bytes) = join(wanted.iter().map(|(part, ..)| *part))?;
    memory.read_many(&parts, &mut bytes).map_err(|error| error.to_string())?;
    let (mut part, mut start) = (0, 0);
    for (bits, number, from) in wanted {
        while parts[part].start + parts[part].len as u64 <= bits.start {
            start += parts[part].len;
            part += 1;
        }
        let at = start + usize::try_from(bits.start - parts[part].start).unwrap_or(0);
        if at + bits.len <= bytes.len() {
            allocated[number] = Some((at, from));
        }
    }
    Ok((allocated, bytes))
}

/// Copies the spans with pointers, neighbours together.
fn copy(memory: &dyn Memory, spans: &mut [Span], recycled: Buffer) -> Result<(Buffer, u64), String> {
    let mut parts: Vec<Part> = Vec::new();
    let mut total = 0usize;
    for span in spans.iter_mut().filter(|span| span.has_pointers()) {
        let len = usize::try_from(span.size).map_err(|_| "a span is too large")?;
        span.copy = total;
        total = total.checked_add(len).ok_or("the heap is too large")?;
        match parts.last_mut() {
            Some(last) if last.start + last.len as u64 == span.base => last.len += len,
            _ => parts.push(Part { start: span.base, len }),
        }
    }
    check_room(total)?;
    let mut bytes = recycled.of_size(total).map_err(|error| format!("no memory for a copy of its heap: {error}"))?;
    memory.read_many(&parts, bytes.as_mut()).map_err(|error| error.to_string())?;
    Ok((bytes, total as u64))
}

/// Refuses what this machine has no memory for, rather than being killed for it, or another.
fn check_room(bytes: usize) -> Result<(), String> {
    let available = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
        line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
    });
    match available {
        Some(available) if bytes as u64 > available / 10 * 9 => Err(format!(
            "its heap has {} MiB with pointers, and this machine has {} MiB of memory left to look at them",
            bytes >> 20,
            available >> 20
        )),
        _ => Ok(()),
    }
}
