//! What a function is given where it is called, as far as that is written there: constants, and literals with their
//! fields.
//!
//! A function that starts a goroutine `if config.Every > 0` starts none for a configuration without it. Nothing is
//! run: a value is known where it is a constant, a literal, what a small function makes of those, or the only value of
//! a variable. Where it may have been changed meanwhile, it is not known.

use gostray_golang::ast::{DeclKind, ExprId, ExprKind, LiteralKind, StmtKind};
use gostray_golang::types::{Builtin, FuncId, Object, Selected, Type, VarId};
use gostray_golang::{Name, Token};
use rustc_hash::FxHashMap;

mod budget;
mod options;
mod sharing;
mod value;

use crate::actor::loop_around;
use crate::path::Atom;
use crate::program::{Body, BodyId, Callee, Cell, Origin, Parent, Usage, What, is_variadic, parameters, usage};
use budget::Budget;
use sharing::{Sharing, sharing};
use value::{Function, Value, compare};

/// So many calls and variables deep a value is looked for.
const MAX_DEPTH: u32 = 6;

/// What is known of the parameters of a function, its receiver among them, by their names where they are declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Given {
    parameters: FxHashMap<ExprId, Value>,
    budget: Budget,
}

impl Given {
    /// What a call gives, in a function that was given something itself.
    pub(crate) fn by(&self, body: &Body<'_>, call: ExprId, callee: &Body<'_>) -> Self {
        self.by_call(body, call, callee, 0)
    }

    /// Is nothing known?
    pub(crate) fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// Can it not be that a condition holds, or does not?
    pub(crate) fn excludes(&self, body: &Body<'_>, atom: &Atom, holds: bool) -> bool {
        if self.is_empty() {
            return false;
        }
        let is_unequal = matches!(body.ast()[atom.expr].kind, ExprKind::Binary { operator: Token::NotEqual, .. });
        // That it is `x != y` is said as `x == y` not holding.
        self.value(body, atom.expr, 0).holds().is_some_and(|said| (said != is_unequal) != holds)
    }

    fn by_call(&self, body: &Body<'_>, call: ExprId, callee: &Body<'_>, depth: u32) -> Self {
        let names = parameters(callee.ast(), callee.function().signature);
        let arguments = body.arguments(call);
        let is_spread = matches!(body.ast()[call].kind, ExprKind::Call { is_spread: true, .. });
        let is_variadic = is_variadic(callee.ast(), callee.function().signature);
        let fixed = names.len() - usize::from(is_variadic);
        // `New(f())` of a function with several results, or `T.New(x)`: which is which is not asked.
        let is_several = arguments.iter().any(|argument| matches!(body.tree.types.ty(*argument), Type::Tuple(_)));
        if is_several || arguments.len() < fixed || arguments.len() > fixed && !is_variadic {
            return Self { budget: self.budget.clone(), ..Self::default() };
        }
        let mut given: Vec<(ExprId, Value)> = names
            .iter()
            .take(fixed)
            .zip(&arguments)
            .filter_map(|(name, argument)| Some(((*name)?, self.value(body, *argument, depth))))
            .collect();
        if is_variadic && let Some(Some(name)) = names.last() {
            let rest = arguments.get(fixed..).unwrap_or_default();
            given.push((*name, self.rest(body, rest, is_spread, depth)));
        }
        if let Some(receiver) = body.receiver(call)
            && let Some(name) = callee.declaration().and_then(|function| receiver_of(callee, function))
        {
            given.push((name, self.value(body, receiver, depth)));
        }
        let parameters = given.into_iter().filter(|(_, value)| *value != Value::Unknown).collect();
        Self { parameters, budget: self.budget.clone() }
    }

    /// What is given for `options ...Option`.
    fn rest(&self, body: &Body<'_>, arguments: &[ExprId], is_spread: bool, depth: u32) -> Value {
        if let [all] = arguments
            && is_spread
        {
            return self.value(body, *all, depth);
        }
        let mut all = Vec::new();
        for argument in arguments {
            match self.value(body, *argument, depth) {
                Value::Functions(functions) => all.extend(functions),
                _ => return Value::Unknown,
            }
        }
        if all.is_empty() { Value::Zero } else { Value::Functions(all) }
    }

