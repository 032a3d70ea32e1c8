//! Something that a function gets and has to give back: a cancel function to be called, a body to be
//! closed. It is given back when it is used for that; it is somebody else's when it leaves the function.

use std::sync::Arc;

use gostray_golang::ast::{ExprId, ExprKind, StmtKind};
use gostray_golang::flow::{BlockId, Edge, Exit, Step};
use gostray_golang::types::{Object, VarId};
use gostray_golang::{Name, Span, Token};

use crate::path::{Atom, Watch, Way, search_possible, sides};
use crate::program::{Body, Callee, Cell, Event, Parent, Usage, What, names, usage};
use crate::starter::is_closer;
use crate::worker::CLOSERS;

/// What a function got.
#[derive(Debug, Clone)]
pub(crate) struct Obligation<'p> {
    pub(crate) body: Body<'p>,
    /// The call that gave it.
    pub(crate) call: ExprId,
    /// The variable that holds it.
    pub(crate) variable: VarId,
    /// The identifier that declares it.
    pub(crate) ident: ExprId,
    /// The error that came with it: if there is one, there is nothing to give back.
    pub(crate) error: Option<VarId>,
    /// What gives it back.
    pub(crate) release: Release,
}

/// What gives something back.
#[derive(Debug, Clone)]
pub(crate) enum Release {
    /// Any use at all.
    Use,
    /// One of these methods of it, or of one of its fields.
    Methods(&'static [&'static str], Option<&'static str>),
    /// This method, or any other that ends what waits for these fields.
    Ends(&'static str, Arc<[Cell]>),
}

impl Release {
    /// The method that people are told of.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Use => "",
            Self::Methods(methods, _) => methods.first().copied().unwrap_or("Close"),
            Self::Ends(closer, _) => closer,
        }
    }

    /// The field that is to be given back, instead of the whole.
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Methods(_, field) => *field,
            _ => None,
        }
    }
}

impl<'p> Obligation<'p> {
    /// What a call gives as one of its results, where that becomes a new variable of the function.
    pub(crate) fn of(body: &Body<'p>, call: ExprId, at: usize, release: Release) -> Option<Self> {
        let (left, is_define) = targets(body, call)?;
        let ident = *left.get(at)?;
        if !is_define {
            return None;
        }
        let ast = body.ast();
        if ast.name(ident).is_none_or(gostray_golang::Name::is_blank) {
            return None;
        }
        let variable = body.tree.types.variable(ident)?;
        // It is declared here, not one from before.
        let VarId::Local { ident: declared, .. } = variable else { return None };
        let is_result = ast[declared].span.start < ast[body.function().block].span.start;
        if is_result || body.tree.owner(declared) != Some(body.id.at) {
            return None;
        }
        let error = left.last().filter(|last| **last != ident).and_then(|last| body.tree.types.variable(*last));
        Some(Self { body: body.clone(), call, variable, ident, error, release })
    }

    /// A way on which it is not given back, whatever it is that fails on it.
    pub(crate) fn missed(&self) -> Option<Way> {
        let is_got = |event: &Event| matches!(event.what, What::Call { call } if call == self.call);
        search_possible(&self.body, &Open { of: self }, &is_got)
    }

    /// Is there nothing left to give back once this has happened: a body that was read to its end has let its connection go,
    /// and so has one that can't be read?
    fn is_used_up(&self, event: &Event) -> bool {
        let body = &self.body;
        let What::Mention { name } = event.what else { return false };
        if self.release.field() != Some("Body") || body.tree.types.variable(name) != Some(self.variable) {
            return false;
        }
        let Usage::Argument { call, .. } = usage(body.ast(), &body.tree, self.part(name)) else { return false };
        let Callee::Func(function) = body.callee(call) else { return false };
        matches!(
            names(body.program.world, function),
            Some(("io", None, "ReadAll" | "Copy" | "CopyBuffer") | ("io/ioutil", None, "ReadAll"))
        )
    }

