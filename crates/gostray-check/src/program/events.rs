//! What a function does, step by step, as far as it concerns goroutines.

use gostray_golang::ast::{Ast, ExprId, ExprKind, Node, StmtId, StmtKind};
use gostray_golang::flow::{BlockId, Graph, Step};
use gostray_golang::package::World;
use gostray_golang::types::{Builtin, Object, Type};
use gostray_golang::{Span, Token};

use crate::program::tree::{Tree, select_of};

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// `channel <- value`
    Send { channel: ExprId },
    /// `<-channel`
    Receive { channel: ExprId },
    /// The head of `for … range channel`.
    Range { channel: ExprId },
    /// `close(channel)`
    Close { channel: ExprId },
    /// A channel is made.
    Make { call: ExprId },
    /// A call; `close`, conversions and the like apart.
    Call { call: ExprId },
    /// A call that was deferred is run.
    Deferred { call: ExprId },
    /// `defer call`
    Defer { call: ExprId },
    /// `go call`
    Go { call: ExprId },
    /// A name is assigned to, or declared.
    Assign { name: ExprId },
    /// A name is mentioned.
    Mention { name: ExprId },
    /// A closure is made, which may use later what it mentions.
    Closure { closure: ExprId },
    /// `return`
    Return { stmt: StmtId },
}

/// Something that happens, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) what: What,
    pub(crate) span: Span,
    /// The `select` that chose it: it does not wait.
    pub(crate) select: Option<StmtId>,
}

/// A function: where it can go, and what it does there.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) graph: Graph,
    /// By block.
    pub(crate) events: Vec<Vec<Event>>,
}

impl Flow {
    pub(crate) fn of(world: &World, ast: &Ast, tree: &Tree, graph: Graph) -> Self {
        let events = graph
            .blocks()
            .map(|(_, block)| {
                let mut collect = Collect { world, ast, tree, events: Vec::new(), select: None };
                block.steps.iter().for_each(|step| collect.step(*step));
                collect.events
            })
            .collect();
        Self { graph, events }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (BlockId, &Event)> {
        self.graph.blocks().zip(&self.events).flat_map(|((id, _), events)| events.iter().map(move |event| (id, event)))
    }
}

struct Collect<'a> {
    world: &'a World,
    ast: &'a Ast,
    tree: &'a Tree,
    events: Vec<Event>,
    select: Option<StmtId>,
}

impl Collect<'_> {
    fn push(&mut self, what: What, span: Span) {
        self.events.push(Event { what, span, select: self.select });
    }

    fn step(&mut self, step: Step) {
        let ast = self.ast;
        match step {
            Step::Expr(expr) => self.expr(expr),
            Step::Deferred(call) => self.push(What::Deferred { call }, ast[call].span),
            Step::Stmt(stmt) => self.stmt(stmt),
        }
    }

    fn stmt(&mut self, stmt: StmtId) {
        let ast = self.ast;
        let select = select_of(ast, self.tree, stmt);
        match ast[stmt].kind {
            StmtKind::Send { channel, value } => {
                self.expr(channel);
                self.expr(value);
                self.select = select;
                self.push(What::Send { channel }, ast[stmt].span);
            }
            StmtKind::Expr(x) => {
                self.select = select;
                self.expr(x);
            }
            StmtKind::Assign { left, right, operator } => {
                self.select = select;
                ast.list(right).for_each(|value| self.expr(value));
                self.select = None;
                for target in ast.list(left) {
                    self.target(target, operator);
                }
            }
            StmtKind::IncDec { x, operator } => self.target(x, operator),
            StmtKind::Go(call) => {
                self.parts(call);
                self.push(What::Go { call }, ast[stmt].span);
            }
            StmtKind::Defer(call) => {
                self.parts(call);
                self.push(What::Defer { call }, ast[stmt].span);
            }
            StmtKind::Return(results) => {
                ast.list(results).for_each(|value| self.expr(value));
                self.push(What::Return { stmt }, ast[stmt].span);
            }
            StmtKind::Range(range) => {
                self.expr(range.x);
                if let Type::Chan(..) = self.world.underlying(self.tree.types.ty(range.x)) {
                    let span = Span { start: ast[stmt].span.start, end: ast[range.x].span.end };
                    self.push(What::Range { channel: range.x }, span);
                }
                for target in range.key.into_iter().chain(range.value) {
                    self.target(target, Token::Assign);
                }
            }
            StmtKind::Decl(decl) => {
                ast.for_each_child(Node::Decl(decl), &mut |spec| {
                    let Node::Spec(spec) = spec else { return };
                    let gostray_golang::ast::SpecKind::Value { names, values, .. } = ast[spec].kind else { return };
                    ast.list(values).for_each(|value| self.expr(value));
                    ast.list(names).for_each(|name| self.push(What::Assign { name }, ast[name].span));
                });
            }
            _ => ast.for_each_child(Node::Stmt(stmt), &mut |node| {
                if let Node::Expr(expr) = node {
                    self.expr(expr);
                }
            }),
        }
        self.select = None;
    }

    fn target(&mut self, target: ExprId, operator: Token) {
        let target = self.ast.unparen(target);
        match self.ast[target].kind {
            ExprKind::Ident(_) => {
                if !matches!(operator, Token::Assign | Token::Define) {
                    self.push(What::Mention { name: target }, self.ast[target].span);
                }
                self.push(What::Assign { name: target }, self.ast[target].span);
            }
            _ => self.expr(target),
        }
    }

    /// The parts of a call whose call itself comes later.
    fn parts(&mut self, call: ExprId) {
        let ast = self.ast;
        let ExprKind::Call { function, arguments, .. } = ast[call].kind else { return };
        self.expr(function);
        ast.list(arguments).for_each(|argument| self.expr(argument));
    }

    /// What happens in an expression: its parts first.
    fn expr(&mut self, expr: ExprId) {
        let ast = self.ast;
        let span = ast[expr].span;
        match ast[expr].kind {
            // What is in a closure happens when it is called.
            ExprKind::Func { .. } => self.push(What::Closure { closure: expr }, span),
            ExprKind::Ident(_) => self.push(What::Mention { name: expr }, span),
            ExprKind::Unary { operator: Token::Arrow, x } => {
                let select = self.select.take();
                self.expr(x);
                self.select = select;
                self.push(What::Receive { channel: x }, span);
            }
            ExprKind::Call { function, arguments, .. } => {
                let select = self.select.take();
                self.parts(expr);
                self.select = select;
                match self.tree.types.objects.get(&ast.unparen(function)) {
                    Some(Object::Builtin(Builtin::Close)) => {
                        if let Some(channel) = ast.at(arguments, 0) {
                            self.push(What::Close { channel }, span);
                        }
                    }
                    Some(Object::Builtin(Builtin::Make)) => self.push(What::Make { call: expr }, span),
                    Some(Object::Builtin(_) | Object::Type(_)) => {}
                    _ => self.push(What::Call { call: expr }, span),
                }
            }
            ExprKind::Selector { x, .. } => self.expr(x),
            ExprKind::KeyValue { value, .. } => self.expr(value),
            _ => ast.for_each_child(Node::Expr(expr), &mut |node| {
                if let Node::Expr(inner) = node {
                    self.expr(inner);
                }
            }),
        }
    }
}