    fn value(&self, body: &Body<'_>, expr: ExprId, depth: u32) -> Value {
        let (ast, types) = (body.ast(), &body.tree.types);
        let expr = ast.unparen(expr);
        if depth > MAX_DEPTH || !self.budget.spend() {
            return Value::Unknown;
        }
        let value = |inner| self.value(body, inner, depth + 1);
        match ast[expr].kind {
            ExprKind::Ident(name) => match types.objects.get(&expr) {
                Some(Object::Nil) => Value::Zero,
                Some(Object::Const) if name == "true" || name == "false" => Value::says(name == "true"),
                Some(Object::Var(VarId::Local { .. })) => self.variable(body, expr, depth + 1),
                Some(Object::Func(function)) => match body.program.body_of(*function) {
                    Some(of) => {
                        let given = Self { budget: self.budget.clone(), ..Self::default() };
                        Value::Functions(vec![Function { body: of.id, given }])
                    }
                    None => Value::Other,
                },
                _ => integer(body, expr),
            },
            ExprKind::Literal(LiteralKind::String) => Value::says(body.text_of(expr).len() > 2),
            ExprKind::Func { .. } => match body.tree.closure(expr) {
                Some(at) => {
                    let body = BodyId { file: body.id.file, at };
                    Value::Functions(vec![Function { body, given: self.clone() }])
                }
                None => Value::Other,
            },
            ExprKind::Composite { .. } => self.literal(body, expr, depth + 1),
            ExprKind::Unary { operator: Token::And, x } => match value(x) {
                Value::Zero => Value::empty(),
                Value::Struct { fields, is_shared } => {
                    let is_literal = matches!(ast[ast.unparen(x)].kind, ExprKind::Composite { .. });
                    Value::Struct { fields, is_shared: is_shared || !is_literal }
                }
                _ => Value::Unknown,
            },
            ExprKind::Star(x) => value(x),
            ExprKind::Unary { operator: Token::Not, x } => {
                value(x).holds().map_or(Value::Unknown, |holds| Value::says(!holds))
            }
            ExprKind::Selector { x, .. } => match types.selections.get(&expr) {
                Some(selection) => match &selection.selected {
                    Selected::Field { name, .. } if selection.through.is_empty() => field(body, expr, value(x), *name),
                    _ => Value::Unknown,
                },
                None => integer(body, expr),
            },
            ExprKind::Binary { operator, x, y } => match integer(body, expr) {
                Value::Unknown => {
                    compare(body, operator, (x, &value(x)), (y, &value(y))).map_or(Value::Unknown, Value::says)
                }
                known => known,
            },
            ExprKind::Call { .. } => self.result(body, expr, depth + 1),
            _ => integer(body, expr),
        }
    }

    /// `Config{Every: time.Second}`
    fn literal(&self, body: &Body<'_>, literal: ExprId, depth: u32) -> Value {
        let ast = body.ast();
        let ExprKind::Composite { elements, .. } = ast[literal].kind else { return Value::Unknown };
        let Type::Struct(declared) = body.program.world.underlying(body.tree.types.ty(literal)) else {
            return Value::Other;
        };
        let mut fields = FxHashMap::default();
        for (at, element) in ast.list(elements).enumerate() {
            let (name, value) = match ast[element].kind {
                ExprKind::KeyValue { key, value } => (ast.name(key), value),
                _ => (declared.get(at).map(|field| field.name), element),
            };
            if let Some(name) = name {
                fields.insert(name, self.value(body, value, depth));
            }
        }
        Value::Struct { fields, is_shared: false }
    }

