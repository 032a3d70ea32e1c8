//! From tokens to the tree.
//!
//! What Go's own parser accepts is accepted, with the same shape and positions; what it rejects is
//! rejected at the same place. Such a file is then read a second time, *tolerantly*: a declaration that
//! begins a line ends whatever was open before it, so that a brace missing in one function does not
//! swallow those that follow.

mod decl;
mod expr;
mod parameters;
mod stmt;
mod types;

use std::num::NonZeroU32;

use crate::ast::{Ast, Expr, ExprId, ExprKind, File, Id, List, Push};
use crate::lexer::{Lexeme, Lexer};
use crate::name::Name;
use crate::source::{Span, SyntaxError};
use crate::token::Token;

/// What is nested deeper than this is given up; Go's own parser goes ten times as deep.
const MAX_NESTING: u32 = 10_000;
/// So often a place to go on from may be found without getting any further.
const MAX_SYNCS: u32 = 10;

/// The bodies of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bodies {
    /// They are parsed.
    Parse,
    /// They are skipped: of a dependency only what it declares is of interest.
    Skip,
}

/// A file that was parsed, and what is wrong with it.
#[derive(Debug)]
pub struct Parsed {
    /// The tree. There always is one.
    pub file: File,
    /// What is wrong, in the order of the text. `go/parser` reports the first at the same place.
    pub errors: Vec<SyntaxError>,
}

/// Parses a file.
#[must_use]
pub fn parse(source: &[u8], bodies: Bodies) -> Parsed {
    let exact = Parser::new(source, bodies, false).file();
    if exact.errors.is_empty() {
        return exact;
    }
    let tolerant = Parser::new(source, bodies, true).file();
    Parsed { file: tolerant.file, errors: exact.errors }
}

pub(crate) struct Parser<'s> {
    source: &'s [u8],
    lexer: Lexer<'s>,
    /// The token that is looked at.
    at: Lexeme,
    ast: Ast,
    errors: Vec<SyntaxError>,
    bodies: Bodies,
    /// A declaration at the start of a line ends what is open.
    is_tolerant: bool,
    /// The declaration that did.
    barrier: Option<Lexeme>,
    /// Below 0 in the head of a statement, where a brace begins its block.
    expr_level: i32,
    /// On the right-hand side, where `=` may be meant as `==`.
    in_rhs: bool,
    nesting: u32,
    is_given_up: bool,
    sync_at: Option<u32>,
    syncs: u32,
    /// The nodes of lists that are not complete yet.
    scratch: Vec<NonZeroU32>,
}

impl<'s> Parser<'s> {
    fn new(source: &'s [u8], bodies: Bodies, is_tolerant: bool) -> Self {
        let mut parser = Self {
            source,
            lexer: Lexer::new(source),
            at: Lexeme { token: Token::Eof, span: Span::default(), is_implicit: false },
            ast: Ast::default(),
            errors: Vec::new(),
            bodies,
            is_tolerant,
            barrier: None,
            expr_level: 0,
            in_rhs: false,
            nesting: 0,
            is_given_up: false,
            sync_at: None,
            syncs: 0,
            scratch: Vec::new(),
        };
        parser.next();
        parser
    }

    fn file(mut self) -> Parsed {
        let mut file = File {
            ast: Ast::default(),
            package: self.at.span.start,
            name: ExprId::from_raw(NonZeroU32::MIN),
            decls: Vec::new(),
            comments: Vec::new(),
        };
        let is_text = self.lexer.errors.is_empty();
        self.pass_barrier();
        if is_text {
            file.package = self.expect(Token::Package);
        }
        file.name = self.ident();
        if is_text {
            self.expect_semicolon();
        }
        // What has no package clause is likely no Go at all.
        if self.is_tolerant || self.errors.is_empty() && self.lexer.errors.is_empty() {
            let mut before = Token::Import;
            loop {
                self.pass_barrier();
                if self.at.token == Token::Eof {
                    break;
                }
                if self.at.token == Token::Import && before != Token::Import {
                    self.error(self.at.span.start, "imports must come before other declarations");
                }
                before = self.at.token;
                file.decls.push(self.decl());
            }
        }
        file.comments = std::mem::take(&mut self.lexer.comments);
        let mut errors = self.errors;
        errors.append(&mut self.lexer.errors);
        errors.sort();
        errors.dedup();
        self.ast.shrink();
        file.ast = self.ast;
        Parsed { file, errors }
    }

    /// Goes on with the declaration that ended what was open.
    fn pass_barrier(&mut self) {
        if let Some(lexeme) = self.barrier.take() {
            self.at = lexeme;
        }
    }

    /// Goes on to the next token.
    fn next(&mut self) {
        if self.barrier.is_some() || self.is_given_up {
            return;
        }
        self.at = self.lexer.next();
        if self.is_tolerant && self.is_barrier(&self.at) {
            let end = Span { start: self.at.span.start, end: self.at.span.start };
            self.barrier = Some(self.at);
            self.at = Lexeme { token: Token::Eof, span: end, is_implicit: false };
        }
    }

    /// Does a declaration begin here that is one of the file?
    fn is_barrier(&self, lexeme: &Lexeme) -> bool {
        let is_keyword = matches!(
            lexeme.token,
            Token::Func | Token::Type | Token::Var | Token::Const | Token::Import | Token::Package
        );
        let start = lexeme.span.start as usize;
        is_keyword && (start == 0 || self.source[start - 1] == b'\n')
    }

