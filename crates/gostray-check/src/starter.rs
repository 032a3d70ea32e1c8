//! Goroutines that a function starts for a value, and what ends them: the channels and contexts that they wait for.

use std::sync::{Arc, PoisonError};

use gostray_golang::Span;
use gostray_golang::ast::{ExprId, ExprKind, StmtId, StmtKind};
use gostray_golang::flow::Exit;
use gostray_golang::types::{Builtin, FuncId, Selected, Type, TypeDecl, VarId};

use crate::actor::spawns;
use crate::given::Given;
use crate::obligation::reads_only;
use crate::path::{Atom, Watch, search};
use crate::program::{
    Body, Callee, Cell, Event, Known, Parent, Program, Starter, Usage, What, calls, is_named, names, parameters, saw,
    seeing, targets, usage,
};
use crate::worker::{CLOSERS, is_of_time};

/// How many calls deep a goroutine is looked for, and what ends it.
const MAX_DEPTH: u32 = 2;
/// How many calls deep it is looked whether a function ends it whichever way it takes, closures included.
const MAX_ENDS: u32 = 6;

/// The goroutine which a function starts for a value of a type with what a call gives it.
pub(crate) fn starter_of_call(body: &Body<'_>, call: ExprId, function: &Body<'_>, ty: &Type) -> Option<Starter> {
    let found = starter(function, ty)?;
    let given = Given::default().by(body, call, function);
    if given.is_empty() {
        return Some(found);
    }
    let Type::Named(decl, _) = ty.pointed() else { return None };
    find(function, ty, *decl, &given)
}

/// The goroutine which a function starts for a value of a type, with the method that ends it.
fn starter(function: &Body<'_>, ty: &Type) -> Option<Starter> {
    let Type::Named(decl, _) = ty.pointed() else { return None };
    let key = (function.declaration()?, *decl);
    let memo = &function.program.starters;
    let known = memo.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    if let Some((found, sight)) = known {
        saw(&sight);
        return found;
    }
    let (found, sight) = seeing(|| find(function, ty, *decl, &Given::default()));
    memo.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (found.clone(), Arc::new(sight)));
    found
}

fn find(function: &Body<'_>, ty: &Type, decl: TypeDecl, given: &Given) -> Option<Starter> {
    for name in CLOSERS {
        let selection = function.program.world.select(ty, gostray_golang::Name::new(name));
        let Some(Selected::Method(closer)) = selection.map(|selection| selection.selected) else { continue };
        let closer = function.program.body_of(closer)?;
        if closer.id == function.id {
            continue;
        }
        let mut cells = Vec::new();
        ends(&closer, true, 0, &mut cells);
        if !cells.is_empty()
            && let Some(started) = starts(function, decl, &cells, (0, given), name)
        {
            return Some(started);
        }
    }
    None
}

/// Does a function start a goroutine that waits for what a closer does, and leave it to others to end that?
fn starts(
    function: &Body<'_>,
    decl: TypeDecl,
    ends: &[Cell],
    (depth, given): (u32, &Given),
    closer: &'static str,
) -> Option<Starter> {
    if cleans_up(function) || keeps(function, decl) {
        return None;
    }
    let contexts = contexts(function, ends);
    let started = spawns(function).into_iter().find_map(|(call, root)| {
        let root = function.program.body(root?);
        let (span, cells) = waits_for(&root, ends, &contexts)?;
        let started = Starter { closer, cells: cells.into(), spawner: function.id, call, root: root.id, span };
        outlives(function, call, &started.cells, given).then_some(started)
    });
    if started.is_some() || depth == MAX_DEPTH {
        return started;
    }
    // In what it calls: `b.start()`.
    calls(function).into_iter().find_map(|(call, _)| match function.callee(call) {
        Callee::Func(inner) if inner.file.package == function.id.file.package => {
            let inner = own(function, inner)?;
            let inner_given = given.by(function, call, &inner);
            let started = starts(&inner, decl, ends, (depth + 1, &inner_given), closer)?;
            outlives(function, call, &started.cells, given).then_some(started)
        }
        _ => None,
    })
}

