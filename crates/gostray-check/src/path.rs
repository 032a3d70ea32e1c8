//! Is there a way through a function on which something is missed?
//!
//! A search over the control flow, together with what a rule has to remember on the way. What is known of
//! conditions goes along, so that a way is not taken that says `err != nil` first and `err == nil` later
//! while `err` stays the same; a loop that runs a constant number of times is not passed by.

mod between;
mod compared;
mod decided;
mod failing;
mod never;
mod silent;
mod way;

use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::Arc;

use gostray_golang::ast::{Ast, ExprId, ExprKind, Node, RangeStmt, StmtKind, Walk};
use gostray_golang::flow::{Block, BlockId, Edge, Exit, Step};
use gostray_golang::types::{Builtin, Object, Type, VarId};
use gostray_golang::{Span, Token};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::program::{Body, Cell, Event, Flow, Sight, Usage, What, saw, seeing, usage};
pub(crate) use between::comes_straight;
use compared::{Compared, contradict, counts_up};
pub(crate) use decided::{has_real_errors, is_cut_short, is_open, open_way, search_possible};
pub(crate) use never::is_endless;
use never::never_taken;
use silent::leads_to_silence;
pub(crate) use way::Way;

/// What a rule looks for.
pub(crate) trait Watch {
    /// What has to be remembered.
    type State: Clone + Eq + Hash;

    fn start(&self) -> Self::State;

    /// After an event; `None` where the way is of no interest any more.
    fn event(&self, state: Self::State, event: &Event) -> Option<Self::State>;

    /// After an edge.
    fn edge(&self, state: Self::State, _from: BlockId, _edge: Edge) -> Option<Self::State> {
        Some(state)
    }

    /// After a condition that is now known to hold, or not.
    fn fact(&self, state: Self::State, _atom: &Atom, _holds: bool) -> Option<Self::State> {
        Some(state)
    }

    /// Is it found when the function ends like this?
    fn is_found(&self, state: &Self::State, exit: Exit) -> bool;

    /// Is it found already, before an event?
    fn is_found_before(&self, _state: &Self::State, _event: &Event) -> bool {
        false
    }
}

/// A condition without `!`, `&&` and `||`; that it is `x != y` is said as `x == y` not holding.
#[derive(Debug, Clone)]
pub(crate) struct Atom {
    pub(crate) expr: ExprId,
    /// Its text, and the variables that are meant: two of one name are two.
    key: (String, Vec<VarId>),
    /// Is it the same each time it is asked, unless one of the variables changes?
    is_steady: bool,
}

const MAX_STATES: usize = 50_000;
const MAX_ATOMS: usize = 32;
/// Loops whose rounds are counted, and how far.
const MAX_LOOPS: usize = 8;
const MAX_TRIPS: u32 = 15;
const MAX_DEFERS: usize = 64;

/// Conditions of a function, and which of them follow from an edge.
#[derive(Debug)]
pub(crate) struct Conditions {
    atoms: Vec<Atom>,
    /// Those that compare an integer to a constant.
    compared: Vec<Option<Compared>>,
    /// By atom: those about the same integer, a bit each, itself included.
    related: Vec<u32>,
    /// By block: those that follow from its condition, if it holds, and if it does not; each with its place
    /// among the atoms.
    on_true: Implied,
    on_false: Implied,
    /// Loops that run a number of times that is known: the head, and how often, up to [`MAX_TRIPS`].
    trips: Vec<(BlockId, u32)>,
    /// Where counters are counted up: the names of the variables, which are more than zero then.
    counters: Vec<(ExprId, VarId)>,
    /// What is deferred, a bit each.
    defers: Vec<ExprId>,
    /// By block: the conditions, a bit each, that are asked in it or later, or say something of those.
    asked: Vec<u32>,
    /// Edges that are never taken, and which folders were looked into to know that.
    never: Vec<(BlockId, Edge)>,
    sight: Sight,
}

/// Searches for a way on which it is found, a shortest one.
pub(crate) fn search<W: Watch>(body: &Body<'_>, watch: &W) -> Option<Way> {
    search_without(body, watch, &[])
}