    fn error(&mut self, at: u32, message: impl Into<String>) {
        self.errors.push(SyntaxError::new(at as usize, message));
    }

    fn error_expected(&mut self, at: u32, what: &str) {
        let mut message = format!("expected {what}");
        if at == self.at.span.start {
            message += &match self.at {
                Lexeme { is_implicit: true, .. } => ", found newline".to_owned(),
                Lexeme { token, span, .. } if token.is_literal() => {
                    let text = &self.source[span.range()];
                    format!(", found {}", String::from_utf8_lossy(&text[..text.len().min(40)]))
                }
                Lexeme { token, .. } => format!(", found '{}'", token.text()),
            };
        }
        self.error(at, message);
    }

    /// Takes a token of this kind, and whatever is there in its stead: where it stands.
    fn expect(&mut self, token: Token) -> u32 {
        let at = self.at.span.start;
        if self.at.token != token {
            self.error_expected(at, &format!("'{}'", token.text()));
        }
        self.next();
        at
    }

    /// The same for the end of a list, where a newline was forgotten to be preceded by a comma.
    fn expect_closing(&mut self, token: Token, of: &str) -> u32 {
        if self.at.token != token && self.at.is_implicit {
            self.error(self.at.span.start, format!("missing ',' before newline in {of}"));
            self.next();
        }
        self.expect(token)
    }

    fn expect_semicolon(&mut self) {
        match self.at.token {
            Token::ParenClose | Token::BraceClose => {}
            Token::Semicolon => self.next(),
            Token::Comma => {
                self.error_expected(self.at.span.start, "';'");
                self.next();
            }
            _ => {
                self.error_expected(self.at.span.start, "';'");
                self.advance(is_statement_start);
            }
        }
    }

    /// Is there a comma, or should there be one?
    fn at_comma(&mut self, of: &str, follow: Token) -> bool {
        if self.at.token == Token::Comma {
            return true;
        }
        if self.at.token == follow {
            return false;
        }
        let newline = if self.at.is_implicit { " before newline" } else { "" };
        self.error(self.at.span.start, format!("missing ','{newline} in {of}"));
        true
    }

    /// Goes on to a token from which parsing can go on.
    fn advance(&mut self, is_one: fn(Token) -> bool) {
        while self.at.token != Token::Eof {
            if is_one(self.at.token) {
                let at = self.at.span.start;
                if self.sync_at == Some(at) && self.syncs < MAX_SYNCS {
                    self.syncs += 1;
                    return;
                }
                if self.sync_at.is_none_or(|last| at > last) {
                    self.sync_at = Some(at);
                    self.syncs = 0;
                    return;
                }
            }
            self.next();
        }
    }

    /// Goes one level deeper, unless that is too deep.
    fn deeper(&mut self) {
        self.nesting += 1;
        if self.nesting > MAX_NESTING && !self.is_given_up {
            self.error(self.at.span.start, "nested too deeply");
            self.is_given_up = true;
            self.barrier = None;
            let end = Span::new(self.source.len(), self.source.len());
            self.at = Lexeme { token: Token::Eof, span: end, is_implicit: false };
        }
    }

    /// Comes up again.
    fn higher(&mut self, levels: u32) {
        self.nesting -= levels;
    }

    /// Where the next list begins among those that are not complete.
    fn mark(&self) -> usize {
        self.scratch.len()
    }

    fn keep<I: Id>(&mut self, node: I) {
        self.scratch.push(node.raw());
    }

    /// The list that began at a mark.
    fn list<I: Id>(&mut self, mark: usize) -> List<I> {
        let nodes: Vec<I> = self.scratch.drain(mark..).map(I::from_raw).collect();
        self.ast.make_list(&nodes)
    }

    fn expr(&mut self, span: Span, kind: ExprKind) -> ExprId {
        self.ast.push(Expr { span, kind })
    }

    fn bad(&mut self, start: u32) -> ExprId {
        let end = self.at.span.start.max(start);
        self.expr(Span { start, end }, ExprKind::Bad)
    }

    fn span(&self, expr: ExprId) -> Span {
        self.ast[expr].span
    }

    fn ident(&mut self) -> ExprId {
        let span = self.at.span;
        if self.at.token != Token::Ident {
            self.expect(Token::Ident);
            return self.expr(Span { start: span.start, end: span.start + 1 }, ExprKind::Ident(Name::new("_")));
        }
        // The lexer takes nothing for an identifier that is no text.
        let name = Name::new(std::str::from_utf8(&self.source[span.range()]).unwrap_or("_"));
        self.next();
        self.expr(span, ExprKind::Ident(name))
    }
}

fn is_statement_start(token: Token) -> bool {
    matches!(
        token,
        Token::Break
            | Token::Const
            | Token::Continue
            | Token::Defer
            | Token::Fallthrough
            | Token::For
            | Token::Go
            | Token::Goto
            | Token::If
            | Token::Return
            | Token::Select
            | Token::Switch
            | Token::Type
            | Token::Var
    )
}

fn is_declaration_start(token: Token) -> bool {
    matches!(token, Token::Import | Token::Const | Token::Type | Token::Var)
}

fn is_expression_end(token: Token) -> bool {
    matches!(
        token,
        Token::Comma | Token::Colon | Token::Semicolon | Token::ParenClose | Token::BracketClose | Token::BraceClose
    )
}
