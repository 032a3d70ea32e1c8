//! A file, read from the inside outwards: what stands around an expression, which function it belongs to,
//! and where every variable, field and function is used.

use std::sync::{Arc, OnceLock};

use gostray_golang::Name;
use gostray_golang::ast::{
    Ast, Body as AstBody, DeclId, DeclKind, ExprId, ExprKind, Id, Node, SignatureId, SpecId, StmtId, StmtKind,
};
use gostray_golang::package::{FileId, SourceFile, World};
use gostray_golang::types::{Builtin, FileTypes, FuncId, Object, Selected, Type, TypeDecl, VarId};
use rustc_hash::FxHashMap;

use crate::path::Conditions;
use crate::program::events::Flow;
use crate::program::known::is_named;

/// What can hold a value, or be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Cell {
    /// A variable.
    Var(VarId),
    /// A field, the same for all values of its type.
    Field(TypeDecl, Name),
    /// A declared function.
    Func(FuncId),
}

impl Cell {
    /// A field of a declared type, or of the type whose fields it has.
    pub(crate) fn field(world: &World, decl: TypeDecl, name: Name) -> Self {
        Self::Field(world.of_fields(decl), name)
    }
}

/// What stands directly around a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parent {
    None,
    Expr(ExprId),
    Stmt(StmtId),
    Spec(SpecId),
    Other,
}

/// Where the text of a function comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    Declared(DeclId),
    Closure(ExprId),
}

/// A function with a body, declared or not.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) origin: Origin,
    pub(crate) signature: SignatureId,
    pub(crate) block: StmtId,
    /// The function it is written in, for a closure.
    pub(crate) parent: Option<u32>,
    pub(super) flow: OnceLock<Arc<Flow>>,
    pub(crate) conditions: OnceLock<Arc<Conditions>>,
}

/// A file.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) types: Arc<FileTypes>,
    expr_parents: Vec<Parent>,
    stmt_parents: Vec<Parent>,
    spec_parents: FxHashMap<SpecId, Parent>,
    expr_owners: Vec<u32>,
    pub(crate) functions: Vec<Function>,
    places: FxHashMap<Origin, u32>,
    /// The channels that are made: `make(chan T)`.
    pub(crate) channels: Vec<ExprId>,
    /// The wait groups that functions declare: the identifiers that do.
    pub(crate) groups: Vec<ExprId>,
    /// Where each is used, declared or assigned.
    pub(crate) uses: FxHashMap<Cell, Vec<ExprId>>,
    /// The values that composite literals give to fields.
    pub(crate) fills: FxHashMap<Cell, Vec<ExprId>>,
}

const NONE: u32 = u32::MAX;

struct Builder<'a> {
    world: &'a World,
    file: FileId,
    ast: &'a Ast,
    tree: Tree,
    owner: u32,
}

fn put<T: Copy>(table: &mut Vec<T>, at: usize, filler: T, value: T) {
    if table.len() <= at {
        table.resize(at + 1, filler);
    }
    table[at] = value;
}

impl Tree {
    pub(crate) fn of(world: &World, file: FileId) -> Self {
        let source: &SourceFile = world.file(file);
        let ast = &source.file.ast;
        let tree = Self {
            types: world.types_of(file),
            expr_parents: vec![Parent::None; ast.expr_count()],
            stmt_parents: Vec::new(),
            spec_parents: FxHashMap::default(),
            expr_owners: vec![NONE; ast.expr_count()],
            functions: Vec::new(),
            places: FxHashMap::default(),
            channels: Vec::new(),
            groups: Vec::new(),
            uses: FxHashMap::default(),
            fills: FxHashMap::default(),
        };
        let mut builder = Builder { world, file, ast, tree, owner: NONE };
        for decl in &source.file.decls {
            builder.visit(Node::Decl(*decl), Parent::None);
        }
        builder.tree
    }

    /// What stands directly around an expression, parentheses included.
    pub(crate) fn directly_around(&self, expr: ExprId) -> Parent {
        self.expr_parents[expr.index()]
    }

    /// What stands around an expression, parentheses apart.
    pub(crate) fn around(&self, ast: &Ast, expr: ExprId) -> Parent {
        let mut parent = self.expr_parents[expr.index()];
        while let Parent::Expr(outer) = parent
            && let ExprKind::Paren(_) = ast[outer].kind
        {
            parent = self.expr_parents[outer.index()];
        }
        parent
    }

    pub(crate) fn around_stmt(&self, stmt: StmtId) -> Parent {
        self.stmt_parents.get(stmt.index()).copied().unwrap_or(Parent::None)
    }

    /// What stands around a specification: the statement that declares, in a function.
    pub(crate) fn around_spec(&self, spec: SpecId) -> Parent {
        self.spec_parents.get(&spec).copied().unwrap_or(Parent::None)
    }

    /// The function that an expression belongs to.
    pub(crate) fn owner(&self, expr: ExprId) -> Option<u32> {
        Some(self.expr_owners[expr.index()]).filter(|owner| *owner != NONE)
    }

    pub(crate) fn closure(&self, expr: ExprId) -> Option<u32> {
        self.places.get(&Origin::Closure(expr)).copied()
    }

    pub(crate) fn declared(&self, decl: DeclId) -> Option<u32> {
        self.places.get(&Origin::Declared(decl)).copied()
    }
}

