//! Integers that are known before the program runs: lengths of arrays, room of channels.

use crate::ast::{ExprId, ExprKind, LiteralKind, Node, SpecKind, Walk};
use crate::package::{FileId, ItemKind, World};
use crate::token::Token;
use crate::types::declared::Scopes;
use crate::types::{FileTypes, Object, Type};

/// Constants that are defined by others deeper than this are given up.
const MAX_DEPTH: u32 = 100;

impl Scopes<'_> {
    /// The value of an expression, if it is an integer constant.
    pub(super) fn integer(&self, expr: ExprId) -> Option<i128> {
        self.integer_in(expr, None, 0)
    }

    /// That of a constant of a function, in a line of its declaration.
    pub(super) fn integer_at(&self, expr: ExprId, iota: u32) -> Option<i128> {
        self.integer_in(expr, Some(iota), 0)
    }

    fn integer_in(&self, expr: ExprId, iota: Option<u32>, depth: u32) -> Option<i128> {
        if depth > MAX_DEPTH {
            return None;
        }
        let ast = self.ast();
        let of = |expr| self.integer_in(expr, iota, depth + 1);
        match ast[expr].kind {
            ExprKind::Paren(inner) => of(inner),
            ExprKind::Literal(LiteralKind::Int) => parse(self.source.text(ast[expr].span)),
            ExprKind::Literal(LiteralKind::Char) => {
                let text = self.source.text(ast[expr].span);
                let mut characters = text.trim_matches('\'').chars();
                let first = characters.next().filter(|first| *first != '\\')?;
                characters.next().is_none().then_some(i128::from(u32::from(first)))
            }
            ExprKind::Ident(name) => {
                if let Some(value) = self.known.and_then(|known| known.constants.get(&expr)) {
                    return *value;
                }
                if let Some(entry) = self.local(name) {
                    return entry.value;
                }
                if name == "iota"
                    && let Some(iota) = iota
                {
                    return Some(iota.into());
                }
                if !matches!(self.lookup(name)?.object, Object::Const) {
                    return None;
                }
                self.constant(self.file.package, name, depth)
            }
            ExprKind::Selector { x, selected } => match self.lookup(ast.name(x)?)?.object {
                Object::Package(package) => self.constant(package?, ast.name(selected)?, depth),
                _ => None,
            },
            ExprKind::Unary { operator, x } => match operator {
                Token::Sub => of(x)?.checked_neg(),
                Token::Add => of(x),
                Token::Xor => Some(!of(x)?),
                _ => None,
            },
            ExprKind::Binary { operator, x, y } => {
                let (x, y) = (of(x)?, of(y)?);
                match operator {
                    Token::Add => x.checked_add(y),
                    Token::Sub => x.checked_sub(y),
                    Token::Mul => x.checked_mul(y),
                    Token::Quo => x.checked_div(y),
                    Token::Rem => x.checked_rem(y),
                    Token::Shl => u32::try_from(y).ok().filter(|y| *y < 100).and_then(|y| x.checked_mul(1 << y)),
                    Token::Shr => u32::try_from(y).ok().and_then(|y| x.checked_shr(y)),
                    Token::And => Some(x & y),
                    Token::Or => Some(x | y),
                    Token::Xor => Some(x ^ y),
                    Token::AndNot => Some(x & !y),
                    _ => None,
                }
            }
            // A conversion.
            ExprKind::Call { function, arguments, .. } if arguments.len() == 1 => match self.as_type(function)? {
                Type::Unknown => None,
                _ => of(ast.at(arguments, 0)?),
            },
            _ => None,
        }
    }

    /// The value of a constant of a package.
    fn constant(&self, package: crate::package::PackageId, name: crate::name::Name, depth: u32) -> Option<i128> {
        let item = self.world.package(package).scope.get(&name)?;
        let ItemKind::Const { spec, at, values } = item.kind else { return None };
        let scopes = Scopes::of(self.world, FileId { package, file: item.file });
        let ast = scopes.ast();
        let SpecKind::Value { iota, .. } = ast[spec].kind else { return None };
        let SpecKind::Value { values, .. } = ast[values].kind else { return None };
        scopes.integer_in(ast.at(values, at as usize)?, Some(iota), depth + 1)
    }
}

impl World {
    /// The value of an expression of a function, if it is an integer constant: literals, constants of
    /// packages and functions, and what is made of them.
    #[must_use]
    pub fn integer(&self, types: &FileTypes, file: FileId, expr: ExprId) -> Option<i128> {
        let mut scopes = Scopes::of(self, file);
        scopes.known = Some(types);
        let ast = scopes.ast();
        // A name may be hidden by a local one: only what the file means by it counts.
        let mut is_hidden = false;
        ast.walk(Node::Expr(expr), 0, &mut |node, _| {
            if let Node::Expr(inner) = node
                && let Some(name) = ast.name(inner)
                && !types.constants.contains_key(&inner)
            {
                is_hidden |= matches!(types.objects.get(&inner), Some(Object::Var(_)));
                is_hidden |= matches!(types.objects.get(&inner), Some(Object::Const))
                    && !matches!(scopes.lookup(name).map(|entry| entry.object), Some(Object::Const) | None);
            }
            Walk::Into
        });
        if is_hidden { None } else { scopes.integer(expr) }
    }
}

/// The value of an integer literal.
fn parse(text: &str) -> Option<i128> {
    let text: String = text.chars().filter(|c| *c != '_').collect::<String>().to_ascii_lowercase();
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x', ..] => (&text[2..], 16),
        [b'0', b'o', ..] => (&text[2..], 8),
        [b'0', b'b', ..] => (&text[2..], 2),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text.as_str(), 10),
    };
    i128::from_str_radix(digits, radix).ok()
}
