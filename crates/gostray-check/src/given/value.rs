//! Values, as far as they are known, and what conditions say of them.

use gostray_golang::ast::ExprId;
use gostray_golang::types::Object;
use gostray_golang::{Name, Token};
use rustc_hash::FxHashMap;

use crate::given::Given;
use crate::program::{Body, BodyId};

/// A value, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Unknown,
    /// The zero value of its type: `nil`, `0`, `false`, `""`.
    Zero,
    /// An integer other than zero.
    Integer(i128),
    /// Another value than zero: `true`, a function, `"x"`.
    Other,
    /// A struct, or a pointer to one: the fields that are set, of which the others are zero.
    Struct {
        fields: FxHashMap<Name, Self>,
        /// Others have it, too, and may set a field.
        is_shared: bool,
    },
    /// Functions, one after the other: `options ...Option`.
    Functions(Vec<Function>),
}

/// A function, with what is known of the parameters of the one that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) body: BodyId,
    pub(super) given: Given,
}

impl Value {
    pub(super) fn of(integer: i128) -> Self {
        if integer == 0 { Self::Zero } else { Self::Integer(integer) }
    }

    pub(super) fn says(truth: bool) -> Self {
        if truth { Self::Other } else { Self::Zero }
    }

    pub(super) fn empty() -> Self {
        Self::Struct { fields: FxHashMap::default(), is_shared: false }
    }

    pub(super) fn integer(&self) -> Option<i128> {
        match self {
            Self::Zero => Some(0),
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// Of a condition: does it hold?
    pub(super) fn holds(&self) -> Option<bool> {
        match self {
            Self::Zero => Some(false),
            Self::Other => Some(true),
            _ => None,
        }
    }
}

/// `nil` and what is not are known to differ; a struct is only compared with that.
pub(super) fn compare(
    body: &Body<'_>,
    operator: Token,
    (left, x): (ExprId, &Value),
    (right, y): (ExprId, &Value),
) -> Option<bool> {
    let is_nil = |expr| matches!(body.tree.types.objects.get(&body.ast().unparen(expr)), Some(Object::Nil));
    let equal = || match (x, y) {
        (Value::Unknown, _) | (_, Value::Unknown) => None,
        (Value::Zero, Value::Zero) => Some(true),
        (Value::Struct { .. }, Value::Zero) if is_nil(right) => Some(false),
        (Value::Zero, Value::Struct { .. }) if is_nil(left) => Some(false),
        (Value::Zero, Value::Integer(_) | Value::Other | Value::Functions(_))
        | (Value::Integer(_) | Value::Other | Value::Functions(_), Value::Zero) => Some(false),
        (Value::Integer(x), Value::Integer(y)) => Some(x == y),
        _ => None,
    };
    let integers = || Some((x.integer()?, y.integer()?));
    match operator {
        Token::Equal => equal(),
        Token::NotEqual => equal().map(|equal| !equal),
        Token::Less => integers().map(|(x, y)| x < y),
        Token::LessEqual => integers().map(|(x, y)| x <= y),
        Token::Greater => integers().map(|(x, y)| x > y),
        Token::GreaterEqual => integers().map(|(x, y)| x >= y),
        Token::LogicalAnd => match (x.holds(), y.holds()) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Token::LogicalOr => match (x.holds(), y.holds()) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        _ => None,
    }
}