impl Builder<'_> {
    fn visit(&mut self, node: Node, parent: Parent) {
        let outer = self.owner;
        let around;
        match node {
            Node::Expr(expr) => {
                self.tree.expr_parents[expr.index()] = parent;
                self.tree.expr_owners[expr.index()] = self.owner;
                self.expr(expr);
                around = Parent::Expr(expr);
                if let ExprKind::Func { ty, body } = self.ast[expr].kind {
                    let ExprKind::FuncType(signature) = self.ast[ty].kind else { return };
                    self.function(Origin::Closure(expr), signature, body);
                }
            }
            Node::Stmt(stmt) => {
                put(&mut self.tree.stmt_parents, stmt.index(), Parent::None, parent);
                around = Parent::Stmt(stmt);
            }
            Node::Spec(spec) => {
                self.tree.spec_parents.insert(spec, parent);
                around = Parent::Spec(spec);
            }
            Node::Decl(decl) => {
                if let DeclKind::Func(function) = self.ast[decl].kind
                    && let AstBody::Block(body) = function.body
                {
                    self.function(Origin::Declared(decl), function.signature, body);
                }
                // `var x = …` in a function stands in its statement.
                around = if let Parent::Stmt(_) = parent { parent } else { Parent::None };
            }
            Node::Fields(_) | Node::Field(_) | Node::Signature(..) => around = Parent::Other,
        }
        let ast = self.ast;
        ast.for_each_child(node, &mut |child| self.visit(child, around));
        self.owner = outer;
    }

    fn function(&mut self, origin: Origin, signature: SignatureId, block: StmtId) {
        let parent = Some(self.owner).filter(|owner| *owner != NONE);
        self.owner = u32::try_from(self.tree.functions.len()).unwrap_or(NONE);
        self.tree.places.insert(origin, self.owner);
        self.tree.functions.push(Function {
            origin,
            signature,
            block,
            parent,
            flow: OnceLock::new(),
            conditions: OnceLock::new(),
        });
    }

    fn expr(&mut self, expr: ExprId) {
        let types = Arc::clone(&self.tree.types);
        match self.ast[expr].kind {
            ExprKind::Ident(_) => {
                let cell = match types.objects.get(&expr) {
                    Some(Object::Var(variable)) => {
                        if *variable == (VarId::Local { file: self.file, ident: expr })
                            && is_named(self.world, types.ty(expr), "sync", "WaitGroup")
                        {
                            self.tree.groups.push(expr);
                        }
                        Cell::Var(*variable)
                    }
                    Some(Object::Func(function)) => Cell::Func(*function),
                    _ => return,
                };
                self.tree.uses.entry(cell).or_default().push(expr);
            }
            ExprKind::Selector { .. } => {
                if let Some(selection) = types.selections.get(&expr)
                    && let Selected::Field { of: Type::Named(decl, _), name } = &selection.selected
                {
                    self.tree.uses.entry(Cell::field(self.world, *decl, *name)).or_default().push(expr);
                }
            }
            ExprKind::Composite { elements, .. } => {
                let Type::Named(decl, _) = types.ty(expr).pointed() else { return };
                let Type::Struct(fields) = self.world.underlying(types.ty(expr).pointed()) else { return };
                for (at, element) in self.ast.list(elements).enumerate() {
                    let (name, value) = match self.ast[element].kind {
                        ExprKind::KeyValue { key, value } => (self.ast.name(key), value),
                        _ => (fields.get(at).map(|field| field.name), element),
                    };
                    if let Some(name) = name {
                        self.tree.fills.entry(Cell::field(self.world, *decl, name)).or_default().push(value);
                    }
                }
            }
            ExprKind::Call { function, .. }
                if matches!(types.objects.get(&function), Some(Object::Builtin(Builtin::Make)))
                    && matches!(self.world.underlying(types.ty(expr)), Type::Chan(..)) =>
            {
                self.tree.channels.push(expr);
            }
            _ => {}
        }
    }
}

/// The declared identifiers of a signature's parameters, without the receiver; `None` for one without name.
pub(crate) fn parameters(ast: &Ast, signature: SignatureId) -> Vec<Option<ExprId>> {
    let mut idents = Vec::new();
    for field in ast.list(ast[signature].parameters.fields) {
        let names = ast[field].names;
        if names.is_empty() {
            idents.push(None);
        }
        idents.extend(ast.list(names).map(Some));
    }
    idents
}

/// Does a function take any number of values for its last parameter?
pub(crate) fn is_variadic(ast: &Ast, signature: SignatureId) -> bool {
    let last = ast.list(ast[signature].parameters.fields).next_back();
    last.is_some_and(|field| matches!(ast[ast[field].ty].kind, ExprKind::Ellipsis(_)))
}

/// Is it one of the statements that Go writes within a clause of a `select`: the operation itself?
pub(crate) fn select_of(ast: &Ast, tree: &Tree, stmt: StmtId) -> Option<StmtId> {
    let Parent::Stmt(clause) = tree.around_stmt(stmt) else { return None };
    let StmtKind::Comm { comm, .. } = ast[clause].kind else { return None };
    if comm != Some(stmt) {
        return None;
    }
    let Parent::Stmt(block) = tree.around_stmt(clause) else { return None };
    match tree.around_stmt(block) {
        Parent::Stmt(select) => Some(select),
        _ => None,
    }
}
