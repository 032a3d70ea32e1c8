//! The types of what packages declare, and what type expressions mean.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::ast::{Ast, DeclKind, ExprId, ExprKind, FieldList, SignatureId, SpecKind};
use crate::name::Name;
use crate::package::{FileId, ItemKind, SourceFile, World};
use crate::token::Token;
use crate::types::generic::Bindings;
use crate::types::tables::{Task, unless_running};
use crate::types::universe::{of_unsafe, universe};
use crate::types::{Basic, FileTypes, FuncId, Interface, Object, Param, Signature, StructField, Type, TypeDecl, VarId};

/// Types nested deeper than this are given up.
const MAX_DEPTH: u32 = 200;

/// What a name means where it stands, and the type that has.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) object: Object,
    pub(super) ty: Type,
    /// That of a constant of a function, if it is known and an integer.
    pub(super) value: Option<i128>,
}

impl Entry {
    pub(super) fn new(object: Object, ty: Type) -> Self {
        Self { object, ty, value: None }
    }
}

/// The scopes around a place of a file, from the universe inwards.
pub(super) struct Scopes<'w> {
    pub(super) world: &'w World,
    pub(super) file: FileId,
    pub(super) source: &'w SourceFile,
    levels: Vec<FxHashMap<Name, Entry>>,
    /// What is known of the file already, constants of its functions for example.
    pub(super) known: Option<&'w FileTypes>,
    imports: RefCell<FxHashMap<Name, Option<Object>>>,
    depth: Cell<u32>,
}

impl<'w> Scopes<'w> {
    pub(super) fn of(world: &'w World, file: FileId) -> Self {
        let source = world.file(file);
        Self { world, file, source, levels: Vec::new(), known: None, imports: RefCell::default(), depth: Cell::new(0) }
    }

