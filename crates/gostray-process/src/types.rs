//! Go's own descriptions of types (`internal/abi.Type`), which every binary has: names and fields.

use std::cell::RefCell;
use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::layout::Layout;
use crate::memory::{Memory, word};

/// The kinds that matter, from Go's `internal/abi`.
const KIND_MASK: u8 = 31;
const ARRAY: u8 = 17;
const CHAN: u8 = 18;
const FUNC: u8 = 19;
const INTERFACE: u8 = 20;
const MAP: u8 = 21;
const POINTER: u8 = 22;
const SLICE: u8 = 23;
const STRUCT: u8 = 25;
/// The name in the table has a star in front that does not belong to it.
const EXTRA_STAR: u8 = 1 << 1;
/// The size of a field of a struct: name, type, offset.
const FIELD: u64 = 24;
/// No struct has more fields, no name more bytes.
const MAX_FIELDS: u64 = 1 << 16;
const MAX_NAME: usize = 1 << 12;
/// Structs within structs.
const MAX_DEPTH: usize = 16;

/// What a word of a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// A pointer to one of this type.
    Pointer(u64),
    /// The array of a slice of this type.
    Array(u64),
    /// A channel, map or function of the type named.
    Chan,
    Map(u64),
    Func,
    /// The value of an interface: its type is in the word before.
    Interface,
}

/// Reads types.
pub(crate) struct Types<'a> {
    memory: &'a dyn Memory,
    /// The types of each module.
    modules: Vec<Range<u64>>,
    size: u64,
    string: usize,
    flags: usize,
    kind: usize,
    byte_size: usize,
    names: RefCell<FxHashMap<u64, Option<String>>>,
}

impl<'a> Types<'a> {
    pub(crate) fn new(memory: &'a dyn Memory, layout: &Layout, modules: Vec<Range<u64>>) -> Self {
        let field = |name: &str| layout.index(&format!("internal/abi.Type.{name}"));
        Self {
            memory,
            modules,
            size: layout.at("internal/abi.Type.__size"),
            string: field("Str"),
            flags: field("TFlag"),
            kind: field("Kind_"),
            byte_size: field("Size_"),
            names: RefCell::default(),
        }
    }

    /// Is it the address of a type of the program?
    pub(crate) fn contains(&self, address: u64) -> bool {
        address.is_multiple_of(8) && self.modules.iter().any(|module| module.contains(&address))
    }

    /// The name of a type, as Go writes it: `map[string]*main.sub`.
    pub(crate) fn name(&self, of: u64) -> Option<String> {
        self.names.borrow_mut().entry(of).or_insert_with(|| self.read_name(of)).clone()
    }

    fn read_name(&self, of: u64) -> Option<String> {
        let module = self.modules.iter().find(|module| module.contains(&of))?;
        let record = self.memory.bytes(of, self.size).ok()?;
        let offset = crate::memory::half(&record, self.string);
        let name = module.start.checked_add(offset.into()).filter(|name| module.contains(name))?;
        // A byte of flags, the length as a varint, the text.
        let head = self.memory.bytes(name, 3).ok()?;
        let (len, digits) = match head[1] {
            short if short < 0x80 => (usize::from(short), 1),
            low => (usize::from(low & 0x7f) | usize::from(head[2]) << 7, 2),
        };
        let text = self.memory.bytes(name + 1 + digits, len.min(MAX_NAME) as u64).ok()?;
        let text = String::from_utf8(text).ok()?;
        let has_star = record.get(self.flags).is_some_and(|flags| flags & EXTRA_STAR != 0);
        Some(if has_star { text.strip_prefix('*').unwrap_or(&text).to_owned() } else { text })
    }

    fn kind(&self, of: u64) -> Option<u8> {
        Some(self.memory.bytes(of, self.size).ok()?.get(self.kind)? & KIND_MASK)
    }

    fn byte_size(&self, of: u64) -> Option<u64> {
        Some(word(&self.memory.bytes(of, self.size).ok()?, self.byte_size)).filter(|size| *size > 0)
    }

    /// The type that a pointer, slice, array or channel type is made of.
    fn element(&self, of: u64) -> Option<u64> {
        self.memory.u64(of.checked_add(self.size)?).ok().filter(|element| self.contains(*element))
    }

    /// What a value of a pointer type points to.
    pub(crate) fn pointed(&self, of: u64) -> Option<u64> {
        (self.kind(of)? == POINTER).then(|| self.element(of)).flatten()
    }

    /// What the word at an offset of a value is, and the names of the fields that lead to it.
    pub(crate) fn word_at(&self, of: u64, offset: u64, fields: &mut Vec<String>) -> Option<Word> {
        let (mut of, mut offset) = (of, offset);
        for _ in 0..MAX_DEPTH {
            let size = self.byte_size(of)?;
            // A value may be one of many of its type.
            offset %= size;
            match self.kind(of)? {
                STRUCT => {
                    let (name, field, start) = self.field_at(of, offset)?;
                    fields.push(name);
                    (of, offset) = (field, offset - start);
                }
                ARRAY => of = self.element(of)?,
                POINTER => return self.element(of).map(Word::Pointer),
                SLICE => return self.element(of).map(Word::Array),
                CHAN => return Some(Word::Chan),
                MAP => return Some(Word::Map(of)),
                FUNC => return Some(Word::Func),
                INTERFACE => return Some(Word::Interface),
                _ => return None,
            }
        }
        None
    }

    /// The field of a struct at an offset: its name, type and own offset.
    fn field_at(&self, of: u64, offset: u64) -> Option<(String, u64, u64)> {
        // The struct's package, then its fields as a slice.
        let slice = self.memory.bytes(of.checked_add(self.size)?.checked_add(8)?, 16).ok()?;
        let (data, len) = (word(&slice, 0), word(&slice, 8));
        let fields = self.memory.bytes(data, FIELD * len.min(MAX_FIELDS)).ok()?;
        let starts_before = |field: &&[u8]| word(field, 16) <= offset;
        let field = fields.chunks_exact(FIELD as usize).take_while(starts_before).last()?;
        let name = self.field_name(word(field, 0)).unwrap_or_default();
        Some((name, word(field, 8), word(field, 16))).filter(|(_, of, _)| self.contains(*of))
    }

    fn field_name(&self, name: u64) -> Option<String> {
        let len = self.memory.u8(name.checked_add(1)?).ok()?;
        String::from_utf8(self.memory.bytes(name + 2, u64::from(len & 0x7f)).ok()?).ok()
    }

    /// The type of the value of an interface whose first word is this: a type, or a table of methods
    /// that begins with the interface's type and then the value's.
    pub(crate) fn dynamic(&self, first_word: u64) -> Option<u64> {
        if self.contains(first_word) && self.name(first_word).is_some() {
            return Some(first_word);
        }
        let of = self.memory.u64(first_word.checked_add(8)?).ok()?;
        let interface = self.memory.u64(first_word).ok()?;
        (self.contains(of) && self.contains(interface) && self.kind(interface)? == INTERFACE).then_some(of)
    }
}
