//! Names, each kept once: comparing two is comparing two pointers.

use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{LazyLock, Mutex, PoisonError};

use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap};

/// A name of the source: an identifier, or the path of a package.
///
/// Names live as long as the process: a program has far fewer of them than uses of them. Their order
/// is that of their text; their hash differs from run to run, so nothing that a user sees may depend on
/// the order of a hash map.
#[derive(Clone, Copy)]
pub struct Name(&'static &'static str);

const SHARDS: usize = 16;

type Shard = Mutex<HashTable<&'static &'static str>>;

static NAMES: LazyLock<[Shard; SHARDS]> = LazyLock::new(|| std::array::from_fn(|_| Shard::default()));

thread_local! {
    /// Most names were seen before, by the same thread.
    static SEEN: RefCell<FxHashMap<&'static str, Name>> = RefCell::default();
}

impl Name {
    /// The name with this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        SEEN.with_borrow_mut(|seen| {
            if let Some(name) = seen.get(text) {
                return *name;
            }
            let name = Self::shared(text);
            seen.insert(*name.0, name);
            name
        })
    }

    fn shared(text: &str) -> Self {
        let hash = FxBuildHasher.hash_one(text);
        // The low bits choose the place in the table.
        let shard = usize::try_from(hash >> 32).unwrap_or(0) % SHARDS;
        let mut table = NAMES[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let entry = table.entry(hash, |other| **other == text, |other| FxBuildHasher.hash_one(*other));
        let text = entry.or_insert_with(|| Box::leak(Box::new(&*Box::leak(Box::<str>::from(text)))));
        Self(text.get())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Is it `_`?
    #[must_use]
    pub fn is_blank(self) -> bool {
        *self.0 == "_"
    }

    /// Can other packages see it?
    #[must_use]
    pub fn is_exported(self) -> bool {
        self.0.chars().next().is_some_and(char::is_uppercase)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::from_ref(self.0).hash(state);
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(other.0)
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        *self.0 == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == *other
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(*self.0, f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_is_one_name_in_every_thread() {
        let here = Name::new("gostray");
        let there = std::thread::spawn(|| Name::new("gostray")).join().unwrap();
        assert_eq!(here, there);
        assert_ne!(here, Name::new("stray"));
        assert!(Name::new("Exported").is_exported() && !here.is_exported() && Name::new("_").is_blank());
    }
}
