//! Ways on which somebody waits for ever: a sender that nobody receives from, a receiver that nobody
//! sends to.

use gostray_golang::ast::{ExprId, StmtId, StmtKind};
use gostray_golang::flow::{BlockId, Exit, Step};

use crate::actor::{Manner, loop_around};
use crate::channel::count::MANY;
use crate::channel::story::{Act, Deed, Goroutine, Story};
use crate::path::{Atom, Watch, Way, is_open, search};
use crate::program::{Body, BodyId, Cell, Event, Known, What};

mod counted;
mod given;
mod nothing;
mod others;
mod receivers;
mod senders;
mod shape;

pub(crate) use receivers::stranded_receivers;
pub(crate) use senders::stranded_senders;

/// In what way somebody is left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// A way out leaves before anything is received.
    EarlyReturn,
    /// A `select` gives up: its other case is chosen.
    GivesUp,
    /// Several send, and fewer are received than that.
    FirstWins,
    /// A loop that receives is left before its end.
    PartialCollect,
    /// Nobody ever receives.
    NoReceiver,
    /// One goroutine sends more than is received.
    MoreThanReceived,
    /// A producer sends on and on, and its consumer has left.
    StuckProducer,
    /// The send is in a deferred call.
    InDefer,
    /// `Wait` comes before what the goroutines need to go on.
    WaitsFirst,
    /// Nobody ever sends or closes.
    NoSender,
    /// Nobody closes what is ranged over.
    Unclosed,
    /// A way out misses to send or close.
    CloseMissed,
}

/// Somebody who waits for ever.
#[derive(Debug, Clone)]
pub(crate) struct Stranded<'s, 'p> {
    pub(crate) story: &'s Story<'p>,
    pub(crate) shape: Shape,
    /// The goroutine that waits; the owner itself if there is none.
    pub(crate) goroutine: Option<&'s Goroutine>,
    /// Where it waits.
    pub(crate) deed: &'s Deed,
    /// The way that leaves it, and the function it goes through.
    pub(crate) way: Option<(Body<'p>, Way)>,
    /// How many values are sent at most; [`MANY`] if it is not known.
    pub(crate) sends: u8,
    /// Is every step of it certain?
    pub(crate) is_certain: bool,
}

/// What happens at an event of the owner.
#[derive(Debug, Clone, Copy, Default)]
struct Effect {
    /// Sends that wait.
    sends: u8,
    /// Sends that may wait, or may be given up.
    offers: u8,
    receives: u8,
    is_drained: bool,
    closes: bool,
}

/// The events of the owner that matter to a channel.
struct Supply<'s, 'p> {
    story: &'s Story<'p>,
    /// Heads of loops that receive: left by their end, they have received all.
    loops: Vec<BlockId>,
    /// Receives of loops without end: nobody knows how many.
    endless: Vec<ExprId>,
    waits: Vec<Cell>,
    /// Receives in what is called, which has a way that does not come to them.
    skipped: Vec<(BodyId, ExprId)>,
    /// Mentions that give the channel to somebody, who may do anything with it.
    given: Vec<ExprId>,
    /// Cases of a `select` that say that the goroutine does something else.
    served: Vec<StmtId>,
}

/// Does the function end with anything left behind?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Left {
    /// Sends that nobody received yet; once they are [`MANY`] nobody knows how many.
    pending: u8,
    has_received: bool,
    is_drained: bool,
}

impl<'s, 'p> Supply<'s, 'p> {
    fn of(story: &'s Story<'p>) -> Self {
        let owner = &story.owner;
        let (mut loops, mut endless) = (Vec::new(), Vec::new());
        for deed in story.own(Act::Receive).filter(|deed| deed.links.is_empty()) {
            match loop_around(owner, deed.operation.expr).and_then(|stmt| head(owner, stmt)) {
                Some(block) => loops.push(block),
                None if loop_around(owner, deed.operation.expr).is_some() => endless.push(deed.operation.expr),
                None => {}
            }
        }
        for deed in story.own(Act::Range).filter(|deed| deed.links.is_empty()) {
            if let crate::program::Usage::Range(stmt) = deed.operation.usage
                && let Some(block) = head(owner, stmt)
            {
                loops.push(block);
            }
        }
        let waits = story.goroutines.iter().flat_map(|goroutine| done_for(story, goroutine)).collect();
        let own = || story.own(Act::Receive).chain(story.own(Act::Range));
        let skipped = own()
            .filter(|deed| !deed.links.is_empty())
            .filter(|deed| {
                let callee = owner.program.body(deed.links[deed.links.len() - 1].callee);
                let is_there = |deed: &&Deed| deed.operation.body.file == callee.id.file;
                let deeds: Vec<ExprId> = own().filter(is_there).map(|deed| deed.operation.expr).collect();
                deed.links.iter().all(|link| link.manner == Manner::Called)
                    && search(&callee, &Passes { body: &callee, channels: &deeds }).is_some()
            })
            .map(|deed| (deed.operation.body, deed.operation.expr))
            .collect();
        Self { story, loops, endless, waits, skipped, given: Vec::new(), served: Vec::new() }
    }

