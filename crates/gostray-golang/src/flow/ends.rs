//! Calls that never return: found in the bodies of what is called.

use std::cell::RefCell;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::ast::{Body, DeclKind, ExprId, ExprKind};
use crate::flow::told::{of_name, of_names};
use crate::flow::{Exit, Graph};
use crate::package::World;
use crate::types::{Builtin, FileTypes, FuncId, FuncName, Object};

/// How a call ends that does not return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ending {
    /// It always panics.
    Panic,
    /// It ends its goroutine.
    Goexit,
    /// It ends the process.
    Process,
    /// It goes on for ever.
    Never,
}

/// Calls that lead to others deeper than this are taken to return.
const MAX_DEPTH: usize = 400;

/// What the runtime does where no body says it.
const KNOWN: [(&str, &str, Ending); 7] = [
    ("os", "Exit", Ending::Process),
    ("syscall", "Exit", Ending::Process),
    ("runtime", "Goexit", Ending::Goexit),
    ("runtime", "throw", Ending::Process),
    ("runtime", "fatal", Ending::Process),
    ("golang.org/x/sys/unix", "Exit", Ending::Process),
    ("golang.org/x/sys/windows", "ExitProcess", Ending::Process),
];

/// How a call of a file ends, if it does not return.
#[must_use]
pub fn ends(world: &World, types: &FileTypes, call: ExprId, file: crate::package::FileId) -> Option<Ending> {
    let ast = &world.file(file).file.ast;
    let ExprKind::Call { function, .. } = ast[call].kind else { return None };
    let mut callee = ast.unparen(function);
    if let ExprKind::Index { x, .. } = ast[callee].kind {
        callee = x;
    }
    if let ExprKind::Selector { selected, .. } = ast[callee].kind {
        callee = selected;
    }
    if let ExprKind::Func { body, .. } = ast[callee].kind {
        let graph = Graph::of(ast, body, &|call| ends(world, types, call, file));
        return of_graph(&graph);
    }
    let known = match types.objects.get(&callee) {
        Some(Object::Builtin(Builtin::Panic)) => Some(Ending::Panic),
        Some(Object::Func(function)) => ending_of(world, *function),
        _ => None,
    };
    known.or_else(|| of_names(world, types, call, file))
}

fn of_graph(graph: &Graph) -> Option<Ending> {
    match graph.exits().as_slice() {
        exits if exits.contains(&Exit::Return) => None,
        [] => Some(Ending::Never),
        // Several ways to end: the mildest is said.
        [Exit::Panic, ..] => Some(Ending::Panic),
        [Exit::Goexit, ..] => Some(Ending::Goexit),
        _ => Some(Ending::Process),
    }
}

/// How a function ends, if it does not return.
#[must_use]
pub fn ending_of(world: &World, function: FuncId) -> Option<Ending> {
    let source = world.file(function.file);
    let ast = &source.file.ast;
    let DeclKind::Func(decl) = ast[function.decl].kind else { return None };
    let name = ast.name(decl.name)?;
    let package = world.package(function.file.package);
    if decl.receiver.is_none()
        && let Some((_, _, ending)) = KNOWN.iter().find(|(path, known, _)| package.path == *path && name == *known)
    {
        return Some(*ending);
    }
    if let Some(told) = of_name(package.path.as_str(), name.as_str()) {
        return Some(told);
    }
    if !world.never_return.is_empty()
        && FuncName::of(world, function).is_some_and(|own| world.never_return.contains(&own))
    {
        return Some(Ending::Process);
    }
    // What gives something returns, but for what is not worth the search.
    if decl_has_results(ast, decl.signature) {
        return None;
    }
    if let Some(known) = world.endings.get(&function) {
        return known;
    }
    if let Some(told) = world.told_ending(function) {
        return told;
    }
    match decl.body {
        Body::None => None,
        Body::Block(_) => search(world, function),
        // Most functions of dependencies return: those are looked into whose name says otherwise.
        Body::Skipped(_) if says_so(name.as_str()) => {
            let found = ending_of(world, world.with_body(function)?);
            world.endings.set(function, found);
            found
        }
        Body::Skipped(_) => None,
    }
}

