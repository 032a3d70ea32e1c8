//! The tree of a file.
//!
//! Nodes lie in the arenas of their file and are named by their number, which is also the key under
//! which the type of an expression, or what an identifier means, is kept. The shape is that of `go/ast`,
//! so that it can be compared with it; a list is a stretch of one arena of numbers.

mod decl;
mod expr;
mod stmt;
mod walk;

use std::marker::PhantomData;
use std::num::NonZeroU32;

pub use decl::{
    Body, Decl, DeclId, DeclKind, Field, FieldId, FieldList, FuncDecl, GenDecl, Signature, SignatureId, Spec, SpecId,
    SpecKind,
};
pub use expr::{ChanDir, Expr, ExprId, ExprKind, LiteralKind};
pub use stmt::{RangeStmt, Stmt, StmtId, StmtKind};
pub use walk::{Node, Walk};

use crate::name::Name;
use crate::source::Span;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(std::num::NonZeroU32);

        impl $crate::ast::Id for $name {
            fn from_raw(raw: std::num::NonZeroU32) -> Self {
                Self(raw)
            }

            fn raw(self) -> std::num::NonZeroU32 {
                self.0
            }
        }
    };
}
pub(crate) use id;

/// The number of a node.
pub trait Id: Copy {
    #[doc(hidden)]
    fn from_raw(raw: NonZeroU32) -> Self;
    #[doc(hidden)]
    fn raw(self) -> NonZeroU32;

    /// Its place in a table of one entry a node.
    fn index(self) -> usize {
        self.raw().get() as usize - 1
    }
}

/// The id of the node that is put next into an arena of this length.
fn next_id<I: Id>(length: usize) -> I {
    let raw = u32::try_from(length + 1).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX);
    I::from_raw(raw)
}

/// Several nodes, in order.
#[derive(Debug)]
pub struct List<I> {
    start: u32,
    length: u32,
    of: PhantomData<I>,
}

impl<I> Clone for List<I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I> Copy for List<I> {}

impl<I> Default for List<I> {
    fn default() -> Self {
        Self { start: 0, length: 0, of: PhantomData }
    }
}

impl<I> List<I> {
    /// How many.
    #[must_use]
    pub fn len(self) -> usize {
        self.length as usize
    }

    /// None at all?
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.length == 0
    }
}

/// The nodes of a file.
#[derive(Debug, Default)]
pub struct Ast {
    exprs: Vec<Expr>,
    stmts: Vec<Stmt>,
    decls: Vec<Decl>,
    specs: Vec<Spec>,
    fields: Vec<Field>,
    signatures: Vec<Signature>,
    lists: Vec<NonZeroU32>,
}

macro_rules! arena {
    ($id:ident, $node:ident, $arena:ident) => {
        impl std::ops::Index<$id> for Ast {
            type Output = $node;

            fn index(&self, id: $id) -> &$node {
                &self.$arena[id.index()]
            }
        }

        impl std::ops::IndexMut<$id> for Ast {
            fn index_mut(&mut self, id: $id) -> &mut $node {
                &mut self.$arena[id.index()]
            }
        }

        impl Push<$node> for Ast {
            type Id = $id;

            fn push(&mut self, node: $node) -> $id {
                let id = next_id(self.$arena.len());
                self.$arena.push(node);
                id
            }
        }
    };
}

/// Puts a node into its arena.
pub(crate) trait Push<N> {
    type Id;
    fn push(&mut self, node: N) -> Self::Id;
}

arena!(ExprId, Expr, exprs);
arena!(StmtId, Stmt, stmts);
arena!(DeclId, Decl, decls);
arena!(SpecId, Spec, specs);
arena!(FieldId, Field, fields);
arena!(SignatureId, Signature, signatures);

impl Ast {
    /// The nodes of a list.
    pub fn list<I: Id>(&self, list: List<I>) -> impl DoubleEndedIterator<Item = I> + ExactSizeIterator + Clone + '_ {
        let start = list.start as usize;
        self.lists[start..start + list.len()].iter().map(|raw| I::from_raw(*raw))
    }

    /// The node of a list at a place.
    #[must_use]
    pub fn at<I: Id>(&self, list: List<I>, at: usize) -> Option<I> {
        (at < list.len()).then(|| I::from_raw(self.lists[list.start as usize + at]))
    }

    pub(crate) fn make_list<I: Id>(&mut self, nodes: &[I]) -> List<I> {
        let start = u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
        self.lists.extend(nodes.iter().map(|node| node.raw()));
        List { start, length: u32::try_from(nodes.len()).unwrap_or(u32::MAX), of: PhantomData }
    }

    /// How many expressions there are: the length of a table by expression.
    #[must_use]
    pub fn expr_count(&self) -> usize {
        self.exprs.len()
    }

    /// Every expression, in the order in which it was parsed.
    pub fn exprs(&self) -> impl Iterator<Item = (ExprId, &Expr)> {
        self.exprs.iter().enumerate().map(|(at, expr)| (next_id(at), expr))
    }

    /// The name of an identifier; nothing for another expression.
    #[must_use]
    pub fn name(&self, expr: ExprId) -> Option<Name> {
        match self[expr].kind {
            ExprKind::Ident(name) => Some(name),
            _ => None,
        }
    }

    /// An expression without the parentheses around it.
    #[must_use]
    pub fn unparen(&self, mut expr: ExprId) -> ExprId {
        while let ExprKind::Paren(inner) = self[expr].kind {
            expr = inner;
        }
        expr
    }

    /// Does it get no larger? What is not needed of the arenas is given back.
    pub(crate) fn shrink(&mut self) {
        self.exprs.shrink_to_fit();
        self.stmts.shrink_to_fit();
        self.lists.shrink_to_fit();
    }
}

/// A parsed file.
#[derive(Debug)]
pub struct File {
    /// Its nodes.
    pub ast: Ast,
    /// `package`, the keyword.
    pub package: u32,
    /// The name of its package.
    pub name: ExprId,
    /// Its declarations.
    pub decls: Vec<DeclId>,
    /// Its comments, each with its delimiters.
    pub comments: Vec<Span>,
}