    pub(super) fn ast(&self) -> &'w Ast {
        &self.source.file.ast
    }

    pub(super) fn open(&mut self) {
        self.levels.push(FxHashMap::default());
    }

    pub(super) fn close(&mut self) {
        self.levels.pop();
    }

    pub(super) fn declare(&mut self, name: Name, entry: Entry) {
        if !name.is_blank()
            && let Some(level) = self.levels.last_mut()
        {
            level.insert(name, entry);
        }
    }

    /// What a function means by a name.
    pub(super) fn local(&self, name: Name) -> Option<&Entry> {
        self.levels.iter().rev().find_map(|level| level.get(&name))
    }

    /// Is a name declared in the innermost scope?
    pub(super) fn is_declared_here(&self, name: Name) -> bool {
        self.levels.last().is_some_and(|level| level.contains_key(&name))
    }

    /// What a name means.
    pub(super) fn lookup(&self, name: Name) -> Option<Entry> {
        if let Some(entry) = self.local(name) {
            return Some(entry.clone());
        }
        let world = self.world;
        if let Some(entry) = world.package_entry(self.file.package, name) {
            return Some(entry);
        }
        let imported = self.imports.borrow().get(&name).cloned();
        let imported = imported.unwrap_or_else(|| {
            let found = self.import(name);
            self.imports.borrow_mut().insert(name, found.clone());
            found
        });
        if let Some(object) = imported {
            return Some(Entry::new(object, Type::Unknown));
        }
        for import in self.source.imports.iter().filter(|import| import.name.is_some_and(|name| name == ".")) {
            if let Some(entry) =
                world.import(import.path, self.file.package).and_then(|id| world.package_entry(id, name))
            {
                return Some(entry);
            }
        }
        let object = universe(name)?;
        let ty = match (&object, name.as_str()) {
            (Object::Const, "iota") => Type::Basic(Basic::UntypedInt),
            (Object::Const, _) => Type::Basic(Basic::UntypedBool),
            (Object::Nil, _) => Type::Basic(Basic::UntypedNil),
            _ => Type::Unknown,
        };
        Some(Entry::new(object, ty))
    }

    /// The package that a name means in this file.
    fn import(&self, name: Name) -> Option<Object> {
        let asker = self.file.package;
        let imports = &self.source.imports;
        if let Some(import) = imports.iter().find(|import| import.name == Some(name)) {
            return Some(Object::Package(self.world.import(import.path, asker)));
        }
        // A package tells its name only when it is loaded: first those that look like it.
        let unnamed = || imports.iter().filter(|import| import.name.is_none());
        let looks_like = |path: Name| path.as_str().rsplit('/').take(2).any(|part| part.contains(name.as_str()));
        let (likely, others): (Vec<&crate::package::Import>, Vec<_>) =
            unnamed().partition(|import| looks_like(import.path));
        // What the language names is hardly ever the name of a package, and never of one that is called otherwise:
        // none has to be loaded to know that.
        let others = if universe(name).is_some() { Vec::new() } else { others };
        for import in likely.iter().chain(&others) {
            if let Some(id) = self.world.import(import.path, asker)
                && self.world.package(id).name == name
            {
                return Some(Object::Package(Some(id)));
            }
        }
        let last = |path: Name| path.as_str().rsplit('/').next() == Some(name.as_str());
        likely.iter().find(|import| last(import.path)).map(|_| Object::Package(None))
    }

    /// The type that an expression denotes; unknown if it denotes none.
    pub(super) fn ty(&self, expr: ExprId) -> Type {
        self.as_type(expr).unwrap_or_default()
    }

    /// The type that an expression denotes, if it denotes one. Where that can't be known it is unknown.
    pub(super) fn as_type(&self, expr: ExprId) -> Option<Type> {
        if self.depth.get() > MAX_DEPTH {
            return Some(Type::Unknown);
        }
        self.depth.set(self.depth.get() + 1);
        let ty = self.type_of(expr);
        self.depth.set(self.depth.get() - 1);
        ty
    }

    fn type_of(&self, expr: ExprId) -> Option<Type> {
        let ast = self.ast();
        let arc = |expr| Arc::new(self.ty(expr));
        Some(match ast[expr].kind {
            ExprKind::Ident(name) => match self.lookup(name)?.object {
                Object::Type(ty) => ty,
                _ => return None,
            },
            ExprKind::Paren(inner) => return self.as_type(inner),
            ExprKind::Selector { x, selected } => {
                let Object::Package(package) = self.lookup(ast.name(x)?)?.object else { return None };
                match self.world.package_entry(package?, ast.name(selected)?)?.object {
                    Object::Type(ty) => ty,
                    _ => return None,
                }
            }
            ExprKind::Star(inner) => Type::Pointer(Arc::new(self.as_type(inner)?)),
            ExprKind::Index { x, indices } => {
                let Type::Named(decl, _) = self.as_type(x)? else { return None };
                let arguments: Vec<Type> = ast.list(indices).map(|index| self.ty(index)).collect();
                self.world.instance(decl, arguments)
            }
            ExprKind::Array { length: None, element } => Type::Slice(arc(element)),
            ExprKind::Array { length: Some(length), element } => {
                let length = self.integer(length).and_then(|length| u64::try_from(length).ok());
                Type::Array(length, arc(element))
            }
            ExprKind::Map { key, value } => Type::Map(Arc::new((self.ty(key), self.ty(value)))),
            ExprKind::Chan { direction, element, .. } => Type::Chan(direction, arc(element)),
            ExprKind::Struct(fields) => Type::Struct(self.fields(fields)),
            ExprKind::FuncType(signature) => Type::Func(Arc::new(self.signature(signature, Vec::new()))),
            ExprKind::Interface(elements) => Type::Interface(Arc::new(self.interface(elements))),
            ExprKind::Ellipsis(Some(element)) => Type::Slice(arc(element)),
            // Constraints: `~T`, `T | U`.
            ExprKind::Unary { operator: Token::Tilde, .. } | ExprKind::Binary { operator: Token::Or, .. } => {
                let mut terms = Vec::new();
                self.terms(expr, &mut terms)?;
                Type::Interface(Arc::new(Interface { terms, ..Interface::default() }))
            }
            _ => return None,
        })
    }

    fn terms(&self, expr: ExprId, terms: &mut Vec<(bool, Type)>) -> Option<()> {
        match self.ast()[expr].kind {
            ExprKind::Binary { operator: Token::Or, x, y } => {
                self.terms(x, terms)?;
                self.terms(y, terms)
            }
            ExprKind::Unary { operator: Token::Tilde, x } => {
                terms.push((true, self.ty(x)));
                Some(())
            }
            _ => {
                terms.push((false, self.as_type(expr)?));
                Some(())
            }
        }
    }

    fn fields(&self, list: FieldList) -> Arc<[StructField]> {
        let ast = self.ast();
        let mut fields = Vec::new();
        for field in ast.list(list.fields) {
            let field = ast[field];
            let ty = self.ty(field.ty);
            if field.names.is_empty() {
                if let Some(name) = embedded_name(ast, field.ty) {
                    fields.push(StructField { name, ty, is_embedded: true });
                }
                continue;
            }
            for name in ast.list(field.names).filter_map(|name| ast.name(name)) {
                fields.push(StructField { name, ty: ty.clone(), is_embedded: false });
            }
        }
        fields.into()
    }

    fn interface(&self, elements: FieldList) -> Interface {
        let ast = self.ast();
        let mut interface = Interface::default();
        for field in ast.list(elements.fields) {
            let field = ast[field];
            match ast.at(field.names, 0).and_then(|name| ast.name(name)) {
                Some(name) => interface.methods.push((name, self.ty(field.ty))),
                None => match ast[field.ty].kind {
                    ExprKind::Unary { .. } | ExprKind::Binary { .. } => {
                        if self.terms(field.ty, &mut interface.terms).is_none() {
                            interface.embedded.push(Type::Unknown);
                        }
                    }
                    _ => interface.embedded.push(self.ty(field.ty)),
                },
            }
        }
        interface
    }

    /// The type of a function; its type parameters are in scope already.
    pub(super) fn signature(&self, signature: SignatureId, type_parameters: Vec<Param>) -> Signature {
        let ast = self.ast();
        let signature = ast[signature];
        let mut types = |list: FieldList| {
            let mut types = Vec::new();
            for field in ast.list(list.fields) {
                let ty = self.ty(ast[field].ty);
                types.extend(std::iter::repeat_n(ty, ast[field].names.len().max(1)));
            }
            types
        };
        let last = ast.list(signature.parameters.fields).next_back();
        Signature {
            type_parameters,
            parameters: types(signature.parameters),
            results: signature.results.map(&mut types).unwrap_or_default(),
            is_variadic: last.is_some_and(|field| matches!(ast[ast[field].ty].kind, ExprKind::Ellipsis(_))),
        }
    }

    /// Declares type parameters, and finds their constraints, which may mention each other.
    pub(super) fn type_parameters(&mut self, list: FieldList) -> Vec<Param> {
        let ast = self.ast();
        let mut parameters = Vec::new();
        for field in ast.list(list.fields) {
            for ident in ast.list(ast[field].names) {
                let Some(name) = ast.name(ident) else { continue };
                let param = Param { file: self.file, ident, name };
                self.declare(name, Entry::new(Object::Type(Type::Param(param)), Type::Unknown));
                parameters.push(param);
            }
        }
        for field in ast.list(list.fields) {
            let constraint = self.ty(ast[field].ty);
            for ident in ast.list(ast[field].names) {
                if let Some(param) = parameters.iter().find(|param| param.ident == ident) {
                    self.world.tables.constraints.set(*param, constraint.clone());
                }
            }
        }
        parameters
    }

    /// Declares the type parameters of a method: those of its type, under the names it gives them.
    pub(super) fn receiver_parameters(&mut self, receiver: FieldList) {
        let ast = self.ast();
        let Some(field) = ast.at(receiver.fields, 0) else { return };
        let mut ty = ast[field].ty;
        loop {
            ty = match ast[ty].kind {
                ExprKind::Star(inner) | ExprKind::Paren(inner) => inner,
                ExprKind::Index { x, indices } => {
                    if let Some(Type::Named(decl, _)) = self.as_type(x) {
                        let parameters = self.world.type_parameters(decl);
                        for (name, param) in ast.list(indices).zip(parameters.iter()) {
                            if let Some(name) = ast.name(name) {
                                let object = Object::Type(Type::Param(*param));
                                self.declare(name, Entry::new(object, Type::Unknown));
                            }
                        }
                    }
                    return;
                }
                _ => return,
            };
        }
    }
}

