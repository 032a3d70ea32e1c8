//! Generics: putting types in for parameters, and finding which.

use std::sync::Arc;

use crate::package::World;
use crate::types::{Interface, Param, Signature, StructField, Type};

/// What parameters stand for.
#[derive(Debug, Clone, Default)]
pub(super) struct Bindings(Vec<(Param, Type)>);

/// Deeper types are given up.
const MAX_DEPTH: u32 = 60;

impl Bindings {
    pub(super) fn of(parameters: &[Param], arguments: &[Type]) -> Self {
        Self(parameters.iter().copied().zip(arguments.iter().cloned()).collect())
    }

    pub(super) fn get(&self, param: Param) -> Option<&Type> {
        self.0.iter().find(|(own, _)| *own == param).map(|(_, ty)| ty)
    }

    fn bind(&mut self, param: Param, ty: Type) {
        if self.get(param).is_none() {
            self.0.push((param, ty));
        }
    }

    /// A type with what its parameters stand for.
    pub(super) fn apply(&self, ty: &Type) -> Type {
        if self.0.is_empty() { ty.clone() } else { self.put(ty, 0) }
    }

    fn put(&self, ty: &Type, depth: u32) -> Type {
        if depth > MAX_DEPTH {
            return Type::Unknown;
        }
        let one = |ty: &Type| self.put(ty, depth + 1);
        let all = |types: &[Type]| types.iter().map(one).collect::<Vec<_>>();
        match ty {
            Type::Unknown | Type::Basic(_) | Type::Error | Type::Comparable => ty.clone(),
            Type::Param(param) => self.get(*param).cloned().unwrap_or_else(|| ty.clone()),
            Type::Named(_, arguments) if arguments.is_empty() => ty.clone(),
            Type::Named(decl, arguments) => Type::Named(*decl, all(arguments).into()),
            Type::Pointer(to) => Type::Pointer(Arc::new(one(to))),
            Type::Slice(element) => Type::Slice(Arc::new(one(element))),
            Type::Array(length, element) => Type::Array(*length, Arc::new(one(element))),
            Type::Map(of) => Type::Map(Arc::new((one(&of.0), one(&of.1)))),
            Type::Chan(direction, element) => Type::Chan(*direction, Arc::new(one(element))),
            Type::Struct(fields) => {
                let fields = fields.iter().map(|field| StructField { ty: one(&field.ty), ..field.clone() });
                Type::Struct(fields.collect())
            }
            Type::Func(signature) => Type::Func(Arc::new(self.put_signature(signature, depth + 1))),
            Type::Interface(of) => Type::Interface(Arc::new(Interface {
                methods: of.methods.iter().map(|(name, ty)| (*name, one(ty))).collect(),
                embedded: all(&of.embedded),
                terms: of.terms.iter().map(|(tilde, ty)| (*tilde, one(ty))).collect(),
            })),
            Type::Tuple(types) => Type::Tuple(all(types).into()),
        }
    }

    fn put_signature(&self, signature: &Signature, depth: u32) -> Signature {
        Signature {
            type_parameters: signature.type_parameters.clone(),
            parameters: signature.parameters.iter().map(|ty| self.put(ty, depth)).collect(),
            results: signature.results.iter().map(|ty| self.put(ty, depth)).collect(),
            is_variadic: signature.is_variadic,
        }
    }

