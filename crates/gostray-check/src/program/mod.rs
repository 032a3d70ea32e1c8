//! The program as the rules see it: functions with what they do, and where values go.
//!
//! | module | subject |
//! |---|---|
//! | `tree` | a file from the inside outwards: what is around an expression, where names are used |
//! | `usage` | what is done with a value where it is mentioned |
//! | `calls` | the calls that a function makes, and what becomes of their results |
//! | `events` | what a function does, step by step |
//! | `known` | functions of the standard library that mean something |
//! | `sight` | which folders were looked into for something |
//! | `value` | where a value goes: the variables, fields and parameters that hold it |
//!
//! Everything is found when a rule asks for it, and kept.

mod calls;
mod events;
mod known;
mod sight;
mod tree;
mod usage;
mod value;

use std::sync::{Arc, Mutex, PoisonError};

use gostray_golang::Span;
use gostray_golang::ast::{Ast, Body as AstBody, DeclKind, ExprId, ExprKind};
use gostray_golang::flow::{Graph, ends};
use gostray_golang::package::{FileId, Package, PackageId, SourceFile, World};
use gostray_golang::types::{Builtin, FuncId, Object, Selected, Type, TypeDecl, VarId};
use rustc_hash::FxHashMap;

pub(crate) use calls::{calls, targets};
pub(crate) use events::{Event, Flow, What};
pub(crate) use known::{Known, is_named, names};
pub(crate) use sight::{Sight, saw, seeing};
pub(crate) use tree::{Cell, Origin, Parent, Tree, is_variadic, parameters, select_of};
pub(crate) use usage::{Usage, usage};
pub(crate) use value::{Operation, Trail, follow, follow_cell};

use crate::config::Owner;
use crate::finding::Place;
use crate::lock::Memo;
use crate::runner::Runners;

/// A function with a body: the file, and its place among those of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BodyId {
    pub(crate) file: FileId,
    pub(crate) at: u32,
}

/// What a call calls.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Callee {
    /// A declared function or method.
    Func(FuncId),
    /// A closure that is known: written here, or the only value of a variable.
    Closure(BodyId),
    /// A variable, or field, of a function's type.
    Variable(Cell),
    /// A method of an interface.
    Abstract(Type, gostray_golang::Name),
    /// One of the language.
    Builtin(Builtin),
    /// It is not known.
    Unknown,
}

/// A goroutine that a function starts, and what ends it.
#[derive(Debug, Clone)]
pub(crate) struct Starter {
    /// The method.
    pub(crate) closer: &'static str,
    /// The fields that it waits for; of a context, those that hold its cancel function.
    pub(crate) cells: Arc<[Cell]>,
    /// The function with the `go` statement, and its call.
    pub(crate) spawner: BodyId,
    pub(crate) call: ExprId,
    pub(crate) root: BodyId,
    /// Where the goroutine waits for its end.
    pub(crate) span: Span,
}

/// What was found of functions and types, and which folders were looked into for it.
type Starters = FxHashMap<(FuncId, TypeDecl), (Option<Starter>, Arc<Sight>)>;

/// The program.
#[derive(Debug)]
pub(crate) struct Program<'w> {
    pub(crate) world: &'w World,
    /// What the project says owns goroutines.
    pub(crate) owners: &'w [Owner],
    trees: Mutex<FxHashMap<FileId, Arc<Tree>>>,
    /// What calls do to locks.
    pub(crate) locks: Memo,
    /// How functions run what they are given.
    pub(crate) runners: Runners,
    /// Which method ends the goroutine that a function starts for a value of a type.
    pub(crate) starters: Mutex<Starters>,
}

/// A function, with its file.
#[derive(Debug, Clone)]
pub(crate) struct Body<'p> {
    pub(crate) program: &'p Program<'p>,
    pub(crate) id: BodyId,
    pub(crate) tree: Arc<Tree>,
    pub(crate) source: &'p SourceFile,
}

