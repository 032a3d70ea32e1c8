//! A Go front end.
//!
//! Source as it lies on disk, broken or not, becomes a tree, packages, types and control flow, without
//! compiling anything and without a `go` command.
//!
//! # Shape
//!
//! | module | subject |
//! |---|---|
//! | `name`, `source`, `token`, `lexer` | text, and what it is made of |
//! | `ast` | the tree of a file, in the shape of `go/ast`, in arenas |
//! | `parser` | from tokens to the tree: accepts what `go/parser` accepts |
//! | `build` | which files are built: names, constraints, tags |
//! | `module` | `go.mod`, `go.work`, `vendor`, the module cache, GOROOT: which folder has a package |
//! | `package` | files that share a scope, and all packages that were loaded |
//! | `types` | types, on demand: what is declared, what expressions have, what selectors select |
//! | `flow` | control flow of functions, through what is deferred, to the ways they can end |
//!
//! Everything is named by small numbers within its file. What is known of an expression is kept in tables
//! by its number; the tree itself is never changed.

pub mod ast;
pub mod build;
pub mod flow;
mod lexer;
pub mod module;
mod name;
pub mod package;
mod parser;
mod pool;
mod source;
mod token;
pub mod types;

pub use lexer::tokens;
pub use name::Name;
pub use parser::{Bodies, Parsed, parse};
pub use pool::pool;
pub use source::{Lines, Position, Span, SyntaxError};
pub use token::Token;
