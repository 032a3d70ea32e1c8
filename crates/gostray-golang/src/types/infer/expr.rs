//! Expressions.

use std::sync::Arc;

use crate::ast::{ChanDir, ExprId, ExprKind, LiteralKind};
use crate::name::Name;
use crate::token::Token;
use crate::types::generic::{Bindings, instantiate};
use crate::types::infer::Infer;
use crate::types::{Basic, Object, Selected, Selection, Signature, Type};

impl Infer<'_> {
    /// The type of an expression, for which a type may be known that it is wanted to have.
    pub(super) fn expr(&mut self, expr: ExprId, hint: Option<&Type>) -> Type {
        let ty = self.infer(expr, hint);
        self.record(expr, &ty);
        ty
    }

    /// The types of an expression that may give several values, or a value and whether there was one.
    pub(super) fn values(&mut self, expr: ExprId, count: usize) -> Vec<Type> {
        let ty = self.expr(expr, None);
        match ty {
            Type::Tuple(types) => types.to_vec(),
            ty if count == 2 && self.may_fail(expr) => vec![ty, Type::Basic(Basic::Bool)],
            ty => vec![ty],
        }
    }

    /// May an expression say whether there was a value: `<-c`, `m[k]`, `x.(T)`?
    fn may_fail(&self, expr: ExprId) -> bool {
        let ast = self.scopes.ast();
        matches!(
            ast[ast.unparen(expr)].kind,
            ExprKind::Unary { operator: Token::Arrow, .. } | ExprKind::Index { .. } | ExprKind::TypeAssert { .. }
        )
    }

    fn infer(&mut self, expr: ExprId, hint: Option<&Type>) -> Type {
        let ast = self.scopes.ast();
        match ast[expr].kind {
            ExprKind::Bad | ExprKind::KeyValue { .. } | ExprKind::Ellipsis(_) => Type::Unknown,
            ExprKind::Ident(name) => self.ident(expr, name),
            ExprKind::Literal(kind) => Type::Basic(match kind {
                LiteralKind::Int => Basic::UntypedInt,
                LiteralKind::Float => Basic::UntypedFloat,
                LiteralKind::Imag => Basic::UntypedComplex,
                LiteralKind::Char => Basic::UntypedRune,
                LiteralKind::String => Basic::UntypedString,
            }),
            ExprKind::Composite { ty, .. } => self.composite(expr, ty, hint),
            ExprKind::Func { ty, body } => {
                let ExprKind::FuncType(signature) = ast[ty].kind else { return Type::Unknown };
                let of = self.ty(ty);
                let signature = ast[signature];
                self.body(signature.parameters, signature.results, body);
                of
            }
            ExprKind::Paren(inner) => self.expr(inner, hint),
            ExprKind::Selector { x, selected } => self.selector(expr, x, selected),
            ExprKind::Index { x, .. } => self.index(expr, x),
            ExprKind::Slice { x, low, high, max } => {
                let ty = self.expr(x, None);
                for index in [low, high, max].into_iter().flatten() {
                    self.expr(index, None);
                }
                match self.world().underlying(&ty) {
                    Type::Array(_, element) => Type::Slice(element),
                    Type::Pointer(to) => match self.world().underlying(&to) {
                        Type::Array(_, element) => Type::Slice(element),
                        _ => Type::Unknown,
                    },
                    _ => ty.defaulted(),
                }
            }
            ExprKind::TypeAssert { x, ty } => {
                self.expr(x, None);
                ty.map(|ty| self.ty(ty)).unwrap_or_default()
            }
            ExprKind::Call { function, arguments, is_spread } => self.call(function, arguments, is_spread, hint),
            ExprKind::Star(x) => match self.scopes.as_type(x) {
                Some(ty) => ty.pointer(),
                None => {
                    let ty = self.expr(x, None);
                    match self.world().underlying(&ty) {
                        Type::Pointer(to) => (*to).clone(),
                        _ => Type::Unknown,
                    }
                }
            },
            ExprKind::Unary { operator, x } => self.unary(operator, x, hint),
            ExprKind::Binary { operator, x, y } => self.binary(operator, x, y, hint),
            ExprKind::Array { .. }
            | ExprKind::Struct(_)
            | ExprKind::FuncType(_)
            | ExprKind::Interface(_)
            | ExprKind::Map { .. }
            | ExprKind::Chan { .. } => self.scopes.ty(expr),
        }
    }

    fn ident(&mut self, expr: ExprId, name: Name) -> Type {
        let Some(entry) = self.scopes.lookup(name) else { return Type::Unknown };
        if entry.object == Object::Const && self.scopes.local(name).is_some() {
            self.known.constants.insert(expr, entry.value);
        }
        let ty = match &entry.object {
            Object::Type(ty) => ty.clone(),
            _ => entry.ty,
        };
        self.known.objects.insert(expr, entry.object);
        ty
    }

    fn selector(&mut self, expr: ExprId, x: ExprId, selected: ExprId) -> Type {
        let Some(name) = self.text_of(selected) else { return Type::Unknown };
        if let Some(package) = self.text_of(x).and_then(|name| self.scopes.lookup(name))
            && let Object::Package(id) = package.object
        {
            self.known.objects.insert(x, Object::Package(id));
            let Some(entry) = id.and_then(|id| self.world().package_entry(id, name)) else { return Type::Unknown };
            let ty = match &entry.object {
                Object::Type(ty) => ty.clone(),
                _ => entry.ty,
            };
            self.known.objects.insert(selected, entry.object);
            self.record(selected, &ty);
            return ty;
        }
        // `T.method` takes its receiver.
        let receiver = self.scopes.as_type(x);
        let ty = match &receiver {
            Some(ty) => ty.clone(),
            None => self.expr(x, None),
        };
        let Some(selection) = self.world().select(&ty, name) else { return Type::Unknown };
        let found = match (&receiver, &selection.ty) {
            (Some(receiver), Type::Func(signature)) if !matches!(selection.selected, Selected::Field { .. }) => {
                let parameters = std::iter::once(receiver.clone()).chain(signature.parameters.iter().cloned());
                let parameters = parameters.collect();
                Type::Func(Arc::new(Signature { parameters, ..(**signature).clone() }))
            }
            _ => selection.ty.clone(),
        };
        if let Selection { selected: Selected::Method(function), .. } = &selection {
            self.known.objects.insert(selected, Object::Func(*function));
        }
        self.record(selected, &found);
        self.known.selections.insert(expr, selection);
        found
    }

    fn index(&mut self, expr: ExprId, x: ExprId) -> Type {
        let ast = self.scopes.ast();
        let ExprKind::Index { indices, .. } = ast[expr].kind else { return Type::Unknown };
        if let Some(ty) = self.scopes.as_type(expr) {
            return ty;
        }
        let ty = self.expr(x, None);
        if let Type::Func(signature) = &ty
            && !signature.type_parameters.is_empty()
        {
            let said: Vec<Type> = ast.list(indices).map(|index| self.ty(index)).collect();
            if said.len() == signature.type_parameters.len() {
                return Type::Func(Arc::new(instantiate(self.world(), signature, &said, &[], false)));
            }
            // The call tells the others.
            let bindings = Bindings::of(&signature.type_parameters, &said);
            let rest = signature.type_parameters[said.len().min(signature.type_parameters.len())..].to_vec();
            let Type::Func(bound) = bindings.apply(&ty) else { return Type::Unknown };
            return Type::Func(Arc::new(Signature { type_parameters: rest, ..(*bound).clone() }));
        }
        for index in ast.list(indices) {
            self.expr(index, None);
        }
        let element = |ty: &Type| match ty {
            Type::Slice(element) | Type::Array(_, element) => (**element).clone(),
            Type::Map(of) => of.1.clone(),
            Type::Basic(Basic::String | Basic::UntypedString) => Type::Basic(Basic::Uint8),
            _ => Type::Unknown,
        };
        match self.world().underlying(&ty) {
            Type::Pointer(to) => element(&self.world().underlying(&to)),
            under => element(&under),
        }
    }

    fn composite(&mut self, expr: ExprId, ty: Option<ExprId>, hint: Option<&Type>) -> Type {
        let ast = self.scopes.ast();
        let ExprKind::Composite { elements, .. } = ast[expr].kind else { return Type::Unknown };
        let given = match ty {
            Some(ty) => match ast[ty].kind {
                // `[...]T`: as long as its elements.
                ExprKind::Array { length: Some(length), element }
                    if matches!(ast[length].kind, ExprKind::Ellipsis(None)) =>
                {
                    let is_plain = ast.list(elements).all(|e| !matches!(ast[e].kind, ExprKind::KeyValue { .. }));
                    let length = is_plain.then_some(elements.len() as u64);
                    let element = self.ty(element);
                    let array = Type::Array(length, Arc::new(element));
                    self.record(ty, &array);
                    array
                }
                _ => self.ty(ty),
            },
            None => hint.cloned().unwrap_or_default(),
        };
        // Within another literal `{…}` may stand for `&T{…}`.
        let of = match (&given, ty) {
            (Type::Pointer(to), None) => (**to).clone(),
            _ => given.clone(),
        };
        let under = self.world().underlying(&of);
        for (at, element) in ast.list(elements).enumerate() {
            let (key, value) = match ast[element].kind {
                ExprKind::KeyValue { key, value } => (Some(key), value),
                _ => (None, element),
            };
            let wanted = match &under {
                Type::Struct(fields) => {
                    let named = key.and_then(|key| self.text_of(key));
                    let field = match named {
                        Some(name) => fields.iter().find(|field| field.name == name),
                        None => fields.get(at),
                    };
                    field.map(|field| field.ty.clone())
                }
                Type::Slice(element) | Type::Array(_, element) => {
                    if let Some(key) = key {
                        self.expr(key, None);
                    }
                    Some((**element).clone())
                }
                Type::Map(of) => {
                    if let Some(key) = key {
                        self.expr(key, Some(&of.0));
                    }
                    Some(of.1.clone())
                }
                _ => None,
            };
            self.expr(value, wanted.as_ref());
        }
        given
    }

    fn unary(&mut self, operator: Token, x: ExprId, hint: Option<&Type>) -> Type {
        match operator {
            Token::And => {
                let hint = hint.and_then(|hint| match hint {
                    Type::Pointer(to) => Some((**to).clone()),
                    _ => None,
                });
                match self.expr(x, hint.as_ref()) {
                    Type::Unknown => Type::Unknown,
                    ty => ty.pointer(),
                }
            }
            Token::Arrow => {
                let ty = self.expr(x, None);
                match self.world().underlying(&ty) {
                    Type::Chan(ChanDir::Both | ChanDir::Receive, element) => (*element).clone(),
                    _ => Type::Unknown,
                }
            }
            _ => self.expr(x, hint),
        }
    }

    fn binary(&mut self, operator: Token, x: ExprId, y: ExprId, hint: Option<&Type>) -> Type {
        let left = self.expr(x, hint);
        let is_shift = matches!(operator, Token::Shl | Token::Shr);
        let right = self.expr(y, if is_shift { None } else { hint });
        match operator {
            Token::Equal | Token::NotEqual | Token::Less | Token::LessEqual | Token::Greater | Token::GreaterEqual => {
                Type::Basic(Basic::UntypedBool)
            }
            Token::Shl | Token::Shr => match (&left, hint) {
                // A constant without type is shifted as what it is wanted for.
                (Type::Basic(basic), Some(hint)) if basic.is_untyped() => hint.clone(),
                _ => left,
            },
            _ => match (&left, &right) {
                (Type::Basic(one), Type::Basic(other)) if one.is_untyped() && other.is_untyped() => {
                    if (*one as u8) < *other as u8 { right } else { left }
                }
                (Type::Basic(one), _) if one.is_untyped() => right,
                (Type::Unknown, Type::Basic(other)) if other.is_untyped() => Type::Unknown,
                (Type::Unknown, _) => right,
                _ => left,
            },
        }
    }
}
