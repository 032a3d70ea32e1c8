//! Functions that run a function which they are given, once and on every way: `safe.Go(f)`.

use std::sync::{Arc, Mutex, PoisonError};

use gostray_golang::ast::ExprId;
use gostray_golang::flow::Exit;
use gostray_golang::module::Origin as From;
use gostray_golang::types::{FuncId, VarId};
use rustc_hash::FxHashMap;

use crate::actor::{Manner, loop_around, manner};
use crate::path::{Watch, search};
use crate::program::{
    Body, BodyId, Callee, Cell, Event, Known, Origin, Program, Sight, Usage, What, parameters, saw, seeing, usage,
};

/// Helpers call each other, but not many.
const MAX_DEPTH: u32 = 3;

/// How a call runs its argument at a place; `None` if it keeps it, may not run it, runs it more than once, or is not
/// known.
pub(crate) fn run_by_call(body: &Body<'_>, call: ExprId, at: usize) -> Option<Manner> {
    let Callee::Func(function) = body.callee(call) else { return None };
    within(manner(body, call), runner(body.program, function, at, 0)?)
}

/// What is called in one manner does something in another one.
fn within(outer: Manner, inner: Manner) -> Option<Manner> {
    match (outer, inner) {
        (Manner::Spawned, _) | (Manner::Called, Manner::Spawned) => Some(Manner::Spawned),
        (Manner::Called, Manner::Called) => Some(Manner::Called),
        _ => None,
    }
}

fn runner<'p>(program: &'p Program<'p>, function: FuncId, at: usize, depth: u32) -> Option<Manner> {
    // How far helpers are followed does not depend on what was asked before.
    if depth == 0
        && let Some((known, sight)) = program.runners.get(function, at)
    {
        saw(&sight);
        return known;
    }
    // What the standard library does so is known by name.
    if depth > MAX_DEPTH || program.package(function.file.package).origin == From::Std {
        return None;
    }
    let (found, sight) = seeing(|| program.any_body_of(function).and_then(|body| of(&body, at, depth)));
    if depth == 0 {
        program.runners.put(function, at, found, sight);
    }
    found
}

fn of(body: &Body<'_>, at: usize, depth: u32) -> Option<Manner> {
    let ast = body.ast();
    let ident = parameters(ast, body.function().signature).get(at).copied()??;
    let cell = Cell::Var(VarId::Local { file: body.id.file, ident });
    let mut found = None;
    for mention in body.tree.uses.get(&cell)? {
        let owner = BodyId { file: body.id.file, at: body.tree.owner(*mention).unwrap_or(body.id.at) };
        let (call, run) = match usage(ast, &body.tree, *mention) {
            Usage::Declared | Usage::Compare => continue,
            _ if *mention == ident => continue,
            Usage::Call(call) => (call, manner(body, call)),
            Usage::Argument { call, at } => {
                let Callee::Func(function) = body.callee(call) else { return None };
                (call, within(manner(body, call), runner(body.program, function, at, depth + 1)?)?)
            }
            _ => return None,
        };
        // Twice is more than once.
        if found.replace(reached(body, owner, call, run)?).is_some() {
            return None;
        }
    }
    found
}

/// How something is run by a function that one of its closures, or itself, runs at a call.
fn reached(body: &Body<'_>, at: BodyId, call: ExprId, run: Manner) -> Option<Manner> {
    let inner = body.program.body(at);
    if loop_around(&inner, call).is_some() || may_miss(&inner, call) {
        return None;
    }
    if at == body.id {
        return (run != Manner::Deferred).then_some(run);
    }
    let Origin::Closure(closure) = inner.function().origin else { return None };
    let parent = BodyId { file: at.file, at: inner.function().parent? };
    let outer = body.program.body(parent);
    let (call, started) = match usage(body.ast(), &body.tree, closure) {
        Usage::Call(call) => (call, manner(&outer, call)),
        Usage::Argument { call, .. } => match outer.known(call)? {
            Known::WaitGo | Known::GroupGo => (call, Manner::Spawned),
            _ => return None,
        },
        _ => return None,
    };
    // What a goroutine defers it does before it ends.
    let run = if run == Manner::Deferred && started == Manner::Spawned { Manner::Called } else { run };
    reached(body, parent, call, within(started, run)?)
}

/// Is there a way through a function that does not come to a call?
fn may_miss(body: &Body<'_>, call: ExprId) -> bool {
    struct Misses(ExprId);
    impl Watch for Misses {
        type State = ();

        fn start(&self) {}

        fn event(&self, (): (), event: &Event) -> Option<()> {
            let is_it = match event.what {
                What::Call { call } | What::Go { call } | What::Defer { call } => call == self.0,
                _ => false,
            };
            (!is_it).then_some(())
        }

        fn is_found(&self, (): &(), exit: Exit) -> bool {
            exit == Exit::Return
        }
    }
    search(body, &Misses(call)).is_some()
}

/// What was found of a helper, and which folders were looked into for it.
type Found = (Option<Manner>, Arc<Sight>);

/// What is known of helpers: asked for again and again, and slow to find.
#[derive(Debug, Default)]
pub(crate) struct Runners(Mutex<FxHashMap<(FuncId, usize), Found>>);

impl Runners {
    fn get(&self, function: FuncId, at: usize) -> Option<Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(function, at)).cloned()
    }

    fn put(&self, function: FuncId, at: usize, found: Option<Manner>, sight: Sight) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((function, at), (found, Arc::new(sight)));
    }
}
