//! From statements to blocks.

use rustc_hash::FxHashMap;

use crate::ast::{Ast, ExprId, ExprKind, List, Node, StmtId, StmtKind, Walk};
use crate::flow::{Block, BlockId, Edge, Ending, Exit, Graph, Step};
use crate::name::Name;
use crate::token::Token;

/// A way out that has yet to run what was deferred.
#[derive(Debug, Clone, Copy)]
pub(super) struct WayOut {
    pub(super) block: BlockId,
    pub(super) exit: Exit,
}

/// Where `break` and `continue` lead.
struct Target {
    label: Option<Name>,
    after: BlockId,
    /// Only loops can be continued.
    again: Option<BlockId>,
}

pub(super) struct Builder<'a> {
    pub(super) ast: &'a Ast,
    pub(super) ending: &'a dyn Fn(ExprId) -> Option<Ending>,
    pub(super) blocks: Vec<Block>,
    /// Where the next step goes; nothing after what does not go on.
    current: Option<BlockId>,
    targets: Vec<Target>,
    labels: FxHashMap<Name, BlockId>,
    /// The clause that `fallthrough` leads to.
    falls_to: Option<BlockId>,
    /// The label of the statement that comes next.
    pending: Option<Name>,
    pub(super) outs: Vec<WayOut>,
    /// Deferred calls, in the order of the text: the block and step that defers, and the call.
    pub(super) defers: Vec<(BlockId, usize, ExprId)>,
}

pub(super) fn graph(ast: &Ast, body: StmtId, ending: &dyn Fn(ExprId) -> Option<Ending>) -> Graph {
    let mut builder = Builder {
        ast,
        ending,
        blocks: vec![Block::default()],
        current: Some(BlockId(0)),
        targets: Vec::new(),
        labels: FxHashMap::default(),
        falls_to: None,
        pending: None,
        outs: Vec::new(),
        defers: Vec::new(),
    };
    builder.stmt(body);
    builder.leave(Exit::Return);
    super::defers::run(&mut builder);
    reachable(builder.blocks)
}

