//! Statements.

use crate::ast::{ExprId, ExprKind, List, Push, RangeStmt, Stmt, StmtId, StmtKind};
use crate::parser::{Parser, is_statement_start};
use crate::source::Span;
use crate::token::Token;

/// What a simple statement may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Simple {
    Basic,
    /// `label:` as well.
    Label,
    /// `k, v := range x` as well.
    Range,
}

/// A simple statement that was parsed.
enum Parsed {
    Stmt(StmtId),
    /// The head of a loop: what is assigned, whether it is declared, over what.
    Range {
        left: List<ExprId>,
        is_define: bool,
        x: ExprId,
    },
}

impl Parser<'_> {
    fn stmt_at(&mut self, span: Span, kind: StmtKind) -> StmtId {
        self.ast.push(Stmt { span, kind })
    }

    fn stmt_list(&mut self) -> List<StmtId> {
        let mark = self.mark();
        while !matches!(self.at.token, Token::Case | Token::Default | Token::BraceClose | Token::Eof) {
            let stmt = self.stmt();
            self.keep(stmt);
        }
        self.list(mark)
    }

    pub(super) fn block(&mut self) -> StmtId {
        let start = self.expect(Token::BraceOpen);
        let list = self.stmt_list();
        let last = self.ast.list(list).next_back().map_or(start + 1, |last| self.ast[last].span.end);
        let end = if self.at.token == Token::BraceClose { self.at.span.end } else { last };
        self.expect(Token::BraceClose);
        self.stmt_at(Span { start, end }, StmtKind::Block(list))
    }

    fn stmt(&mut self) -> StmtId {
        self.deeper();
        let span = self.at.span;
        let stmt = match self.at.token {
            Token::Const | Token::Type | Token::Var => {
                let decl = self.decl_until(is_statement_start);
                let span = self.ast[decl].span;
                self.stmt_at(span, StmtKind::Decl(decl))
            }
            Token::Ident
            | Token::Int
            | Token::Float
            | Token::Imag
            | Token::Char
            | Token::String
            | Token::Func
            | Token::ParenOpen
            | Token::BracketOpen
            | Token::Struct
            | Token::Map
            | Token::Chan
            | Token::Interface
            | Token::Add
            | Token::Sub
            | Token::Mul
            | Token::And
            | Token::Xor
            | Token::Arrow
            | Token::Not => {
                let stmt = self.simple(Simple::Label);
                // What has a label has had its semicolon.
                if !matches!(self.ast[stmt].kind, StmtKind::Labeled { .. }) {
                    self.expect_semicolon();
                }
                stmt
            }
            Token::Go | Token::Defer => self.go_or_defer(),
            Token::Return => {
                self.next();
                let mut end = span.end;
                let mut results = List::default();
                if !matches!(self.at.token, Token::Semicolon | Token::BraceClose) {
                    results = self.expr_list(true);
                    end = self.ast.list(results).next_back().map_or(end, |last| self.span(last).end);
                }
                self.expect_semicolon();
                self.stmt_at(Span { start: span.start, end }, StmtKind::Return(results))
            }
            keyword @ (Token::Break | Token::Continue | Token::Goto | Token::Fallthrough) => {
                self.next();
                let has_label = keyword == Token::Goto
                    || matches!(keyword, Token::Break | Token::Continue) && self.at.token == Token::Ident;
                let label = has_label.then(|| self.ident());
                self.expect_semicolon();
                let end = label.map_or(span.end, |label| self.span(label).end);
                self.stmt_at(Span { start: span.start, end }, StmtKind::Branch { keyword, label })
            }
            Token::BraceOpen => {
                let block = self.block();
                self.expect_semicolon();
                block
            }
            Token::If => self.if_stmt(),
            Token::Switch => self.switch_stmt(),
            Token::Select => self.select_stmt(),
            Token::For => self.for_stmt(),
            Token::Semicolon => {
                let end = if self.at.is_implicit { span.start } else { span.end };
                self.next();
                self.stmt_at(Span { start: span.start, end }, StmtKind::Empty)
            }
            Token::BraceClose => self.stmt_at(Span { start: span.start, end: span.start }, StmtKind::Empty),
            _ => {
                self.error_expected(span.start, "statement");
                self.advance(is_statement_start);
                let end = self.at.span.start;
                self.stmt_at(Span { start: span.start, end }, StmtKind::Bad)
            }
        };
        self.higher(1);
        stmt
    }

    fn simple(&mut self, mode: Simple) -> StmtId {
        match self.simple_or_range(mode) {
            Parsed::Stmt(stmt) => stmt,
            Parsed::Range { x, .. } => {
                let span = self.span(x);
                self.stmt_at(span, StmtKind::Bad)
            }
        }
    }

    fn simple_or_range(&mut self, mode: Simple) -> Parsed {
        let left = self.expr_list(false);
        let first = self.ast.at(left, 0).unwrap_or_else(|| self.bad(self.at.span.start));
        let start = self.span(first).start;
        let operator = self.at.token;
        if matches!(operator, Token::Define | Token::Assign) || operator.of_assignment().is_some() {
            self.next();
            if mode == Simple::Range
                && self.at.token == Token::Range
                && matches!(operator, Token::Define | Token::Assign)
            {
                self.next();
                let x = self.rhs();
                return Parsed::Range { left, is_define: operator == Token::Define, x };
            }
            let right = self.expr_list(true);
            let end = self.ast.list(right).next_back().map_or(start, |last| self.span(last).end);
            return Parsed::Stmt(self.stmt_at(Span { start, end }, StmtKind::Assign { left, right, operator }));
        }
        if left.len() > 1 {
            self.error_expected(start, "1 expression");
        }
        let at = self.at.span;
        let stmt = match operator {
            Token::Colon => {
                self.next();
                if mode == Simple::Label && self.ast.name(first).is_some() {
                    let stmt = self.stmt();
                    let end = self.ast[stmt].span.end;
                    self.stmt_at(Span { start, end }, StmtKind::Labeled { label: first, stmt })
                } else {
                    self.error(at.start, "illegal label declaration");
                    self.stmt_at(Span { start, end: at.end }, StmtKind::Bad)
                }
            }
            Token::Arrow => {
                self.next();
                let value = self.rhs();
                let end = self.span(value).end;
                self.stmt_at(Span { start, end }, StmtKind::Send { channel: first, value })
            }
            Token::Inc | Token::Dec => {
                self.next();
                self.stmt_at(Span { start, end: at.end }, StmtKind::IncDec { x: first, operator })
            }
            _ => {
                let span = self.span(first);
                self.stmt_at(span, StmtKind::Expr(first))
            }
        };
        Parsed::Stmt(stmt)
    }

    fn go_or_defer(&mut self) -> StmtId {
        let Span { start, end } = self.at.span;
        let is_go = self.at.token == Token::Go;
        let keyword = self.at.token.text();
        self.next();
        let mut call = self.rhs();
        let inner = self.ast.unparen(call);
        if inner != call {
            self.error(self.span(call).start, format!("the expression of {keyword} must not be in parentheses"));
            call = inner;
        }
        let is_call = matches!(self.ast[call].kind, ExprKind::Call { .. });
        if !is_call && !matches!(self.ast[call].kind, ExprKind::Bad) {
            self.error(self.span(call).end, format!("the expression of {keyword} must be a call"));
        }
        self.expect_semicolon();
        let kind = match (is_call, is_go) {
            (false, _) => return self.stmt_at(Span { start, end }, StmtKind::Bad),
            (true, true) => StmtKind::Go(call),
            (true, false) => StmtKind::Defer(call),
        };
        let span = Span { start, end: self.span(call).end };
        self.stmt_at(span, kind)
    }

    /// The expression that a statement is.
    fn as_expr(&mut self, stmt: StmtId, wanted: &str) -> ExprId {
        let Stmt { span, kind } = self.ast[stmt];
        let found = match kind {
            StmtKind::Expr(x) => return x,
            StmtKind::Assign { .. } => "assignment",
            _ => "simple statement",
        };
        let hint = "(missing parentheses around a composite literal?)";
        self.error(span.start, format!("expected {wanted}, found {found} {hint}"));
        self.expr(span, ExprKind::Bad)
    }

    fn if_stmt(&mut self) -> StmtId {
        self.deeper();
        let start = self.expect(Token::If);
        let (init, condition) = self.if_header();
        let then = self.block();
        let mut otherwise = None;
        if self.at.token == Token::Else {
            self.next();
            otherwise = Some(match self.at.token {
                Token::If => self.if_stmt(),
                Token::BraceOpen => {
                    let block = self.block();
                    self.expect_semicolon();
                    block
                }
                _ => {
                    let at = self.at.span.start;
                    self.error_expected(at, "if statement or block");
                    self.stmt_at(Span { start: at, end: at }, StmtKind::Bad)
                }
            });
        } else {
            self.expect_semicolon();
        }
        let end = self.ast[otherwise.unwrap_or(then)].span.end;
        self.higher(1);
        self.stmt_at(Span { start, end }, StmtKind::If { init, condition, then, otherwise })
    }

    fn if_header(&mut self) -> (Option<StmtId>, ExprId) {
        let at = self.at.span.start;
        if self.at.token == Token::BraceOpen {
            self.error(at, "missing condition in if statement");
            return (None, self.bad(at));
        }
        let old = std::mem::replace(&mut self.expr_level, -1);
        let mut init = None;
        if self.at.token != Token::Semicolon {
            if self.at.token == Token::Var {
                self.next();
                self.error(self.at.span.start, "a var declaration is not allowed here");
            }
            init = Some(self.simple(Simple::Basic));
        }
        let mut condition = None;
        let mut semicolon = None;
        if self.at.token == Token::BraceOpen {
            condition = init.take();
        } else {
            if self.at.token == Token::Semicolon {
                semicolon = Some(self.at);
                self.next();
            } else {
                self.expect(Token::Semicolon);
            }
            if self.at.token != Token::BraceOpen {
                condition = Some(self.simple(Simple::Basic));
            }
        }
        let condition = match (condition, semicolon) {
            (Some(condition), _) => self.as_expr(condition, "boolean expression"),
            (None, semicolon) => {
                match semicolon {
                    Some(at) if at.is_implicit => {
                        self.error(at.span.start, "unexpected newline, expecting { after if clause");
                    }
                    Some(at) => self.error(at.span.start, "missing condition in if statement"),
                    None => {}
                }
                self.bad(self.at.span.start)
            }
        };
        self.expr_level = old;
        (init, condition)
    }

    fn switch_stmt(&mut self) -> StmtId {
        let start = self.expect(Token::Switch);
        let (mut init, mut tag) = (None, None);
        if self.at.token != Token::BraceOpen {
            let old = std::mem::replace(&mut self.expr_level, -1);
            if self.at.token != Token::Semicolon {
                tag = Some(self.simple(Simple::Basic));
            }
            if self.at.token == Token::Semicolon {
                self.next();
                init = tag.take();
                if self.at.token != Token::BraceOpen {
                    tag = Some(self.simple(Simple::Basic));
                }
            }
            self.expr_level = old;
        }
        let guard = tag.filter(|tag| self.is_type_switch_guard(*tag));
        let body = self.clauses(Self::case_clause);
        let span = Span { start, end: self.ast[body].span.end };
        let kind = match guard {
            Some(assign) => StmtKind::TypeSwitch { init, assign, body },
            None => {
                let tag = tag.map(|tag| self.as_expr(tag, "switch expression"));
                StmtKind::Switch { init, tag, body }
            }
        };
        self.stmt_at(span, kind)
    }

    fn is_type_switch_guard(&mut self, stmt: StmtId) -> bool {
        let is_guard = |parser: &Self, x: ExprId| matches!(parser.ast[x].kind, ExprKind::TypeAssert { ty: None, .. });
        match self.ast[stmt].kind {
            StmtKind::Expr(x) => is_guard(self, x),
            StmtKind::Assign { left, right, operator } if left.len() == 1 && right.len() == 1 => {
                let Some(x) = self.ast.at(right, 0).filter(|x| is_guard(self, *x)) else { return false };
                if operator == Token::Assign {
                    let left = self.ast.at(left, 0).map_or(0, |left| self.span(left).end);
                    let gap = Span { start: left, end: self.span(x).start };
                    let at = memchr::memchr(b'=', &self.source[gap.range()]).unwrap_or(0);
                    self.error(left + u32::try_from(at).unwrap_or(0), "expected ':=', found '='");
                }
                matches!(operator, Token::Assign | Token::Define)
            }
            _ => false,
        }
    }

    /// A block of clauses, and the semicolon after it.
    fn clauses(&mut self, clause: fn(&mut Self) -> StmtId) -> StmtId {
        let start = self.expect(Token::BraceOpen);
        let mark = self.mark();
        while matches!(self.at.token, Token::Case | Token::Default) {
            let clause = clause(self);
            self.keep(clause);
        }
        let close = self.expect(Token::BraceClose);
        self.expect_semicolon();
        let list = self.list(mark);
        self.stmt_at(Span { start, end: close + 1 }, StmtKind::Block(list))
    }

    fn case_clause(&mut self) -> StmtId {
        let start = self.at.span.start;
        let is_default = self.at.token == Token::Default;
        self.next();
        let values = if is_default { List::default() } else { self.expr_list(true) };
        let colon = self.expect(Token::Colon);
        let body = self.stmt_list();
        let end = self.ast.list(body).next_back().map_or(colon + 1, |last| self.ast[last].span.end);
        self.stmt_at(Span { start, end }, StmtKind::Case { values, body, is_default })
    }

    fn select_stmt(&mut self) -> StmtId {
        let start = self.expect(Token::Select);
        let body = self.clauses(Self::comm_clause);
        let span = Span { start, end: self.ast[body].span.end };
        self.stmt_at(span, StmtKind::Select(body))
    }

    fn comm_clause(&mut self) -> StmtId {
        let start = self.at.span.start;
        let is_default = self.at.token == Token::Default;
        self.next();
        let comm = (!is_default).then(|| self.comm());
        let colon = self.expect(Token::Colon);
        let body = self.stmt_list();
        let end = self.ast.list(body).next_back().map_or(colon + 1, |last| self.ast[last].span.end);
        self.stmt_at(Span { start, end }, StmtKind::Comm { comm, body })
    }

    fn comm(&mut self) -> StmtId {
        let mut left = self.expr_list(false);
        let first = self.ast.at(left, 0).unwrap_or_else(|| self.bad(self.at.span.start));
        let start = self.span(first).start;
        match self.at.token {
            Token::Arrow => {
                if left.len() > 1 {
                    self.error_expected(start, "1 expression");
                }
                self.next();
                let value = self.rhs();
                let end = self.span(value).end;
                self.stmt_at(Span { start, end }, StmtKind::Send { channel: first, value })
            }
            operator @ (Token::Assign | Token::Define) => {
                if left.len() > 2 {
                    self.error_expected(start, "1 or 2 expressions");
                    let two: Vec<ExprId> = self.ast.list(left).take(2).collect();
                    left = self.ast.make_list(&two);
                }
                self.next();
                let x = self.rhs();
                let right = self.ast.make_list(&[x]);
                let end = self.span(x).end;
                self.stmt_at(Span { start, end }, StmtKind::Assign { left, right, operator })
            }
            _ => {
                if left.len() > 1 {
                    self.error_expected(start, "1 expression");
                }
                let span = self.span(first);
                self.stmt_at(span, StmtKind::Expr(first))
            }
        }
    }

    fn for_stmt(&mut self) -> StmtId {
        let start = self.expect(Token::For);
        let (mut init, mut condition, mut post, mut range) = (None, None, None, None);
        if self.at.token != Token::BraceOpen {
            let old = std::mem::replace(&mut self.expr_level, -1);
            if self.at.token == Token::Range {
                self.next();
                let x = self.rhs();
                range = Some((List::default(), false, x));
            } else if self.at.token != Token::Semicolon {
                match self.simple_or_range(Simple::Range) {
                    Parsed::Stmt(stmt) => condition = Some(stmt),
                    Parsed::Range { left, is_define, x } => range = Some((left, is_define, x)),
                }
            }
            if range.is_none() && self.at.token == Token::Semicolon {
                self.next();
                init = condition.take();
                if self.at.token != Token::Semicolon {
                    condition = Some(self.simple(Simple::Basic));
                }
                self.expect_semicolon();
                if self.at.token != Token::BraceOpen {
                    post = Some(self.simple(Simple::Basic));
                }
            }
            self.expr_level = old;
        }
        let body = self.block();
        self.expect_semicolon();
        let span = Span { start, end: self.ast[body].span.end };
        if let Some((left, is_define, x)) = range {
            if left.len() > 2 {
                let last = self.ast.list(left).next_back().map_or(start, |last| self.span(last).start);
                self.error_expected(last, "at most 2 expressions");
                return self.stmt_at(span, StmtKind::Bad);
            }
            let (key, value) = (self.ast.at(left, 0), self.ast.at(left, 1));
            return self.stmt_at(span, StmtKind::Range(RangeStmt { key, value, is_define, x, body }));
        }
        let condition = condition.map(|condition| self.as_expr(condition, "boolean or range expression"));
        self.stmt_at(span, StmtKind::For { init, condition, post, body })
    }
}