    /// Does a condition say that there is an error, and so nothing to give back: `errors.Is(err, …)`, `err == ErrClosed`, or
    /// `ok` of `_, ok := err.(*T)`?
    fn says_error(&self, atom: &Atom, holds: bool) -> bool {
        let (body, ast, tree) = (&self.body, self.body.ast(), &self.body.tree);
        let is_it = |expr: ExprId| self.error.is_some() && tree.types.variable(ast.unparen(expr)) == self.error;
        let asks = |call: ExprId| match body.callee(call) {
            Callee::Func(function) => {
                matches!(names(body.program.world, function), Some(("errors", None, "Is" | "As")))
                    && body.arguments(call).first().is_some_and(|first| is_it(*first))
            }
            _ => false,
        };
        // `(err != nil) != wantsError`, as tables of tests ask: there is an error that is not wanted, or a test that fails.
        if let ExprKind::Binary { operator: Token::Equal | Token::NotEqual, x, y } = ast[atom.expr].kind
            && !holds
            && [x, y].into_iter().any(|side| match ast[ast.unparen(side)].kind {
                ExprKind::Binary { x, y, .. } => is_it(x) || is_it(y),
                _ => false,
            })
        {
            return true;
        }
        if !holds {
            return asserted(body, atom.expr).is_some_and(|(name, arguments)| {
                matches!(name.trim_end_matches('f'), "NoError" | "Nil") && arguments.into_iter().any(is_it)
            });
        }
        match ast[atom.expr].kind {
            ExprKind::Call { .. } => asks(atom.expr) || self.is_said_to_fail(atom.expr),
            ExprKind::Binary { x, y, .. } => {
                let is_nil = |expr: ExprId| matches!(tree.types.objects.get(&ast.unparen(expr)), Some(Object::Nil));
                is_it(x) && !is_nil(y) || is_it(y) && !is_nil(x)
            }
            ExprKind::Ident(_) => {
                let Some(variable) = tree.types.variable(atom.expr) else { return false };
                let gets = tree.uses.get(&Cell::Var(variable)).into_iter().flatten();
                gets.copied().filter(|name| usage(ast, tree, *name) == Usage::Gets(None)).any(|name| {
                    let Parent::Stmt(stmt) = tree.around(ast, name) else { return false };
                    let StmtKind::Assign { right, .. } = ast[stmt].kind else { return false };
                    matches!(ast.at(right, 0).map(|value| ast[ast.unparen(value)].kind),
                        Some(ExprKind::TypeAssert { x, .. }) if is_it(x))
                })
            }
            _ => false,
        }
    }

    /// Does a value say that there is no body: `resp.StatusCode` that is 204?
    fn has_no_body(&self, x: ExprId, y: ExprId) -> bool {
        const WITHOUT: [i128; 2] = [204, 304];
        let (body, ast) = (&self.body, self.body.ast());
        let is_status = |expr: ExprId| match ast[ast.unparen(expr)].kind {
            ExprKind::Selector { x, selected } => {
                body.tree.types.variable(x) == Some(self.variable)
                    && ast.name(selected).is_some_and(|name| name == "StatusCode")
            }
            _ => false,
        };
        let is_without = |expr| {
            let status = body.program.world.integer(&body.tree.types, body.id.file, expr);
            status.is_some_and(|status| WITHOUT.contains(&status))
        };
        self.release.field() == Some("Body") && (is_status(x) && is_without(y) || is_status(y) && is_without(x))
    }

    /// Is it one of the identifiers that the call's own results are assigned to?
    fn comes_with(&self, name: ExprId) -> bool {
        targets(&self.body, self.call).is_some_and(|(left, _)| left.contains(&name))
    }

    /// What an event does with it.
    fn fate(&self, event: &Event) -> Fate {
        let body = &self.body;
        match event.what {
            What::Mention { name } if body.tree.types.variable(name) == Some(self.variable) => self.mention(name),
            What::Closure { closure } => {
                let is_used = self.mentions(body.ast()[closure].span).next().is_some();
                if is_used { Fate::Gone } else { Fate::Kept }
            }
            _ => Fate::Kept,
        }
    }

    /// Does a test go on only if there is an error, and so nothing to give back: `assert.ErrorContains(t, err, …)`?
    fn is_said_to_fail(&self, call: ExprId) -> bool {
        let body = &self.body;
        let Some((name, arguments)) = asserted(body, call) else { return false };
        let is_it = |expr: &ExprId| self.error.is_some() && body.tree.types.variable(*expr) == self.error;
        match name.trim_end_matches('f') {
            "Error" | "ErrorIs" | "ErrorAs" | "ErrorContains" | "EqualError" | "NotNil" => arguments.iter().any(is_it),
            "Equal" => {
                let is_nil = |expr: &ExprId| matches!(body.tree.types.objects.get(expr), Some(Object::Nil));
                let is_error = arguments.iter().any(is_it) && !arguments.iter().any(is_nil);
                is_error || arguments.windows(2).any(|two| self.has_no_body(two[0], two[1]))
            }
            _ => false,
        }
    }