/// Where a goroutine waits for one of these fields, or for a context that one of them cancels, and does not end before
/// that; with the fields.
fn waits_for(root: &Body<'_>, ends: &[Cell], contexts: &[Cell]) -> Option<(Span, Vec<Cell>)> {
    root.flow().all().find_map(|(_, event)| {
        let (What::Receive { channel } | What::Range { channel }) = event.what else { return None };
        if event.select.is_some_and(|select| hears_of_another(root, select)) {
            return None;
        }
        let cells = match root.cell(channel).filter(|cell| ends.contains(cell)) {
            Some(cell) => vec![cell],
            None if !contexts.is_empty() && is_done(root, channel) => contexts.to_vec(),
            None => return None,
        };
        needs(root, event).then_some((event.span, cells))
    })
}

/// Does a `select` also wait for what something else has that the value belongs to: `case <-s.session.done`? Then it ends with
/// that, too.
fn hears_of_another(root: &Body<'_>, select: StmtId) -> bool {
    let ast = root.ast();
    root.flow().all().any(|(_, event)| {
        let What::Receive { channel } = event.what else { return false };
        let ExprKind::Selector { x, .. } = ast[ast.unparen(channel)].kind else { return false };
        event.select == Some(select) && !is_of_time(root, channel) && matches!(root.cell(x), Some(Cell::Field(..)))
    })
}

/// Does a goroutine need what it receives to come to its end? If it only looks whether there is something, it may end
/// without.
fn needs(root: &Body<'_>, event: &Event) -> bool {
    let is_poll = event.select.is_some_and(|select| has_default(root, select));
    !is_poll || search(root, &Past { event }).is_none()
}

/// Looks for a way to the end that does not receive it.
struct Past<'e> {
    event: &'e Event,
}

impl Watch for Past<'_> {
    type State = ();

    fn start(&self) {}

    fn event(&self, (): (), event: &Event) -> Option<()> {
        (event != self.event).then_some(())
    }

    fn is_found(&self, (): &(), _exit: Exit) -> bool {
        true
    }
}

fn has_default(body: &Body<'_>, select: StmtId) -> bool {
    let ast = body.ast();
    let StmtKind::Select(block) = ast[select].kind else { return false };
    let StmtKind::Block(clauses) = ast[block].kind else { return false };
    ast.list(clauses).any(|clause| matches!(ast[clause].kind, StmtKind::Comm { comm: None, .. }))
}

/// Looks for a way on which a function returns and has not ended what waits for these fields.
struct Outlives<'b, 'p> {
    body: &'b Body<'p>,
    /// The call that starts it; none if it was started before.
    call: Option<ExprId>,
    cells: &'b [Cell],
    given: &'b Given,
    depth: u32,
}

impl Watch for Outlives<'_, '_> {
    type State = bool;

    fn start(&self) -> bool {
        self.call.is_none()
    }

    fn event(&self, is_started: bool, event: &Event) -> Option<bool> {
        let is_end = match event.what {
            What::Call { call } | What::Go { call } if Some(call) == self.call => return Some(true),
            _ if !is_started => false,
            What::Close { channel } => self.body.cell(channel).is_some_and(|cell| self.cells.contains(&cell)),
            What::Call { call } | What::Deferred { call } => is_ended_by(self.body, call, self.cells, self.depth),
            _ => false,
        };
        (!is_end).then_some(is_started)
    }

    fn fact(&self, is_started: bool, atom: &Atom, holds: bool) -> Option<bool> {
        (!self.given.excludes(self.body, atom, holds)).then_some(is_started)
    }

    fn is_found(&self, is_started: &bool, exit: Exit) -> bool {
        *is_started && exit == Exit::Return
    }
}

/// Does the goroutine that a call starts go on when the function has returned?
fn outlives(body: &Body<'_>, call: ExprId, cells: &[Cell], given: &Given) -> bool {
    search(body, &Outlives { body, call: Some(call), cells, given, depth: 0 }).is_some()
}

