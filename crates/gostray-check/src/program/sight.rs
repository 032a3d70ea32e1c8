//! Which folders were looked into for something: what is found depends on what functions do there.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// Folders that are worked on.
pub(crate) type Sight = BTreeSet<usize>;

thread_local! {
    static SEEN: RefCell<Option<Sight>> = const { RefCell::new(None) };
}

/// A folder is looked into.
pub(super) fn sees(folder: usize) {
    SEEN.with_borrow_mut(|seen| {
        if let Some(seen) = seen {
            seen.insert(folder);
        }
    });
}

/// Does something, and notes which folders are looked into for it.
pub(crate) fn seeing<T>(work: impl FnOnce() -> T) -> (T, Sight) {
    let outer = SEEN.replace(Some(Sight::new()));
    let result = work();
    let own = SEEN.replace(outer).unwrap_or_default();
    // Whoever asked for it looked there, too.
    saw(&own);
    (result, own)
}

/// Something is known for which these folders were looked into.
pub(crate) fn saw(folders: &Sight) {
    folders.iter().for_each(|folder| sees(*folder));
}
