//! Control flow: which way a function can go, and how it can end.
//!
//! A graph is of one function or closure; closures within it are values there, with graphs of their own.
//! What ends a function without its last statement (`return`, a panic, `runtime.Goexit`) first runs what
//! was deferred, the last first: each way out has the deferred calls it must or may run as blocks of its
//! own. What ends the process (`os.Exit`) runs nothing.
//!
//! | module | subject |
//! |---|---|
//! | `build` | from statements to blocks |
//! | `defers` | ways out, through what was deferred |
//! | `ends` | calls that never return: found in their bodies |
//! | `told` | calls that never return: known by their names |
//! | `display` | a graph as people read it |

mod build;
mod defers;
mod display;
mod ends;
mod told;

pub use ends::{Ending, ending_of, ends};

use crate::ast::{Ast, ExprId, StmtId};

/// A block of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(u32);

impl BlockId {
    /// Its place among the blocks.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Something that is done in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A statement without others in it. That of a clause of a `select` is what was chosen.
    Stmt(StmtId),
    /// An expression that decides, is compared, or is looped over.
    Expr(ExprId),
    /// What a `defer` deferred is called: its call.
    Deferred(ExprId),
}

/// Why one block follows another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// It simply does.
    Next,
    /// The condition holds.
    True,
    /// The condition does not hold.
    False,
    /// This clause of a `switch` or `select` was chosen.
    Clause(StmtId),
    /// No clause was chosen.
    NoClause,
    /// There is another element.
    Element,
    /// There is none.
    Done,
    /// What may have been deferred was not.
    NotDeferred,
    /// A deferred call recovered.
    Recovered,
}

/// How a function ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// It returns.
    Return,
    /// It panics, and nobody recovered.
    Panic,
    /// Its goroutine ends (`runtime.Goexit`).
    Goexit,
    /// The process ends (`os.Exit`).
    Process,
}

/// Steps that follow each other, and what follows them.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// What may follow.
    pub next: Vec<(Edge, BlockId)>,
    /// The function ends here.
    pub exit: Option<Exit>,
}

/// The control flow of a function.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    blocks: Vec<Block>,
}

impl Graph {
    /// The graph of a body, a block. `ending` tells how a call ends that does not return.
    #[must_use]
    pub fn of(ast: &Ast, body: StmtId, ending: &dyn Fn(ExprId) -> Option<Ending>) -> Self {
        build::graph(ast, body, ending)
    }

    /// Where it begins.
    #[must_use]
    pub fn entry(&self) -> BlockId {
        BlockId(0)
    }

    /// The blocks, with their ids. All of them can be reached.
    pub fn blocks(&self) -> impl Iterator<Item = (BlockId, &Block)> {
        self.blocks.iter().enumerate().map(|(at, block)| (BlockId(u32::try_from(at).unwrap_or(u32::MAX)), block))
    }

    /// A block.
    #[must_use]
    pub fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id.index()]
    }

    /// How it can end, each way once.
    #[must_use]
    pub fn exits(&self) -> Vec<Exit> {
        let mut exits: Vec<Exit> = self.blocks.iter().filter_map(|block| block.exit).collect();
        exits.sort_unstable();
        exits.dedup();
        exits
    }
}