/// Does a call end what waits for these fields, whichever way it takes?
fn is_ended_by(body: &Body<'_>, call: ExprId, cells: &[Cell], depth: u32) -> bool {
    let ends = |inner: &Body<'_>| {
        let given = &Given::default();
        depth < MAX_ENDS
            && search(inner, &Outlives { body: inner, call: None, cells, given, depth: depth + 1 }).is_none()
    };
    let program = body.program;
    match body.callee(call) {
        Callee::Builtin(Builtin::Close) => {
            let channel = body.arguments(call).first().and_then(|channel| body.cell(*channel));
            channel.is_some_and(|cell| cells.contains(&cell))
        }
        Callee::Variable(cell) => cells.contains(&cell),
        Callee::Closure(id) => ends(&program.body(id)),
        // `once.Do(func() { close(s.stop) })`
        Callee::Func(_) if body.known(call) == Some(Known::Runs) => body.arguments(call).into_iter().any(|argument| {
            match program.callee_of(body.id.file, &body.tree, argument) {
                Callee::Closure(id) => ends(&program.body(id)),
                _ => false,
            }
        }),
        Callee::Func(function) => program.body_of(function).is_some_and(|inner| ends(&inner)),
        _ => false,
    }
}

/// Does a method end what waits for one of these fields? It may also send something, if that is what it is for.
pub(crate) fn is_closer(program: &Program<'_>, method: FuncId, name: &str, cells: &[Cell]) -> bool {
    let Some(method) = program.body_of(method) else { return false };
    let mut ended = Vec::new();
    ends(&method, CLOSERS.contains(&name), 0, &mut ended);
    ended.iter().any(|cell| cells.contains(cell))
}

