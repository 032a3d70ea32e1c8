//! Something that a function gets and has to give back: a cancel function to be called, a body to be
//! closed. It is given back when it is used for that; it is somebody else's when it leaves the function.

use std::sync::Arc;

use gostray_golang::ast::{ExprId, ExprKind, StmtKind};
use gostray_golang::types::{Object, VarId};
use gostray_golang::{Name, Span, Token};

use crate::path::{Atom, Way, search_possible};
use crate::program::{Body, Callee, Cell, Event, Parent, Usage, What, names, targets, usage};
use crate::starter::is_closer;
use crate::worker::CLOSERS;

mod asserted;
mod handed;
mod open;

pub(crate) use asserted::asserted;
pub(crate) use handed::reads_only;
use handed::{leaves, wraps};
use open::Open;

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

    /// Is there nothing left to give back once this has happened: a body that was read to its end, or can't be read, has let its
    /// connection go, and who feeds a reader is done then?
    fn is_used_up(&self, event: &Event) -> bool {
        let body = &self.body;
        let What::Mention { name } = event.what else { return false };
        if body.tree.types.variable(name) != Some(self.variable) {
            return false;
        }
        let Usage::Argument { call, at } = usage(body.ast(), &body.tree, self.part(name)) else { return false };
        let Callee::Func(function) = body.callee(call) else { return false };
        matches!(
            (names(body.program.world, function), at),
            (Some(("io" | "io/ioutil", None, "ReadAll")), 0) | (Some(("io", None, "Copy" | "CopyBuffer")), 1)
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

    /// Is it given back on no way at all?
    pub(crate) fn is_never_given_back(&self) -> bool {
        let uses = self.body.tree.uses.get(&Cell::Var(self.variable));
        !uses.into_iter().flatten().any(|mention| self.gives_back(*mention))
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is still to be given back.
    Kept,
    /// It was given back, or is somebody else's.
    Gone,
}
