//! Where a value goes: from the expression that makes it, through variables, fields, parameters and
//! results, to everything that is done with it.

use gostray_golang::ast::{ExprId, ExprKind};
use gostray_golang::package::FileId;
use gostray_golang::types::{Object, Type, VarId};
use rustc_hash::FxHashSet;

use crate::program::{BodyId, Callee, Cell, Program, Usage, is_variadic, parameters, usage};

/// Why not everything that is done with a value is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Escape {
    pub(crate) file: FileId,
    /// Where it gets out of sight.
    pub(crate) at: ExprId,
}

/// Something that is done with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) file: FileId,
    /// The expression that is the value.
    pub(crate) expr: ExprId,
    pub(crate) usage: Usage,
    /// The function that does it.
    pub(crate) body: BodyId,
    /// The calls through which the value came here, from the outermost inwards.
    pub(crate) through: Vec<(BodyId, ExprId)>,
}

/// Everything that is done with a value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trail {
    pub(crate) operations: Vec<Operation>,
    pub(crate) escapes: Vec<Escape>,
    /// What holds it holds other values, too: an operation may be on one of those.
    pub(crate) is_mixed: bool,
    /// A field or variable of the package holds it.
    pub(crate) is_shared: bool,
}

impl Trail {
    /// Is everything seen that is done with the value?
    pub(crate) fn is_whole(&self) -> bool {
        self.escapes.is_empty()
    }
}

const MAX_DEPTH: usize = 6;
const MAX_OPERATIONS: usize = 400;

struct Follower<'p> {
    program: &'p Program<'p>,
    trail: Trail,
    seen: FxHashSet<(Cell, Vec<ExprId>)>,
    through: Vec<(BodyId, ExprId)>,
}

/// Follows the value of an expression.
pub(crate) fn follow<'p>(program: &'p Program<'p>, file: FileId, expr: ExprId) -> Trail {
    let mut follower = Follower { program, trail: Trail::default(), seen: FxHashSet::default(), through: Vec::new() };
    follower.value(file, expr, true);
    follower.trail
}

/// Follows what a cell holds.
pub(crate) fn follow_cell<'p>(program: &'p Program<'p>, file: FileId, cell: Cell) -> Trail {
    let mut follower = Follower { program, trail: Trail::default(), seen: FxHashSet::default(), through: Vec::new() };
    follower.cell(file, cell);
    follower.trail
}

impl<'p> Follower<'p> {
    fn escape(&mut self, file: FileId, at: ExprId) {
        self.trail.escapes.push(Escape { file, at });
    }

    /// One mention of the value.
    fn value(&mut self, file: FileId, expr: ExprId, is_source: bool) {
        if self.trail.operations.len() > MAX_OPERATIONS || self.seen.len() > MAX_OPERATIONS {
            self.escape(file, expr);
            return;
        }
        let program = self.program;
        let (ast, tree) = (program.ast(file), program.tree(file));
        let used = usage(ast, &tree, expr);
        match used {
            // A result with a name is returned, whether a `return` says so or not.
            Usage::Declared if is_result(program, file, expr) => self.escape(file, expr),
            Usage::Measure | Usage::Compare | Usage::Declared | Usage::Base(_) => {}
            Usage::Gets(value) => {
                // A cell that holds it gets a value: another one, unless it is this one.
                let is_nil =
                    value.is_some_and(|value| matches!(tree.types.objects.get(&ast.unparen(value)), Some(Object::Nil)));
                if !is_source && !is_nil {
                    self.trail.is_mixed |= value.is_none();
                }
            }
            Usage::Send(_) | Usage::Receive(_) | Usage::Range(_) | Usage::Close(_) | Usage::Call(_) => {
                self.operation(file, expr, used);
            }
            Usage::Method { .. } => self.operation(file, expr, used),
            Usage::Becomes(target) => match program.cell(&tree, ast, target) {
                Some(cell) if !matches!(ast[ast.unparen(target)].kind, ExprKind::Star(_)) => self.cell(file, cell),
                _ => {
                    let is_blank = ast.name(ast.unparen(target)).is_some_and(gostray_golang::Name::is_blank);
                    if !is_blank {
                        self.escape(file, expr);
                    }
                }
            },
            Usage::Converted(outer) => self.value(file, outer, is_source),
            // Who has a pointer to a channel may use it, or put another there.
            Usage::Address(_) if matches!(program.world.underlying(tree.types.ty(expr)), Type::Chan(..)) => {
                self.escape(file, expr);
            }
            // A pointer to what is held by value: locks and their like.
            Usage::Address(outer) => self.value(file, outer, is_source),
            Usage::Element { literal, field: Some(field) } => match tree.types.ty(literal).pointed() {
                Type::Named(decl, _) => self.cell(file, Cell::field(self.program.world, *decl, field)),
                _ => self.escape(file, expr),
            },
            Usage::Argument { call, at } => self.argument(file, expr, call, at),
            Usage::Returned(_) => self.returned(file, expr),
            Usage::Element { .. } | Usage::Sent(_) | Usage::MethodValue | Usage::Assert(_) | Usage::Other => {
                // `make(chan T)` as a statement is nothing; `chan T` as an operand is a use.
                self.escape(file, expr);
            }
        }
    }

    fn operation(&mut self, file: FileId, expr: ExprId, usage: Usage) {
        let Some(at) = self.program.tree(file).owner(expr) else {
            self.escape(file, expr);
            return;
        };
        let body = BodyId { file, at };
        self.trail.operations.push(Operation { file, expr, usage, body, through: self.through.clone() });
    }

