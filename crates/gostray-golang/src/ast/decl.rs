//! Declarations.

use crate::ast::{ExprId, List, StmtId, id};
use crate::source::Span;
use crate::token::Token;

id! {
    /// A declaration of a file.
    DeclId
}
id! {
    /// One of the things that a declaration declares.
    SpecId
}
id! {
    /// A field, a parameter, a method of an interface.
    FieldId
}
id! {
    /// The type of a function.
    SignatureId
}

/// A declaration.
#[derive(Debug, Clone, Copy)]
pub struct Decl {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: DeclKind,
}

/// The kinds of declarations.
#[derive(Debug, Clone, Copy)]
pub enum DeclKind {
    /// What is none.
    Bad,
    /// `func f() { … }`
    Func(FuncDecl),
    /// `import`, `const`, `type`, `var`
    Gen(GenDecl),
}

/// The body of a function.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// It is written elsewhere, in assembly for example.
    None,
    /// A block.
    Block(StmtId),
    /// It was not asked for; it stands here.
    Skipped(Span),
}

/// A function or method.
#[derive(Debug, Clone, Copy)]
pub struct FuncDecl {
    /// One field, for a method.
    pub receiver: Option<FieldList>,
    /// An identifier.
    pub name: ExprId,
    /// Its type.
    pub signature: SignatureId,
    /// What it does.
    pub body: Body,
}

/// `import`, `const`, `type` or `var`, of one or, in parentheses, several.
#[derive(Debug, Clone, Copy)]
pub struct GenDecl {
    /// Which.
    pub keyword: Token,
    /// What is declared.
    pub specs: List<SpecId>,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: SpecKind,
}

/// The kinds of them.
#[derive(Debug, Clone, Copy)]
pub enum SpecKind {
    /// `name "path"`
    Import {
        /// `_`, `.` or an identifier.
        name: Option<ExprId>,
        /// A string.
        path: ExprId,
    },
    /// `a, b T = x, y`
    Value {
        /// Identifiers.
        names: List<ExprId>,
        /// Their type, if it is written.
        ty: Option<ExprId>,
        /// Their values. A constant without any has those of the one before it.
        values: List<ExprId>,
        /// Its place among those of its declaration.
        iota: u32,
    },
    /// `T[P any] = U`
    Type {
        /// An identifier.
        name: ExprId,
        /// What it is generic in.
        parameters: Option<FieldList>,
        /// Is it another name for the type (`=`), rather than a new one?
        is_alias: bool,
        /// The type.
        ty: ExprId,
    },
}

/// Fields within parentheses, brackets or braces; a single result has none around it.
#[derive(Debug, Clone, Copy)]
pub struct FieldList {
    /// Where they stand.
    pub span: Span,
    /// The fields.
    pub fields: List<FieldId>,
}

/// `a, b T`, or what is embedded: `T`.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Where it stands.
    pub span: Span,
    /// Identifiers; none for what is embedded, or a parameter without name.
    pub names: List<ExprId>,
    /// Their type; a function for the method of an interface.
    pub ty: ExprId,
    /// A string.
    pub tag: Option<ExprId>,
}

/// The type of a function.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// What it is generic in.
    pub type_parameters: Option<FieldList>,
    /// What it takes.
    pub parameters: FieldList,
    /// What it gives.
    pub results: Option<FieldList>,
}
