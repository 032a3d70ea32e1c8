//! Types: what is declared, what expressions have, what a selector selects.
//!
//! Everything is found when it is asked for. What can't be known (a package is missing, code is broken) is
//! [`Type::Unknown`], which is never a guess.
//!
//! | module | subject |
//! |---|---|
//! | `tables` | what was found, each thing once |
//! | `declared` | the types of what packages declare; what type expressions mean |
//! | `generic` | putting types in for parameters, and finding which |
//! | `select` | fields and methods |
//! | `constant` | integers that are known before the program runs |
//! | `infer` | the types of the expressions of a file |

mod constant;
mod declared;
mod func_name;
mod generic;
mod infer;
mod select;
mod tables;
mod universe;

use std::fmt;
use std::sync::Arc;

use crate::ast::{ChanDir, DeclId, ExprId, SpecId};
use crate::name::Name;
use crate::package::{FileId, PackageId};

pub use func_name::{FuncName, FuncNameError};
pub use infer::FileTypes;
pub use select::{Selected, Selection};
pub(crate) use tables::{Table, Tables};
pub use universe::{Basic, Builtin};

/// A type that is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeDecl {
    /// The file.
    pub file: FileId,
    /// Where in it.
    pub spec: SpecId,
}

/// A function or method that is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FuncId {
    /// The file.
    pub file: FileId,
    /// Where in it.
    pub decl: DeclId,
}

/// A variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VarId {
    /// One of a package.
    Global {
        /// The file.
        file: FileId,
        /// Where in it.
        spec: SpecId,
        /// Its place among the names there.
        at: u32,
    },
    /// One of a function, parameters and results included: the identifier that declares it.
    Local {
        /// The file.
        file: FileId,
        /// The identifier.
        ident: ExprId,
    },
}

/// What an identifier means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A package, unless it is missing.
    Package(Option<PackageId>),
    /// A type.
    Type(Type),
    /// A constant.
    Const,
    /// A variable.
    Var(VarId),
    /// A function.
    Func(FuncId),
    /// A function of the language.
    Builtin(Builtin),
    /// `nil`
    Nil,
}

/// A type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Type {
    /// It is not known.
    #[default]
    Unknown,
    /// One of the language.
    Basic(Basic),
    /// `error`
    Error,
    /// `comparable`
    Comparable,
    /// One that is declared, with its type arguments.
    Named(TypeDecl, Arc<[Self]>),
    /// A type parameter.
    Param(Param),
    /// `*T`
    Pointer(Arc<Self>),
    /// `[]T`
    Slice(Arc<Self>),
    /// `[n]T`; its length may not be known
    Array(Option<u64>, Arc<Self>),
    /// `map[K]V`
    Map(Arc<(Self, Self)>),
    /// `chan T`
    Chan(ChanDir, Arc<Self>),
    /// `struct { … }`
    Struct(Arc<[StructField]>),
    /// `func(…) …`
    Func(Arc<Signature>),
    /// `interface { … }`
    Interface(Arc<Interface>),
    /// What a call gives that gives none or several.
    Tuple(Arc<[Self]>),
}

/// A type parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Param {
    /// The file.
    pub file: FileId,
    /// The identifier that declares it.
    pub ident: ExprId,
    /// What it is called.
    pub name: Name,
}

/// A field of a struct.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StructField {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Type,
    /// Is it there without a name of its own?
    pub is_embedded: bool,
}

/// The type of a function.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Signature {
    /// What it is generic in.
    pub type_parameters: Vec<Param>,
    /// What it takes; the last is a slice if it takes any number.
    pub parameters: Vec<Type>,
    /// What it gives.
    pub results: Vec<Type>,
    /// Does it take any number?
    pub is_variadic: bool,
}

/// The type of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Interface {
    /// Its own methods.
    pub methods: Vec<(Name, Type)>,
    /// What is embedded in it: interfaces, and types of a union of one.
    pub embedded: Vec<Type>,
    /// The terms of its unions, with whether each means all types that have it underneath.
    pub terms: Vec<(bool, Type)>,
}

