//! Calls, of functions, of what the language has, and conversions.

use std::sync::Arc;

use crate::ast::{ExprId, ExprKind, List};
use crate::types::generic::instantiate;
use crate::types::infer::Infer;
use crate::types::{Basic, Builtin, Object, Signature, Type};

impl Infer<'_> {
    pub(super) fn call(
        &mut self,
        function: ExprId,
        arguments: List<ExprId>,
        is_spread: bool,
        hint: Option<&Type>,
    ) -> Type {
        let ast = self.scopes.ast();
        let callee = ast.unparen(function);
        if let Some(builtin) = self.builtin(callee) {
            return self.builtin_call(builtin, arguments, hint);
        }
        if let Some(ty) = self.scopes.as_type(function) {
            self.record(function, &ty);
            for argument in ast.list(arguments) {
                self.expr(argument, Some(&ty));
            }
            return ty;
        }
        let ty = self.expr(function, None);
        let Type::Func(signature) = self.world().underlying(&ty) else {
            ast.list(arguments).for_each(|argument| drop(self.expr(argument, None)));
            return Type::Unknown;
        };
        let given = self.arguments(&signature, arguments, is_spread);
        let signature = if signature.type_parameters.is_empty() {
            signature
        } else {
            let found = Arc::new(instantiate(self.world(), &signature, &[], &given, is_spread));
            self.record(function, &Type::Func(Arc::clone(&found)));
            found
        };
        match signature.results.as_slice() {
            [one] => one.clone(),
            several => Type::Tuple(several.into()),
        }
    }

    /// The types of arguments; one call may give them all.
    fn arguments(&mut self, signature: &Signature, arguments: List<ExprId>, is_spread: bool) -> Vec<Type> {
        let ast = self.scopes.ast();
        let last = signature.parameters.len().saturating_sub(1);
        let mut given = Vec::new();
        for (at, argument) in ast.list(arguments).enumerate() {
            let wanted = match signature.parameters.get(at.min(last)) {
                Some(Type::Slice(element)) if signature.is_variadic && at >= last && !is_spread => {
                    Some((**element).clone())
                }
                wanted => wanted.cloned(),
            };
            // A parameter that is not known yet tells nothing.
            let wanted = wanted.filter(|_| signature.type_parameters.is_empty());
            match self.expr(argument, wanted.as_ref()) {
                Type::Tuple(types) if arguments.len() == 1 => given.extend(types.iter().cloned()),
                ty => given.push(ty),
            }
        }
        given
    }

    fn builtin(&mut self, callee: ExprId) -> Option<Builtin> {
        let ast = self.scopes.ast();
        let object = match ast[callee].kind {
            ExprKind::Ident(name) => self.scopes.lookup(name)?.object,
            ExprKind::Selector { x, selected } => match self.scopes.lookup(ast.name(x)?)?.object {
                Object::Package(Some(id)) => self.world().package_entry(id, ast.name(selected)?)?.object,
                _ => return None,
            },
            _ => return None,
        };
        let Object::Builtin(builtin) = object else { return None };
        self.known.objects.insert(callee, object);
        Some(builtin)
    }

    fn builtin_call(&mut self, builtin: Builtin, arguments: List<ExprId>, hint: Option<&Type>) -> Type {
        let ast = self.scopes.ast();
        let first = ast.at(arguments, 0);
        let is_of_type = matches!(builtin, Builtin::Make | Builtin::New);
        let of_first = match first {
            Some(first) if is_of_type => match self.scopes.as_type(first) {
                Some(ty) => {
                    self.record(first, &ty);
                    ty
                }
                // `new(x)`: a pointer to a copy of a value.
                None => self.expr(first, None).defaulted(),
            },
            Some(first) => self.expr(first, hint.filter(|_| matches!(builtin, Builtin::Min | Builtin::Max))),
            None => Type::Unknown,
        };
        let rest: Vec<Type> = ast.list(arguments).skip(1).map(|argument| self.expr(argument, None)).collect();
        match builtin {
            Builtin::Append | Builtin::Make => of_first,
            Builtin::New => match of_first {
                Type::Unknown => Type::Unknown,
                ty => ty.pointer(),
            },
            Builtin::Cap | Builtin::Copy | Builtin::Len => Type::Basic(Basic::Int),
            Builtin::Max | Builtin::Min => {
                let typed = std::iter::once(&of_first).chain(&rest);
                let typed = typed.into_iter().find(|ty| !matches!(ty, Type::Basic(basic) if basic.is_untyped()));
                typed.cloned().unwrap_or(of_first)
            }
            Builtin::Complex => match of_first {
                Type::Basic(Basic::Float32) => Type::Basic(Basic::Complex64),
                Type::Basic(basic) if basic.is_untyped() && rest.first().is_none_or(is_untyped) => {
                    Type::Basic(Basic::UntypedComplex)
                }
                Type::Basic(basic) if basic.is_untyped() => match rest.first() {
                    Some(Type::Basic(Basic::Float32)) => Type::Basic(Basic::Complex64),
                    _ => Type::Basic(Basic::Complex128),
                },
                _ => Type::Basic(Basic::Complex128),
            },
            Builtin::Real | Builtin::Imag => match self.world().underlying(&of_first) {
                Type::Basic(Basic::Complex64) => Type::Basic(Basic::Float32),
                Type::Basic(Basic::Complex128) => Type::Basic(Basic::Float64),
                _ => Type::Basic(Basic::UntypedFloat),
            },
            Builtin::Recover => Type::any(),
            Builtin::Clear | Builtin::Close | Builtin::Delete | Builtin::Panic | Builtin::Print | Builtin::Println => {
                Type::Tuple(Arc::new([]))
            }
            Builtin::UnsafeSize => Type::Basic(Basic::Uintptr),
            Builtin::UnsafeAdd => Type::Basic(Basic::UnsafePointer),
            Builtin::UnsafeSlice => match of_first {
                Type::Pointer(to) => Type::Slice(to),
                _ => Type::Unknown,
            },
            Builtin::UnsafeSliceData => match self.world().underlying(&of_first) {
                Type::Slice(element) => Type::Pointer(element),
                _ => Type::Unknown,
            },
            Builtin::UnsafeString => Type::Basic(Basic::String),
            Builtin::UnsafeStringData => Type::Basic(Basic::Uint8).pointer(),
        }
    }
}

fn is_untyped(ty: &Type) -> bool {
    matches!(ty, Type::Basic(basic) if basic.is_untyped())
}
