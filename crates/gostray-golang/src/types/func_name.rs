//! What a declared function is called, beyond its package.

use std::str::FromStr;

use crate::ast::{Ast, DeclKind, ExprId, ExprKind};
use crate::name::Name;
use crate::package::World;
use crate::types::FuncId;

/// A declared function, as Go's tools write it: `example.com/log.Die`, `example.com/log.(*Logger).Die`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FuncName {
    /// The path of its package.
    pub package: Name,
    /// The type it is a method of, whether of its values or of pointers to them.
    pub receiver: Option<Name>,
    /// Its own name.
    pub name: Name,
}

/// What is not the name of a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no function: write example.com/log.Die, or example.com/log.(*Logger).Die")]
pub struct FuncNameError(String);

impl FuncName {
    /// That of a function.
    #[must_use]
    pub fn of(world: &World, function: FuncId) -> Option<Self> {
        let ast = &world.file(function.file).file.ast;
        let DeclKind::Func(decl) = ast[function.decl].kind else { return None };
        let receiver = decl.receiver.and_then(|receiver| {
            let field = ast.at(receiver.fields, 0)?;
            type_name(ast, ast[field].ty)
        });
        Some(Self { package: world.package(function.file.package).path, receiver, name: ast.name(decl.name)? })
    }
}

fn type_name(ast: &Ast, mut ty: ExprId) -> Option<Name> {
    loop {
        ty = match ast[ty].kind {
            ExprKind::Star(inner) | ExprKind::Paren(inner) => inner,
            ExprKind::Index { x, .. } => x,
            ExprKind::Ident(name) => return Some(name),
            _ => return None,
        };
    }
}

impl FromStr for FuncName {
    type Err = FuncNameError;

    fn from_str(text: &str) -> Result<Self, FuncNameError> {
        let wrong = || FuncNameError(text.to_owned());
        let is_name = |name: &str| {
            !name.is_empty()
                && !name.starts_with(|first: char| first.is_ascii_digit())
                && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
        };
        // The last part of a path has dots of its own only in versions: gopkg.in/yaml.v3.
        let folder = text.rfind('/').map_or(0, |at| at + 1);
        let (own, name) = text[folder..].rsplit_once('.').ok_or_else(wrong)?;
        let (package, receiver) = match own.rsplit_once('.') {
            Some((package, receiver)) if receiver.starts_with("(*") && receiver.ends_with(')') => {
                (package, Some(&receiver[2..receiver.len() - 1]))
            }
            Some((package, receiver)) if receiver.starts_with(|first: char| first.is_uppercase()) => {
                (package, Some(receiver))
            }
            _ => (own, None),
        };
        if package.is_empty() || !is_name(name) || receiver.is_some_and(|receiver| !is_name(receiver)) {
            return Err(wrong());
        }
        Ok(Self {
            package: Name::new(&text[..folder + package.len()]),
            receiver: receiver.map(Name::new),
            name: Name::new(name),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails says where")]
mod tests {
    use super::*;

    #[test]
    fn functions_and_methods_are_read() {
        for (text, package, receiver, name) in [
            ("os.Exit", "os", None, "Exit"),
            ("example.com/log.Die", "example.com/log", None, "Die"),
            ("example.com/log.(*Logger).Die", "example.com/log", Some("Logger"), "Die"),
            ("example.com/log.Logger.Die", "example.com/log", Some("Logger"), "Die"),
            ("gopkg.in/yaml.v3.Fail", "gopkg.in/yaml.v3", None, "Fail"),
        ] {
            let own: FuncName = text.parse().unwrap();
            let parts = (own.package.as_str(), own.receiver.map(Name::as_str), own.name.as_str());
            assert_eq!(parts, (package, receiver, name), "{text}");
        }
        for text in ["", "Die", ".Die", "example.com/log", "example.com/log.", "log.(*).Die", "log.3"] {
            assert!(text.parse::<FuncName>().is_err(), "{text}");
        }
    }
}
