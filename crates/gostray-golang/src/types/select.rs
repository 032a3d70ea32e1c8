//! Fields and methods: what a selector selects.

use std::sync::Arc;

use crate::name::Name;
use crate::package::World;
use crate::types::generic::Bindings;
use crate::types::{FuncId, Signature, Type, TypeDecl};

/// What a selector selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selected {
    /// A field, of the struct or declared type that has it.
    Field {
        /// The type that has it.
        of: Type,
        /// Its name.
        name: Name,
    },
    /// A method that is declared.
    Method(FuncId),
    /// A method of an interface.
    Abstract {
        /// The interface, by its name where it has one.
        of: Type,
        /// Its name.
        name: Name,
    },
}

/// A selection, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// What is selected.
    pub selected: Selected,
    /// Its type.
    pub ty: Type,
    /// The embedded fields on the way.
    pub through: Vec<Name>,
}

/// Embedding deeper than this is given up.
const MAX_EMBEDDING: usize = 16;
const MAX_METHODS_DEPTH: u32 = 20;

impl World {
    /// What `x.name` selects, for an `x` of a type.
    #[must_use]
    pub fn select(&self, ty: &Type, name: Name) -> Option<Selection> {
        let mut level: Vec<(Type, Vec<Name>)> = vec![(ty.pointed().clone(), Vec::new())];
        let mut seen: Vec<TypeDecl> = Vec::new();
        for _ in 0..MAX_EMBEDDING {
            let mut next = Vec::new();
            let mut found: Option<Selection> = None;
            for (ty, through) in &level {
                if let Type::Named(decl, _) = ty {
                    if seen.contains(decl) {
                        continue;
                    }
                    seen.push(*decl);
                }
                if let Some((selected, ty)) = self.own(ty, name) {
                    // Of two at the same depth none is meant.
                    if found.is_some() {
                        return None;
                    }
                    found = Some(Selection { selected, ty, through: through.clone() });
                }
                if let Type::Struct(fields) = self.underlying(ty) {
                    for field in fields.iter().filter(|field| field.is_embedded) {
                        let through = through.iter().copied().chain([field.name]).collect();
                        next.push((field.ty.pointed().clone(), through));
                    }
                }
            }
            if found.is_some() || next.is_empty() {
                return found;
            }
            level = next;
        }
        None
    }

    /// A field or method of a type itself, not of what is embedded.
    fn own(&self, ty: &Type, name: Name) -> Option<(Selected, Type)> {
        if let Type::Named(decl, arguments) = ty
            && let Some(function) = self.method(*decl, name)
        {
            let signature = self.signature(function);
            let parameters = self.type_parameters(*decl);
            let bindings = Bindings::of(&parameters, arguments);
            let ty = bindings.apply(&Type::Func(signature));
            return Some((Selected::Method(function), ty));
        }
        match self.underlying(ty) {
            Type::Struct(fields) => {
                let field = fields.iter().find(|field| field.name == name)?;
                Some((Selected::Field { of: ty.clone(), name }, field.ty.clone()))
            }
            Type::Interface(_) => {
                let (of, method) = self.abstract_method(ty, name, 0)?;
                Some((Selected::Abstract { of, name }, method))
            }
            _ => None,
        }
    }

    /// The declared method of a declared type.
    pub(crate) fn method(&self, decl: TypeDecl, name: Name) -> Option<FuncId> {
        let package = self.package(decl.file.package);
        let methods = package.methods.get(&self.type_name(decl))?;
        // Types of functions have none, though they may be called like one of the package.
        if !self.is_of_package(decl) {
            return None;
        }
        let method = methods.iter().find(|method| method.name == name)?;
        let file = crate::package::FileId { package: decl.file.package, file: method.file };
        Some(FuncId { file, decl: method.decl })
    }

    /// A method of an interface, or of one that it embeds: the interface that declares it, and its type.
    fn abstract_method(&self, ty: &Type, name: Name, depth: u32) -> Option<(Type, Type)> {
        if depth > MAX_METHODS_DEPTH {
            return None;
        }
        if matches!(ty, Type::Error) {
            let results = vec![Type::Basic(crate::types::Basic::String)];
            let is_it = name == "Error";
            let method = || Type::Func(Arc::new(Signature { results, ..Signature::default() }));
            return is_it.then(|| (Type::Error, method()));
        }
        let Type::Interface(interface) = self.underlying(ty) else { return None };
        let own = interface.methods.iter().find(|(own, _)| *own == name);
        let own = own.map(|(_, method)| (ty.clone(), method.clone()));
        own.or_else(|| interface.embedded.iter().find_map(|ty| self.abstract_method(ty, name, depth + 1)))
    }
}