/// So many decisions are taken back because they lead to a case that can't be chosen.
const MAX_SILENCES: usize = 8;

/// The same, for a way that does not take some edges.
fn search_without<W: Watch>(body: &Body<'_>, watch: &W, without: &[(BlockId, Edge)]) -> Option<Way> {
    let mut without = without.to_vec();
    for _ in 0..MAX_SILENCES {
        let way = shortest_without(body, watch, &without)?;
        match leads_to_silence(body, &way) {
            Some(edge) => without.push(edge),
            None => return Some(way),
        }
    }
    None
}

fn shortest_without<W: Watch>(body: &Body<'_>, watch: &W, without: &[(BlockId, Edge)]) -> Option<Way> {
    type Key<S> = (BlockId, S, u32, u32, u32, u64);
    let flow = body.flow();
    let conditions = body.function().conditions.get_or_init(|| Arc::new(Conditions::of(body, &flow)));
    saw(&conditions.sight);
    let start: Key<W::State> = (flow.graph.entry(), watch.start(), 0, 0, 0, 0);
    let mut seen: FxHashSet<Key<W::State>> = FxHashSet::default();
    let mut visits: Vec<(BlockId, Option<(usize, Edge)>)> = vec![(start.0, None)];
    let mut pending = VecDeque::from([(start.clone(), 0usize)]);
    seen.insert(start);
    while let Some(((block, mut state, mut known, mut holding, rounds, mut deferred), visit)) = pending.pop_front() {
        let mut is_dead = false;
        for event in &flow.events[block.index()] {
            if watch.is_found_before(&state, event) {
                return Some(way(&visits, visit, Some(*event)));
            }
            if let What::Assign { name } = event.what
                && let Some(Object::Var(variable)) = body.tree.types.objects.get(&name)
            {
                for (at, atom) in conditions.atoms.iter().enumerate() {
                    if atom.key.1.contains(variable) {
                        known &= !(1 << at);
                        holding &= !(1 << at);
                    }
                }
                for (at, holds) in conditions.counted(name) {
                    known |= 1 << at;
                    holding |= u32::from(holds) << at;
                }
            }
            if let What::Defer { call } = event.what
                && let Some(at) = conditions.defers.iter().position(|own| *own == call)
            {
                deferred |= 1 << at;
            }
            match watch.event(state.clone(), event) {
                Some(next) => state = next,
                None => {
                    is_dead = true;
                    break;
                }
            }
        }
        if is_dead {
            continue;
        }
        let of = flow.graph.block(block);
        if let Some(exit) = of.exit
            && watch.is_found(&state, exit)
        {
            return Some(way(&visits, visit, None));
        }
        for (edge, to) in &of.next {
            if conditions.never.contains(&(block, *edge)) || without.contains(&(block, *edge)) {
                continue;
            }
            let mut rounds = rounds;
            if let Some(at) = conditions.trips.iter().position(|(head, _)| *head == block) {
                let (shift, trips) = (4 * at, conditions.trips[at].1);
                let done = rounds >> shift & 0xf;
                match edge {
                    Edge::True | Edge::Element => {
                        if done >= trips && trips < MAX_TRIPS {
                            continue;
                        }
                        rounds = rounds & !(0xf << shift) | (done + 1).min(MAX_TRIPS) << shift;
                    }
                    Edge::False | Edge::Done => {
                        // Where they are too many to be counted, one is enough.
                        if done < trips && (trips < MAX_TRIPS || done == 0) {
                            continue;
                        }
                        rounds &= !(0xf << shift);
                    }
                    _ => {}
                }
            }
            if !conditions.is_deferred(of, &flow, *edge, *to, deferred) {
                continue;
            }
            let Some(mut state) = watch.edge(state.clone(), block, *edge) else { continue };
            let (mut known, mut holding) = (known, holding);
            let facts = match edge {
                Edge::True => conditions.on_true.get(&block),
                Edge::False => conditions.on_false.get(&block),
                _ => None,
            };
            let mut is_possible = true;
            for (atom, holds, at) in facts.into_iter().flatten() {
                match watch.fact(state.clone(), atom, *holds) {
                    Some(next) => state = next,
                    None => {
                        is_possible = false;
                        break;
                    }
                }
                if let Some(at) = at {
                    let bit = 1u32 << *at;
                    if known & bit != 0 && (holding & bit != 0) != *holds {
                        is_possible = false;
                        break;
                    }
                    known |= bit;
                    holding = if *holds { holding | bit } else { holding & !bit };
                    if conditions.is_contradiction(known & conditions.related[*at], holding) {
                        is_possible = false;
                        break;
                    }
                }
            }
            if !is_possible {
                continue;
            }
            // What is not asked again need not be remembered.
            let asked = conditions.asked[to.index()];
            let key = (*to, state, known & asked, holding & asked, rounds, deferred);
            if seen.len() < MAX_STATES && seen.insert(key.clone()) {
                visits.push((*to, Some((visit, *edge))));
                pending.push_back((key, visits.len() - 1));
            }
        }
    }
    None
}

