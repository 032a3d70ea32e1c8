//! Expressions and types, which are expressions, too.

use crate::ast::{FieldList, List, SignatureId, StmtId, id};
use crate::name::Name;
use crate::source::Span;
use crate::token::Token;

id! {
    /// An expression of a file.
    ExprId
}

/// An expression.
#[derive(Debug, Clone, Copy)]
pub struct Expr {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

/// What kind of literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LiteralKind {
    /// `12`
    Int,
    /// `1.2`
    Float,
    /// `1i`
    Imag,
    /// `'x'`
    Char,
    /// `"x"`
    String,
}

/// Which way a channel goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChanDir {
    /// `chan T`
    Both,
    /// `chan<- T`
    Send,
    /// `<-chan T`
    Receive,
}

/// The kinds of expressions, with their parts.
#[derive(Debug, Clone, Copy)]
pub enum ExprKind {
    /// What is none.
    Bad,
    /// `x`
    Ident(Name),
    /// `12`, `"x"`
    Literal(LiteralKind),
    /// `T{x, k: v}`
    Composite {
        /// Left out within another one.
        ty: Option<ExprId>,
        /// `{`
        open: u32,
        /// What stands in it.
        elements: List<ExprId>,
    },
    /// `func() { … }`
    Func {
        /// Its type.
        ty: ExprId,
        /// Its body, a block.
        body: StmtId,
    },
    /// `(x)`
    Paren(ExprId),
    /// `x.f`
    Selector {
        /// Left of the dot.
        x: ExprId,
        /// Right of it, an identifier.
        selected: ExprId,
    },
    /// `x[i]`, or `f[T]`
    Index {
        /// What is indexed.
        x: ExprId,
        /// One, or several type arguments.
        indices: List<ExprId>,
    },
    /// `x[low:high:max]`
    Slice {
        /// What is sliced.
        x: ExprId,
        /// From where.
        low: Option<ExprId>,
        /// To where.
        high: Option<ExprId>,
        /// The capacity.
        max: Option<ExprId>,
    },
    /// `x.(T)`
    TypeAssert {
        /// An interface.
        x: ExprId,
        /// Nothing in `x.(type)`.
        ty: Option<ExprId>,
    },
    /// `f(x, y...)`
    Call {
        /// What is called, or converted to.
        function: ExprId,
        /// With what.
        arguments: List<ExprId>,
        /// The last argument is followed by `...`.
        is_spread: bool,
    },
    /// `*x`, also a type
    Star(ExprId),
    /// `-x`, `<-c`, `&x`, `~T`
    Unary {
        /// The operator.
        operator: Token,
        /// What it is applied to.
        x: ExprId,
    },
    /// `x + y`
    Binary {
        /// The operator.
        operator: Token,
        /// Left of it.
        x: ExprId,
        /// Right of it.
        y: ExprId,
    },
    /// `k: v`
    KeyValue {
        /// Left of the colon.
        key: ExprId,
        /// Right of it.
        value: ExprId,
    },
    /// `[n]T`, `[]T`, `[...]T`
    Array {
        /// Nothing for a slice.
        length: Option<ExprId>,
        /// Of what.
        element: ExprId,
    },
    /// `struct { … }`
    Struct(FieldList),
    /// `func(…) …`
    FuncType(SignatureId),
    /// `interface { … }`: methods, embedded interfaces and unions
    Interface(FieldList),
    /// `map[K]V`
    Map {
        /// From what.
        key: ExprId,
        /// To what.
        value: ExprId,
    },
    /// `chan T`
    Chan {
        /// Which way.
        direction: ChanDir,
        /// Of what.
        element: ExprId,
        /// Where the arrow stands; 0 if there is none.
        arrow: u32,
    },
    /// `...`, `...T`
    Ellipsis(Option<ExprId>),
}
