//! Declarations.

use crate::ast::{
    Body, Decl, DeclId, DeclKind, ExprId, ExprKind, FieldList, FuncDecl, GenDecl, List, LiteralKind, Push, Signature,
    Spec, SpecId, SpecKind,
};
use crate::parser::{Bodies, Parser, is_declaration_start, is_expression_end};
use crate::source::Span;
use crate::token::Token;

impl Parser<'_> {
    pub(super) fn decl(&mut self) -> DeclId {
        self.decl_until(is_declaration_start)
    }

    pub(super) fn decl_until(&mut self, sync: fn(Token) -> bool) -> DeclId {
        match self.at.token {
            Token::Func => self.func_decl(),
            Token::Import | Token::Const | Token::Type | Token::Var => self.gen_decl(),
            _ => {
                let start = self.at.span.start;
                self.error_expected(start, "declaration");
                self.advance(sync);
                let span = Span { start, end: self.at.span.start };
                self.ast.push(Decl { span, kind: DeclKind::Bad })
            }
        }
    }

    fn gen_decl(&mut self) -> DeclId {
        let keyword = self.at.token;
        let start = self.expect(keyword);
        let mark = self.mark();
        let end = if self.at.token == Token::ParenOpen {
            self.next();
            let mut iota = 0;
            while !matches!(self.at.token, Token::ParenClose | Token::Eof) {
                let spec = self.spec(keyword, iota);
                self.keep(spec);
                iota += 1;
            }
            let close = self.expect(Token::ParenClose);
            self.expect_semicolon();
            close + 1
        } else {
            let spec = self.spec(keyword, 0);
            self.keep(spec);
            self.ast[spec].span.end
        };
        let specs = self.list(mark);
        let kind = DeclKind::Gen(GenDecl { keyword, specs });
        self.ast.push(Decl { span: Span { start, end }, kind })
    }

    fn spec(&mut self, keyword: Token, iota: u32) -> SpecId {
        let spec = match keyword {
            Token::Import => self.import_spec(),
            Token::Type => self.type_spec(),
            _ => self.value_spec(keyword, iota),
        };
        self.ast.push(spec)
    }

    fn import_spec(&mut self) -> Spec {
        let start = self.at.span;
        let name = match self.at.token {
            Token::Ident => Some(self.ident()),
            Token::Period => {
                self.next();
                Some(self.expr(start, ExprKind::Ident(crate::name::Name::new("."))))
            }
            _ => None,
        };
        let at = self.at.span;
        let path = match self.at.token {
            Token::String => {
                self.next();
                at
            }
            token if token.is_literal() => {
                self.error(at.start, "an import path must be a string");
                self.next();
                at
            }
            _ => {
                self.error(at.start, "missing import path");
                self.advance(is_expression_end);
                Span { start: at.start, end: at.start }
            }
        };
        self.expect_semicolon();
        let path = self.expr(path, ExprKind::Literal(LiteralKind::String));
        Spec { span: start.to(self.span(path)), kind: SpecKind::Import { name, path } }
    }

    fn value_spec(&mut self, keyword: Token, iota: u32) -> Spec {
        let mark = self.mark();
        loop {
            let name = self.ident();
            self.keep(name);
            if self.at.token != Token::Comma {
                break;
            }
            self.next();
        }
        let names: List<ExprId> = self.list(mark);
        let (mut ty, mut values) = (None, List::default());
        if keyword == Token::Const {
            if !matches!(self.at.token, Token::Eof | Token::Semicolon | Token::ParenClose) {
                ty = self.try_type();
                if self.at.token == Token::Assign {
                    self.next();
                    values = self.expr_list(true);
                }
            }
        } else {
            if self.at.token != Token::Assign {
                ty = Some(self.ty());
            }
            if self.at.token == Token::Assign {
                self.next();
                values = self.expr_list(true);
            }
        }
        self.expect_semicolon();
        let last = |list: List<ExprId>| self.ast.list(list).next_back();
        let end = last(values).or(ty).or(last(names));
        let start = self.ast.at(names, 0);
        let span = start.map_or(Span::default(), |name| self.span(name));
        let span = end.map_or(span, |end| span.to(self.span(end)));
        Spec { span, kind: SpecKind::Value { names, ty, values, iota } }
    }

    fn type_spec(&mut self) -> Spec {
        let name = self.ident();
        let (mut parameters, mut is_alias) = (None, false);
        let ty = if self.at.token == Token::BracketOpen {
            let open = self.at.span.start;
            self.next();
            if self.at.token == Token::Ident {
                // `[n]T`, or `[P any]`: both begin like an expression. One that goes on with a bracket is
                // a parameter of a slice or array constraint, for no index is constant.
                let mut x = self.ident();
                if self.at.token != Token::BracketOpen {
                    self.expr_level += 1;
                    x = self.primary_expr(Some(x));
                    x = self.binary_expr(Some(x), 1);
                    self.expr_level -= 1;
                }
                let is_followed = self.at.token == Token::Comma;
                match self.split_parameter(x, is_followed) {
                    Some((parameter, constraint)) if constraint.is_some() || self.at.token != Token::BracketClose => {
                        let list = self.parameter_list(Some(parameter), constraint, Token::BracketClose, false);
                        let close = self.expect(Token::BracketClose);
                        parameters = Some(FieldList { span: Span { start: open, end: close + 1 }, fields: list });
                        if self.at.token == Token::Assign {
                            is_alias = true;
                            self.next();
                        }
                        self.ty()
                    }
                    _ => self.array_type(open, Some(x)),
                }
            } else {
                self.array_type(open, None)
            }
        } else {
            if self.at.token == Token::Assign {
                is_alias = true;
                self.next();
            }
            self.ty()
        };
        self.expect_semicolon();
        let span = self.span(name).to(self.span(ty));
        Spec { span, kind: SpecKind::Type { name, parameters, is_alias, ty } }
    }

    /// Is an expression a type parameter, perhaps with its constraint: `P *T`, `P (T)`, `P *T|U`?
    fn split_parameter(&mut self, x: ExprId, is_forced: bool) -> Option<(ExprId, Option<ExprId>)> {
        match self.ast[x].kind {
            ExprKind::Ident(_) => Some((x, None)),
            ExprKind::Binary { operator: Token::Mul, x: name, y } => {
                self.ast.name(name)?;
                if !is_forced && !self.is_type_element(y) {
                    return None;
                }
                // The operator stands between them.
                let gap = Span { start: self.span(name).end, end: self.span(y).start };
                let start = gap.start + memchr::memchr(b'*', &self.source[gap.range()]).map_or(0, position);
                let span = Span { start, end: self.span(y).end };
                let star = self.expr(span, ExprKind::Star(y));
                Some((name, Some(star)))
            }
            ExprKind::Binary { operator: Token::Or, x: left, y } => {
                let is_forced = is_forced || self.is_type_element(y);
                let (name, left) = self.split_parameter(left, is_forced)?;
                let left = left?;
                let span = self.span(left).to(self.span(y));
                let union = self.expr(span, ExprKind::Binary { operator: Token::Or, x: left, y });
                Some((name, Some(union)))
            }
            ExprKind::Call { function, arguments, is_spread: false } if arguments.len() == 1 => {
                self.ast.name(function)?;
                let argument = self.ast.at(arguments, 0)?;
                if !is_forced && !self.is_type_element(argument) {
                    return None;
                }
                let gap = Span { start: self.span(function).end, end: self.span(argument).start };
                let start = gap.start + memchr::memchr(b'(', &self.source[gap.range()]).map_or(0, position);
                let span = Span { start, end: self.span(x).end };
                let paren = self.expr(span, ExprKind::Paren(argument));
                Some((function, Some(paren)))
            }
            _ => None,
        }
    }

    fn is_type_element(&self, x: ExprId) -> bool {
        match self.ast[x].kind {
            ExprKind::Array { .. }
            | ExprKind::Struct(_)
            | ExprKind::FuncType(_)
            | ExprKind::Interface(_)
            | ExprKind::Map { .. }
            | ExprKind::Chan { .. } => true,
            ExprKind::Binary { x, y, .. } => self.is_type_element(x) || self.is_type_element(y),
            ExprKind::Unary { operator, .. } => operator == Token::Tilde,
            ExprKind::Paren(x) => self.is_type_element(x),
            _ => false,
        }
    }

    fn func_decl(&mut self) -> DeclId {
        let start = self.expect(Token::Func);
        let receiver = (self.at.token == Token::ParenOpen).then(|| self.parameters());
        let name = self.ident();
        let type_parameters = if self.at.token == Token::BracketOpen { self.type_parameters() } else { None };
        let parameters = self.parameters();
        let results = self.results();
        let mut end = results.map_or(parameters.span.end, |results| results.span.end);
        let mut body = Body::None;
        match self.at.token {
            Token::BraceOpen => body = self.func_body(&mut end),
            Token::Semicolon => {
                self.next();
                if self.at.token == Token::BraceOpen {
                    self.error(self.at.span.start, "unexpected newline before {");
                    body = self.func_body(&mut end);
                }
            }
            _ => self.expect_semicolon(),
        }
        let signature = self.ast.push(Signature { type_parameters, parameters, results });
        let kind = DeclKind::Func(FuncDecl { receiver, name, signature, body });
        self.ast.push(Decl { span: Span { start, end }, kind })
    }

    fn func_body(&mut self, end: &mut u32) -> Body {
        let body = match self.bodies {
            Bodies::Parse => {
                let block = self.block();
                *end = self.ast[block].span.end;
                Body::Block(block)
            }
            Bodies::Skip => {
                let span = self.skip_block();
                *end = span.end;
                Body::Skipped(span)
            }
        };
        self.expect_semicolon();
        body
    }

    fn skip_block(&mut self) -> Span {
        let start = self.at.span.start;
        if !self.is_tolerant
            && self.at.token == Token::BraceOpen
            && let Some(end) = self.lexer.pass_block()
        {
            self.next();
            return Span { start, end: position(end) };
        }
        let mut depth = 0usize;
        loop {
            match self.at.token {
                Token::BraceOpen => depth += 1,
                Token::BraceClose if depth == 1 => {
                    let end = self.at.span.end;
                    self.next();
                    return Span { start, end };
                }
                Token::BraceClose => depth -= 1,
                Token::Eof => {
                    self.expect(Token::BraceClose);
                    return Span { start, end: self.at.span.start };
                }
                _ => {}
            }
            self.next();
        }
    }
}

fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(0)
}