fn way(visits: &[(BlockId, Option<(usize, Edge)>)], last: usize, before: Option<Event>) -> Way {
    let mut edges = Vec::new();
    let mut at = last;
    while let (_, Some((from, edge))) = visits[at] {
        edges.push((visits[from].0, edge));
        at = from;
    }
    edges.reverse();
    Way { edges, last: visits[last].0, before }
}

impl Conditions {
    fn of(body: &Body<'_>, flow: &Flow) -> Self {
        let ast = body.ast();
        let (mut on_true, mut on_false) = (Implied::default(), Implied::default());
        let mut trips = Vec::new();
        let mut all: Vec<Atom> = Vec::new();
        for (id, block) in flow.graph.blocks() {
            let is_branch = block.next.iter().any(|(edge, _)| *edge == Edge::True);
            match block.steps.last() {
                Some(Step::Expr(condition)) if is_branch => {
                    let (mut yes, mut no) = (Vec::new(), Vec::new());
                    implied(body, *condition, true, &mut yes);
                    implied(body, *condition, false, &mut no);
                    all.extend(yes.iter().chain(&no).map(|(atom, ..)| atom.clone()));
                    if trips.len() < MAX_LOOPS
                        && let Some(count) = trip_count(body, flow, id, *condition)
                    {
                        trips.push((id, count));
                    }
                    on_true.insert(id, yes);
                    on_false.insert(id, no);
                }
                Some(Step::Stmt(stmt)) => {
                    if let StmtKind::Range(RangeStmt { x, .. }) = ast[*stmt].kind
                        && trips.len() < MAX_LOOPS
                        && let Some(count) = range_count(body, x)
                    {
                        trips.push((id, count));
                    }
                }
                _ => {}
            }
        }
        // What is asked once alone decides nothing else.
        let mut atoms: Vec<Atom> = Vec::new();
        let mut compared: Vec<Option<Compared>> = Vec::new();
        let mut times: FxHashMap<&(String, Vec<VarId>), usize> = FxHashMap::default();
        let mut integers: FxHashMap<ExprId, Compared> = FxHashMap::default();
        let mut of_variable: FxHashMap<VarId, usize> = FxHashMap::default();
        for atom in &all {
            *times.entry(&atom.key).or_default() += 1;
            if let Some(found) = Compared::of(body, atom.expr) {
                *of_variable.entry(found.variable).or_default() += 1;
                integers.insert(atom.expr, found);
            }
        }
        let counters: Vec<(ExprId, VarId)> = flow
            .all()
            .filter_map(|(_, event)| match event.what {
                What::Assign { name } => Some((name, counts_up(body, name)?)),
                _ => None,
            })
            .collect();
        for atom in &all {
            // Both edges of one condition name it.
            let own = integers.get(&atom.expr);
            let is_asked_again = times[&atom.key] > 2
                || own.is_some_and(|own| {
                    of_variable[&own.variable] > 2 || counters.iter().any(|(_, counter)| *counter == own.variable)
                });
            if atom.is_steady
                && is_asked_again
                && !atoms.iter().any(|own| own.key == atom.key)
                && atoms.len() < MAX_ATOMS
            {
                atoms.push(atom.clone());
                compared.push(own.copied());
            }
        }
        let related: Vec<u32> = compared
            .iter()
            .enumerate()
            .map(|(at, own)| {
                let others = compared.iter().enumerate().filter(|(_, other)| match (own, other) {
                    (Some(own), Some(other)) => own.variable == other.variable,
                    _ => false,
                });
                others.fold(1 << at, |mask, (other, _)| mask | 1 << other)
            })
            .collect();
        for (atom, _, at) in on_true.values_mut().chain(on_false.values_mut()).flatten() {
            *at = atoms.iter().position(|own| atom.is_steady && own.key == atom.key);
        }
        let asked = asked(flow, &on_true, &on_false, &related);
        let defers = flow.all().filter_map(|(_, event)| match event.what {
            What::Defer { call } => Some(call),
            _ => None,
        });
        let defers = defers.take(MAX_DEFERS).collect();
        let (never, sight) = seeing(|| never_taken(body, flow));
        Self { atoms, compared, related, on_true, on_false, trips, counters, defers, asked, never, sight }
    }