    /// Where it is mentioned in a part of the function.
    fn mentions(&self, span: Span) -> impl Iterator<Item = ExprId> {
        let uses = self.body.tree.uses.get(&Cell::Var(self.variable));
        uses.into_iter().flatten().copied().filter(move |expr| {
            let own = self.body.ast()[*expr].span;
            span.start <= own.start && own.end <= span.end
        })
    }

    /// Does an event see to it, before it is there, that it is given back: `defer x.Close()`?
    fn is_foreseen(&self, event: &Event) -> bool {
        if let Release::Use = self.release {
            return false;
        }
        let (ast, tree) = (self.body.ast(), &self.body.tree);
        match event.what {
            What::Closure { closure: later } | What::Defer { call: later } => {
                self.mentions(ast[later].span).any(|name| self.gives_back(name))
            }
            // `t.Cleanup(x.Close)`
            What::Mention { name } => {
                tree.types.variable(name) == Some(self.variable) && self.is_value_of_release(name)
            }
            _ => false,
        }
    }

    /// Is it handed on anywhere, returned or kept? Then whoever gets it gives it back, and a deferred call would do so too
    /// early.
    pub(crate) fn is_handed_on(&self) -> bool {
        if let Release::Use = self.release {
            return true;
        }
        let (ast, tree) = (self.body.ast(), &self.body.tree);
        let uses = tree.uses.get(&Cell::Var(self.variable));
        uses.into_iter().flatten().any(|mention| {
            *mention != self.ident
                && !matches!(usage(ast, tree, *mention), Usage::Method { .. } | Usage::Gets(_))
                && !(self.release.field().is_some() && self.gives_back(*mention))
                && (self.mention(*mention) == Fate::Gone || self.is_wrapped_for_others(*mention))
        })
    }

    /// Does something that goes on using it leave the function: `return bufio.NewScanner(resp.Body)`?
    fn is_wrapped_for_others(&self, name: ExprId) -> bool {
        let (ast, tree) = (self.body.ast(), &self.body.tree);
        match usage(ast, tree, self.part(name)) {
            Usage::Argument { call, .. } => {
                reads_only(&self.body, call) && wraps(&self.body, call) && leaves(&self.body, call)
            }
            _ => false,
        }
    }

    /// The field of it, or it itself, that something is done with.
    fn part(&self, name: ExprId) -> ExprId {
        let (ast, tree) = (self.body.ast(), &self.body.tree);
        let mut value = name;
        while let Usage::Base(outer) = usage(ast, tree, value) {
            value = outer;
        }
        value
    }

    /// Is it `resp.Body.Close()`?
    fn gives_back(&self, name: ExprId) -> bool {
        match usage(self.body.ast(), &self.body.tree, self.part(name)) {
            Usage::Method { call, name } => self.is_release(name, || self.body.callee(call)),
            _ => false,
        }
    }

    /// Does a method of it, that is called or taken as a value, give it back?
    fn is_release(&self, name: Name, method: impl Fn() -> Callee) -> bool {
        match &self.release {
            Release::Use => true,
            Release::Methods(methods, _) => methods.contains(&name.as_str()),
            Release::Ends(closer, cells) => {
                let is_other = || match method() {
                    Callee::Func(function) => is_closer(self.body.program, function, name.as_str(), cells),
                    _ => false,
                };
                name == *closer || is_other()
            }
        }
    }

    /// Is it `x.Close`, taken as a value?
    fn is_value_of_release(&self, name: ExprId) -> bool {
        let (body, ast) = (&self.body, self.body.ast());
        let receiver = self.part(name);
        if usage(ast, &body.tree, receiver) != Usage::MethodValue {
            return false;
        }
        let Parent::Expr(method) = body.tree.around(ast, receiver) else { return false };
        // In a field it may be called by anybody, or nobody.
        if !matches!(usage(ast, &body.tree, method), Usage::Argument { .. }) {
            return false;
        }
        let ExprKind::Selector { selected, .. } = ast[method].kind else { return false };
        ast.name(selected)
            .is_some_and(|name| self.is_release(name, || body.program.callee_of(body.id.file, &body.tree, method)))
    }

