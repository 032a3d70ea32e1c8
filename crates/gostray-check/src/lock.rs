//! Locks: which one a call takes or gives back, and what a function does to those that it is given.

use gostray_golang::Name;
use gostray_golang::ast::{ExprId, ExprKind};
use gostray_golang::flow::Exit;
use gostray_golang::types::{FuncId, Type, VarId};

use crate::path::{Watch, search};
use crate::program::{Body, BodyId, Callee, Cell, Event, Known, What, parameters};

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

/// What a call does to a lock, if it is `Lock`, `Unlock` and their like.
pub(crate) fn lock_call(body: &Body<'_>, call: ExprId) -> Option<LockCall> {
    let act = match body.known(call)? {
        Known::Lock => Act::Take(Mode::Write),
        Known::RLock => Act::Take(Mode::Read),
        Known::Unlock => Act::Give(Mode::Write),
        Known::RUnlock => Act::Give(Mode::Read),
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
                Type::Named(decl, _) => Some(Cell::Field(*decl, *name)),
                _ => None,
            };
            ty = body.program.world.select(&ty, *name).map(|selection| selection.ty).unwrap_or_default();
        }
    }
    Some(LockCall { call, act, path, cell })
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
    /// Is it taken on every way, before it is given back?
    is_sure: bool,
    /// Where: the function, and the call of `Lock` in it.
    at: (BodyId, ExprId),
}

/// What a call of a function does to a lock, in the words of the caller.
#[derive(Debug, Clone)]
pub(crate) struct Touch {
    pub(crate) act: Act,
    pub(crate) path: LockPath,
    pub(crate) is_sure: bool,
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
                        at: (body.id, call),
                    };
                    add(&mut summary, &mut seen, taken, lock.path);
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
                    summary.gives.push((at, lock.path.fields));
                }
            }
        }
        for touch in of_callee(body, call, depth + 1) {
            let Some(at) = place(&touch.path) else { continue };
            match touch.act {
                Act::Give(_) => summary.gives.push((at, touch.path.fields)),
                Act::Take(mode) => {
                    let taken = Taken {
                        given: at,
                        fields: touch.path.fields.clone(),
                        mode,
                        is_sure: touch.is_sure && always_takes(body, &touch.path, depth),
                        at: touch.at.unwrap_or((body.id, call)),
                    };
                    add(&mut summary, &mut seen, taken, touch.path);
                }
            }
        }
    }
    summary
}

/// The first take of a lock is the one that waits.
fn add(summary: &mut Summary, seen: &mut Vec<LockPath>, taken: Taken, path: LockPath) {
    if !seen.contains(&path) {
        seen.push(path);
        summary.takes.push(taken);
    }
}

pub(crate) fn closure_of<'p>(body: &Body<'p>, call: ExprId) -> Option<Body<'p>> {
    match body.callee(call) {
        Callee::Closure(id) => Some(body.program.body(id)),
        _ => None,
    }
}

/// What a call does to locks, in the words of the caller.
pub(crate) fn of_callee(body: &Body<'_>, call: ExprId, depth: u32) -> Vec<Touch> {
    let Callee::Func(function) = body.callee(call) else { return Vec::new() };
    let Some(callee) = own_body(body, function) else { return Vec::new() };
    let summary = body.program.lock_summary((function, depth), || summary(&callee, depth));
    let given = |at: usize| -> Option<LockPath> {
        match at {
            0 => path(body, body.receiver(call)?),
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
        Some(Touch { act: Act::Take(taken.mode), path, is_sure: taken.is_sure, at: Some(taken.at) })
    });
    let gives = summary.gives.iter().filter_map(|(at, fields)| {
        Some(Touch { act: Act::Give(Mode::Write), path: join(*at, fields)?, is_sure: true, at: None })
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