    /// What is known of conditions once a variable has been counted up.
    fn counted(&self, name: ExprId) -> impl Iterator<Item = (usize, bool)> {
        let counter = self.counters.iter().find(|(own, _)| *own == name).map(|(_, variable)| *variable);
        self.compared.iter().enumerate().filter_map(move |(at, compared)| {
            let compared = compared.as_ref().filter(|compared| Some(compared.variable) == counter)?;
            Some((at, compared.of_positive()?))
        })
    }

    /// Can conditions not hold, or not, together? The first are those that are known.
    fn is_contradiction(&self, known: u32, holding: u32) -> bool {
        if known.count_ones() < 2 {
            return false;
        }
        let said = self.compared.iter().enumerate().filter(|(at, _)| known & 1 << at != 0);
        contradict(said.filter_map(|(at, compared)| Some((compared.as_ref()?, holding & 1 << at != 0))))
    }

    /// What was deferred on this way is run on this way, and nothing else.
    fn is_deferred(&self, from: &Block, flow: &Flow, edge: Edge, to: BlockId, deferred: u64) -> bool {
        let call_of = |block: BlockId| match flow.graph.block(block).steps.first() {
            Some(Step::Deferred(call)) => self.defers.iter().position(|own| own == call),
            _ => None,
        };
        let is_choice = from.next.iter().any(|(edge, _)| *edge == Edge::NotDeferred);
        if !is_choice {
            return true;
        }
        match edge {
            Edge::NotDeferred => {
                let other = from.next.iter().find(|(edge, _)| *edge != Edge::NotDeferred);
                other.and_then(|(_, block)| call_of(*block)).is_none_or(|at| deferred & 1 << at == 0)
            }
            _ => call_of(to).is_none_or(|at| deferred & 1 << at != 0),
        }
    }
}

type Implied = FxHashMap<BlockId, Vec<(Atom, bool, Option<usize>)>>;

/// The conditions that are asked in a block or later, or say something of those.
fn asked(flow: &Flow, on_true: &Implied, on_false: &Implied, related: &[u32]) -> Vec<u32> {
    let mut asked: Vec<u32> = flow
        .graph
        .blocks()
        .map(|(id, _)| {
            let own = on_true.get(&id).into_iter().chain(on_false.get(&id)).flatten();
            own.filter_map(|(.., at)| *at).fold(0, |mask, at| mask | related[at])
        })
        .collect();
    loop {
        let mut is_changed = false;
        for (id, block) in flow.graph.blocks() {
            let later = block.next.iter().fold(0, |mask, (_, to)| mask | asked[to.index()]);
            if asked[id.index()] | later != asked[id.index()] {
                asked[id.index()] |= later;
                is_changed = true;
            }
        }
        if !is_changed {
            return asked;
        }
    }
}

