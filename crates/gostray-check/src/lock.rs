//! Locks: which one a call takes or gives back, and what a function does to those that it is given.

use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use gostray_golang::Name;
use gostray_golang::ast::{ExprId, ExprKind};
use gostray_golang::flow::Exit;
use gostray_golang::package::FileId;
use gostray_golang::types::{FuncId, Type, VarId};
use rustc_hash::FxHashMap;

use crate::path::{Watch, search};
use crate::program::{Body, BodyId, Callee, Cell, Event, Known as Meaning, What, parameters};

/// A lock, as a function names it: a variable, and the fields on the way from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LockPath {
    pub(crate) root: VarId,
    pub(crate) fields: Vec<Name>,
}

/// How it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Mode {
    Write,
    Read,
}

/// What a call does to a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Act {
    Take(Mode),
    Give(Mode),
}

/// A lock that a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LockCall {
    pub(crate) call: ExprId,
    pub(crate) act: Act,
    pub(crate) path: LockPath,
    /// The variable or field that is the lock, the same for all values of a type.
    pub(crate) cell: Option<Cell>,
}

/// What is known of the calls of a program, each found once: rules ask for them on every way.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    calls: Known<(FileId, ExprId), Option<Arc<LockCall>>>,
    touches: Known<(FileId, ExprId, u32), Arc<[Touch]>>,
    summaries: Known<(FuncId, u32), Arc<Summary>>,
}

type Known<K, V> = Mutex<FxHashMap<K, V>>;

fn once<K: Eq + Hash, V: Clone>(table: &Known<K, V>, key: K, find: impl FnOnce() -> V) -> V {
    let known = table.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    known.unwrap_or_else(|| {
        let found = find();
        table.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        found
    })
}

/// What a call does to a lock, if it is `Lock`, `Unlock` and their like.
pub(crate) fn lock_call(body: &Body<'_>, call: ExprId) -> Option<Arc<LockCall>> {
    let memo = &body.program.locks.calls;
    once(memo, (body.id.file, call), || find_lock_call(body, call).map(Arc::new))
}

fn find_lock_call(body: &Body<'_>, call: ExprId) -> Option<LockCall> {
    let act = match body.known(call)? {
        Meaning::Lock => Act::Take(Mode::Write),
        Meaning::RLock => Act::Take(Mode::Read),
        Meaning::Unlock => Act::Give(Mode::Write),
        Meaning::RUnlock => Act::Give(Mode::Read),
        _ => return None,
    };
    let ExprKind::Call { function, .. } = body.ast()[call].kind else { return None };
    let selector = body.ast().unparen(function);
    let receiver = body.receiver(call)?;
    let mut path = path(body, receiver)?;
    let mut cell = body.cell(receiver);
    // A lock that is embedded is called through what it is embedded in.
    if let Some(selection) = body.tree.types.selections.get(&selector) {
        let mut ty = body.tree.types.ty(receiver).clone();
        for name in &selection.through {
            path.fields.push(*name);
            cell = match ty.pointed() {
                Type::Named(decl, _) => Some(Cell::field(body.program.world, *decl, *name)),
                _ => None,
            };
            ty = body.program.world.select(&ty, *name).map(|selection| selection.ty).unwrap_or_default();
        }
    }
    Some(LockCall { call, act, path, cell })
}

/// What a method is given as its receiver: one that is embedded is called through what it is embedded in.
fn receiver(body: &Body<'_>, call: ExprId) -> Option<LockPath> {
    let ExprKind::Call { function, .. } = body.ast()[call].kind else { return None };
    let mut path = path(body, body.receiver(call)?)?;
    if let Some(selection) = body.tree.types.selections.get(&body.ast().unparen(function)) {
        path.fields.extend_from_slice(&selection.through);
    }
    Some(path)
}

/// An expression as a path from a variable.
pub(crate) fn path(body: &Body<'_>, expr: ExprId) -> Option<LockPath> {
    let ast = body.ast();
    let mut at = ast.unparen(expr);
    let mut fields = Vec::new();
    loop {
        match ast[at].kind {
            ExprKind::Ident(_) => {
                let root = body.tree.types.variable(at)?;
                fields.reverse();
                return Some(LockPath { root, fields });
            }
            ExprKind::Selector { x, selected } => {
                if let Some(root) = body.tree.types.variable(selected) {
                    fields.reverse();
                    return Some(LockPath { root, fields });
                }
                fields.push(ast.name(selected)?);
                // What it is reached through is on the way, whether it is written or not.
                if let Some(selection) = body.tree.types.selections.get(&at) {
                    fields.extend(selection.through.iter().rev());
                }
                at = ast.unparen(x);
            }
            ExprKind::Star(inner) | ExprKind::Unary { operator: gostray_golang::Token::And, x: inner } => {
                at = ast.unparen(inner);
            }
            _ => return None,
        }
    }
}