    /// What a variable of a function holds where it is mentioned.
    fn variable(&self, body: &Body<'_>, mention: ExprId, depth: u32) -> Value {
        let (ast, tree) = (body.ast(), &body.tree);
        let Some(variable @ VarId::Local { file, ident }) = tree.types.variable(mention) else { return Value::Unknown };
        let uses = tree.uses.get(&Cell::Var(variable)).filter(|_| file == body.id.file);
        let mut held = None;
        let mut is_pointed_to = false;
        let mut set: Vec<Set> = Vec::new();
        // What comes later changes nothing, unless it comes round again.
        let is_later = |expr: ExprId| {
            tree.owner(expr) == Some(body.id.at)
                && !is_before(body, expr, mention)
                && loop_around(body, mention).is_none()
        };
        for expr in uses.into_iter().flatten().filter(|expr| **expr != mention && !is_later(**expr)) {
            let found = match usage(ast, tree, *expr) {
                Usage::Declared => self.declared(body, *expr),
                Usage::Gets(Some(got)) => self.value(body, got, depth),
                Usage::Gets(None) => Value::Unknown,
                Usage::Base(outer) => {
                    set.extend(is_set(body, outer).map(|(name, value)| {
                        let value = value.map_or(Value::Unknown, |value| self.value(body, value, depth));
                        Set { name, value, at: outer }
                    }));
                    continue;
                }
                used => {
                    match (self.options(body, used, depth), sharing(body, ident, used)) {
                        (Some(options), _) => set.extend(options),
                        (None, Sharing::None) => {}
                        (None, Sharing::Seen) => is_pointed_to = true,
                        (None, Sharing::Unseen) => return Value::Unknown,
                    }
                    continue;
                }
            };
            if held.replace(found).is_some() {
                return Value::Unknown;
            }
        }
        let mut held = held.unwrap_or(Value::Unknown);
        if let Value::Struct { fields, is_shared } = &mut held {
            *is_shared |= is_pointed_to;
            for Set { name, value, at } in set {
                let before = fields.get(&name).unwrap_or(&Value::Zero);
                let is_certain = is_before(body, at, mention) && is_beside(body, ident, at);
                let value = if is_certain || *before == value { value } else { Value::Unknown };
                fields.insert(name, value);
            }
        }
        held
    }

    /// What a variable holds that is declared without a value, or as a parameter.
    fn declared(&self, body: &Body<'_>, ident: ExprId) -> Value {
        if let Some(value) = self.parameters.get(&ident) {
            return value.clone();
        }
        match body.tree.around(body.ast(), ident) {
            Parent::Spec(_) => match body.program.world.underlying(body.tree.types.ty(ident)) {
                Type::Struct(_) => Value::empty(),
                _ => Value::Zero,
            },
            _ => Value::Unknown,
        }
    }

    /// What a call gives.
    fn result(&self, body: &Body<'_>, call: ExprId, depth: u32) -> Value {
        let ast = body.ast();
        let ExprKind::Call { function, arguments, .. } = ast[call].kind else { return Value::Unknown };
        let first = ast.at(arguments, 0);
        match body.tree.types.objects.get(&ast.unparen(function)) {
            Some(Object::Builtin(Builtin::Make)) => return Value::Other,
            Some(Object::Builtin(Builtin::New)) => return Value::empty(),
            Some(Object::Builtin(Builtin::Len)) => {
                let is_zero = first.is_some_and(|of| self.value(body, of, depth) == Value::Zero);
                return if is_zero { Value::Zero } else { Value::Unknown };
            }
            Some(Object::Builtin(_)) => return Value::Unknown,
            _ => {}
        }
        if let Some(first) = first
            && let Usage::Converted(_) = usage(ast, &body.tree, first)
        {
            return self.value(body, first, depth);
        }
        let Callee::Func(callee) = body.callee(call) else { return Value::Unknown };
        let Some(callee) = body.program.body_of(callee).filter(|_| depth <= MAX_DEPTH) else { return Value::Unknown };
        let given = self.by_call(body, call, &callee, depth);
        let flow = callee.flow();
        let mut results = flow.all().filter_map(|(_, event)| match event.what {
            What::Return { stmt } => match callee.ast()[stmt].kind {
                StmtKind::Return(results) if results.len() == 1 => callee.ast().at(results, 0),
                _ => None,
            },
            _ => None,
        });
        let (Some(only), None) = (results.next(), results.next()) else { return Value::Unknown };
        given.value(&callee, only, depth)
    }
}