    /// What becomes of it where it is mentioned.
    fn mention(&self, name: ExprId) -> Fate {
        if let Release::Use = self.release {
            return Fate::Gone;
        }
        let (body, field) = (&self.body, self.release.field());
        let (ast, tree) = (body.ast(), &body.tree);
        let mut value = name;
        loop {
            match usage(ast, tree, value) {
                Usage::Method { call, name } => {
                    // Who waits for its goroutine knows that it has ended.
                    let waits = matches!(self.release, Release::Ends(..)) && matches!(name.as_str(), "Wait" | "Join");
                    return if waits || self.is_release(name, || body.callee(call)) { Fate::Gone } else { Fate::Kept };
                }
                Usage::Base(outer) => {
                    // `resp.Body` is what is to be closed; `resp.Status` is something else.
                    let is_field = match ast[outer].kind {
                        ExprKind::Selector { selected, .. } => {
                            field.is_some_and(|field| ast.name(selected).is_some_and(|name| name == field))
                        }
                        _ => true,
                    };
                    if !is_field {
                        // Its own channel is closed, or what it is made of: that ends it, too.
                        let ends = match usage(ast, tree, outer) {
                            Usage::Close(_) | Usage::Call(_) => true,
                            Usage::Method { name, .. } => CLOSERS.contains(&name.as_str()),
                            _ => false,
                        };
                        return if ends { Fate::Gone } else { Fate::Kept };
                    }
                    value = outer;
                }
                Usage::Compare | Usage::Measure | Usage::Declared => return Fate::Kept,
                Usage::Gets(_) => return Fate::Gone,
                Usage::Argument { call, .. } => {
                    return if reads_only(body, call) { Fate::Kept } else { Fate::Gone };
                }
                Usage::Range(_) | Usage::Receive(_) => return Fate::Kept,
                _ => return Fate::Gone,
            }
        }
    }
}

/// Does what a call gives leave the function, or what a method of that gives? The call wraps something that is to be
/// closed here. What is not clear leaves.
fn leaves(body: &Body<'_>, wrapper: ExprId) -> bool {
    let (ast, tree) = (body.ast(), &body.tree);
    let stays = |value: ExprId| match usage(ast, tree, value) {
        Usage::Method { call, .. } => !(is_stub(body, wrapper) && gives_away(body, call)),
        Usage::Argument { call, .. } => reads_only(body, call) && !(wraps(body, call) && leaves(body, call)),
        Usage::Range(_) | Usage::Compare | Usage::Gets(_) | Usage::Declared => true,
        _ => false,
    };
    match usage(ast, tree, wrapper) {
        Usage::Becomes(name) => match tree.types.variable(name) {
            Some(variable @ VarId::Local { .. }) => {
                !tree.uses.get(&Cell::Var(variable)).into_iter().flatten().all(|name| stays(*name))
            }
            _ => true,
        },
        _ => !stays(wrapper),
    }
}

/// Does the function hand on what a method gives: a stream of a client, for example?
fn gives_away(body: &Body<'_>, call: ExprId) -> bool {
    let (ast, tree) = (body.ast(), &body.tree);
    let first = targets(body, call).and_then(|(left, _)| tree.types.variable(*left.first()?));
    match first {
        Some(variable) => tree.uses.get(&Cell::Var(variable)).into_iter().flatten().any(|name| {
            !matches!(
                usage(ast, tree, *name),
                Usage::Method { .. }
                    | Usage::Base(_)
                    | Usage::Range(_)
                    | Usage::Compare
                    | Usage::Gets(_)
                    | Usage::Declared
            )
        }),
        None => matches!(usage(ast, tree, call), Usage::Returned(_) | Usage::Sent(_) | Usage::Element { .. }),
    }
}

/// Is it a generated client of a connection, which it uses and does not close?
fn is_stub(body: &Body<'_>, call: ExprId) -> bool {
    let world = body.program.world;
    let Callee::Func(function) = body.callee(call) else { return false };
    names(world, function).is_some_and(|(_, _, name)| name.starts_with("New") && name.ends_with("Client"))
        && world.signature(function).parameters.first().is_some_and(|ty| {
            ["ClientConnInterface", "ClientConn"]
                .iter()
                .any(|name| crate::program::is_named(world, ty, "google.golang.org/grpc", name))
        })
}