impl Builder<'_> {
    pub(super) fn block(&mut self) -> BlockId {
        self.blocks.push(Block::default());
        BlockId(u32::try_from(self.blocks.len() - 1).unwrap_or(u32::MAX))
    }

    pub(super) fn edge(&mut self, from: BlockId, edge: Edge, to: BlockId) {
        self.blocks[from.index()].next.push((edge, to));
    }

    /// Goes on in a block, from where we are.
    fn goto(&mut self, edge: Edge, to: BlockId) {
        if let Some(from) = self.current.take() {
            self.edge(from, edge, to);
        }
    }

    fn step(&mut self, step: Step) {
        if let Some(current) = self.current {
            self.blocks[current.index()].steps.push(step);
        }
    }

    fn leave(&mut self, exit: Exit) {
        if let Some(block) = self.current.take() {
            self.outs.push(WayOut { block, exit });
        }
    }

    /// An expression: calls in it that never return end the way.
    fn expr(&mut self, expr: ExprId) {
        self.step(Step::Expr(expr));
        self.calls(expr);
    }

    fn calls(&mut self, expr: ExprId) {
        let mut found = None;
        self.ast.walk(Node::Expr(expr), 0, &mut |node, _| match node {
            Node::Expr(inner) => match self.ast[inner].kind {
                ExprKind::Func { .. } => Walk::Over,
                ExprKind::Call { .. } => {
                    found = found.or_else(|| (self.ending)(inner));
                    Walk::Into
                }
                _ => Walk::Into,
            },
            _ => Walk::Into,
        });
        match found {
            None => {}
            Some(Ending::Panic) => self.leave(Exit::Panic),
            Some(Ending::Goexit) => self.leave(Exit::Goexit),
            Some(Ending::Process) => {
                if let Some(block) = self.current.take() {
                    self.blocks[block.index()].exit = Some(Exit::Process);
                }
            }
            // It neither returns nor ends: nothing follows.
            Some(Ending::Never) => self.current = None,
        }
    }

    fn list(&mut self, list: List<StmtId>) {
        for stmt in self.ast.list(list) {
            self.stmt(stmt);
        }
    }

    fn label(&mut self, name: Name) -> BlockId {
        if let Some(block) = self.labels.get(&name) {
            return *block;
        }
        let block = self.block();
        self.labels.insert(name, block);
        block
    }

    fn stmt(&mut self, stmt: StmtId) {
        let ast = self.ast;
        let label = self.pending.take();
        match ast[stmt].kind {
            StmtKind::Bad | StmtKind::Empty => {}
            StmtKind::Labeled { label, stmt } => {
                if let Some(name) = ast.name(label) {
                    let block = self.label(name);
                    self.goto(Edge::Next, block);
                    self.current = Some(block);
                    self.pending = Some(name);
                }
                self.stmt(stmt);
                self.pending = None;
            }
            StmtKind::Decl(_) | StmtKind::IncDec { .. } | StmtKind::Go(_) => self.step(Step::Stmt(stmt)),
            StmtKind::Expr(x) => {
                self.step(Step::Stmt(stmt));
                self.calls(x);
            }
            StmtKind::Send { value, .. } => {
                self.step(Step::Stmt(stmt));
                self.calls(value);
            }
            StmtKind::Assign { right, .. } => {
                self.step(Step::Stmt(stmt));
                for value in ast.list(right) {
                    self.calls(value);
                }
            }
            StmtKind::Defer(call) => {
                if let Some(current) = self.current {
                    let at = self.blocks[current.index()].steps.len();
                    self.defers.push((current, at, call));
                }
                self.step(Step::Stmt(stmt));
            }
            StmtKind::Return(results) => {
                self.step(Step::Stmt(stmt));
                for result in ast.list(results) {
                    self.calls(result);
                }
                self.leave(Exit::Return);
            }
            StmtKind::Branch { keyword, label } => self.branch(keyword, label.and_then(|label| ast.name(label))),
            StmtKind::Block(list) => {
                // A label before a block is one to break out of.
                match label {
                    Some(_) => self.breakable(label, |builder| builder.list(list)),
                    None => self.list(list),
                }
            }
            StmtKind::If { init, condition, then, otherwise } => {
                init.into_iter().for_each(|init| self.stmt(init));
                self.expr(condition);
                let Some(from) = self.current.take() else { return };
                let (on_true, after) = (self.block(), self.block());
                self.edge(from, Edge::True, on_true);
                self.current = Some(on_true);
                self.stmt(then);
                self.goto(Edge::Next, after);
                match otherwise {
                    Some(otherwise) => {
                        let on_false = self.block();
                        self.edge(from, Edge::False, on_false);
                        self.current = Some(on_false);
                        self.stmt(otherwise);
                        self.goto(Edge::Next, after);
                    }
                    None => self.edge(from, Edge::False, after),
                }
                self.current = Some(after);
            }
            StmtKind::Switch { init, tag, body } => {
                init.into_iter().for_each(|init| self.stmt(init));
                tag.into_iter().for_each(|tag| self.expr(tag));
                self.clauses(label, body, true);
            }
            StmtKind::TypeSwitch { init, assign, body } => {
                init.into_iter().for_each(|init| self.stmt(init));
                self.step(Step::Stmt(assign));
                self.clauses(label, body, true);
            }
            StmtKind::Select(body) => self.clauses(label, body, false),
            StmtKind::Case { .. } | StmtKind::Comm { .. } => {}
            StmtKind::For { init, condition, post, body } => {
                init.into_iter().for_each(|init| self.stmt(init));
                let head = self.block();
                let (again, after) = (post.map_or(head, |_| self.block()), self.block());
                self.goto(Edge::Next, head);
                self.current = Some(head);
                let inside = match condition {
                    Some(condition) => {
                        self.expr(condition);
                        let inside = self.block();
                        if let Some(from) = self.current {
                            self.edge(from, Edge::True, inside);
                            self.edge(from, Edge::False, after);
                        }
                        inside
                    }
                    None => head,
                };
                self.current = Some(inside);
                self.targets.push(Target { label, after, again: Some(again) });
                self.stmt(body);
                self.targets.pop();
                self.goto(Edge::Next, again);
                if let Some(post) = post {
                    self.current = Some(again);
                    self.stmt(post);
                    self.goto(Edge::Next, head);
                }
                self.current = Some(after);
            }
            StmtKind::Range(range) => {
                self.calls(range.x);
                let head = self.block();
                let (inside, after) = (self.block(), self.block());
                self.goto(Edge::Next, head);
                self.blocks[head.index()].steps.push(Step::Stmt(stmt));
                self.edge(head, Edge::Element, inside);
                self.edge(head, Edge::Done, after);
                self.current = Some(inside);
                self.targets.push(Target { label, after, again: Some(head) });
                self.stmt(range.body);
                self.targets.pop();
                self.goto(Edge::Next, head);
                self.current = Some(after);
            }
        }
    }

    fn breakable(&mut self, label: Option<Name>, inside: impl FnOnce(&mut Self)) {
        let after = self.block();
        self.targets.push(Target { label, after, again: None });
        inside(self);
        self.targets.pop();
        self.goto(Edge::Next, after);
        self.current = Some(after);
    }

    fn branch(&mut self, keyword: Token, label: Option<Name>) {
        let is_meant = |target: &&Target| match label {
            Some(_) => target.label == label,
            None => true,
        };
        let to = match keyword {
            Token::Goto => label.map(|label| self.label(label)),
            Token::Fallthrough => self.falls_to,
            Token::Continue => {
                let mut loops = self.targets.iter().rev().filter(|target| target.again.is_some());
                loops.find(is_meant).and_then(|target| target.again)
            }
            // A label of a block is only broken out of by name.
            _ => self.targets.iter().rev().find(is_meant).map(|target| target.after),
        };
        match to {
            Some(to) => self.goto(Edge::Next, to),
            // To a place that is not there: such code is not compiled.
            None => self.current = None,
        }
    }

    /// The clauses of a `switch` or `select`, from where we are.
    fn clauses(&mut self, label: Option<Name>, body: StmtId, is_switch: bool) {
        let ast = self.ast;
        let StmtKind::Block(list) = ast[body].kind else { return };
        let Some(from) = self.current.take() else { return };
        let clauses: Vec<(StmtId, BlockId)> = ast.list(list).map(|clause| (clause, self.block())).collect();
        let after = self.block();
        self.targets.push(Target { label, after, again: None });
        let mut has_default = false;
        for (at, (clause, block)) in clauses.iter().enumerate() {
            self.edge(from, Edge::Clause(*clause), *block);
            self.current = Some(*block);
            match ast[*clause].kind {
                StmtKind::Case { values, body, is_default } => {
                    has_default |= is_default;
                    for value in ast.list(values) {
                        self.step(Step::Expr(value));
                    }
                    let outer = std::mem::replace(&mut self.falls_to, clauses.get(at + 1).map(|(_, next)| *next));
                    self.list(body);
                    self.falls_to = outer;
                }
                StmtKind::Comm { comm, body } => {
                    comm.into_iter().for_each(|comm| self.step(Step::Stmt(comm)));
                    self.list(body);
                }
                _ => {}
            }
            self.goto(Edge::Next, after);
        }
        self.targets.pop();
        // A select waits until one of its clauses can be chosen: without any, for ever.
        if is_switch && !has_default {
            self.edge(from, Edge::NoClause, after);
        }
        self.current = Some(after);
    }
}