/// What a function does to the locks of what it is given, as paths from its receiver (0) and parameters
/// (1, …).
#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    pub(crate) takes: Vec<Taken>,
    /// Given back on some way.
    pub(crate) gives: Vec<(usize, Vec<Name>)>,
}

/// A lock of what a function is given, which it takes.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    given: usize,
    fields: Vec<Name>,
    mode: Mode,
    /// Is it taken on every way?
    is_sure: bool,
    /// Is there a way on which it is not given back before?
    is_first: bool,
    /// Where: the function, and the call of `Lock` in it.
    at: (BodyId, ExprId),
}

/// What a call of a function does to a lock, in the words of the caller.
#[derive(Debug, Clone)]
pub(crate) struct Touch {
    pub(crate) act: Act,
    pub(crate) path: LockPath,
    pub(crate) is_sure: bool,
    /// Does it wait if the caller holds the lock? Not if the lock is given back before.
    pub(crate) is_first: bool,
    /// Where it is taken.
    pub(crate) at: Option<(BodyId, ExprId)>,
}

const MAX_DEPTH: u32 = 3;

/// The places of a function's variables among what it is given: the receiver first.
fn givens(body: &Body<'_>) -> Vec<Option<VarId>> {
    let ast = body.ast();
    let mut givens = Vec::new();
    let receiver = match body.function().origin {
        crate::program::Origin::Declared(decl) => match ast[decl].kind {
            gostray_golang::ast::DeclKind::Func(function) => function.receiver,
            _ => None,
        },
        crate::program::Origin::Closure(_) => None,
    };
    let file = body.id.file;
    let receiver = receiver
        .and_then(|receiver| ast.at(receiver.fields, 0))
        .and_then(|field| ast.at(ast[field].names, 0))
        .map(|ident| VarId::Local { file, ident });
    givens.push(receiver);
    let parameters = parameters(ast, body.function().signature);
    givens.extend(parameters.into_iter().map(|ident| ident.map(|ident| VarId::Local { file, ident })));
    givens
}

/// What a declared function does to the locks of what it is given.
pub(crate) fn summary(body: &Body<'_>, depth: u32) -> Summary {
    let mut summary = Summary::default();
    let givens = givens(body);
    let place = |path: &LockPath| givens.iter().position(|given| *given == Some(path.root));
    let mut seen: Vec<LockPath> = Vec::new();
    for (_, event) in body.flow().all() {
        let (What::Call { call } | What::Deferred { call }) = event.what else { continue };
        if let Some(lock) = lock_call(body, call) {
            let Some(at) = place(&lock.path) else { continue };
            match lock.act {
                Act::Give(_) => summary.gives.push((at, lock.path.fields.clone())),
                Act::Take(mode) => {
                    let taken = Taken {
                        given: at,
                        fields: lock.path.fields.clone(),
                        mode,
                        is_sure: always_takes(body, &lock.path, depth),
                        is_first: true,
                        at: (body.id, call),
                    };
                    add(body, &mut summary, &mut seen, taken, &lock.path, (call, depth));
                }
            }
            continue;
        }
        if depth >= MAX_DEPTH {
            continue;
        }
        if let What::Deferred { call } = event.what
            && let Some(closure) = closure_of(body, call)
        {
            // What a deferred closure gives back.
            for (_, event) in closure.flow().all() {
                if let What::Call { call } = event.what
                    && let Some(lock) = lock_call(&closure, call)
                    && let Act::Give(_) = lock.act
                    && let Some(at) = place(&lock.path)
                {
                    summary.gives.push((at, lock.path.fields.clone()));
                }
            }
        }
        for touch in of_callee(body, call, depth + 1).iter() {
            let Some(at) = place(&touch.path) else { continue };
            match touch.act {
                Act::Give(_) => summary.gives.push((at, touch.path.fields.clone())),
                Act::Take(mode) => {
                    let taken = Taken {
                        given: at,
                        fields: touch.path.fields.clone(),
                        mode,
                        is_sure: touch.is_sure && always_takes(body, &touch.path, depth),
                        is_first: touch.is_first,
                        at: touch.at.unwrap_or((body.id, call)),
                    };
                    add(body, &mut summary, &mut seen, taken, &touch.path, (call, depth));
                }
            }
        }
    }
    summary
}