fn embedded_name(ast: &Ast, mut ty: ExprId) -> Option<Name> {
    loop {
        ty = match ast[ty].kind {
            ExprKind::Star(inner) | ExprKind::Paren(inner) => inner,
            ExprKind::Index { x, .. } => x,
            ExprKind::Selector { selected, .. } => selected,
            ExprKind::Ident(name) => return Some(name),
            _ => return None,
        };
    }
}

impl World {
    /// What a package declares under a name.
    pub(super) fn package_entry(&self, id: crate::package::PackageId, name: Name) -> Option<Entry> {
        let package = self.package(id);
        if package.path == "unsafe" {
            let object = of_unsafe(name)?;
            return Some(Entry::new(object, Type::Unknown));
        }
        let item = package.scope.get(&name)?;
        let file = FileId { package: id, file: item.file };
        Some(match item.kind {
            ItemKind::Func(decl) => {
                let function = FuncId { file, decl };
                Entry::new(Object::Func(function), Type::Func(self.signature(function)))
            }
            ItemKind::Type(spec) => {
                let ty = self.declared_type(TypeDecl { file, spec });
                Entry::new(Object::Type(ty), Type::Unknown)
            }
            ItemKind::Var { spec, at } => {
                let variable = VarId::Global { file, spec, at };
                Entry::new(Object::Var(variable), self.variable(variable))
            }
            ItemKind::Const { spec, at, values } => {
                let variable = VarId::Global { file, spec, at };
                Entry::new(Object::Const, self.constant_type(variable, file, values, at))
            }
        })
    }