/// What follows from each of the sides of a condition, one of which has to be so: `x || y` that holds.
pub(crate) fn sides(body: &Body<'_>, condition: ExprId, holds: bool) -> Vec<Vec<(Atom, bool)>> {
    let ast = body.ast();
    let condition = ast.unparen(condition);
    match ast[condition].kind {
        ExprKind::Binary { operator: Token::LogicalOr, x, y } if holds => {
            [x, y].map(|side| sides(body, side, true)).concat()
        }
        ExprKind::Binary { operator: Token::LogicalAnd, x, y } if !holds => {
            [x, y].map(|side| sides(body, side, false)).concat()
        }
        _ => {
            let mut atoms = Vec::new();
            implied(body, condition, holds, &mut atoms);
            vec![atoms.into_iter().map(|(atom, holds, _)| (atom, holds)).collect()]
        }
    }
}

/// What follows from a condition that holds, or does not.
fn implied(body: &Body<'_>, condition: ExprId, holds: bool, into: &mut Vec<(Atom, bool, Option<usize>)>) {
    let ast = body.ast();
    let condition = ast.unparen(condition);
    match ast[condition].kind {
        ExprKind::Unary { operator: Token::Not, x } => implied(body, x, !holds, into),
        ExprKind::Binary { operator: Token::LogicalAnd, x, y } if holds => {
            implied(body, x, true, into);
            implied(body, y, true, into);
        }
        ExprKind::Binary { operator: Token::LogicalOr, x, y } if !holds => {
            implied(body, x, false, into);
            implied(body, y, false, into);
        }
        ExprKind::Binary { operator: Token::LogicalAnd | Token::LogicalOr, .. } => {}
        ExprKind::Binary { operator: operator @ (Token::Equal | Token::NotEqual), x, y } => {
            let key = format!("{} == {}", body.text_of(x), body.text_of(y));
            let atom = atom(body, condition, key);
            into.push((atom, holds == (operator == Token::Equal), None));
        }
        _ => into.push((atom(body, condition, body.text_of(condition).to_owned()), holds, None)),
    }
}

fn atom(body: &Body<'_>, condition: ExprId, text: String) -> Atom {
    let variables = variables(body, condition);
    let is_steady = variables.is_some();
    Atom { expr: condition, key: (text, variables.unwrap_or_default()), is_steady }
}

/// The variables of a condition; `None` if it can change without an assignment to one of them.
fn variables(body: &Body<'_>, condition: ExprId) -> Option<Vec<VarId>> {
    let ast = body.ast();
    let (mut variables, mut is_steady) = (Vec::new(), true);
    ast.walk(Node::Expr(condition), 0, &mut |node, _| {
        let Node::Expr(expr) = node else { return Walk::Into };
        match ast[expr].kind {
            ExprKind::Call { function, .. } => {
                let is_length = matches!(body.tree.types.objects.get(&function), Some(Object::Builtin(_)));
                is_steady &= is_length;
            }
            ExprKind::Unary { operator: Token::Arrow, .. } => is_steady = false,
            ExprKind::Ident(_) => {
                if let Some(variable) = body.tree.types.variable(expr) {
                    variables.push(variable);
                }
            }
            _ => {}
        }
        Walk::Into
    });
    is_steady.then_some(variables)
}

