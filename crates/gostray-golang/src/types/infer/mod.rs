//! The types of the expressions of a file.

mod call;
mod expr;
mod stmt;

use rustc_hash::FxHashMap;

use crate::ast::{Body, DeclKind, ExprId, FieldList, Id, List, SpecKind, StmtId};
use crate::name::Name;
use crate::package::{FileId, World};
use crate::token::Token;
use crate::types::declared::{Entry, Scopes};
use crate::types::{FuncId, Object, Selection, Type, VarId};

/// What is known of the expressions of a file.
#[derive(Debug, Default)]
pub struct FileTypes {
    types: Vec<Type>,
    /// What identifiers mean, those that declare something included.
    pub objects: FxHashMap<ExprId, Object>,
    /// The identifiers that mean constants of functions, with the values of those that are known integers.
    pub(super) constants: FxHashMap<ExprId, Option<i128>>,
    /// What selectors select, packages apart.
    pub selections: FxHashMap<ExprId, Selection>,
}

impl FileTypes {
    /// The types of a file.
    #[must_use]
    pub fn of(world: &World, file: FileId) -> Self {
        let mut infer = Infer::new(Scopes::of(world, file));
        infer.file();
        infer.known
    }

    /// The type of an expression: that of its value, or the one that it denotes.
    #[must_use]
    pub fn ty(&self, expr: ExprId) -> &Type {
        self.types.get(expr.index()).unwrap_or(&Type::Unknown)
    }

    /// The variable that an identifier means.
    #[must_use]
    pub fn variable(&self, expr: ExprId) -> Option<VarId> {
        match self.objects.get(&expr) {
            Some(Object::Var(variable)) => Some(*variable),
            _ => None,
        }
    }
}

/// Walks over a file, or an expression of a package.
pub(super) struct Infer<'w> {
    scopes: Scopes<'w>,
    known: FileTypes,
    /// The results of the functions around, from the outermost inwards.
    results: Vec<Vec<Type>>,
}

/// The type of one of the values that variables are declared with.
pub(super) fn value_at(scopes: Scopes<'_>, names: usize, values: List<ExprId>, at: u32) -> Type {
    let ast = scopes.ast();
    let mut infer = Infer { scopes, known: FileTypes::default(), results: Vec::new() };
    if values.len() == 1 && names > 1 {
        let types = ast.at(values, 0).map(|value| infer.values(value, names)).unwrap_or_default();
        return types.get(at as usize).cloned().unwrap_or_default();
    }
    ast.at(values, at as usize).map(|value| infer.expr(value, None)).unwrap_or_default()
}

impl<'w> Infer<'w> {
    fn new(scopes: Scopes<'w>) -> Self {
        let types = vec![Type::Unknown; scopes.ast().expr_count()];
        Self { scopes, known: FileTypes { types, ..FileTypes::default() }, results: Vec::new() }
    }

    fn world(&self) -> &'w World {
        self.scopes.world
    }

    fn record(&mut self, expr: ExprId, ty: &Type) {
        if let Some(place) = self.known.types.get_mut(expr.index()) {
            *place = ty.clone();
        }
    }

    fn file(&mut self) {
        let (ast, file) = (self.scopes.ast(), self.scopes.file);
        for decl in &self.scopes.source.file.decls {
            match ast[*decl].kind {
                DeclKind::Bad => {}
                DeclKind::Func(function) => {
                    let Body::Block(body) = function.body else { continue };
                    let id = FuncId { file, decl: *decl };
                    self.known.objects.insert(function.name, Object::Func(id));
                    self.scopes.open();
                    if let Some(receiver) = function.receiver {
                        self.scopes.receiver_parameters(receiver);
                    }
                    let signature = ast[function.signature];
                    if let Some(list) = signature.type_parameters {
                        self.scopes.type_parameters(list);
                    }
                    if let Some(receiver) = function.receiver {
                        self.parameters(receiver);
                    }
                    self.body(signature.parameters, signature.results, body);
                    self.scopes.close();
                }
                DeclKind::Gen(of) if of.keyword == Token::Var => {
                    for spec in ast.list(of.specs) {
                        let SpecKind::Value { names, ty, values, .. } = ast[spec].kind else { continue };
                        for (at, name) in ast.list(names).enumerate() {
                            let at = u32::try_from(at).unwrap_or(u32::MAX);
                            let variable = VarId::Global { file, spec, at };
                            let ty = self.world().variable(variable);
                            self.known.objects.insert(name, Object::Var(variable));
                            self.record(name, &ty);
                        }
                        let hint = ty.map(|ty| self.ty(ty));
                        for value in ast.list(values) {
                            self.expr(value, hint.as_ref());
                        }
                    }
                }
                DeclKind::Gen(_) => {}
            }
        }
    }

    /// The type that an expression denotes, and what the names in it mean.
    fn ty(&mut self, expr: ExprId) -> Type {
        let ty = self.scopes.ty(expr);
        self.record(expr, &ty);
        ty
    }

    fn declare(&mut self, ident: ExprId, ty: Type) {
        let Some(name) = self.scopes.ast().name(ident) else { return };
        let object = Object::Var(VarId::Local { file: self.scopes.file, ident });
        self.known.objects.insert(ident, object.clone());
        self.record(ident, &ty);
        self.scopes.declare(name, Entry::new(object, ty));
    }

    /// Declares what a function takes or gives.
    fn parameters(&mut self, list: FieldList) -> Vec<Type> {
        let ast = self.scopes.ast();
        let mut types = Vec::new();
        for field in ast.list(list.fields) {
            let field = ast[field];
            let ty = self.ty(field.ty);
            types.extend(std::iter::repeat_n(ty.clone(), field.names.len().max(1)));
            for name in ast.list(field.names) {
                self.declare(name, ty.clone());
            }
        }
        types
    }

    /// A body, with what the function takes and gives in scope.
    fn body(&mut self, parameters: FieldList, results: Option<FieldList>, body: StmtId) {
        self.scopes.open();
        self.parameters(parameters);
        let results = results.map(|results| self.parameters(results)).unwrap_or_default();
        self.results.push(results);
        self.block(body);
        self.results.pop();
        self.scopes.close();
    }

    fn text_of(&self, expr: ExprId) -> Option<Name> {
        self.scopes.ast().name(expr)
    }
}
