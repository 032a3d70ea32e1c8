//! Parameters, of functions and of types, and results.

use crate::ast::{ExprId, ExprKind, Field, FieldId, FieldList, List, Push};
use crate::name::Name;
use crate::parser::{Parser, is_expression_end};
use crate::source::Span;
use crate::token::Token;

/// A parameter as it was written: which of its parts is there tells only the whole list.
#[derive(Debug, Clone, Copy, Default)]
struct Parameter {
    name: Option<ExprId>,
    ty: Option<ExprId>,
}

impl Parser<'_> {
    /// `(a, b T, c ...U)`
    pub(super) fn parameters(&mut self) -> FieldList {
        self.parameters_in_parentheses(true)
    }

    fn parameters_in_parentheses(&mut self, may_vary: bool) -> FieldList {
        let start = self.expect(Token::ParenOpen);
        let fields = match self.at.token {
            Token::ParenClose => List::default(),
            _ => self.parameter_list(None, None, Token::ParenClose, may_vary),
        };
        let close = self.expect(Token::ParenClose);
        FieldList { span: Span { start, end: close + 1 }, fields }
    }

    /// `(a T, err error)`, or one type alone.
    pub(super) fn results(&mut self) -> Option<FieldList> {
        if self.at.token == Token::ParenOpen {
            return Some(self.parameters_in_parentheses(false));
        }
        let ty = self.try_type()?;
        let span = self.span(ty);
        let field: FieldId = self.ast.push(Field { span, names: List::default(), ty, tag: None });
        let fields = self.ast.make_list(&[field]);
        Some(FieldList { span, fields })
    }

    /// `[P any, Q ~int | ~string]`
    pub(super) fn type_parameters(&mut self) -> Option<FieldList> {
        let start = self.expect(Token::BracketOpen);
        let fields = match self.at.token {
            Token::BracketClose => List::default(),
            _ => self.parameter_list(None, None, Token::BracketClose, false),
        };
        let close = self.expect(Token::BracketClose);
        if fields.is_empty() {
            self.error(close, "empty type parameter list");
            return None;
        }
        Some(FieldList { span: Span { start, end: close + 1 }, fields })
    }

    /// The list up to what closes it; the first name and type may have been parsed already.
    pub(super) fn parameter_list(
        &mut self,
        mut name: Option<ExprId>,
        mut ty: Option<ExprId>,
        closing: Token,
        may_vary: bool,
    ) -> List<FieldId> {
        let is_of_type = closing == Token::BracketClose;
        let start = name.or(ty).map_or(self.at.span.start, |first| self.span(first).start);
        let mut list: Vec<Parameter> = Vec::new();
        while name.is_some() || !matches!(self.at.token, Token::Eof) && self.at.token != closing {
            let parameter = match ty.take() {
                Some(first) => {
                    let first = if is_of_type { self.union(Some(first)) } else { first };
                    Parameter { name, ty: Some(first) }
                }
                None => self.parameter(name, is_of_type),
            };
            name = None;
            if parameter.name.is_some() || parameter.ty.is_some() {
                list.push(parameter);
            }
            if !self.at_comma("parameter list", closing) {
                break;
            }
            self.next();
        }
        let is_named = self.distribute(&mut list, is_of_type, start);
        self.check_variadic(&mut list, may_vary);
        self.fields(&list, is_named)
    }

    /// Says which are names and which types: all have both, or all are types. Returns the former.
    fn distribute(&mut self, list: &mut [Parameter], is_of_type: bool, start: u32) -> bool {
        let named = list.iter().filter(|parameter| parameter.name.is_some() && parameter.ty.is_some()).count();
        let typed = list.iter().filter(|parameter| parameter.ty.is_some()).count();
        if list.is_empty() {
            return false;
        }
        let missing_constraint = "missing type constraint";
        let missing_name = match list.len() {
            1 => "missing type parameter name or invalid array length",
            _ => "missing type parameter name",
        };
        if named == 0 {
            for parameter in list.iter_mut() {
                if let Some(name) = parameter.name.take() {
                    parameter.ty = Some(name);
                }
            }
            if is_of_type {
                match typed {
                    0 => self.error(self.at.span.start, missing_constraint),
                    _ => self.error(start, missing_name),
                }
            }
            return false;
        }
        if named == list.len() {
            return true;
        }
        let (mut error_at, mut ty) = (None, None);
        for parameter in list.iter_mut().rev() {
            match (parameter.name, parameter.ty) {
                (name, Some(own)) => {
                    ty = Some(own);
                    if name.is_none() {
                        let at = self.span(own).start;
                        error_at = Some(at);
                        let span = Span { start: at, end: at + 1 };
                        parameter.name = Some(self.expr(span, ExprKind::Ident(Name::new("_"))));
                    }
                }
                (Some(name), None) if ty.is_none() => {
                    let at = self.span(name).start;
                    error_at = Some(at);
                    parameter.ty = Some(self.bad(at));
                }
                _ => parameter.ty = ty,
            }
        }
        if let Some(at) = error_at {
            let (at, message) = match (named == typed, is_of_type) {
                (true, true) => (self.at.span.start, missing_constraint),
                (true, false) => (self.at.span.start, "missing parameter type"),
                (false, true) => (at, missing_name),
                (false, false) => (at, "missing parameter name"),
            };
            self.error(at, message);
        }
        true
    }

    /// Only the last may be `...T`.
    fn check_variadic(&mut self, list: &mut [Parameter], may_vary: bool) {
        let count = list.len();
        let mut is_first = true;
        for (at, parameter) in list.iter_mut().enumerate() {
            let Some(ty) = parameter.ty else { continue };
            if !matches!(self.ast[ty].kind, ExprKind::Ellipsis(_)) || may_vary && at + 1 == count {
                continue;
            }
            let span = self.span(ty);
            if std::mem::take(&mut is_first) {
                let message = if may_vary { "can only use ... with the last parameter" } else { "invalid use of ..." };
                self.error(span.start, message);
            }
            parameter.ty = Some(self.expr(span, ExprKind::Bad));
        }
    }

    fn fields(&mut self, list: &[Parameter], is_named: bool) -> List<FieldId> {
        let mark = self.mark();
        let mut rest = list;
        while let Some(first) = rest.first() {
            let Some(ty) = first.ty else { break };
            // Those that share a type are one field.
            let count = if is_named { rest.iter().take_while(|p| p.ty == first.ty).count() } else { 1 };
            let (these, others) = rest.split_at(count);
            rest = others;
            let names: Vec<ExprId> = these.iter().filter_map(|parameter| parameter.name).collect();
            let start = names.first().map_or(self.span(ty).start, |name| self.span(*name).start);
            let span = Span { start, end: self.span(ty).end };
            let names = self.ast.make_list(&names);
            let field: FieldId = self.ast.push(Field { span, names, ty, tag: None });
            self.keep(field);
        }
        self.list(mark)
    }

    /// One parameter; its name may have been parsed already.
    fn parameter(&mut self, name: Option<ExprId>, is_of_type: bool) -> Parameter {
        let mut parameter = Parameter::default();
        if name.is_none() && is_of_type && self.at.token == Token::Tilde {
            return Parameter { name: None, ty: Some(self.union(None)) };
        }
        match self.at.token {
            _ if name.is_some() => {
                if self.after_name(&mut parameter, name, is_of_type) {
                    return parameter;
                }
            }
            Token::Ident => {
                let name = self.ident();
                if self.after_name(&mut parameter, Some(name), is_of_type) {
                    return parameter;
                }
            }
            token if starts_type(token) || token == Token::BracketOpen => parameter.ty = Some(self.ty()),
            Token::Ellipsis => {
                parameter.ty = Some(self.variadic_type());
                return parameter;
            }
            _ => {
                self.error_expected(self.at.span.start, "')'");
                self.advance(is_expression_end);
            }
        }
        if is_of_type
            && self.at.token == Token::Or
            && let Some(ty) = parameter.ty
        {
            parameter.ty = Some(self.union(Some(ty)));
        }
        parameter
    }

    /// What follows a name; `true` if that is all there can be.
    fn after_name(&mut self, parameter: &mut Parameter, name: Option<ExprId>, is_of_type: bool) -> bool {
        parameter.name = name;
        match self.at.token {
            token if token == Token::Ident || starts_type(token) => parameter.ty = Some(self.ty()),
            Token::BracketOpen => {
                if let Some(name) = name {
                    (parameter.name, parameter.ty) = self.array_or_instance(name);
                }
            }
            Token::Ellipsis => {
                parameter.ty = Some(self.variadic_type());
                return true;
            }
            Token::Period => {
                parameter.name = None;
                parameter.ty = name.map(|name| self.qualified(name));
            }
            Token::Tilde if is_of_type => {
                parameter.ty = Some(self.union(None));
                return true;
            }
            Token::Or if is_of_type => {
                parameter.name = None;
                parameter.ty = Some(self.union(name));
                return true;
            }
            _ => {}
        }
        false
    }

    fn variadic_type(&mut self) -> ExprId {
        let start = self.expect(Token::Ellipsis);
        let element = self.ty();
        let span = Span { start, end: self.span(element).end };
        self.expr(span, ExprKind::Ellipsis(Some(element)))
    }
}

/// What a type begins with that is neither a name nor a bracket.
fn starts_type(token: Token) -> bool {
    matches!(
        token,
        Token::Mul
            | Token::Arrow
            | Token::Func
            | Token::Chan
            | Token::Map
            | Token::Struct
            | Token::Interface
            | Token::ParenOpen
    )
}
