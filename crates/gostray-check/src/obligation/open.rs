//! The search for a way on which something is not given back.

use gostray_golang::Token;
use gostray_golang::ast::{ExprKind, StmtKind};
use gostray_golang::flow::{BlockId, Edge, Exit, Step};

use crate::obligation::{Fate, Obligation, Release};
use crate::path::{Atom, Watch, sides};
use crate::program::{Event, Parent, What};

/// Looks for a way to the end of the function on which it is still to be given back.
pub(super) struct Open<'o, 'p> {
    pub(super) of: &'o Obligation<'p>,
}

/// Is it there, and to be given back?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Held {
    /// Not yet.
    No,
    /// It is, unless the error that came with it says that there is none.
    WithError,
    /// It is; the variable of that error holds another one by now.
    Alone,
}

impl Watch for Open<'_, '_> {
    type State = Held;

    fn start(&self) -> Held {
        Held::No
    }

    fn event(&self, state: Held, event: &Event) -> Option<Held> {
        if let What::Call { call } = event.what
            && call == self.of.call
        {
            return Some(Held::WithError);
        }
        if state == Held::No {
            return (!self.of.is_foreseen(event)).then_some(state);
        }
        if let What::Assign { name } = event.what {
            // The declaration itself comes after the call.
            if name == self.of.ident {
                return Some(state);
            }
            let variable = self.of.body.tree.types.variable(name);
            if variable.is_some() && variable == self.of.error && !self.of.comes_with(name) {
                return Some(Held::Alone);
            }
        }
        if state == Held::WithError
            && let What::Call { call } = event.what
            && self.of.is_said_to_fail(call)
        {
            return None;
        }
        match self.of.fate(event) {
            Fate::Kept if !self.of.is_used_up(event) => Some(state),
            _ => None,
        }
    }

    fn edge(&self, state: Held, from: BlockId, edge: Edge) -> Option<Held> {
        let body = &self.of.body;
        let flow = body.flow();
        let holds = match (edge, flow.graph.block(from).steps.last()) {
            (Edge::True, Some(Step::Expr(condition))) => Some((*condition, true)),
            (Edge::False, Some(Step::Expr(condition))) => Some((*condition, false)),
            _ => None,
        };
        // `resp == nil || err != nil`: nothing is there on either side.
        let is_gone = holds.is_some_and(|(condition, holds)| {
            sides(body, condition, holds)
                .iter()
                .all(|side| side.iter().any(|(atom, holds)| self.fact(state, atom, *holds).is_none()))
        });
        (!is_gone && !self.chooses_no_body(edge)).then_some(state)
    }

    fn fact(&self, state: Held, atom: &Atom, holds: bool) -> Option<Held> {
        if state == Held::No {
            return Some(state);
        }
        // `for rows.Next()`: when there are no more, they are closed.
        if let ExprKind::Call { .. } = self.of.body.ast()[atom.expr].kind
            && !holds
            && let Some(receiver) = self.of.body.receiver(atom.expr)
            && self.of.body.tree.types.variable(receiver) == Some(self.of.variable)
            && self.of.body.text_of(atom.expr).ends_with(".Next()")
        {
            return None;
        }
        if state == Held::WithError && self.of.says_error(atom, holds) {
            return None;
        }
        if let ExprKind::Binary { operator: Token::Equal | Token::NotEqual, x, y } = self.of.body.ast()[atom.expr].kind
            && holds
            && self.of.has_no_body(x, y)
        {
            return None;
        }
        let Some(compared) = atom.compared_to_nil(&self.of.body) else { return Some(state) };
        let body = &self.of.body;
        let variable = body.tree.types.variable(compared);
        // `resp.Body == nil`
        if let ExprKind::Selector { x, .. } = body.ast()[compared].kind
            && holds
            && body.tree.types.variable(x) == Some(self.of.variable)
        {
            return None;
        }
        // An error: there is nothing to give back. Or it is nil itself.
        let is_its_error = state == Held::WithError && variable.is_some() && variable == self.of.error;
        if is_its_error && !holds || variable == Some(self.of.variable) && holds {
            return None;
        }
        Some(state)
    }

    fn is_found(&self, state: &Held, exit: Exit) -> bool {
        *state != Held::No && exit == Exit::Return && !self.of.body.is_main()
    }

    fn is_found_before(&self, state: &Held, event: &Event) -> bool {
        // Another one takes its place.
        let is_lost = match event.what {
            What::Assign { name } => {
                matches!(self.of.release, Release::Use)
                    && name != self.of.ident
                    && self.of.body.tree.types.variable(name) == Some(self.of.variable)
            }
            _ => false,
        };
        *state != Held::No && is_lost
    }
}

impl Open<'_, '_> {
    /// Is it the clause of a `switch` for a status that has no body?
    fn chooses_no_body(&self, edge: Edge) -> bool {
        let (body, ast) = (&self.of.body, self.of.body.ast());
        let Edge::Clause(clause) = edge else { return false };
        let StmtKind::Case { values, .. } = ast[clause].kind else { return false };
        let mut at = body.tree.around_stmt(clause);
        let tag = loop {
            match at {
                Parent::Stmt(stmt) => match ast[stmt].kind {
                    StmtKind::Switch { tag: Some(tag), .. } => break tag,
                    StmtKind::Block(_) => at = body.tree.around_stmt(stmt),
                    _ => return false,
                },
                _ => return false,
            }
        };
        !values.is_empty() && ast.list(values).all(|value| self.of.has_no_body(tag, value))
    }
}