/// The first take of a lock is the one that waits, unless the lock is given back before.
fn add(
    body: &Body<'_>,
    summary: &mut Summary,
    seen: &mut Vec<LockPath>,
    mut taken: Taken,
    path: &LockPath,
    (call, depth): (ExprId, u32),
) {
    if seen.contains(path) {
        return;
    }
    taken.is_first = taken.is_first && search(body, &Ungiven { body, path, call, depth }).is_some();
    if taken.is_first {
        seen.push(path.clone());
    }
    summary.takes.push(taken);
}

/// Looks for a way to a call on which a lock is not given back before.
struct Ungiven<'b, 'p> {
    body: &'b Body<'p>,
    path: &'b LockPath,
    call: ExprId,
    depth: u32,
}

impl Watch for Ungiven<'_, '_> {
    type State = ();

    fn start(&self) {}

    fn event(&self, (): (), event: &Event) -> Option<()> {
        let (What::Call { call } | What::Deferred { call }) = event.what else { return Some(()) };
        if let Some(lock) = lock_call(self.body, call) {
            return (!(matches!(lock.act, Act::Give(_)) && lock.path == *self.path)).then_some(());
        }
        if self.depth < MAX_DEPTH {
            let touched = of_callee(self.body, call, self.depth + 1);
            if touched.iter().any(|touch| matches!(touch.act, Act::Give(_)) && touch.path == *self.path) {
                return None;
            }
        }
        Some(())
    }

    fn is_found(&self, (): &(), _exit: Exit) -> bool {
        false
    }

    fn is_found_before(&self, (): &(), event: &Event) -> bool {
        matches!(event.what, What::Call { call } | What::Deferred { call } if call == self.call)
    }
}

pub(crate) fn closure_of<'p>(body: &Body<'p>, call: ExprId) -> Option<Body<'p>> {
    match body.callee(call) {
        Callee::Closure(id) => Some(body.program.body(id)),
        _ => None,
    }
}

/// What a call does to locks, in the words of the caller.
pub(crate) fn of_callee(body: &Body<'_>, call: ExprId, depth: u32) -> Arc<[Touch]> {
    let memo = &body.program.locks.touches;
    once(memo, (body.id.file, call, depth), || find_touches(body, call, depth).into())
}

fn find_touches(body: &Body<'_>, call: ExprId, depth: u32) -> Vec<Touch> {
    let Callee::Func(function) = body.callee(call) else { return Vec::new() };
    let Some(callee) = own_body(body, function) else { return Vec::new() };
    let memo = &body.program.locks.summaries;
    let summary = once(memo, (function, depth), || Arc::new(summary(&callee, depth)));
    let given = |at: usize| -> Option<LockPath> {
        match at {
            0 => receiver(body, call),
            _ => path(body, *body.arguments(call).get(at - 1)?),
        }
    };
    let join = |at: usize, fields: &[Name]| {
        let mut path = given(at)?;
        path.fields.extend_from_slice(fields);
        Some(path)
    };
    let takes = summary.takes.iter().filter_map(|taken| {
        let path = join(taken.given, &taken.fields)?;
        Some(Touch {
            act: Act::Take(taken.mode),
            path,
            is_sure: taken.is_sure,
            is_first: taken.is_first,
            at: Some(taken.at),
        })
    });
    let gives = summary.gives.iter().filter_map(|(at, fields)| {
        Some(Touch { act: Act::Give(Mode::Write), path: join(*at, fields)?, is_sure: true, is_first: false, at: None })
    });
    takes.chain(gives).collect()
}

/// The body of a function of the same package.
fn own_body<'p>(body: &Body<'p>, function: FuncId) -> Option<Body<'p>> {
    if function.file.package != body.id.file.package {
        return None;
    }
    body.program.body_of(function)
}

struct Without<'b, 'p> {
    body: &'b Body<'p>,
    path: &'b LockPath,
    depth: u32,
}

impl Watch for Without<'_, '_> {
    type State = ();

    fn start(&self) {}

    fn event(&self, (): (), event: &Event) -> Option<()> {
        let What::Call { call } = event.what else { return Some(()) };
        if let Some(lock) = lock_call(self.body, call) {
            return (lock.path != *self.path).then_some(());
        }
        if self.depth < MAX_DEPTH {
            let touched = of_callee(self.body, call, self.depth + 1);
            if touched.iter().any(|touch| touch.path == *self.path && touch.is_sure) {
                return None;
            }
        }
        Some(())
    }

    fn is_found(&self, (): &(), _exit: Exit) -> bool {
        true
    }
}

/// Is there no way through a function that does not take the lock?
fn always_takes(body: &Body<'_>, path: &LockPath, depth: u32) -> bool {
    search(body, &Without { body, path, depth }).is_none()
}