/// Does a call give something that goes on using what it got?
fn wraps(body: &Body<'_>, call: ExprId) -> bool {
    let Callee::Func(function) = body.callee(call) else { return true };
    let Some((path, _, name)) = names(body.program.world, function) else { return true };
    !matches!(
        (path, name),
        ("fmt" | "net/http/httputil", _) | ("io" | "io/ioutil", "ReadAll" | "Copy" | "CopyN" | "ReadFull")
    )
}

/// Does a call use what it gets without taking it over?
pub(crate) fn reads_only(body: &Body<'_>, call: ExprId) -> bool {
    let Callee::Func(function) = body.callee(call) else { return false };
    let Some((path, _, name)) = names(body.program.world, function) else { return false };
    is_stub(body, call)
        || matches!(
            (path, name),
            ("io", "ReadAll" | "Copy" | "CopyN" | "LimitReader" | "ReadFull")
                | ("io/ioutil", "ReadAll")
                | ("encoding/json" | "encoding/xml", "NewDecoder")
                | ("bufio", "NewReader" | "NewScanner")
                | ("fmt", _)
                | ("net/http/httputil", "DumpResponse")
        )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is still to be given back.
    Kept,
    /// It was given back, or is somebody else's.
    Gone,
}

struct Open<'o, 'p> {
    of: &'o Obligation<'p>,
}

/// Is it there, and to be given back?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Held {
    /// Not yet.
    No,
    /// It is, unless the error that came with it says that there is none.
    WithError,
    /// It is; the variable of that error holds another one by now.
    Alone,
}

impl Watch for Open<'_, '_> {
    type State = Held;

    fn start(&self) -> Held {
        Held::No
    }

    fn event(&self, state: Held, event: &Event) -> Option<Held> {
        if let What::Call { call } = event.what
            && call == self.of.call
        {
            return Some(Held::WithError);
        }
        if state == Held::No {
            return (!self.of.is_foreseen(event)).then_some(state);
        }
        if let What::Assign { name } = event.what {
            // The declaration itself comes after the call.
            if name == self.of.ident {
                return Some(state);
            }
            let variable = self.of.body.tree.types.variable(name);
            if variable.is_some() && variable == self.of.error && !self.of.comes_with(name) {
                return Some(Held::Alone);
            }
        }
        if state == Held::WithError
            && let What::Call { call } = event.what
            && self.of.is_said_to_fail(call)
        {
            return None;
        }
        match self.of.fate(event) {
            Fate::Kept if !self.of.is_used_up(event) => Some(state),
            _ => None,
        }
    }

    fn edge(&self, state: Held, from: BlockId, edge: Edge) -> Option<Held> {
        let body = &self.of.body;
        let flow = body.flow();
        let holds = match (edge, flow.graph.block(from).steps.last()) {
            (Edge::True, Some(Step::Expr(condition))) => Some((*condition, true)),
            (Edge::False, Some(Step::Expr(condition))) => Some((*condition, false)),
            _ => None,
        };
        // `resp == nil || err != nil`: nothing is there on either side.
        let is_gone = holds.is_some_and(|(condition, holds)| {
            sides(body, condition, holds)
                .iter()
                .all(|side| side.iter().any(|(atom, holds)| self.fact(state, atom, *holds).is_none()))
        });
        (!is_gone && !self.chooses_no_body(edge)).then_some(state)
    }

    fn fact(&self, state: Held, atom: &Atom, holds: bool) -> Option<Held> {
        if state == Held::No {
            return Some(state);
        }
        // `for rows.Next()`: when there are no more, they are closed.
        if let ExprKind::Call { .. } = self.of.body.ast()[atom.expr].kind
            && !holds
            && let Some(receiver) = self.of.body.receiver(atom.expr)
            && self.of.body.tree.types.variable(receiver) == Some(self.of.variable)
            && self.of.body.text_of(atom.expr).ends_with(".Next()")
        {
            return None;
        }
        if state == Held::WithError && self.of.says_error(atom, holds) {
            return None;
        }
        if let ExprKind::Binary { operator: Token::Equal | Token::NotEqual, x, y } = self.of.body.ast()[atom.expr].kind
            && holds
            && self.of.has_no_body(x, y)
        {
            return None;
        }
        let Some(compared) = atom.compared_to_nil(&self.of.body) else { return Some(state) };
        let body = &self.of.body;
        let variable = body.tree.types.variable(compared);
        // `resp.Body == nil`
        if let ExprKind::Selector { x, .. } = body.ast()[compared].kind
            && holds
            && body.tree.types.variable(x) == Some(self.of.variable)
        {
            return None;
        }
        // An error: there is nothing to give back. Or it is nil itself.
        let is_its_error = state == Held::WithError && variable.is_some() && variable == self.of.error;
        if is_its_error && !holds || variable == Some(self.of.variable) && holds {
            return None;
        }
        Some(state)
    }