    /// The name of a declared type.
    #[must_use]
    pub fn type_name(&self, decl: TypeDecl) -> Name {
        let ast = &self.file(decl.file).file.ast;
        let name = match ast[decl.spec].kind {
            SpecKind::Type { name, .. } => ast.name(name),
            _ => None,
        };
        name.unwrap_or_else(|| Name::new("_"))
    }

    /// Is a type declared by its package, rather than in a function?
    pub(crate) fn is_of_package(&self, decl: TypeDecl) -> bool {
        let item = self.package(decl.file.package).scope.get(&self.type_name(decl));
        item.is_some_and(|item| item.file == decl.file.file && item.kind == ItemKind::Type(decl.spec))
    }

    /// What the name of a declared type means: the type, or what it is another name for.
    fn declared_type(&self, decl: TypeDecl) -> Type {
        let ast = &self.file(decl.file).file.ast;
        match ast[decl.spec].kind {
            SpecKind::Type { is_alias: true, parameters: None, .. } => self.declared_underlying(decl),
            _ => Type::named(decl),
        }
    }

    /// A generic type with its arguments.
    fn instance(&self, decl: TypeDecl, arguments: Vec<Type>) -> Type {
        let ast = &self.file(decl.file).file.ast;
        if matches!(ast[decl.spec].kind, SpecKind::Type { is_alias: true, .. }) {
            let bindings = Bindings::of(&self.type_parameters(decl), &arguments);
            return bindings.apply(&self.declared_underlying(decl));
        }
        Type::Named(decl, arguments.into())
    }

    /// What a declared type is generic in.
    #[must_use]
    pub fn type_parameters(&self, decl: TypeDecl) -> Arc<[Param]> {
        if let Some(known) = self.tables.type_parameters.get(&decl) {
            return known;
        }
        self.declared_underlying(decl);
        self.tables.type_parameters.get(&decl).unwrap_or_else(|| Arc::new([]))
    }

    /// What is written behind the name of a declared type.
    fn declared_underlying(&self, decl: TypeDecl) -> Type {
        if let Some(known) = self.tables.underlying.get(&decl) {
            return known;
        }
        let found = unless_running(Task::Underlying(decl), || {
            let mut scopes = Scopes::of(self, decl.file);
            scopes.open();
            let SpecKind::Type { parameters, ty, .. } = scopes.ast()[decl.spec].kind else { return Type::Unknown };
            let parameters = parameters.map(|list| scopes.type_parameters(list)).unwrap_or_default();
            self.tables.type_parameters.set(decl, parameters.into());
            scopes.ty(ty)
        });
        // A type that is made of itself is an error, and not known.
        let Some(found) = found else { return Type::Unknown };
        self.tables.underlying.set(decl, found.clone());
        found
    }

    /// The declared type whose fields a type has: `B` of `type A B`, and of `B` itself. A pointer to the one may be converted to
    /// one to the other, and then both mean the same fields.
    #[must_use]
    pub fn of_fields(&self, decl: TypeDecl) -> TypeDecl {
        let mut decl = decl;
        for _ in 0..MAX_DEPTH {
            match self.declared_underlying(decl) {
                Type::Named(other, _) => decl = other,
                _ => break,
            }
        }
        decl
    }

