//! Expressions.

use crate::ast::{ChanDir, ExprId, ExprKind, List, LiteralKind};
use crate::name::Name;
use crate::parser::{Parser, is_statement_start};
use crate::source::Span;
use crate::token::Token;

impl Parser<'_> {
    pub(super) fn any_expr(&mut self) -> ExprId {
        self.binary_expr(None, 1)
    }

    /// An expression on the right-hand side.
    pub(super) fn rhs(&mut self) -> ExprId {
        let old = std::mem::replace(&mut self.in_rhs, true);
        let x = self.any_expr();
        self.in_rhs = old;
        x
    }

    pub(super) fn expr_list(&mut self, in_rhs: bool) -> List<ExprId> {
        let old = std::mem::replace(&mut self.in_rhs, in_rhs);
        let mark = self.mark();
        loop {
            let x = self.any_expr();
            self.keep(x);
            if self.at.token != Token::Comma {
                break;
            }
            self.next();
        }
        self.in_rhs = old;
        self.list(mark)
    }

    /// Operators that bind at least as tightly as `precedence`; the first operand may have been parsed.
    pub(super) fn binary_expr(&mut self, first: Option<ExprId>, precedence: u8) -> ExprId {
        let mut x = first.unwrap_or_else(|| self.unary_expr());
        let mut levels = 0;
        loop {
            self.deeper();
            levels += 1;
            let operator = match self.at.token {
                Token::Assign if self.in_rhs => Token::Equal,
                token => token,
            };
            let own = operator.precedence();
            if own < precedence {
                self.higher(levels);
                return x;
            }
            self.expect(operator);
            let y = self.binary_expr(None, own + 1);
            let span = self.span(x).to(self.span(y));
            x = self.expr(span, ExprKind::Binary { operator, x, y });
        }
    }

    fn unary_expr(&mut self) -> ExprId {
        self.deeper();
        let Span { start, .. } = self.at.span;
        let operator = self.at.token;
        let x = match operator {
            Token::Add | Token::Sub | Token::Not | Token::Xor | Token::And | Token::Tilde => {
                self.next();
                let x = self.unary_expr();
                let span = Span { start, end: self.span(x).end };
                self.expr(span, ExprKind::Unary { operator, x })
            }
            Token::Mul => {
                self.next();
                let x = self.unary_expr();
                let span = Span { start, end: self.span(x).end };
                self.expr(span, ExprKind::Star(x))
            }
            Token::Arrow => {
                self.next();
                let x = self.unary_expr();
                self.receive(start, x)
            }
            _ => self.primary_expr(None),
        };
        self.higher(1);
        x
    }

    /// `<-x`: a receive, or, before the type of a channel, a part of that.
    fn receive(&mut self, start: u32, x: ExprId) -> ExprId {
        if !matches!(self.ast[x].kind, ExprKind::Chan { .. }) {
            let span = Span { start, end: self.span(x).end };
            return self.expr(span, ExprKind::Unary { operator: Token::Arrow, x });
        }
        // `<-chan<- T` is `<-chan (<-T)`: every arrow moves one type further in.
        let (mut arrow_at, mut before, mut ty) = (start, ChanDir::Send, x);
        while before == ChanDir::Send {
            let ExprKind::Chan { direction, element, arrow } = self.ast[ty].kind else { break };
            if direction == ChanDir::Receive {
                self.error_expected(arrow, "'chan'");
            }
            let end = self.span(ty).end;
            self.ast[ty].span = Span { start: arrow_at, end };
            self.ast[ty].kind = ExprKind::Chan { direction: ChanDir::Receive, element, arrow: arrow_at };
            (arrow_at, before, ty) = (arrow, direction, element);
        }
        if before == ChanDir::Send {
            self.error_expected(arrow_at, "channel type");
        }
        x
    }

    fn operand(&mut self) -> ExprId {
        let span = self.at.span;
        let literal = match self.at.token {
            Token::Ident => return self.ident(),
            Token::Int => LiteralKind::Int,
            Token::Float => LiteralKind::Float,
            Token::Imag => LiteralKind::Imag,
            Token::Char => LiteralKind::Char,
            Token::String => LiteralKind::String,
            Token::ParenOpen => {
                self.next();
                self.expr_level += 1;
                let x = self.rhs();
                self.expr_level -= 1;
                let close = self.expect(Token::ParenClose);
                return self.expr(Span { start: span.start, end: close + 1 }, ExprKind::Paren(x));
            }
            Token::Func => return self.func_type_or_literal(),
            _ => {
                if let Some(ty) = self.try_type() {
                    return ty;
                }
                self.error_expected(span.start, "operand");
                self.advance(is_statement_start);
                return self.bad(span.start);
            }
        };
        self.next();
        self.expr(span, ExprKind::Literal(literal))
    }

    fn func_type_or_literal(&mut self) -> ExprId {
        let ty = self.func_type();
        if self.at.token != Token::BraceOpen {
            return ty;
        }
        self.expr_level += 1;
        let body = self.block();
        self.expr_level -= 1;
        let span = Span { start: self.span(ty).start, end: self.ast[body].span.end };
        self.expr(span, ExprKind::Func { ty, body })
    }

    /// An operand and what follows it; it may have been parsed already.
    pub(super) fn primary_expr(&mut self, first: Option<ExprId>) -> ExprId {
        let mut x = first.unwrap_or_else(|| self.operand());
        let mut levels = 0;
        loop {
            self.deeper();
            levels += 1;
            x = match self.at.token {
                Token::Period => self.selector(x),
                Token::BracketOpen => self.index(x),
                Token::ParenOpen => self.call(x),
                Token::BraceOpen if self.may_be_composite(x) => {
                    let ty = self.ast.unparen(x);
                    if ty != x {
                        self.error(self.span(ty).start, "cannot parenthesize the type of a composite literal");
                    }
                    self.composite(Some(x))
                }
                _ => {
                    self.higher(levels);
                    return x;
                }
            };
        }
    }

    /// Does a brace after this begin a composite literal, rather than a block?
    fn may_be_composite(&self, x: ExprId) -> bool {
        match self.ast[self.ast.unparen(x)].kind {
            ExprKind::Bad | ExprKind::Ident(_) | ExprKind::Selector { .. } | ExprKind::Index { .. } => {
                self.expr_level >= 0
            }
            ExprKind::Array { .. } | ExprKind::Struct(_) | ExprKind::Map { .. } => true,
            _ => false,
        }
    }

    fn selector(&mut self, x: ExprId) -> ExprId {
        self.next();
        let start = self.span(x).start;
        match self.at.token {
            Token::Ident => {
                let selected = self.ident();
                let span = self.span(x).to(self.span(selected));
                self.expr(span, ExprKind::Selector { x, selected })
            }
            Token::ParenOpen => {
                self.next();
                let ty = if self.at.token == Token::Type {
                    self.next();
                    None
                } else {
                    Some(self.ty())
                };
                let close = self.expect(Token::ParenClose);
                self.expr(Span { start, end: close + 1 }, ExprKind::TypeAssert { x, ty })
            }
            _ => {
                let at = self.at.span.start;
                self.error_expected(at, "selector or type assertion");
                if self.at.token != Token::BraceClose {
                    self.next();
                }
                let selected = self.expr(Span { start: at, end: at + 1 }, ExprKind::Ident(Name::new("_")));
                self.expr(Span { start, end: at + 1 }, ExprKind::Selector { x, selected })
            }
        }
    }

    /// `x[i]`, `x[i:j]`, `x[T, U]`
    fn index(&mut self, x: ExprId) -> ExprId {
        let start = self.span(x).start;
        let open = self.expect(Token::BracketOpen);
        if self.at.token == Token::BracketClose {
            let close = self.at.span.start;
            self.error_expected(close, "operand");
            self.next();
            let bad = self.expr(Span { start: close, end: close }, ExprKind::Bad);
            let indices = self.ast.make_list(&[bad]);
            return self.expr(Span { start, end: close + 1 }, ExprKind::Index { x, indices });
        }
        self.expr_level += 1;
        let mark = self.mark();
        let mut parts = [None; 3];
        let mut colons = [open; 2];
        let mut colon_count = 0;
        if self.at.token != Token::Colon {
            let first = self.rhs();
            parts[0] = Some(first);
        }
        match (self.at.token, parts[0]) {
            (Token::Colon, _) => {
                while self.at.token == Token::Colon && colon_count < colons.len() {
                    colons[colon_count] = self.at.span.start;
                    colon_count += 1;
                    self.next();
                    if !matches!(self.at.token, Token::Colon | Token::BracketClose | Token::Eof) {
                        parts[colon_count] = Some(self.rhs());
                    }
                }
            }
            (Token::Comma, Some(first)) => {
                self.keep(first);
                while self.at.token == Token::Comma {
                    self.next();
                    if !matches!(self.at.token, Token::BracketClose | Token::Eof) {
                        let argument = self.ty();
                        self.keep(argument);
                    }
                }
            }
            (_, Some(first)) => self.keep(first),
            _ => {}
        }
        self.expr_level -= 1;
        let close = self.expect(Token::BracketClose);
        let span = Span { start, end: close + 1 };
        if colon_count == 0 {
            let indices = self.list(mark);
            return self.expr(span, ExprKind::Index { x, indices });
        }
        if colon_count == 2 {
            if parts[1].is_none() {
                self.error(colons[0], "a slice of three indices needs the middle one");
                parts[1] = Some(self.expr(Span { start: colons[0] + 1, end: colons[1] }, ExprKind::Bad));
            }
            if parts[2].is_none() {
                self.error(colons[1], "a slice of three indices needs the last one");
                parts[2] = Some(self.expr(Span { start: colons[1] + 1, end: close }, ExprKind::Bad));
            }
        }
        let [low, high, max] = parts;
        self.expr(span, ExprKind::Slice { x, low, high, max })
    }

    fn call(&mut self, function: ExprId) -> ExprId {
        self.expect(Token::ParenOpen);
        self.expr_level += 1;
        let mark = self.mark();
        let mut is_spread = false;
        while !matches!(self.at.token, Token::ParenClose | Token::Eof) && !is_spread {
            let argument = self.rhs();
            self.keep(argument);
            if self.at.token == Token::Ellipsis {
                is_spread = true;
                self.next();
            }
            if !self.at_comma("argument list", Token::ParenClose) {
                break;
            }
            self.next();
        }
        self.expr_level -= 1;
        let close = self.expect_closing(Token::ParenClose, "argument list");
        let arguments = self.list(mark);
        let span = Span { start: self.span(function).start, end: close + 1 };
        self.expr(span, ExprKind::Call { function, arguments, is_spread })
    }

    fn composite(&mut self, ty: Option<ExprId>) -> ExprId {
        self.deeper();
        let open = self.expect(Token::BraceOpen);
        self.expr_level += 1;
        let mark = self.mark();
        while !matches!(self.at.token, Token::BraceClose | Token::Eof) {
            let element = self.element();
            self.keep(element);
            if !self.at_comma("composite literal", Token::BraceClose) {
                break;
            }
            self.next();
        }
        self.expr_level -= 1;
        let close = self.expect_closing(Token::BraceClose, "composite literal");
        let elements = self.list(mark);
        let start = ty.map_or(open, |ty| self.span(ty).start);
        self.higher(1);
        self.expr(Span { start, end: close + 1 }, ExprKind::Composite { ty, open, elements })
    }

    fn element(&mut self) -> ExprId {
        let key = self.element_value();
        if self.at.token != Token::Colon {
            return key;
        }
        self.next();
        let value = self.element_value();
        let span = self.span(key).to(self.span(value));
        self.expr(span, ExprKind::KeyValue { key, value })
    }

    fn element_value(&mut self) -> ExprId {
        if self.at.token == Token::BraceOpen { self.composite(None) } else { self.any_expr() }
    }
}