    /// Finds what parameters stand for, so that a type becomes another one.
    fn unify(&mut self, world: &World, parameters: &[Param], pattern: &Type, ty: &Type, depth: u32) {
        if depth > MAX_DEPTH || ty.is_unknown() {
            return;
        }
        let next = depth + 1;
        match (pattern, ty) {
            (Type::Param(param), _) if parameters.contains(param) => self.bind(*param, ty.clone()),
            (Type::Named(left, pattern), Type::Named(right, arguments)) if left == right => {
                for (pattern, argument) in pattern.iter().zip(arguments.iter()) {
                    self.unify(world, parameters, pattern, argument, next);
                }
            }
            // One that is no name fits what lies under one.
            (Type::Named(..), _) => {}
            (_, Type::Named(..)) => {
                let under = world.underlying(ty);
                if !matches!(under, Type::Named(..)) {
                    self.unify(world, parameters, pattern, &under, next);
                }
            }
            (Type::Pointer(pattern), Type::Pointer(ty))
            | (Type::Slice(pattern), Type::Slice(ty))
            | (Type::Array(_, pattern), Type::Array(_, ty))
            | (Type::Chan(_, pattern), Type::Chan(_, ty)) => self.unify(world, parameters, pattern, ty, next),
            (Type::Map(pattern), Type::Map(ty)) => {
                self.unify(world, parameters, &pattern.0, &ty.0, next);
                self.unify(world, parameters, &pattern.1, &ty.1, next);
            }
            // A generic function tells nothing of what it is used for.
            (Type::Func(pattern), Type::Func(ty)) if ty.type_parameters.is_empty() => {
                let patterns = pattern.parameters.iter().chain(&pattern.results);
                for (pattern, ty) in patterns.zip(ty.parameters.iter().chain(&ty.results)) {
                    self.unify(world, parameters, pattern, ty, next);
                }
            }
            (Type::Struct(pattern), Type::Struct(ty)) => {
                for (pattern, ty) in pattern.iter().zip(ty.iter()) {
                    self.unify(world, parameters, &pattern.ty, &ty.ty, next);
                }
            }
            (Type::Interface(pattern), Type::Interface(ty)) => {
                for (name, pattern) in &pattern.methods {
                    if let Some((_, ty)) = ty.methods.iter().find(|(own, _)| own == name) {
                        self.unify(world, parameters, pattern, ty, next);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The type of a generic function with the arguments that it is called with: what was said, what the
/// arguments tell, what the constraints tell.
pub(super) fn instantiate(
    world: &World,
    signature: &Signature,
    said: &[Type],
    arguments: &[Type],
    is_spread: bool,
) -> Signature {
    let parameters = &signature.type_parameters;
    let mut bindings = Bindings::of(&parameters[..said.len().min(parameters.len())], said);
    let pattern_of = |at: usize| -> Option<Type> {
        let last = signature.parameters.len().checked_sub(1)?;
        if signature.is_variadic && at >= last && !is_spread {
            return match &signature.parameters[last] {
                Type::Slice(element) => Some((**element).clone()),
                _ => None,
            };
        }
        signature.parameters.get(at).cloned()
    };
    let is_untyped = |ty: &Type| matches!(ty, Type::Basic(basic) if basic.is_untyped());
    for (at, argument) in arguments.iter().enumerate().filter(|(_, argument)| !is_untyped(argument)) {
        if let Some(pattern) = pattern_of(at) {
            bindings.unify(world, parameters, &pattern, argument, 0);
        }
    }
    bindings.of_constraints(world, parameters);
    // Constants without type count last.
    for (at, argument) in arguments.iter().enumerate().filter(|(_, argument)| is_untyped(argument)) {
        if let Some(pattern) = pattern_of(at) {
            bindings.unify(world, parameters, &pattern, &argument.clone().defaulted(), 0);
        }
    }
    bindings.of_constraints(world, parameters);
    // What could not be found is not known.
    for param in parameters {
        bindings.bind(*param, Type::Unknown);
    }
    Signature { type_parameters: Vec::new(), ..bindings.put_signature(signature, 0) }
}

impl Bindings {
    /// A constraint such as `~[]E` tells `E` where its parameter is known, and the parameter where `E` is.
    fn of_constraints(&mut self, world: &World, parameters: &[Param]) {
        for _ in 0..parameters.len() {
            for param in parameters {
                let Some(constraint) = world.tables.constraints.get(param) else { continue };
                let Some((is_tilde, core)) = world.core_of_constraint(&constraint) else { continue };
                match self.get(*param).cloned() {
                    Some(ty) => {
                        let ty = if is_tilde { world.underlying(&ty) } else { ty };
                        self.unify(world, parameters, &core, &ty, 0);
                    }
                    None => {
                        let known = self.apply(&core);
                        if !mentions(&known, parameters, 0) {
                            self.bind(*param, known);
                        }
                    }
                }
            }
        }
    }
}

/// Does a type have one of these parameters in it?
fn mentions(ty: &Type, parameters: &[Param], depth: u32) -> bool {
    if depth > MAX_DEPTH {
        return true;
    }
    let any = |types: &[Type]| types.iter().any(|ty| mentions(ty, parameters, depth + 1));
    match ty {
        Type::Param(param) => parameters.contains(param),
        Type::Named(_, arguments) => any(arguments),
        Type::Tuple(types) => any(types),
        Type::Pointer(of) | Type::Slice(of) | Type::Array(_, of) | Type::Chan(_, of) => {
            mentions(of, parameters, depth + 1)
        }
        Type::Map(of) => mentions(&of.0, parameters, depth + 1) || mentions(&of.1, parameters, depth + 1),
        Type::Func(of) => any(&of.parameters) || any(&of.results),
        Type::Struct(fields) => fields.iter().any(|field| mentions(&field.ty, parameters, depth + 1)),
        _ => false,
    }
}