    fn is_found(&self, state: &Held, exit: Exit) -> bool {
        *state != Held::No && exit == Exit::Return && !self.of.body.is_main()
    }

    fn is_found_before(&self, state: &Held, event: &Event) -> bool {
        // Another one takes its place.
        let is_lost = match event.what {
            What::Assign { name } => {
                matches!(self.of.release, Release::Use)
                    && name != self.of.ident
                    && self.of.body.tree.types.variable(name) == Some(self.of.variable)
            }
            _ => false,
        };
        *state != Held::No && is_lost
    }
}

impl Open<'_, '_> {
    /// Is it the clause of a `switch` for a status that has no body?
    fn chooses_no_body(&self, edge: Edge) -> bool {
        let (body, ast) = (&self.of.body, self.of.body.ast());
        let Edge::Clause(clause) = edge else { return false };
        let StmtKind::Case { values, .. } = ast[clause].kind else { return false };
        let mut at = body.tree.around_stmt(clause);
        let tag = loop {
            match at {
                Parent::Stmt(stmt) => match ast[stmt].kind {
                    StmtKind::Switch { tag: Some(tag), .. } => break tag,
                    StmtKind::Block(_) => at = body.tree.around_stmt(stmt),
                    _ => return false,
                },
                _ => return false,
            }
        };
        !values.is_empty() && ast.list(values).all(|value| self.of.has_no_body(tag, value))
    }
}

/// What is asserted by a call of testify, and of what: `assert.NoError(t, err)`.
pub(crate) fn asserted(body: &Body<'_>, call: ExprId) -> Option<(&'static str, Vec<ExprId>)> {
    let ExprKind::Call { .. } = body.ast()[call].kind else { return None };
    let (path, name) = match body.callee(call) {
        Callee::Func(function) => names(body.program.world, function).map(|(path, _, name)| (path, name)),
        _ => missing(body, call),
    }?;
    path.starts_with("github.com/stretchr/testify/").then(|| (name, body.arguments(call)))
}

/// What a call calls of a package that is imported and not on this machine: the path, and the name.
fn missing(body: &Body<'_>, call: ExprId) -> Option<(&'static str, &'static str)> {
    let ast = body.ast();
    let ExprKind::Call { function, .. } = ast[call].kind else { return None };
    let ExprKind::Selector { x, selected } = ast[ast.unparen(function)].kind else { return None };
    if !matches!(body.tree.types.objects.get(&x), Some(Object::Package(None))) {
        return None;
    }
    let package = ast.name(x)?;
    let import = body.source.imports.iter().find(|import| match import.name {
        Some(name) => name == package,
        None => import.path.as_str().rsplit('/').next() == Some(package.as_str()),
    })?;
    Some((import.path.as_str(), ast.name(selected)?.as_str()))
}

/// What a call's results are assigned to, and whether they are declared by it.
pub(crate) fn targets(body: &Body<'_>, call: ExprId) -> Option<(Vec<ExprId>, bool)> {
    let ast = body.ast();
    match body.tree.around(ast, call) {
        Parent::Stmt(stmt) => match ast[stmt].kind {
            StmtKind::Assign { left, right, operator } if right.len() == 1 => {
                Some((ast.list(left).collect(), operator == gostray_golang::Token::Define))
            }
            _ => None,
        },
        Parent::Spec(spec) => match ast[spec].kind {
            gostray_golang::ast::SpecKind::Value { names, values, .. } if values.len() == 1 => {
                Some((ast.list(names).collect(), true))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The calls of a function to declared functions, with the names of what they call.
pub(crate) type Named = (ExprId, (&'static str, Option<&'static str>, &'static str));

/// The calls that a function makes of declared functions.
pub(crate) fn calls(body: &Body<'_>) -> Vec<Named> {
    let flow = body.flow();
    let mut found: Vec<Named> = Vec::new();
    for (_, event) in flow.all() {
        let What::Call { call } = event.what else { continue };
        if found.iter().any(|(own, _)| *own == call) {
            continue;
        }
        if let Callee::Func(function) = body.callee(call)
            && let Some(names) = names(body.program.world, function)
        {
            found.push((call, names));
        }
    }
    found
}