impl<'w> Program<'w> {
    pub(crate) fn new(world: &'w World, owners: &'w [Owner]) -> Self {
        Self {
            world,
            owners,
            trees: Mutex::default(),
            locks: Memo::default(),
            runners: Runners::default(),
            starters: Mutex::default(),
        }
    }

    /// The tree of a file, with the bodies of its functions: whoever asks depends on all that is in its folder.
    pub(crate) fn tree(&self, file: FileId) -> Arc<Tree> {
        self.sees(file);
        let known = self.trees.lock().unwrap_or_else(PoisonError::into_inner).get(&file).cloned();
        known.unwrap_or_else(|| {
            let tree = Arc::new(Tree::of(self.world, file));
            let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(trees.entry(file).or_insert(tree))
        })
    }

    fn sees(&self, file: FileId) {
        if let Some(folder) = self.world.folder_of(file.package) {
            sight::sees(folder);
        }
    }

    pub(crate) fn source(&self, file: FileId) -> &'w SourceFile {
        self.sees(file);
        self.world.file(file)
    }

    /// What a file declares. For what functions do, see [`Self::tree`].
    pub(crate) fn ast(&self, file: FileId) -> &'w Ast {
        &self.world.file(file).file.ast
    }

    pub(crate) fn package(&self, id: PackageId) -> &'w Package {
        self.world.package(id)
    }

    pub(crate) fn body(&'w self, id: BodyId) -> Body<'w> {
        Body { program: self, id, tree: self.tree(id.file), source: self.world.file(id.file) }
    }

    /// The functions with bodies of a file.
    pub(crate) fn bodies(&'w self, file: FileId) -> Vec<Body<'w>> {
        let tree = self.tree(file);
        let source = self.world.file(file);
        let body = |at| Body { program: self, id: BodyId { file, at }, tree: Arc::clone(&tree), source };
        (0..u32::try_from(tree.functions.len()).unwrap_or(0)).map(body).collect()
    }

    /// The body of a declared function, if it was read with it.
    pub(crate) fn body_of(&'w self, function: FuncId) -> Option<Body<'w>> {
        let DeclKind::Func(decl) = self.ast(function.file)[function.decl].kind else { return None };
        if !matches!(decl.body, AstBody::Block(_)) {
            return None;
        }
        let at = self.tree(function.file).declared(function.decl)?;
        Some(self.body(BodyId { file: function.file, at }))
    }

    /// The body of a declared function, read now if it was not yet.
    pub(crate) fn any_body_of(&'w self, function: FuncId) -> Option<Body<'w>> {
        self.body_of(function).or_else(|| {
            let DeclKind::Func(decl) = self.ast(function.file)[function.decl].kind else { return None };
            let AstBody::Skipped(_) = decl.body else { return None };
            self.body_of(self.world.with_body(function)?)
        })
    }

    /// The files that may use a cell.
    pub(crate) fn files_of(&self, cell: Cell) -> Vec<FileId> {
        let package = match cell {
            Cell::Var(VarId::Local { file, .. }) => return vec![file],
            Cell::Var(VarId::Global { file, .. }) => file.package,
            Cell::Field(decl, _) => decl.file.package,
            Cell::Func(function) => function.file.package,
        };
        self.package(package).files().map(|(id, _)| id).collect()
    }

    /// Where a cell is used.
    pub(crate) fn uses(&self, cell: Cell) -> Vec<(FileId, ExprId)> {
        let mut uses = Vec::new();
        for file in self.files_of(cell) {
            let tree = self.tree(file);
            uses.extend(tree.uses.get(&cell).into_iter().flatten().map(|expr| (file, *expr)));
        }
        uses
    }

    /// The values that composite literals give to a field.
    pub(crate) fn fills(&self, cell: Cell) -> Vec<(FileId, ExprId)> {
        let mut fills = Vec::new();
        for file in self.files_of(cell) {
            let tree = self.tree(file);
            fills.extend(tree.fills.get(&cell).into_iter().flatten().map(|expr| (file, *expr)));
        }
        fills
    }

    /// Can all uses of a cell be seen?
    pub(crate) fn is_seen_whole(&self, cell: Cell) -> bool {
        match cell {
            Cell::Var(VarId::Local { .. }) => true,
            Cell::Var(VarId::Global { file, spec, at }) => {
                let ast = self.ast(file);
                let gostray_golang::ast::SpecKind::Value { names, .. } = ast[spec].kind else { return false };
                let name = ast.at(names, at as usize).and_then(|name| ast.name(name));
                self.is_main(file.package) || name.is_some_and(|name| !name.is_exported())
            }
            Cell::Field(decl, name) => {
                self.is_own(decl.file.package) && (self.is_main(decl.file.package) || !name.is_exported())
            }
            Cell::Func(function) => {
                let ast = self.ast(function.file);
                let DeclKind::Func(decl) = ast[function.decl].kind else { return false };
                self.is_main(function.file.package) || ast.name(decl.name).is_some_and(|name| !name.is_exported())
            }
        }
    }

    /// Is it one of those that are looked at?
    pub(crate) fn is_own(&self, package: PackageId) -> bool {
        self.world.folder_of(package).is_some()
    }

    fn is_main(&self, package: PackageId) -> bool {
        self.package(package).name == "main"
    }

    /// What an identifier or selector stands for.
    pub(crate) fn cell(&self, tree: &Tree, ast: &Ast, expr: ExprId) -> Option<Cell> {
        let expr = ast.unparen(expr);
        match ast[expr].kind {
            ExprKind::Ident(_) => match tree.types.objects.get(&expr)? {
                Object::Var(variable) => Some(Cell::Var(*variable)),
                Object::Func(function) => Some(Cell::Func(*function)),
                _ => None,
            },
            ExprKind::Selector { selected, .. } => {
                if let Some(selection) = tree.types.selections.get(&expr)
                    && let Selected::Field { of, name } = &selection.selected
                {
                    let Type::Named(decl, _) = of.pointed() else { return None };
                    return Some(Cell::field(self.world, *decl, *name));
                }
                match tree.types.objects.get(&selected)? {
                    Object::Var(variable) => Some(Cell::Var(*variable)),
                    Object::Func(function) => Some(Cell::Func(*function)),
                    _ => None,
                }
            }
            ExprKind::Star(inner) | ExprKind::Unary { operator: gostray_golang::Token::And, x: inner } => {
                self.cell(tree, ast, inner)
            }
            _ => None,
        }
    }

    /// The only value that a variable of a function ever gets; `None` if there are several, or none.
    pub(crate) fn single_value(&self, cell: Cell) -> Option<(FileId, ExprId)> {
        let Cell::Var(VarId::Local { file, .. }) = cell else { return None };
        let (tree, ast) = (self.tree(file), self.ast(file));
        let mut value = None;
        for expr in tree.uses.get(&cell)? {
            match usage(ast, &tree, *expr) {
                Usage::Gets(Some(got)) if value.is_none() => value = Some((file, got)),
                Usage::Gets(_) | Usage::Address(_) => return None,
                _ => {}
            }
        }
        value
    }

    /// What a call calls.
    pub(crate) fn callee(&self, file: FileId, tree: &Tree, call: ExprId) -> Callee {
        let ast = self.ast(file);
        let ExprKind::Call { function, .. } = ast[call].kind else { return Callee::Unknown };
        self.callee_of(file, tree, function)
    }

    /// What the value of an expression calls when it is called.
    pub(crate) fn callee_of(&self, file: FileId, tree: &Tree, function: ExprId) -> Callee {
        let ast = self.ast(file);
        let mut function = ast.unparen(function);
        if let ExprKind::Index { x, .. } = ast[function].kind
            && !matches!(tree.types.ty(x), Type::Map(_) | Type::Slice(_) | Type::Array(..))
        {
            function = ast.unparen(x);
        }
        match ast[function].kind {
            ExprKind::Func { .. } => match tree.closure(function) {
                Some(at) => Callee::Closure(BodyId { file, at }),
                None => Callee::Unknown,
            },
            ExprKind::Ident(_) | ExprKind::Selector { .. } => {
                let key = match ast[function].kind {
                    ExprKind::Selector { selected, .. } => selected,
                    _ => function,
                };
                match tree.types.objects.get(&key) {
                    Some(Object::Func(function)) => return Callee::Func(*function),
                    Some(Object::Builtin(builtin)) => return Callee::Builtin(*builtin),
                    _ => {}
                }
                if let Some(selection) = tree.types.selections.get(&function)
                    && let Selected::Abstract { of, name } = &selection.selected
                {
                    return Callee::Abstract(of.clone(), *name);
                }
                let Some(cell) = self.cell(tree, ast, function) else { return Callee::Unknown };
                if let Some((file, value)) = self.single_value(cell)
                    && let ExprKind::Func { .. } = self.ast(file)[self.ast(file).unparen(value)].kind
                    && let Some(at) = self.tree(file).closure(self.ast(file).unparen(value))
                {
                    return Callee::Closure(BodyId { file, at });
                }
                Callee::Variable(cell)
            }
            _ => Callee::Unknown,
        }
    }

    /// What a call means, where that is known.
    pub(crate) fn known(&self, file: FileId, tree: &Tree, call: ExprId) -> Option<Known> {
        match self.callee(file, tree, call) {
            Callee::Func(function) => known::known(self.world, function),
            Callee::Abstract(of, name) => known::known_abstract(self.world, &of, name.as_str()),
            _ => None,
        }
    }

    /// Where a span of a file is.
    pub(crate) fn place(&self, file: FileId, span: Span) -> Place {
        Place::of(self.source(file), span)
    }
}

impl<'p> Body<'p> {
    pub(crate) fn ast(&self) -> &'p Ast {
        &self.source.file.ast
    }

    pub(crate) fn function(&self) -> &crate::program::tree::Function {
        &self.tree.functions[self.id.at as usize]
    }

    /// What it does.
    pub(crate) fn flow(&self) -> Arc<Flow> {
        let flow = self.function().flow.get_or_init(|| {
            let (world, ast) = (self.program.world, self.ast());
            let graph =
                Graph::of(ast, self.function().block, &|call| ends(world, &self.tree.types, call, self.id.file));
            Arc::new(Flow::of(world, ast, &self.tree, graph))
        });
        Arc::clone(flow)
    }

    pub(crate) fn text(&self, span: Span) -> &'p str {
        self.source.text(span)
    }

    pub(crate) fn text_of(&self, expr: ExprId) -> &'p str {
        self.source.text(self.ast()[expr].span)
    }

    pub(crate) fn place(&self, span: Span) -> Place {
        self.program.place(self.id.file, span)
    }

    pub(crate) fn callee(&self, call: ExprId) -> Callee {
        self.program.callee(self.id.file, &self.tree, call)
    }

    pub(crate) fn known(&self, call: ExprId) -> Option<Known> {
        self.program.known(self.id.file, &self.tree, call)
    }

    pub(crate) fn cell(&self, expr: ExprId) -> Option<Cell> {
        self.program.cell(&self.tree, self.ast(), expr)
    }

    /// The arguments of a call.
    pub(crate) fn arguments(&self, call: ExprId) -> Vec<ExprId> {
        match self.ast()[call].kind {
            ExprKind::Call { arguments, .. } => self.ast().list(arguments).collect(),
            _ => Vec::new(),
        }
    }

    /// What a method is called on: `x` of `x.f()`.
    pub(crate) fn receiver(&self, call: ExprId) -> Option<ExprId> {
        let ExprKind::Call { function, .. } = self.ast()[call].kind else { return None };
        match self.ast()[self.ast().unparen(function)].kind {
            ExprKind::Selector { x, .. } => Some(x),
            _ => None,
        }
    }

    /// The function it is written in, the outermost.
    pub(crate) fn outermost(&self) -> BodyId {
        let mut at = self.id.at;
        while let Some(parent) = self.tree.functions[at as usize].parent {
            at = parent;
        }
        BodyId { file: self.id.file, at }
    }

    /// Is it written in another one?
    pub(crate) fn is_within(&self, outer: BodyId) -> bool {
        if outer.file != self.id.file {
            return false;
        }
        let mut at = Some(self.id.at);
        while let Some(own) = at {
            if own == outer.at {
                return true;
            }
            at = self.tree.functions[own as usize].parent;
        }
        false
    }

    /// It, and the closures in it.
    pub(crate) fn family(&self) -> Vec<Body<'p>> {
        // Closures follow the function that they are written in.
        let after = self.id.at..u32::try_from(self.tree.functions.len()).unwrap_or(0);
        after
            .map(|at| Body { id: BodyId { file: self.id.file, at }, ..self.clone() })
            .take_while(|body| body.is_within(self.id))
            .collect()
    }

    /// The minor version of Go that it is written in.
    pub(crate) fn minor(&self) -> u32 {
        let folder = &self.program.package(self.id.file.package).folder;
        self.program.world.workspace.module_of(folder).map_or(u32::MAX, |module| module.minor)
    }

    /// Its declaration, if it is declared.
    pub(crate) fn declaration(&self) -> Option<FuncId> {
        match self.function().origin {
            Origin::Declared(decl) => Some(FuncId { file: self.id.file, decl }),
            Origin::Closure(_) => None,
        }
    }

    /// Does the process end when it returns: is it `main` or `init`?
    pub(crate) fn is_main(&self) -> bool {
        let Some(function) = self.declaration() else { return false };
        let Some((_, None, name)) = names(self.program.world, function) else { return false };
        let is_main = name == "main" && self.source.package_name() == "main";
        is_main || name == "TestMain"
    }

    /// May anybody call it, as far as its package says? Not where it is of the package alone, and nothing there mentions it.
    pub(crate) fn is_called(&self) -> bool {
        let program = self.program;
        let outer = program.body(self.outermost());
        let Some(function) = outer.declaration() else { return true };
        let Some((_, receiver, name)) = names(program.world, function) else { return true };
        let is_exported = |name: &str| name.chars().next().is_some_and(char::is_uppercase);
        // Of a test, Go calls what is called so, and nobody else what is not mentioned.
        let is_for_all = match self.source.is_test {
            true => {
                receiver.is_none() && ["Test", "Benchmark", "Fuzz", "Example"].iter().any(|of| name.starts_with(of))
            }
            false => is_exported(name) && receiver.is_none_or(is_exported),
        };
        let DeclKind::Func(declared) = self.program.ast(function.file)[function.decl].kind else { return true };
        let is_use = |(file, name): &(FileId, ExprId)| (*file, *name) != (function.file, declared.name);
        is_for_all || matches!(name, "main" | "init") || program.uses(Cell::Func(function)).iter().any(is_use)
    }

    /// How it is called: as Go's runtime would, without the package.
    pub(crate) fn name(&self) -> String {
        match self.function().origin {
            Origin::Declared(decl) => {
                let function = FuncId { file: self.id.file, decl };
                match names(self.program.world, function) {
                    Some((_, Some(receiver), name)) => format!("{receiver}.{name}"),
                    Some((_, None, name)) => name.to_owned(),
                    None => "_".to_owned(),
                }
            }
            Origin::Closure(_) => {
                let outer = self.outermost();
                let closures = self.tree.functions.iter().enumerate().filter(|(at, function)| {
                    matches!(function.origin, Origin::Closure(_))
                        && self
                            .program
                            .body(BodyId { file: self.id.file, at: u32::try_from(*at).unwrap_or(0) })
                            .outermost()
                            == outer
                });
                let number = closures.take_while(|(at, _)| *at <= self.id.at as usize).count();
                if outer == self.id {
                    return format!("glob..func{number}");
                }
                format!("{}.func{number}", self.program.body(outer).name())
            }
        }
    }
}
