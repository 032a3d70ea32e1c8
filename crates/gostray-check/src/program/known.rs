//! Functions of the standard library, and a few beside it, that mean something to goroutines.

use gostray_golang::Name;
use gostray_golang::package::World;
use gostray_golang::types::{FuncId, FuncName, Type};

/// What a call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Known {
    Lock,
    RLock,
    Unlock,
    RUnlock,
    TryLock,
    Add,
    Done,
    Wait,
    /// `wg.Go(f)`: starts `f`, which is done for when it returns.
    WaitGo,
    CondWait,
    Signal,
    Broadcast,
    /// `group.Go(f)`: starts `f`.
    GroupGo,
    GroupTryGo,
    GroupWait,
    SetLimit,
    /// `once.Do(f)`, `sort.Slice(…, f)` and their like: call `f` before they return.
    Runs,
    /// `time.AfterFunc(d, f)`: starts `f` later.
    Later,
}

/// The names of a function: the path of its package, the type it is a method of, its own.
pub(crate) fn names(world: &World, function: FuncId) -> Option<(&'static str, Option<&'static str>, &'static str)> {
    let own = FuncName::of(world, function)?;
    Some((own.package.as_str(), own.receiver.map(Name::as_str), own.name.as_str()))
}

/// What a call of a declared function means.
pub(crate) fn known(world: &World, function: FuncId) -> Option<Known> {
    let path = world.package(function.file.package).path.as_str();
    // Nearly all are of other packages.
    if !matches!(path, "sync" | "time" | "sort" | "slices" | "strings" | "golang.org/x/sync/errgroup" | "internal/sync")
    {
        return None;
    }
    let (_, receiver, name) = names(world, function)?;
    Some(match (path, receiver, name) {
        ("sync" | "internal/sync", Some("Mutex" | "RWMutex"), "Lock") => Known::Lock,
        ("sync" | "internal/sync", Some("Mutex" | "RWMutex"), "Unlock") => Known::Unlock,
        ("sync", Some("RWMutex"), "RLock") => Known::RLock,
        ("sync", Some("RWMutex"), "RUnlock") => Known::RUnlock,
        ("sync" | "internal/sync", Some("Mutex" | "RWMutex"), "TryLock" | "TryRLock") => Known::TryLock,
        ("sync", Some("WaitGroup"), "Add") => Known::Add,
        ("sync", Some("WaitGroup"), "Done") => Known::Done,
        ("sync", Some("WaitGroup"), "Wait") => Known::Wait,
        ("sync", Some("WaitGroup"), "Go") => Known::WaitGo,
        ("sync", Some("Cond"), "Wait") => Known::CondWait,
        ("sync", Some("Cond"), "Signal") => Known::Signal,
        ("sync", Some("Cond"), "Broadcast") => Known::Broadcast,
        ("golang.org/x/sync/errgroup", Some("Group"), "Go") => Known::GroupGo,
        ("golang.org/x/sync/errgroup", Some("Group"), "TryGo") => Known::GroupTryGo,
        ("golang.org/x/sync/errgroup", Some("Group"), "Wait") => Known::GroupWait,
        ("golang.org/x/sync/errgroup", Some("Group"), "SetLimit") => Known::SetLimit,
        ("sync", Some("Once"), "Do") | ("sync", Some("Map"), "Range") => Known::Runs,
        ("sort", None, "Slice" | "SliceStable" | "Search") | ("slices" | "strings", None, _) => Known::Runs,
        ("time", None, "AfterFunc") => Known::Later,
        _ => return None,
    })
}

/// What a call of a method of an interface means.
pub(crate) fn known_abstract(world: &World, of: &Type, name: &str) -> Option<Known> {
    let Type::Named(decl, _) = of else { return None };
    let is_locker = world.package(decl.file.package).path == "sync" && world.type_name(*decl) == "Locker";
    match name {
        "Lock" if is_locker => Some(Known::Lock),
        "Unlock" if is_locker => Some(Known::Unlock),
        _ => None,
    }
}

/// Is it a declared type of a package, by its names?
pub(crate) fn is_named(world: &World, ty: &Type, path: &str, name: &str) -> bool {
    match ty.pointed() {
        Type::Named(decl, _) => world.package(decl.file.package).path == path && world.type_name(*decl) == name,
        _ => false,
    }
}