fn integer(body: &Body<'_>, expr: ExprId) -> Value {
    let integer = body.program.world.integer(&body.tree.types, body.id.file, expr);
    integer.map_or(Value::Unknown, Value::of)
}

/// A field of a value.
fn field(body: &Body<'_>, selector: ExprId, of: Value, name: Name) -> Value {
    match of {
        Value::Zero => Value::Zero,
        Value::Struct { is_shared: true, .. } if is_set_elsewhere(body, selector) => Value::Unknown,
        Value::Struct { mut fields, .. } => fields.remove(&name).unwrap_or(Value::Zero),
        _ => Value::Unknown,
    }
}

/// Does the package of a field set it anywhere but in literals and options, tests apart?
fn is_set_elsewhere(body: &Body<'_>, selector: ExprId) -> bool {
    let program = body.program;
    let Some(cell) = body.cell(selector) else { return true };
    program.uses(cell).into_iter().any(|(file, expr)| {
        let tree = program.tree(file);
        let is_option = || {
            let owner = tree.owner(expr).map(|at| program.body(BodyId { file, at }));
            owner.is_some_and(|owner| is_of_parameter(&owner, expr))
        };
        !program.source(file).is_test
            && matches!(usage(program.ast(file), &tree, expr), Usage::Gets(_) | Usage::Address(_))
            && !is_option()
    })
}

/// Is it a field of the parameter of a closure: `func(o *options) { o.every = every }`? That is set where an option is given.
fn is_of_parameter(closure: &Body<'_>, field: ExprId) -> bool {
    let (ast, tree) = (closure.ast(), &closure.tree);
    let Origin::Closure(_) = closure.function().origin else { return false };
    let selector = match tree.directly_around(field) {
        Parent::Expr(outer) => outer,
        _ => field,
    };
    let of = [field, selector].into_iter().find_map(|expr| match ast[expr].kind {
        ExprKind::Selector { x, .. } => tree.types.variable(ast.unparen(x)),
        _ => None,
    });
    let Some(VarId::Local { ident, .. }) = of else { return false };
    parameters(ast, closure.function().signature).contains(&Some(ident))
}

/// A field that is set.
struct Set {
    name: Name,
    value: Value,
    /// Where: an expression of the statement that does it.
    at: ExprId,
}

/// `x.f = value`, where `x.f` stands: the field, and its value if that is known.
fn is_set(body: &Body<'_>, selector: ExprId) -> Option<(Name, Option<ExprId>)> {
    let (ast, tree) = (body.ast(), &body.tree);
    let Selected::Field { name, .. } = &tree.types.selections.get(&selector)?.selected else { return None };
    match usage(ast, tree, selector) {
        Usage::Gets(value) => Some((*name, value)),
        Usage::Address(_) | Usage::Method { .. } => Some((*name, None)),
        // `x.f.g = value`
        Usage::Base(outer) => is_set(body, outer).map(|_| (*name, None)),
        _ => None,
    }
}

fn is_before(body: &Body<'_>, first: ExprId, second: ExprId) -> bool {
    body.ast()[first].span.end <= body.ast()[second].span.start
}

/// Is what is assigned to in the same block as the declaration of a variable, so that it gets it each time?
fn is_beside(body: &Body<'_>, ident: ExprId, target: ExprId) -> bool {
    let (ast, tree) = (body.ast(), &body.tree);
    let block_of = |expr: ExprId| match tree.around(ast, expr) {
        Parent::Stmt(stmt) => Some(tree.around_stmt(stmt)),
        // A parameter.
        Parent::Other => Some(Parent::Stmt(body.function().block)),
        _ => None,
    };
    let block = block_of(ident);
    block.is_some() && block == block_of(target)
}

/// The name of the receiver of a method.
fn receiver_of(body: &Body<'_>, method: FuncId) -> Option<ExprId> {
    let ast = body.ast();
    let DeclKind::Func(decl) = ast[method.decl].kind else { return None };
    let field = ast.at(decl.receiver?.fields, 0)?;
    ast.at(ast[field].names, 0)
}