/// Only the blocks that can be reached, and those that do nothing but lead on left out.
fn reachable(mut blocks: Vec<Block>) -> Graph {
    let skip = |blocks: &[Block], mut at: BlockId| {
        for _ in 0..blocks.len() {
            match blocks[at.index()] {
                Block { ref steps, ref next, exit: None } if steps.is_empty() => match next.as_slice() {
                    [(Edge::Next, to)] if *to != at => at = *to,
                    _ => break,
                },
                _ => break,
            }
        }
        at
    };
    let shortened: Vec<Vec<(Edge, BlockId)>> =
        blocks.iter().map(|block| block.next.iter().map(|(edge, to)| (*edge, skip(&blocks, *to))).collect()).collect();
    for (block, next) in blocks.iter_mut().zip(shortened) {
        block.next = next;
    }
    let entry = skip(&blocks, BlockId(0));
    let mut numbers: Vec<Option<u32>> = vec![None; blocks.len()];
    let (mut order, mut pending) = (Vec::new(), vec![entry]);
    while let Some(at) = pending.pop() {
        if numbers[at.index()].is_none() {
            numbers[at.index()] = Some(u32::try_from(order.len()).unwrap_or(u32::MAX));
            order.push(at);
            pending.extend(blocks[at.index()].next.iter().rev().map(|(_, to)| *to));
        }
    }
    let renumbered = order.iter().map(|at| {
        let mut block = std::mem::take(&mut blocks[at.index()]);
        block.next.iter_mut().for_each(|(_, to)| *to = BlockId(numbers[to.index()].unwrap_or(0)));
        block
    });
    Graph { blocks: renumbered.collect() }
}
