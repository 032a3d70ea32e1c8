//! Types.

use crate::ast::{ChanDir, ExprId, ExprKind, Field, FieldId, FieldList, List, LiteralKind, Push, Signature};
use crate::parser::{Parser, is_expression_end};
use crate::source::Span;
use crate::token::Token;

impl Parser<'_> {
    pub(super) fn ty(&mut self) -> ExprId {
        if let Some(ty) = self.try_type() {
            return ty;
        }
        let start = self.at.span.start;
        self.error_expected(start, "type");
        self.advance(is_expression_end);
        self.bad(start)
    }

    /// A type, if one begins here.
    pub(super) fn try_type(&mut self) -> Option<ExprId> {
        self.deeper();
        let start = self.at.span.start;
        let ty = match self.at.token {
            Token::Ident => {
                let name = self.ident();
                Some(self.qualified(name))
            }
            Token::BracketOpen => {
                self.next();
                Some(self.array_type(start, None))
            }
            Token::Struct => Some(self.struct_type()),
            Token::Mul => {
                self.next();
                let base = self.ty();
                let span = Span { start, end: self.span(base).end };
                Some(self.expr(span, ExprKind::Star(base)))
            }
            Token::Func => Some(self.func_type()),
            Token::Interface => Some(self.interface_type()),
            Token::Map => Some(self.map_type()),
            Token::Chan | Token::Arrow => Some(self.chan_type()),
            Token::ParenOpen => {
                self.next();
                let inner = self.ty();
                let close = self.expect(Token::ParenClose);
                Some(self.expr(Span { start, end: close + 1 }, ExprKind::Paren(inner)))
            }
            _ => None,
        };
        self.higher(1);
        ty
    }

    /// `T`, `p.T`, without type arguments.
    fn type_name(&mut self, name: ExprId) -> ExprId {
        if self.at.token != Token::Period {
            return name;
        }
        self.next();
        let selected = self.ident();
        let span = self.span(name).to(self.span(selected));
        self.expr(span, ExprKind::Selector { x: name, selected })
    }

    /// `T`, `p.T`, `p.T[U]`
    pub(super) fn qualified(&mut self, name: ExprId) -> ExprId {
        let ty = self.type_name(name);
        if self.at.token == Token::BracketOpen { self.type_instance(ty) } else { ty }
    }

    fn type_instance(&mut self, ty: ExprId) -> ExprId {
        let open = self.expect(Token::BracketOpen);
        let mark = self.mark();
        self.type_arguments();
        let close = self.expect_closing(Token::BracketClose, "type argument list");
        if self.mark() == mark {
            self.error_expected(close, "type argument list");
            let bad = self.expr(Span { start: open + 1, end: close }, ExprKind::Bad);
            self.keep(bad);
        }
        let indices = self.list(mark);
        let span = Span { start: self.span(ty).start, end: close + 1 };
        self.expr(span, ExprKind::Index { x: ty, indices })
    }

    /// Keeps the types up to the bracket that closes them.
    fn type_arguments(&mut self) {
        self.expr_level += 1;
        while !matches!(self.at.token, Token::BracketClose | Token::Eof) {
            let argument = self.ty();
            self.keep(argument);
            if !self.at_comma("type argument list", Token::BracketClose) {
                break;
            }
            self.next();
        }
        self.expr_level -= 1;
    }

    /// What follows `[`; the length may have been parsed already.
    pub(super) fn array_type(&mut self, start: u32, mut length: Option<ExprId>) -> ExprId {
        if length.is_none() {
            self.expr_level += 1;
            if self.at.token == Token::Ellipsis {
                length = Some(self.expr(self.at.span, ExprKind::Ellipsis(None)));
                self.next();
            } else if self.at.token != Token::BracketClose {
                length = Some(self.rhs());
            }
            self.expr_level -= 1;
        }
        if self.at.token == Token::Comma {
            self.error(self.at.span.start, "unexpected comma; expecting ]");
            self.next();
        }
        self.expect(Token::BracketClose);
        let element = self.ty();
        let span = Span { start, end: self.span(element).end };
        self.expr(span, ExprKind::Array { length, element })
    }

    /// After a name: `x []T`, `x [n]T`, or the type `x[P, Q]`, which has no name.
    pub(super) fn array_or_instance(&mut self, name: ExprId) -> (Option<ExprId>, Option<ExprId>) {
        let open = self.expect(Token::BracketOpen);
        let mark = self.mark();
        let mut trailing = None;
        if self.at.token != Token::BracketClose {
            self.expr_level += 1;
            let first = self.rhs();
            self.keep(first);
            while self.at.token == Token::Comma {
                let comma = self.at.span.start;
                self.next();
                if self.at.token == Token::BracketClose {
                    trailing = Some(comma);
                    break;
                }
                let next = self.rhs();
                self.keep(next);
            }
            self.expr_level -= 1;
        }
        let close = self.expect(Token::BracketClose);
        let indices: List<ExprId> = self.list(mark);
        let array = |parser: &mut Self, length, element| {
            let span = Span { start: open, end: parser.span(element).end };
            parser.expr(span, ExprKind::Array { length, element })
        };
        if indices.is_empty() {
            let element = self.ty();
            return (Some(name), Some(array(self, None, element)));
        }
        if indices.len() == 1
            && let Some(element) = self.try_type()
        {
            if let Some(comma) = trailing {
                self.error(comma, "unexpected comma; expecting ]");
            }
            let length = self.ast.at(indices, 0);
            return (Some(name), Some(array(self, length, element)));
        }
        let span = Span { start: self.span(name).start, end: close + 1 };
        (None, Some(self.expr(span, ExprKind::Index { x: name, indices })))
    }

    fn struct_type(&mut self) -> ExprId {
        let start = self.expect(Token::Struct);
        let open = self.expect(Token::BraceOpen);
        let mark = self.mark();
        while matches!(self.at.token, Token::Ident | Token::Mul | Token::ParenOpen) {
            let field = self.field();
            self.keep(field);
        }
        let close = self.expect(Token::BraceClose);
        let fields = self.list(mark);
        let list = FieldList { span: Span { start: open, end: close + 1 }, fields };
        self.expr(Span { start, end: close + 1 }, ExprKind::Struct(list))
    }

    fn field(&mut self) -> FieldId {
        let start = self.at.span.start;
        let mark = self.mark();
        let ty = match self.at.token {
            Token::Ident => {
                let name = self.ident();
                match self.at.token {
                    Token::Period => self.qualified(name),
                    Token::String | Token::Semicolon | Token::BraceClose => name,
                    _ => {
                        self.keep(name);
                        while self.at.token == Token::Comma {
                            self.next();
                            let another = self.ident();
                            self.keep(another);
                        }
                        if self.mark() == mark + 1 && self.at.token == Token::BracketOpen {
                            let (name, ty) = self.array_or_instance(name);
                            if name.is_none() {
                                self.scratch.truncate(mark);
                            }
                            // It always gives a type.
                            ty.unwrap_or_else(|| self.bad(start))
                        } else {
                            self.ty()
                        }
                    }
                }
            }
            Token::Mul => {
                self.next();
                let base = if self.at.token == Token::ParenOpen {
                    self.error(self.at.span.start, "cannot parenthesize an embedded type");
                    self.next();
                    let name = self.ident();
                    let base = self.qualified(name);
                    if self.at.token == Token::ParenClose {
                        self.next();
                    }
                    base
                } else {
                    let name = self.ident();
                    self.qualified(name)
                };
                let span = Span { start, end: self.span(base).end };
                self.expr(span, ExprKind::Star(base))
            }
            _ => {
                self.error(start, "cannot parenthesize an embedded type");
                self.next();
                let star = self.at.span.start;
                let is_pointer = self.at.token == Token::Mul;
                if is_pointer {
                    self.next();
                }
                let name = self.ident();
                let mut ty = self.qualified(name);
                if is_pointer {
                    let span = Span { start: star, end: self.span(ty).end };
                    ty = self.expr(span, ExprKind::Star(ty));
                }
                if self.at.token == Token::ParenClose {
                    self.next();
                }
                ty
            }
        };
        let names = self.list(mark);
        let mut span = Span { start: start.min(self.span(ty).start), end: self.span(ty).end };
        let mut tag = None;
        if self.at.token == Token::String {
            span.end = self.at.span.end;
            tag = Some(self.expr(self.at.span, ExprKind::Literal(LiteralKind::String)));
            self.next();
        }
        self.expect_semicolon();
        self.ast.push(Field { span, names, ty, tag })
    }

    pub(super) fn func_type(&mut self) -> ExprId {
        let start = self.expect(Token::Func);
        if self.at.token == Token::BracketOpen
            && let Some(parameters) = self.type_parameters()
        {
            self.error(parameters.span.start, "a function type has no type parameters");
        }
        self.signature(start)
    }

    fn signature(&mut self, start: u32) -> ExprId {
        let parameters = self.parameters();
        let results = self.results();
        let end = results.map_or(parameters.span.end, |results| results.span.end);
        let signature = self.ast.push(Signature { type_parameters: None, parameters, results });
        self.expr(Span { start, end }, ExprKind::FuncType(signature))
    }

    fn interface_type(&mut self) -> ExprId {
        let start = self.expect(Token::Interface);
        let open = self.expect(Token::BraceOpen);
        let mark = self.mark();
        loop {
            let (names, ty) = match self.at.token {
                Token::Ident => {
                    let (name, ty) = self.method();
                    match name {
                        Some(name) => (self.ast.make_list(&[name]), ty),
                        None => (List::default(), self.union(Some(ty))),
                    }
                }
                Token::Tilde => (List::default(), self.union(None)),
                _ => match self.try_type() {
                    Some(ty) => (List::default(), self.union(Some(ty))),
                    None => break,
                },
            };
            self.expect_semicolon();
            let start = self.ast.at(names, 0).map_or(self.span(ty).start, |name| self.span(name).start);
            let span = Span { start, end: self.span(ty).end };
            let field: FieldId = self.ast.push(Field { span, names, ty, tag: None });
            self.keep(field);
        }
        let close = self.expect(Token::BraceClose);
        let fields = self.list(mark);
        let list = FieldList { span: Span { start: open, end: close + 1 }, fields };
        self.expr(Span { start, end: close + 1 }, ExprKind::Interface(list))
    }

    /// A method with its name, or an embedded type without.
    fn method(&mut self) -> (Option<ExprId>, ExprId) {
        let ident = self.ident();
        let name = self.type_name(ident);
        if name != ident {
            let ty = if self.at.token == Token::BracketOpen { self.type_instance(name) } else { name };
            return (None, ty);
        }
        match self.at.token {
            Token::ParenOpen => (Some(name), self.signature(self.at.span.start)),
            Token::BracketOpen => {
                let open = self.at.span.start;
                self.next();
                self.expr_level += 1;
                let first = self.any_expr();
                self.expr_level -= 1;
                let is_name = self.ast.name(first).is_some();
                if is_name && !matches!(self.at.token, Token::Comma | Token::BracketClose) {
                    self.parameter_list(Some(first), None, Token::BracketClose, false);
                    self.expect(Token::BracketClose);
                    self.error(open, "a method of an interface has no type parameters");
                    return (Some(name), self.signature(self.at.span.start));
                }
                let mark = self.mark();
                self.keep(first);
                if self.at_comma("type argument list", Token::BracketClose) {
                    self.next();
                    self.type_arguments();
                }
                let close = self.expect_closing(Token::BracketClose, "type argument list");
                let indices = self.list(mark);
                let span = Span { start: self.span(name).start, end: close + 1 };
                (None, self.expr(span, ExprKind::Index { x: name, indices }))
            }
            _ => (None, name),
        }
    }

    /// `~T | U`
    pub(super) fn union(&mut self, first: Option<ExprId>) -> ExprId {
        let mut x = first.unwrap_or_else(|| self.union_term());
        while self.at.token == Token::Or {
            self.next();
            let y = self.union_term();
            let span = self.span(x).to(self.span(y));
            x = self.expr(span, ExprKind::Binary { operator: Token::Or, x, y });
        }
        x
    }

    fn union_term(&mut self) -> ExprId {
        let start = self.at.span.start;
        if self.at.token == Token::Tilde {
            self.next();
            let x = self.ty();
            let span = Span { start, end: self.span(x).end };
            return self.expr(span, ExprKind::Unary { operator: Token::Tilde, x });
        }
        if let Some(ty) = self.try_type() {
            return ty;
        }
        self.error_expected(start, "~ term or type");
        self.advance(is_expression_end);
        self.bad(start)
    }

    fn map_type(&mut self) -> ExprId {
        let start = self.expect(Token::Map);
        self.expect(Token::BracketOpen);
        let key = self.ty();
        self.expect(Token::BracketClose);
        let value = self.ty();
        let span = Span { start, end: self.span(value).end };
        self.expr(span, ExprKind::Map { key, value })
    }

    fn chan_type(&mut self) -> ExprId {
        let start = self.at.span.start;
        let (mut direction, mut arrow) = (ChanDir::Both, 0);
        if self.at.token == Token::Chan {
            self.next();
            if self.at.token == Token::Arrow {
                direction = ChanDir::Send;
                arrow = self.at.span.start;
                self.next();
            }
        } else {
            direction = ChanDir::Receive;
            arrow = self.expect(Token::Arrow);
            self.expect(Token::Chan);
        }
        let element = self.ty();
        let span = Span { start, end: self.span(element).end };
        self.expr(span, ExprKind::Chan { direction, element, arrow })
    }
}