impl Type {
    /// Nothing is known of it.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// A pointer to it.
    #[must_use]
    pub fn pointer(self) -> Self {
        Self::Pointer(Arc::new(self))
    }

    /// What a pointer points to; any other type is itself.
    #[must_use]
    pub fn pointed(&self) -> &Self {
        match self {
            Self::Pointer(to) => to,
            other => other,
        }
    }

    /// An interface without methods.
    pub(crate) fn any() -> Self {
        Self::Interface(Arc::default())
    }

    pub(crate) fn named(decl: TypeDecl) -> Self {
        Self::Named(decl, Arc::new([]))
    }

    /// The type that a constant without type gets where none is asked for.
    #[must_use]
    pub fn defaulted(self) -> Self {
        match self {
            Self::Basic(basic) => Self::Basic(basic.defaulted()),
            other => other,
        }
    }
}

/// Writes a type with the paths of packages, as [`Type::display`] gives it.
pub struct Display<'w> {
    world: &'w crate::package::World,
    ty: &'w Type,
}

impl Type {
    /// The type as it is written, names with the paths of their packages.
    #[must_use]
    pub fn display<'w>(&'w self, world: &'w crate::package::World) -> Display<'w> {
        Display { world, ty: self }
    }
}

impl<'w> fmt::Display for Display<'w> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let world = self.world;
        let of = |ty: &'w Type| Display { world, ty };
        let list = |f: &mut fmt::Formatter<'_>, types: &'w [Type]| -> fmt::Result {
            for (at, ty) in types.iter().enumerate() {
                write!(f, "{}{}", if at > 0 { ", " } else { "" }, of(ty))?;
            }
            Ok(())
        };
        match self.ty {
            Type::Unknown => f.write_str("?"),
            Type::Basic(basic) => f.write_str(basic.name()),
            Type::Error => f.write_str("error"),
            Type::Comparable => f.write_str("comparable"),
            Type::Param(param) => write!(f, "{}", param.name),
            Type::Named(decl, arguments) => {
                let package = self.world.package(decl.file.package);
                write!(f, "{}.{}", package.path, self.world.type_name(*decl))?;
                if !arguments.is_empty() {
                    f.write_str("[")?;
                    list(f, arguments)?;
                    f.write_str("]")?;
                }
                Ok(())
            }
            Type::Pointer(to) => write!(f, "*{}", of(to)),
            Type::Slice(element) => write!(f, "[]{}", of(element)),
            Type::Array(Some(length), element) => write!(f, "[{length}]{}", of(element)),
            Type::Array(None, element) => write!(f, "[?]{}", of(element)),
            Type::Map(of_map) => write!(f, "map[{}]{}", of(&of_map.0), of(&of_map.1)),
            Type::Chan(ChanDir::Both, element) => write!(f, "chan {}", of(element)),
            Type::Chan(ChanDir::Send, element) => write!(f, "chan<- {}", of(element)),
            Type::Chan(ChanDir::Receive, element) => write!(f, "<-chan {}", of(element)),
            Type::Struct(fields) => {
                f.write_str("struct{")?;
                for (at, field) in fields.iter().enumerate() {
                    let between = if at > 0 { "; " } else { "" };
                    write!(f, "{between}{} {}", field.name, of(&field.ty))?;
                }
                f.write_str("}")
            }
            Type::Func(signature) => {
                f.write_str("func(")?;
                list(f, &signature.parameters)?;
                f.write_str(if signature.is_variadic { "...)" } else { ")" })?;
                if !signature.results.is_empty() {
                    f.write_str(" (")?;
                    list(f, &signature.results)?;
                    f.write_str(")")?;
                }
                Ok(())
            }
            Type::Interface(interface) => {
                let mut names: Vec<&str> = interface.methods.iter().map(|(name, _)| name.as_str()).collect();
                names.sort_unstable();
                write!(f, "interface{{{}}}", names.join(" "))
            }
            Type::Tuple(types) => {
                f.write_str("(")?;
                list(f, types)?;
                f.write_str(")")
            }
        }
    }
}
