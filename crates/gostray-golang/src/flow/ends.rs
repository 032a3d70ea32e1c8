//! Calls that never return: found in the bodies of what is called.

use std::cell::Cell;

use crate::ast::{Body, DeclKind, ExprId, ExprKind};
use crate::flow::{Exit, Graph};
use crate::package::World;
use crate::types::{Builtin, FileTypes, FuncId, FuncName, Object, Task, unless_running};

/// How a call ends that does not return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
const MAX_DEPTH: u32 = 8;

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
    of_call(world, types, call, file, 0)
}

fn of_call(world: &World, types: &FileTypes, call: ExprId, file: crate::package::FileId, depth: u32) -> Option<Ending> {
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
        let graph = Graph::of(ast, body, &|call| of_call(world, types, call, file, depth + 1));
        return of_graph(&graph);
    }
    match types.objects.get(&callee)? {
        Object::Builtin(Builtin::Panic) => Some(Ending::Panic),
        Object::Func(function) => of_function(world, *function, depth + 1),
        _ => None,
    }
}

thread_local! {
    /// Was the search given up somewhere below?
    static IS_CUT: Cell<bool> = const { Cell::new(false) };
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

fn of_function(world: &World, function: FuncId, depth: u32) -> Option<Ending> {
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
    if !world.never_return.is_empty()
        && FuncName::of(world, function).is_some_and(|own| world.never_return.contains(&own))
    {
        return Some(Ending::Process);
    }
    if let Some(known) = world.endings.get(&function) {
        return known;
    }
    // What gives something returns, but for what is not worth the search.
    if decl_has_results(ast, decl.signature) {
        return None;
    }
    if depth > MAX_DEPTH {
        IS_CUT.set(true);
        return None;
    }
    let found = match decl.body {
        Body::None => None,
        Body::Block(body) => {
            let outer = IS_CUT.replace(false);
            let found = unless_running(Task::Ending(function), || {
                let types = world.types_of(function.file);
                let graph = Graph::of(ast, body, &|call| of_call(world, &types, call, function.file, depth));
                of_graph(&graph)
            });
            let Some(found) = found else {
                // What leads back to itself returns as far as is known.
                IS_CUT.set(true);
                return None;
            };
            // What was not looked into to the end is not kept: another thread may begin elsewhere.
            let is_cut = IS_CUT.get();
            IS_CUT.set(outer || is_cut);
            if is_cut && depth > 1 {
                return found;
            }
            found
        }
        // Most functions of dependencies return: those are looked into whose name says otherwise.
        Body::Skipped(_) if says_so(name.as_str()) => {
            let whole = world.with_body(function)?;
            of_function(world, whole, depth)
        }
        Body::Skipped(_) => None,
    };
    world.endings.set(function, found);
    found
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
