//! Statements.

use crate::ast::{DeclId, ExprId, List, id};
use crate::source::Span;
use crate::token::Token;

id! {
    /// A statement of a file.
    StmtId
}

/// A statement.
#[derive(Debug, Clone, Copy)]
pub struct Stmt {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: StmtKind,
}

/// `for k, v := range x { … }`
#[derive(Debug, Clone, Copy)]
pub struct RangeStmt {
    /// What is assigned first.
    pub key: Option<ExprId>,
    /// What is assigned second.
    pub value: Option<ExprId>,
    /// Are they declared here (`:=`)?
    pub is_define: bool,
    /// Over what.
    pub x: ExprId,
    /// What is done.
    pub body: StmtId,
}

/// The kinds of statements, with their parts.
#[derive(Debug, Clone, Copy)]
pub enum StmtKind {
    /// What is none.
    Bad,
    /// Nothing.
    Empty,
    /// `var x T` and its like
    Decl(DeclId),
    /// `label: s`
    Labeled {
        /// An identifier.
        label: ExprId,
        /// What it is the label of.
        stmt: StmtId,
    },
    /// `f(x)`
    Expr(ExprId),
    /// `c <- x`
    Send {
        /// To where.
        channel: ExprId,
        /// What.
        value: ExprId,
    },
    /// `x++`
    IncDec {
        /// What is changed.
        x: ExprId,
        /// `++` or `--`
        operator: Token,
    },
    /// `x, y = f()`, `x := 1`, `x += 1`
    Assign {
        /// What is assigned to.
        left: List<ExprId>,
        /// What is assigned.
        right: List<ExprId>,
        /// `=`, `:=`, `+=`, …
        operator: Token,
    },
    /// `go f(x)`
    Go(ExprId),
    /// `defer f(x)`
    Defer(ExprId),
    /// `return x, y`
    Return(List<ExprId>),
    /// `break`, `continue`, `goto`, `fallthrough`
    Branch {
        /// Which.
        keyword: Token,
        /// To where, an identifier.
        label: Option<ExprId>,
    },
    /// `{ … }`
    Block(List<StmtId>),
    /// `if s; c { … } else …`
    If {
        /// What is done before.
        init: Option<StmtId>,
        /// What decides.
        condition: ExprId,
        /// A block.
        then: StmtId,
        /// A block, or another `if`.
        otherwise: Option<StmtId>,
    },
    /// `case x, y:` of a `switch`
    Case {
        /// Nothing for `default`.
        values: List<ExprId>,
        /// What is done.
        body: List<StmtId>,
        /// Is it `default`?
        is_default: bool,
    },
    /// `switch s; x { … }`
    Switch {
        /// What is done before.
        init: Option<StmtId>,
        /// What is compared.
        tag: Option<ExprId>,
        /// A block of cases.
        body: StmtId,
    },
    /// `switch s; v := x.(type) { … }`
    TypeSwitch {
        /// What is done before.
        init: Option<StmtId>,
        /// `x.(type)`, or its assignment.
        assign: StmtId,
        /// A block of cases.
        body: StmtId,
    },
    /// `case <-c:` of a `select`
    Comm {
        /// A send, a receive, or the assignment of one; nothing for `default`.
        comm: Option<StmtId>,
        /// What is done.
        body: List<StmtId>,
    },
    /// `select { … }`
    Select(StmtId),
    /// `for s; c; p { … }`
    For {
        /// What is done before.
        init: Option<StmtId>,
        /// What decides.
        condition: Option<ExprId>,
        /// What is done after each round.
        post: Option<StmtId>,
        /// A block.
        body: StmtId,
    },
    /// `for … range x { … }`
    Range(RangeStmt),
}
