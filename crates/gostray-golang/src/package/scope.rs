//! What a package declares.

use rustc_hash::FxHashMap;

use crate::ast::{Ast, DeclId, DeclKind, ExprId, ExprKind, FieldList, SpecId, SpecKind};
use crate::name::Name;
use crate::package::SourceFile;
use crate::token::Token;

/// Something that a package declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Item {
    /// In which file.
    pub file: u32,
    /// What it is.
    pub kind: ItemKind,
}

/// What can be declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// A function.
    Func(DeclId),
    /// A type.
    Type(SpecId),
    /// A variable.
    Var {
        /// Where it is declared.
        spec: SpecId,
        /// Its place among the names there.
        at: u32,
    },
    /// A constant.
    Const {
        /// Where it is declared.
        spec: SpecId,
        /// Its place among the names there.
        at: u32,
        /// Where its value is: the constant itself, or one before it.
        values: SpecId,
    },
}

/// A method that a package declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method {
    /// Its name.
    pub name: Name,
    /// In which file.
    pub file: u32,
    /// Its declaration.
    pub decl: DeclId,
    /// Has only a pointer to the type this method?
    pub is_of_pointer: bool,
}

/// The scope and the methods of files.
pub(super) fn scope(files: &[SourceFile]) -> (FxHashMap<Name, Item>, FxHashMap<Name, Vec<Method>>) {
    let (mut scope, mut methods) = (FxHashMap::default(), FxHashMap::<Name, Vec<Method>>::default());
    for (at, file) in files.iter().enumerate() {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let ast = &file.file.ast;
        let mut declare = |name: ExprId, kind: ItemKind| {
            if let Some(name) = ast.name(name).filter(|name| !name.is_blank()) {
                // The first counts, as compilers say of the others that they are one too many.
                scope.entry(name).or_insert(Item { file: at, kind });
            }
        };
        for decl in &file.file.decls {
            match ast[*decl].kind {
                DeclKind::Bad => {}
                DeclKind::Func(function) => match function.receiver {
                    None if ast.name(function.name).is_some_and(|name| name == "init") => {}
                    None => declare(function.name, ItemKind::Func(*decl)),
                    Some(receiver) => {
                        if let (Some((of, is_of_pointer)), Some(name)) =
                            (receiver_type(ast, receiver), ast.name(function.name))
                        {
                            let method = Method { name, file: at, decl: *decl, is_of_pointer };
                            methods.entry(of).or_default().push(method);
                        }
                    }
                },
                DeclKind::Gen(of) => declared(ast, of.specs, of.keyword, &mut declare),
            }
        }
    }
    (scope, methods)
}

/// The names that a declaration of constants, types or variables declares.
pub(crate) fn declared(
    ast: &Ast,
    specs: crate::ast::List<SpecId>,
    keyword: Token,
    declare: &mut impl FnMut(ExprId, ItemKind),
) {
    // The last constant that was written out: those without values have its.
    let mut last = None;
    for spec in ast.list(specs) {
        match ast[spec].kind {
            SpecKind::Import { .. } => {}
            SpecKind::Type { name, .. } => declare(name, ItemKind::Type(spec)),
            SpecKind::Value { names, values, ty, .. } => {
                if !values.is_empty() || ty.is_some() {
                    last = Some(spec);
                }
                for (at, name) in ast.list(names).enumerate() {
                    let at = u32::try_from(at).unwrap_or(u32::MAX);
                    declare(
                        name,
                        match keyword {
                            Token::Const => ItemKind::Const { spec, at, values: last.unwrap_or(spec) },
                            _ => ItemKind::Var { spec, at },
                        },
                    );
                }
            }
        }
    }
}

/// The name of the type of a receiver, and whether it is a pointer to it.
pub(crate) fn receiver_type(ast: &Ast, receiver: FieldList) -> Option<(Name, bool)> {
    let field = ast.at(receiver.fields, 0)?;
    let mut ty = ast.unparen(ast[field].ty);
    let mut is_pointer = false;
    loop {
        ty = match ast[ty].kind {
            ExprKind::Star(inner) => {
                is_pointer = true;
                inner
            }
            ExprKind::Paren(inner) => inner,
            ExprKind::Index { x, .. } => x,
            ExprKind::Ident(name) => return Some((name, is_pointer)),
            _ => return None,
        };
    }
}