    /// What lies under a type: that of a declared one, an interface for `error`, the one type that a type
    /// parameter may have underneath, or its constraint.
    #[must_use]
    pub fn underlying(&self, ty: &Type) -> Type {
        let mut ty = ty.clone();
        for _ in 0..MAX_DEPTH {
            ty = match &ty {
                Type::Named(decl, arguments) => {
                    let under = self.declared_underlying(*decl);
                    let parameters = self.type_parameters(*decl);
                    Bindings::of(&parameters, arguments).apply(&under)
                }
                Type::Error => {
                    let results = vec![Type::Basic(Basic::String)];
                    let method = Type::Func(Arc::new(Signature { results, ..Signature::default() }));
                    let methods = vec![(Name::new("Error"), method)];
                    return Type::Interface(Arc::new(Interface { methods, ..Interface::default() }));
                }
                Type::Param(param) => {
                    let Some(constraint) = self.tables.constraints.get(param) else { return Type::Unknown };
                    match self.core_of_constraint(&constraint) {
                        Some((_, core)) => core,
                        None => constraint,
                    }
                }
                _ => return ty,
            };
        }
        Type::Unknown
    }

    /// The one type that a constraint allows underneath, and whether it is written `~T`.
    pub(super) fn core_of_constraint(&self, constraint: &Type) -> Option<(bool, Type)> {
        let interface = match constraint {
            Type::Interface(interface) => Arc::clone(interface),
            Type::Named(..) => match self.underlying(constraint) {
                Type::Interface(interface) => interface,
                _ => return Some((false, constraint.clone())),
            },
            Type::Unknown | Type::Error | Type::Comparable | Type::Param(_) => return None,
            // `[T []int]` is short for an interface with that term.
            other => return Some((false, other.clone())),
        };
        match (interface.terms.as_slice(), interface.embedded.as_slice()) {
            ([term], _) => Some(term.clone()),
            ([], [embedded]) if interface.methods.is_empty() => self.core_of_constraint(embedded),
            _ => None,
        }
    }

    /// The type of a declared function or method, with the parameters of its type left open.
    #[must_use]
    pub fn signature(&self, function: FuncId) -> Arc<Signature> {
        if let Some(known) = self.tables.signatures.get(&function) {
            return known;
        }
        let mut scopes = Scopes::of(self, function.file);
        let DeclKind::Func(decl) = scopes.ast()[function.decl].kind else { return Arc::default() };
        scopes.open();
        if let Some(receiver) = decl.receiver {
            scopes.receiver_parameters(receiver);
        }
        let parameters = scopes.ast()[decl.signature].type_parameters;
        let parameters = parameters.map(|list| scopes.type_parameters(list)).unwrap_or_default();
        let signature = Arc::new(scopes.signature(decl.signature, parameters));
        self.tables.signatures.set(function, Arc::clone(&signature));
        signature
    }

    /// The type of a variable of a package.
    #[must_use]
    pub fn variable(&self, variable: VarId) -> Type {
        if let Some(known) = self.tables.variables.get(&variable) {
            return known;
        }
        let VarId::Global { file, spec, at } = variable else { return Type::Unknown };
        let found = unless_running(Task::Variable(variable), || {
            let scopes = Scopes::of(self, file);
            let SpecKind::Value { names, ty, values, .. } = scopes.ast()[spec].kind else { return Type::Unknown };
            if let Some(ty) = ty {
                return scopes.ty(ty);
            }
            super::infer::value_at(scopes, names.len(), values, at).defaulted()
        });
        let Some(found) = found else { return Type::Unknown };
        self.tables.variables.set(variable, found.clone());
        found
    }

    fn constant_type(&self, constant: VarId, file: FileId, values: crate::ast::SpecId, at: u32) -> Type {
        if let Some(known) = self.tables.variables.get(&constant) {
            return known;
        }
        let found = unless_running(Task::Variable(constant), || {
            let scopes = Scopes::of(self, file);
            let SpecKind::Value { ty, values, names, .. } = scopes.ast()[values].kind else { return Type::Unknown };
            match ty {
                Some(ty) => scopes.ty(ty),
                None => super::infer::value_at(scopes, names.len(), values, at),
            }
        });
        let Some(found) = found else { return Type::Unknown };
        self.tables.variables.set(constant, found.clone());
        found
    }
}