/// How often `for i := 0; i < 3; i++` runs, up to [`MAX_TRIPS`].
fn trip_count(body: &Body<'_>, flow: &Flow, head: BlockId, condition: ExprId) -> Option<u32> {
    let (ast, tree) = (body.ast(), &body.tree);
    let ExprKind::Binary { operator: operator @ (Token::Less | Token::LessEqual), x, y } = ast[condition].kind else {
        return None;
    };
    // A loop's head is come back to.
    let is_loop = flow.graph.blocks().filter(|(_, block)| block.next.iter().any(|(_, to)| *to == head)).count() > 1;
    let integer = |expr| body.program.world.integer(&tree.types, body.id.file, expr);
    let limit = integer(y)?;
    let VarId::Local { ident, file } = tree.types.variable(ast.unparen(x))? else { return None };
    let start = match usage(ast, tree, ident) {
        Usage::Gets(Some(value)) => integer(value)?,
        _ => return None,
    };
    // It is counted up by one, and by nothing else.
    let uses = tree.uses.get(&Cell::Var(VarId::Local { file, ident }))?;
    let changes = uses
        .iter()
        .filter(|expr| **expr != ident)
        .filter(|expr| matches!(usage(ast, tree, **expr), Usage::Gets(_) | Usage::Address(_)));
    let is_counted = changes.count() == 1;
    let count = limit - start + i128::from(operator == Token::LessEqual);
    if !is_loop || !is_counted || count < 1 {
        return None;
    }
    Some(u32::try_from(count).unwrap_or(MAX_TRIPS).min(MAX_TRIPS))
}

/// How often a loop over an integer or an array runs, up to [`MAX_TRIPS`].
fn range_count(body: &Body<'_>, x: ExprId) -> Option<u32> {
    let count = match body.program.world.integer(&body.tree.types, body.id.file, x) {
        Some(count) => u32::try_from(count).ok()?,
        None => match body.tree.types.ty(x).pointed() {
            Type::Array(Some(length), _) => u32::try_from(*length).unwrap_or(MAX_TRIPS),
            _ => match body.ast()[body.ast().unparen(x)].kind {
                // `range []int{a, b}`
                ExprKind::Composite { elements, .. } if !elements.is_empty() => u32::try_from(elements.len()).ok()?,
                ExprKind::Ident(_) => made_length(body, x)?,
                _ => return None,
            },
        },
    };
    (count > 0).then_some(count.min(MAX_TRIPS))
}

/// The length of a slice that a variable holds, which is made with it and never another one.
fn made_length(body: &Body<'_>, x: ExprId) -> Option<u32> {
    let Type::Slice(_) = body.program.world.underlying(body.tree.types.ty(x)) else { return None };
    let (file, value) = body.program.single_value(body.cell(x)?)?;
    let (ast, tree) = (body.program.ast(file), body.program.tree(file));
    let ExprKind::Call { function, arguments, .. } = ast[ast.unparen(value)].kind else { return None };
    let is_made = matches!(tree.types.objects.get(&ast.unparen(function)), Some(Object::Builtin(Builtin::Make)));
    let length = ast.at(arguments, 1).filter(|_| is_made)?;
    u32::try_from(body.program.world.integer(&tree.types, file, length)?).ok()
}

impl Atom {
    /// What is compared to nil.
    pub(crate) fn compared_to_nil(&self, body: &Body<'_>) -> Option<ExprId> {
        let (ast, types) = (body.ast(), &body.tree.types);
        let ExprKind::Binary { x, y, .. } = ast[self.expr].kind else { return None };
        let is_nil = |expr: ExprId| matches!(types.objects.get(&ast.unparen(expr)), Some(Object::Nil));
        match (is_nil(x), is_nil(y)) {
            (false, true) => Some(ast.unparen(x)),
            (true, false) => Some(ast.unparen(y)),
            _ => None,
        }
    }
}

/// Is it known how often a loop runs, and few enough to be counted?
pub(crate) fn is_counted(body: &Body<'_>, stmt: gostray_golang::ast::StmtId) -> bool {
    let flow = body.flow();
    let count = match body.ast()[stmt].kind {
        StmtKind::For { condition: Some(condition), .. } => flow
            .graph
            .blocks()
            .find(|(_, block)| block.steps.last() == Some(&Step::Expr(condition)))
            .and_then(|(head, _)| trip_count(body, &flow, head, condition)),
        StmtKind::Range(range) => range_count(body, range.x),
        _ => None,
    };
    count.is_some_and(|count| count < MAX_TRIPS)
}

/// Is a node of the tree inside another one?
pub(crate) fn is_inside(ast: &Ast, inner: Span, outer: gostray_golang::ast::StmtId) -> bool {
    let outer = ast[outer].span;
    outer.start <= inner.start && inner.end <= outer.end
}