/// Functions that are being looked into: those whose end depends on that of another one below them wait for it.
#[derive(Default)]
struct Search {
    /// In the order in which they were come upon.
    open: Vec<FuncId>,
    visits: FxHashMap<FuncId, Visit>,
    /// The one that is just being looked into is the last.
    way: Vec<FuncId>,
}

struct Visit {
    at: usize,
    /// The first of the open ones that it leads to.
    low: usize,
    ending: Option<Ending>,
}

impl Search {
    /// What is just being looked into leads to one that is open.
    fn leads_to(&mut self, at: usize) {
        if let Some(visit) = self.way.last().and_then(|last| self.visits.get_mut(last)) {
            visit.low = visit.low.min(at);
        }
    }
}

thread_local! {
    static SEARCH: RefCell<Search> = RefCell::default();
}

/// How a function with a body ends: what every function that leads to itself ends by is found when all of those on
/// its ways are known (Tarjan's components). So it does not matter from where a search begins.
fn search(world: &World, function: FuncId) -> Option<Ending> {
    let begun = SEARCH.with_borrow_mut(|search| {
        if let Some(visit) = search.visits.get(&function) {
            let (at, ending) = (visit.at, visit.ending);
            search.leads_to(at);
            return Err(ending);
        }
        if search.way.len() >= MAX_DEPTH {
            return Err(None);
        }
        let at = search.open.len();
        search.open.push(function);
        search.way.push(function);
        search.visits.insert(function, Visit { at, low: at, ending: None });
        Ok(at)
    });
    let at = match begun {
        Ok(at) => at,
        Err(known) => return known,
    };
    let mut found = look(world, function);
    let low = SEARCH.with_borrow_mut(|search| {
        let visit = search.visits.get_mut(&function)?;
        visit.ending = found;
        Some(visit.low)
    });
    if low == Some(at) {
        found = settle(world, function, at);
    }
    SEARCH.with_borrow_mut(|search| {
        search.way.pop();
        if let Some(low) = low.filter(|low| *low < at) {
            search.leads_to(low);
        }
    });
    found
}

/// Functions that lead to each other are looked into again, in their own order, until nothing changes: one that is known
/// to end may end others.
fn settle(world: &World, function: FuncId, first: usize) -> Option<Ending> {
    let mut members = SEARCH.with_borrow(|search| search.open[first..].to_vec());
    members.sort_unstable();
    let set = |member: &FuncId, ending: Option<Ending>| {
        SEARCH.with_borrow_mut(|search| {
            let visit = search.visits.get_mut(member)?;
            (std::mem::replace(&mut visit.ending, ending) != ending).then_some(())
        })
    };
    if members.len() > 1 {
        for member in &members {
            set(member, None);
        }
        for _ in 0..=2 * members.len() {
            let changed = members.iter().filter(|member| set(member, look(world, **member)).is_some()).count();
            if changed == 0 {
                break;
            }
        }
    }
    let mut found = None;
    SEARCH.with_borrow_mut(|search| {
        for member in search.open.split_off(first) {
            let ending = search.visits.remove(&member).and_then(|visit| visit.ending);
            world.endings.set(member, ending);
            if member == function {
                found = ending;
            }
        }
    });
    found
}

fn look(world: &World, function: FuncId) -> Option<Ending> {
    let ast = &world.file(function.file).file.ast;
    let DeclKind::Func(decl) = ast[function.decl].kind else { return None };
    let Body::Block(body) = decl.body else { return None };
    let types = world.types_of(function.file);
    of_graph(&Graph::of(ast, body, &|call| ends(world, &types, call, function.file)))
}

fn decl_has_results(ast: &crate::ast::Ast, signature: crate::ast::SignatureId) -> bool {
    ast[signature].results.is_some_and(|results| !results.fields.is_empty())
}

fn says_so(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["fatal", "exit", "panic", "abort", "die", "skip", "failnow", "throw", "unreachable"]
        .iter()
        .any(|part| name.contains(part))
}