/// The fields that a closer closes, cancels or, if that counts, sends on.
fn ends(closer: &Body<'_>, sends: bool, depth: u32, cells: &mut Vec<Cell>) {
    for body in closer.family() {
        for (_, event) in body.flow().all() {
            match event.what {
                What::Close { channel } => cells.extend(body.cell(channel).filter(is_field)),
                What::Send { channel } if sends => cells.extend(body.cell(channel).filter(is_field)),
                What::Deferred { call } => {
                    if let Some(channel) = body.arguments(call).first()
                        && body.callee(call) == Callee::Builtin(Builtin::Close)
                    {
                        cells.extend(body.cell(*channel).filter(is_field));
                    }
                }
                What::Call { call } => match body.callee(call) {
                    // A cancel function that is kept in a field.
                    Callee::Variable(cell) if is_field(&cell) => cells.push(cell),
                    Callee::Func(function) if depth < MAX_DEPTH && function.file.package == closer.id.file.package => {
                        if let Some(inner) = own(&body, function) {
                            ends(&inner, sends, depth + 1, cells);
                        }
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }
}

fn is_field(cell: &Cell) -> bool {
    matches!(cell, Cell::Field(..))
}

/// Those of these fields that hold the cancel function of a context which a function makes.
fn contexts(body: &Body<'_>, fields: &[Cell]) -> Vec<Cell> {
    let ast = body.ast();
    let mut found = Vec::new();
    for (call, names) in calls(body) {
        if names.0 != "context" || !names.2.starts_with("With") {
            continue;
        }
        let cancel = targets(body, call).and_then(|(left, _)| left.get(1).copied());
        let Some(cell) = cancel.and_then(|cancel| body.cell(cancel)) else { continue };
        found.push(cell);
        // `ctx, cancel := …; t := &T{cancel: cancel}`
        for mention in body.tree.uses.get(&cell).into_iter().flatten() {
            match usage(ast, &body.tree, *mention) {
                Usage::Element { literal, field: Some(field) } => {
                    if let Type::Named(decl, _) = body.tree.types.ty(literal).pointed() {
                        found.push(Cell::field(body.program.world, *decl, field));
                    }
                }
                Usage::Becomes(target) => found.extend(body.cell(target)),
                _ => {}
            }
        }
    }
    found.retain(|cell| fields.contains(cell));
    found
}

/// Is it `ctx.Done()`?
fn is_done(body: &Body<'_>, channel: ExprId) -> bool {
    match body.callee(body.ast().unparen(channel)) {
        Callee::Abstract(of, name) => name == "Done" && is_named(body.program.world, &of, "context", "Context"),
        _ => false,
    }
}

fn own<'p>(body: &Body<'p>, function: FuncId) -> Option<Body<'p>> {
    body.program.body_of(function)
}

/// Does a function of a test see to it that what it gives is closed: `t.Cleanup(…)`?
fn cleans_up(function: &Body<'_>) -> bool {
    function.flow().all().any(|(_, event)| match event.what {
        What::Call { call } => match function.callee(call) {
            Callee::Func(own) => {
                matches!(names(function.program.world, own), Some((_, _, "Cleanup")))
            }
            Callee::Abstract(_, name) => name == "Cleanup",
            _ => false,
        },
        _ => false,
    })
}

/// Does a function keep what it returns of a type, in a map or a field, or give it to somebody who does?
fn keeps(function: &Body<'_>, decl: TypeDecl) -> bool {
    let ast = function.ast();
    let flow = function.flow();
    let returned = flow.all().filter_map(|(_, event)| match event.what {
        What::Return { stmt } => match ast[stmt].kind {
            StmtKind::Return(results) => ast.at(results, 0),
            _ => None,
        },
        _ => None,
    });
    let is_it =
        |value: &ExprId| matches!(function.tree.types.ty(*value).pointed(), Type::Named(own, _) if *own == decl);
    let mut cells: Vec<Cell> = returned.filter(is_it).filter_map(|value| function.cell(value)).collect();
    cells.sort_unstable();
    cells.dedup();
    cells.into_iter().any(|cell| is_kept(function, cell, 0))
}

/// Does a function keep what a variable holds?
fn is_kept(function: &Body<'_>, cell: Cell, depth: u32) -> bool {
    let (ast, tree) = (function.ast(), &function.tree);
    tree.uses.get(&cell).into_iter().flatten().any(|mention| match usage(ast, tree, *mention) {
        Usage::Becomes(target) => {
            matches!(ast[ast.unparen(target)].kind, ExprKind::Index { .. } | ExprKind::Selector { .. })
        }
        Usage::Argument { call, at } if matches!(cell, Cell::Var(VarId::Local { .. })) => {
            is_kept_by(function, cell, call, at, depth)
        }
        _ => false,
    })
}

/// Does a call keep what it gets? What is not seen whole does.
fn is_kept_by(function: &Body<'_>, cell: Cell, call: ExprId, at: usize, depth: u32) -> bool {
    // What belongs to it keeps it no longer than it lives.
    let is_its_own = |expr: ExprId| root(function, expr).is_some_and(|variable| Cell::Var(variable) == cell);
    let others = function.arguments(call).into_iter().enumerate().filter(|(own, _)| *own != at);
    if function.receiver(call).is_some_and(is_its_own) || others.into_iter().any(|(_, other)| is_its_own(other)) {
        return false;
    }
    match function.callee(call) {
        Callee::Func(inner) => match own(function, inner) {
            Some(_) if depth == MAX_DEPTH => false,
            Some(inner) => {
                let parameter = parameters(inner.ast(), inner.function().signature).get(at).copied().flatten();
                parameter.is_some_and(|ident| {
                    is_kept(&inner, Cell::Var(VarId::Local { file: inner.id.file, ident }), depth + 1)
                })
            }
            None => !reads_only(function, call) && !is_told(function, inner),
        },
        // `for _, option := range options { option.apply(x) }`
        Callee::Abstract(..) => !function.receiver(call).is_some_and(|receiver| is_element(function, receiver)),
        _ => false,
    }
}

/// Is it a function that does not keep what it gets: of a log, a test, the runtime?
fn is_told(body: &Body<'_>, function: FuncId) -> bool {
    names(body.program.world, function).is_some_and(|(path, _, _)| {
        path.starts_with("log")
            || matches!(path, "testing" | "runtime")
            || path.contains("testify")
            || path.contains("zap")
    })
}

/// Is it a variable that holds one after the other of what is ranged over?
fn is_element(body: &Body<'_>, expr: ExprId) -> bool {
    let Some(VarId::Local { ident, .. }) = root(body, expr) else { return false };
    matches!(body.tree.around(body.ast(), ident), Parent::Stmt(stmt)
        if matches!(body.ast()[stmt].kind, StmtKind::Range(_)))
}

/// The variable that `x.a.b` begins with.
fn root(body: &Body<'_>, expr: ExprId) -> Option<VarId> {
    let ast = body.ast();
    let mut expr = ast.unparen(expr);
    loop {
        expr = match ast[expr].kind {
            ExprKind::Selector { x, .. } | ExprKind::Star(x) | ExprKind::Unary { x, .. } => ast.unparen(x),
            _ => return body.tree.types.variable(expr),
        };
    }
}
