//! A way through a function, and what is said of it.

use gostray_golang::Span;
use gostray_golang::ast::{ExprId, StmtKind};
use gostray_golang::flow::{BlockId, Edge, Step};

use crate::finding;
use crate::obligation::asserted;
use crate::program::{Body, Callee, Event, What, is_named, names};

/// A way through a function.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// The blocks, each with the edge that leads out of it.
    pub(crate) edges: Vec<(BlockId, Edge)>,
    /// Where it ends.
    pub(crate) last: BlockId,
    /// The event it ends before, if it does not end with the function.
    pub(crate) before: Option<Event>,
}

impl Way {
    /// Does something happen on it?
    pub(crate) fn passes(&self, body: &Body<'_>, is_it: impl Fn(&Event) -> bool) -> bool {
        let flow = body.flow();
        let blocks = self.edges.iter().map(|(block, _)| *block).chain([self.last]);
        blocks.flat_map(|block| &flow.events[block.index()]).any(is_it)
    }

    /// Does it depend on which case of a `select` is chosen?
    pub(crate) fn chooses(&self, body: &Body<'_>) -> bool {
        self.edges.iter().any(|(_, edge)| match edge {
            Edge::Clause(clause) => matches!(body.ast()[*clause].kind, StmtKind::Comm { .. }),
            _ => false,
        })
    }

    /// Does a test say on it that it fails? As long as the test passes, nobody takes it.
    pub(crate) fn says_that_it_fails(&self, body: &Body<'_>) -> bool {
        let flow = body.flow();
        // `if !assert.NoError(t, err) { return }`
        let is_refuted = |(block, edge): &(BlockId, Edge)| match (edge, flow.graph.block(*block).steps.last()) {
            (Edge::True | Edge::False, Some(Step::Expr(condition))) => {
                let mut atoms = Vec::new();
                super::implied(body, *condition, *edge == Edge::True, &mut atoms);
                atoms.iter().any(|(atom, holds, _)| !holds && asserted(body, atom.expr).is_some())
            }
            _ => false,
        };
        if self.edges.iter().any(is_refuted) {
            return true;
        }
        let blocks = self.edges.iter().map(|(block, _)| *block).chain([self.last]);
        blocks.flat_map(|block| &flow.events[block.index()]).any(|event| match event.what {
            What::Call { call } => fails_a_test(body, call),
            _ => false,
        })
    }

    /// The last condition on it.
    pub(crate) fn last_condition(&self, body: &Body<'_>) -> Option<ExprId> {
        let flow = body.flow();
        self.edges.iter().rev().find_map(|(block, edge)| match (edge, flow.graph.block(*block).steps.last()) {
            (Edge::True | Edge::False, Some(Step::Expr(condition))) => Some(*condition),
            _ => None,
        })
    }

    /// What people are told of it: the choices after a place, and where it ends.
    pub(crate) fn steps(&self, body: &Body<'_>, after: Option<Span>, end: &str) -> Vec<finding::Step> {
        let ast = body.ast();
        let flow = body.flow();
        let mut choices = Vec::new();
        for (block, edge) in &self.edges {
            let of = flow.graph.block(*block);
            let step = match (edge, of.steps.last()) {
                (Edge::True, Some(Step::Expr(condition))) => Some((ast[*condition].span, "this holds".to_owned())),
                (Edge::False, Some(Step::Expr(condition))) => {
                    Some((ast[*condition].span, "this does not hold".to_owned()))
                }
                (Edge::Clause(clause), _) => match ast[*clause].kind {
                    StmtKind::Comm { comm: Some(comm), .. } => Some((ast[comm].span, "this case is chosen".to_owned())),
                    StmtKind::Comm { comm: None, .. } => {
                        let start = ast[*clause].span.start;
                        Some((Span { start, end: start + 7 }, "this case is chosen".to_owned()))
                    }
                    StmtKind::Case { values, .. } => {
                        let values: Vec<ExprId> = ast.list(values).collect();
                        match (values.first(), values.last()) {
                            (Some(first), Some(last)) => {
                                let span = ast[*first].span.to(ast[*last].span);
                                Some((span, "this case is chosen".to_owned()))
                            }
                            _ => None,
                        }
                    }
                    _ => None,
                },
                _ => None,
            };
            choices.extend(step);
        }
        if let Some(after) = after {
            choices.retain(|(span, _)| span.start >= after.end);
        }
        // The last choices lead out; what was chosen before matters less.
        let first = choices.len().saturating_sub(2);
        let mut steps: Vec<finding::Step> = choices
            .split_off(first)
            .into_iter()
            .map(|(span, note)| finding::Step { place: body.place(span), note })
            .collect();
        steps.push(finding::Step { place: body.place(self.end(body)), note: end.to_owned() });
        steps
    }

    /// Where it ends: at a `return`, or the closing brace.
    pub(crate) fn end(&self, body: &Body<'_>) -> Span {
        if let Some(event) = self.before {
            return event.span;
        }
        let flow = body.flow();
        let blocks = self.edges.iter().map(|(block, _)| *block).chain([self.last]).rev();
        for block in blocks {
            for event in flow.events[block.index()].iter().rev() {
                match event.what {
                    What::Return { .. } => return event.span,
                    What::Deferred { .. } => {}
                    _ => return closing(body),
                }
            }
        }
        closing(body)
    }
}

/// Is it `t.Error()`, or one of its kind?
fn fails_a_test(body: &Body<'_>, call: ExprId) -> bool {
    let fails = |name: &str| matches!(name, "Error" | "Errorf" | "Fail" | "Fatal" | "Fatalf" | "FailNow");
    let world = body.program.world;
    match body.callee(call) {
        Callee::Func(function) => {
            matches!(names(world, function), Some(("testing", Some(_), name)) if fails(name))
        }
        Callee::Abstract(of, name) => is_named(world, &of, "testing", "TB") && fails(name.as_str()),
        _ => false,
    }
}

fn closing(body: &Body<'_>) -> Span {
    let end = body.ast()[body.function().block].span.end;
    Span { start: end.saturating_sub(1), end }
}