    /// All that is done with what a cell holds.
    fn cell(&mut self, file: FileId, cell: Cell) {
        let context: Vec<ExprId> = match cell {
            Cell::Var(VarId::Local { .. }) => self.through.iter().map(|(_, call)| *call).collect(),
            _ => Vec::new(),
        };
        if !self.seen.insert((cell, context)) {
            return;
        }
        let program = self.program;
        if !program.is_seen_whole(cell) {
            self.trail.is_shared = true;
            let expr = program.uses(cell).first().map_or_else(|| None, |(_, expr)| Some(*expr));
            self.trail.escapes.push(Escape { file, at: expr.unwrap_or_else(|| first_expr(program, file)) });
            return;
        }
        let is_local = matches!(cell, Cell::Var(VarId::Local { .. }));
        let outer = if is_local { None } else { Some(std::mem::take(&mut self.through)) };
        self.trail.is_shared |= !is_local;
        let uses = program.uses(cell);
        let mut values = program.fills(cell).len();
        for (file, expr) in uses {
            let (ast, tree) = (program.ast(file), program.tree(file));
            if let Usage::Gets(value) = usage(ast, &tree, expr) {
                let is_nil =
                    value.is_some_and(|v| matches!(tree.types.objects.get(&ast.unparen(v)), Some(Object::Nil)));
                if !is_nil {
                    values += 1;
                }
            }
            self.value(file, expr, false);
        }
        self.trail.is_mixed |= values > 1;
        if let Some(outer) = outer {
            self.through = outer;
        }
    }

    fn argument(&mut self, file: FileId, expr: ExprId, call: ExprId, at: usize) {
        let program = self.program;
        let tree = program.tree(file);
        let body = match program.callee(file, &tree, call) {
            Callee::Closure(id) => Some(program.body(id)),
            Callee::Func(function) => program.body_of(function).or_else(|| {
                // Only what could hold on to it is worth reading.
                (self.through.len() < 2).then(|| program.any_body_of(function)).flatten()
            }),
            _ => None,
        };
        let Some(body) = body.filter(|_| self.through.len() < MAX_DEPTH) else {
            self.escape(file, expr);
            return;
        };
        let ast = body.ast();
        let names = parameters(ast, body.function().signature);
        let parameter = match names.get(at) {
            Some(Some(ident)) => *ident,
            // A parameter without a name is not used.
            Some(None) => return,
            None => {
                self.escape(file, expr);
                return;
            }
        };
        if is_variadic(ast, body.function().signature) && at + 1 >= names.len() {
            self.escape(file, expr);
            return;
        }
        let Some(owner) = tree.owner(expr) else {
            self.escape(file, expr);
            return;
        };
        self.through.push((BodyId { file, at: owner }, call));
        let file = body.id.file;
        let cell = Cell::Var(VarId::Local { file, ident: parameter });
        if ast.name(parameter).is_some_and(gostray_golang::Name::is_blank) {
            self.through.pop();
            return;
        }
        self.cell(file, cell);
        self.through.pop();
    }

    /// What a function returns goes to where it is called, if all calls are seen.
    fn returned(&mut self, file: FileId, expr: ExprId) {
        let program = self.program;
        let (ast, tree) = (program.ast(file), program.tree(file));
        let Some(owner) = tree.owner(expr) else { return self.escape(file, expr) };
        let body = program.body(BodyId { file, at: owner });
        let results = ast[body.function().signature].results;
        let is_single = results.is_some_and(|list| list.fields.len() == 1);
        let Some(function) = body.declaration().filter(|_| is_single) else { return self.escape(file, expr) };
        let cell = Cell::Func(function);
        if !program.is_seen_whole(cell) || !self.seen.insert((cell, Vec::new())) {
            return self.escape(file, expr);
        }
        let mut calls = 0;
        for (file, mention) in program.uses(cell) {
            let (ast, tree) = (program.ast(file), program.tree(file));
            match usage(ast, &tree, mention) {
                Usage::Call(call) => {
                    calls += 1;
                    if let Parent::Stmt(_) = tree.around(ast, call)
                        && usage(ast, &tree, call) == Usage::Other
                    {
                        // The result is thrown away.
                        continue;
                    }
                    self.value(file, call, true);
                }
                Usage::Method { call, .. } => {
                    calls += 1;
                    self.value(file, call, true);
                }
                // Its declaration.
                _ if body.ast().name(mention).is_some() && is_declaration(program, file, mention) => {}
                _ => self.escape(file, mention),
            }
        }
        self.trail.is_mixed |= calls > 1;
        self.trail.is_shared |= calls > 1;
    }
}

use crate::program::Parent;

/// Is it the name of a result, where it is declared?
fn is_result(program: &Program<'_>, file: FileId, name: ExprId) -> bool {
    let Some(owner) = program.tree(file).owner(name) else { return false };
    let body = program.body(BodyId { file, at: owner });
    let ast = body.ast();
    let results = ast[body.function().signature].results;
    results
        .is_some_and(|results| ast.list(results.fields).any(|field| ast.list(ast[field].names).any(|own| own == name)))
}

fn is_declaration(program: &Program<'_>, file: FileId, expr: ExprId) -> bool {
    program.tree(file).directly_around(expr) == Parent::None
}

fn first_expr(program: &Program<'_>, file: FileId) -> ExprId {
    program.source(file).file.name
}
