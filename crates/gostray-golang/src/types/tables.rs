//! What was found of declarations, each once, for all threads.

use std::cell::RefCell;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::types::{FuncId, Param, Signature, Type, TypeDecl, VarId};

/// A table from things to what is known of them. Two threads may find the same thing at once: both find
/// the same.
#[derive(Debug)]
pub(crate) struct Table<K, V>(Mutex<FxHashMap<K, V>>);

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Table<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn set(&self, key: K, value: V) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, value);
    }
}

/// The tables of a world.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// What lies under a declared type, in terms of its parameters.
    pub(super) underlying: Table<TypeDecl, Type>,
    pub(super) type_parameters: Table<TypeDecl, Arc<[Param]>>,
    pub(super) constraints: Table<Param, Type>,
    pub(super) signatures: Table<FuncId, Arc<Signature>>,
    pub(super) variables: Table<VarId, Type>,
}

/// Something that is being found: what leads back to it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    Underlying(TypeDecl),
    Variable(VarId),
}

thread_local! {
    static RUNNING: RefCell<FxHashSet<Task>> = RefCell::default();
}

/// Does something unless it is being done already.
pub(crate) fn unless_running<T>(task: Task, work: impl FnOnce() -> T) -> Option<T> {
    if !RUNNING.with_borrow_mut(|running| running.insert(task)) {
        return None;
    }
    let result = work();
    RUNNING.with_borrow_mut(|running| running.remove(&task));
    Some(result)
}