    fn effect(&self, event: &Event) -> Effect {
        let (story, owner) = (self.story, &self.story.owner);
        let mut effect = Effect::default();
        if let What::Mention { name } = event.what
            && self.given.contains(&name)
        {
            (effect.is_drained, effect.closes) = (true, true);
        }
        for goroutine in &story.goroutines {
            let first = goroutine.links[0];
            let is_here = match event.what {
                What::Go { call } | What::Call { call } => call == first.call && first.manner != Manner::Deferred,
                What::Deferred { call } => call == first.call && first.manner == Manner::Deferred,
                _ => false,
            };
            if is_here {
                let is_nested_many = goroutine.is_many && loop_around(owner, first.call).is_none();
                let sends = story.most(goroutine, Act::Send);
                let sends = if is_nested_many && sends > 0 { MANY } else { sends };
                effect.sends = effect.sends.saturating_add(sends);
            }
        }
        for deed in &story.deeds {
            if deed.links.iter().any(|link| link.manner == Manner::Spawned) || !Story::is_done_at(owner, event, deed, 0)
            {
                continue;
            }
            match (deed.act, deed.links.is_empty()) {
                (Act::Send, _) => {
                    effect.offers = effect.offers.saturating_add(1);
                    if deed.is_certain {
                        effect.sends = effect.sends.saturating_add(1);
                    }
                }
                (Act::Receive, true) if !self.endless.contains(&deed.operation.expr) => effect.receives += 1,
                (Act::Receive | Act::Range, false)
                    if self.skipped.contains(&(deed.operation.body, deed.operation.expr)) => {}
                (Act::Receive, _) | (Act::Range, false) => effect.is_drained = true,
                (Act::Range, true) => {}
                (Act::Close, _) => effect.closes = true,
            }
        }
        effect
    }
}

/// Looks for a way through a function that does not come to a channel.
struct Passes<'b, 'p> {
    body: &'b Body<'p>,
    channels: &'b [ExprId],
}

impl Watch for Passes<'_, '_> {
    type State = ();

    fn start(&self) {}

    fn event(&self, (): (), event: &Event) -> Option<()> {
        let ast = self.body.ast();
        let is_it = match event.what {
            What::Receive { channel } | What::Range { channel } | What::Send { channel } => {
                self.channels.iter().any(|own| ast.unparen(*own) == ast.unparen(channel))
            }
            _ => false,
        };
        (!is_it).then_some(())
    }

    fn fact(&self, (): (), atom: &Atom, holds: bool) -> Option<()> {
        // It is there: `for values != nil || errs != nil` is not passed by.
        let compared = atom.compared_to_nil(self.body).filter(|_| holds);
        let is_channel = |own: &ExprId| {
            compared.is_some_and(|of| self.body.cell(of).is_some() && self.body.cell(of) == self.body.cell(*own))
        };
        (!self.channels.iter().any(is_channel)).then_some(())
    }

    fn is_found(&self, (): &(), exit: Exit) -> bool {
        exit == Exit::Return
    }
}

/// Looks for a way through a function to one of its events.
struct Comes<'b, 'p> {
    body: &'b Body<'p>,
    deed: &'b Deed,
    depth: usize,
}

impl Watch for Comes<'_, '_> {
    type State = ();

    fn start(&self) {}

    fn event(&self, (): (), _event: &Event) -> Option<()> {
        Some(())
    }

    fn is_found(&self, (): &(), _exit: Exit) -> bool {
        false
    }

    fn is_found_before(&self, (): &(), event: &Event) -> bool {
        Story::is_done_at(self.body, event, self.deed, self.depth)
    }
}

/// Does what comes from outside alone decide that a goroutine comes to what it does?
fn comes_openly(story: &Story<'_>, goroutine: &Goroutine, deed: &Deed) -> bool {
    (goroutine.links.len()..=deed.links.len()).all(|depth| {
        let body = story.owner.program.body(deed.links[depth - 1].callee);
        let watch = Comes { body: &body, deed, depth };
        search(&body, &watch).is_some_and(|way| is_open(&body, &watch, &way, &|_| true))
    })
}

/// Does it start a goroutine?
fn starts(goroutine: &Goroutine) -> impl Fn(&Event) -> bool {
    let call = goroutine.call();
    move |event| is_start(event, call)
}

fn is_start(event: &Event, call: ExprId) -> bool {
    match event.what {
        What::Go { call: own } | What::Call { call: own } | What::Deferred { call: own } => own == call,
        _ => false,
    }
}

/// The head of a loop, where it is decided whether it goes on; none for `for { … }`.
fn head(body: &Body<'_>, stmt: StmtId) -> Option<BlockId> {
    let flow = body.flow();
    let condition = match body.ast()[stmt].kind {
        StmtKind::For { condition, .. } => Some(Step::Expr(condition?)),
        _ => Some(Step::Stmt(stmt)),
    }?;
    let is_head = |step: Option<&Step>| step == Some(&condition);
    flow.graph.blocks().find(|(_, block)| is_head(block.steps.last())).map(|(id, _)| id)
}

/// The wait groups that a goroutine is done for.
fn done_for(story: &Story<'_>, goroutine: &Goroutine) -> Vec<Cell> {
    let owner = &story.owner;
    let program = owner.program;
    let mut cells = Vec::new();
    let (spawner, call) = goroutine.spawn();
    let spawner = program.body(spawner);
    if let Some(Known::WaitGo | Known::GroupGo | Known::GroupTryGo) = spawner.known(call) {
        cells.extend(spawner.receiver(call).and_then(|receiver| spawner.cell(receiver)));
    }
    let root = program.body(goroutine.root());
    let send = story.first_certain(goroutine, Act::Send).filter(|deed| deed.operation.body == root.id);
    for (_, event) in root.flow().all() {
        // What is done before the send does not wait for it.
        let is_before = |at: u32| send.is_some_and(|send| at < root.ast()[send.operation.expr].span.start);
        let call = match event.what {
            What::Call { call } if !is_before(event.span.start) => call,
            What::Deferred { call } => call,
            _ => continue,
        };
        if root.known(call) == Some(Known::Done) {
            cells.extend(root.receiver(call).and_then(|receiver| root.cell(receiver)));
        }
    }
    cells
}
