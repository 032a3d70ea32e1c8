//! Ways on which somebody waits for ever: a sender that nobody receives from, a receiver that nobody
//! sends to.

use gostray_golang::ast::{ExprId, StmtId, StmtKind};
use gostray_golang::flow::{BlockId, Edge, Exit, Step};

use crate::actor::{Manner, loop_around};
use crate::channel::count::{MANY, most};
use crate::channel::story::{Act, Deed, Goroutine, Room, Story};
use crate::path::{Atom, Watch, Way, search};
use crate::program::{Body, Cell, Event, Known, What};

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
    skipped: Vec<ExprId>,
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
                let deeds: Vec<ExprId> = own().map(|deed| deed.operation.expr).collect();
                deed.links.iter().all(|link| link.manner == Manner::Called)
                    && search(&callee, &Passes { body: &callee, channels: &deeds }).is_some()
            })
            .map(|deed| deed.operation.expr)
            .collect();
        Self { story, loops, endless, waits, skipped, served: Vec::new() }
    }

    fn effect(&self, event: &Event) -> Effect {
        let (story, owner) = (self.story, &self.story.owner);
        let mut effect = Effect::default();
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
                (Act::Receive | Act::Range, false) if self.skipped.contains(&deed.operation.expr) => {}
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

    fn is_found(&self, (): &(), exit: Exit) -> bool {
        exit == Exit::Return
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

struct Senders<'s, 'p> {
    supply: Supply<'s, 'p>,
    room: u64,
}

impl Senders<'_, '_> {
    fn is_left(&self, state: &Left) -> bool {
        // How many a loop sends is not known: perhaps no more than there is room for.
        !state.is_drained && state.pending > 0 && (state.pending >= MANY || u64::from(state.pending) > self.room)
    }
}

impl Watch for Senders<'_, '_> {
    type State = Left;

    fn start(&self) -> Left {
        Left { pending: 0, has_received: false, is_drained: false }
    }

    fn event(&self, mut state: Left, event: &Event) -> Option<Left> {
        // A new channel is made: what was received from the one before is another story.
        if let What::Make { call } = event.what
            && call == self.supply.story.make
            && !self.is_left(&state)
        {
            return Some(self.start());
        }
        let effect = self.supply.effect(event);
        state.pending = state.pending.saturating_add(effect.sends).min(MANY);
        if effect.receives > 0 {
            state.receive();
        }
        state.is_drained |= effect.is_drained || effect.closes;
        Some(state)
    }

    fn edge(&self, mut state: Left, from: BlockId, edge: Edge) -> Option<Left> {
        if let Edge::Clause(clause) = edge
            && self.supply.served.contains(&clause)
        {
            state.is_drained = true;
        }
        if self.supply.loops.contains(&from) {
            match edge {
                Edge::Done | Edge::False => state.is_drained = true,
                Edge::Element if self.is_range(from) => state.receive(),
                _ => {}
            }
        }
        Some(state)
    }

    fn is_found(&self, state: &Left, exit: Exit) -> bool {
        exit == Exit::Return && self.is_left(state)
    }

    fn is_found_before(&self, state: &Left, event: &Event) -> bool {
        let What::Call { call } = event.what else { return false };
        let owner = &self.supply.story.owner;
        let is_wait = matches!(owner.known(call), Some(Known::Wait | Known::GroupWait));
        is_wait
            && self.is_left(state)
            && owner
                .receiver(call)
                .and_then(|receiver| owner.cell(receiver))
                .is_some_and(|cell| self.supply.waits.contains(&cell))
    }
}

impl Left {
    fn receive(&mut self) {
        self.has_received = true;
        if self.pending < MANY {
            self.pending = self.pending.saturating_sub(1);
        }
    }
}

impl Senders<'_, '_> {
    /// Is the loop with this head one over the channel itself?
    fn is_range(&self, head: BlockId) -> bool {
        let owner = &self.supply.story.owner;
        owner.flow().events[head.index()].iter().any(|event| {
            matches!(event.what, What::Range { .. })
                && self
                    .supply
                    .story
                    .own(Act::Range)
                    .any(|deed| deed.links.is_empty() && Story::is_done_at(owner, event, deed, 0))
        })
    }
}

/// Goroutines, or the owner, that send and nobody receives.
pub(crate) fn stranded_senders<'s, 'p>(story: &'s Story<'p>) -> Option<Stranded<'s, 'p>> {
    if !story.is_whole() || !story.has(Act::Send) {
        return None;
    }
    let owner = &story.owner;
    let Room::Values(room) = story.room else { return length_room(story) };
    let sender = story.goroutines.iter().find_map(|g| Some((g, story.first_certain(g, Act::Send)?)));
    let own = story.own(Act::Send).find(|deed| deed.is_certain);
    if !story.has(Act::Receive) && !story.has(Act::Range) {
        // A send on a closed channel panics.
        if story.has(Act::Close) {
            return None;
        }
        return no_receiver(story, room, sender, own);
    }
    // What other goroutines receive is not followed.
    let is_received_elsewhere = story.goroutines.iter().any(|goroutine| {
        story.of_goroutine(goroutine, Act::Receive).chain(story.of_goroutine(goroutine, Act::Range)).next().is_some()
    });
    let nested = story.deeds.iter().any(|deed| {
        deed.links.iter().filter(|link| link.manner == Manner::Spawned).count() > 1
            && matches!(deed.act, Act::Receive | Act::Range)
    });
    if is_received_elsewhere || nested || owner.is_main() || story.trail.is_shared {
        return None;
    }
    let (goroutine, deed) = sender?;
    let mut watch = Senders { supply: Supply::of(story), room };
    if story.most(goroutine, Act::Send) < MANY {
        watch.supply.served = served(story, goroutine);
    }
    let way = search(owner, &watch)?;
    let (sends, has_received) = along(&watch, &way);
    let shape = if way.before.is_some() {
        Shape::WaitsFirst
    } else if deed.is_deferred {
        Shape::InDefer
    } else {
        shape(story, goroutine, &way, has_received)
    };
    let way_conditions = way.last_condition(owner);
    // The last of several sends is the one that finds no room.
    let last = || story.of_goroutine(goroutine, Act::Send).filter(|deed| deed.is_certain).last();
    let deed = if shape == Shape::MoreThanReceived { last().unwrap_or(deed) } else { deed };
    Some(Stranded {
        story,
        shape,
        goroutine: Some(goroutine),
        deed,
        way: Some((owner.clone(), way)),
        sends,
        is_certain: (sends < MANY || room == 0)
            && watch.supply.skipped.is_empty()
            && is_counted(story)
            && !may_be_stopped(story, goroutine)
            && !(shape == Shape::StuckProducer && picks(story, deed))
            && !leaves_by_counting(owner, way_conditions),
    })
}

/// Is a goroutine started by a timer that somebody keeps, and may have stopped?
fn may_be_stopped(story: &Story<'_>, goroutine: &Goroutine) -> bool {
    let (spawner, call) = goroutine.spawn();
    let spawner = story.owner.program.body(spawner);
    spawner.known(call) == Some(Known::Later)
        && !matches!(spawner.tree.around(spawner.ast(), call), crate::program::Parent::Stmt(stmt)
            if matches!(spawner.ast()[stmt].kind, StmtKind::Expr(_)))
}

/// Does a loop over a channel send only for some of what it receives? Then it may have sent its last.
fn picks(story: &Story<'_>, deed: &Deed) -> bool {
    struct Picks<'b, 'p> {
        body: &'b Body<'p>,
        channel: ExprId,
        over: ExprId,
        head: Option<BlockId>,
    }
    impl Watch for Picks<'_, '_> {
        /// In a round that has not sent yet.
        type State = bool;

        fn start(&self) -> bool {
            false
        }

        fn event(&self, state: bool, event: &Event) -> Option<bool> {
            let ast = self.body.ast();
            let sends = matches!(event.what, What::Send { channel }
                if ast.unparen(channel) == ast.unparen(self.channel));
            (!(sends && state)).then_some(state)
        }

        fn edge(&self, state: bool, from: BlockId, edge: Edge) -> Option<bool> {
            Some(state || Some(from) == self.head && edge == Edge::Element)
        }

        fn is_found(&self, _state: &bool, _exit: Exit) -> bool {
            false
        }

        fn is_found_before(&self, state: &bool, event: &Event) -> bool {
            *state && matches!(event.what, What::Range { channel } if channel == self.over)
        }
    }
    let body = story.owner.program.body(deed.operation.body);
    let Some(stmt) = loop_around(&body, deed.operation.expr) else { return false };
    let StmtKind::Range(range) = body.ast()[stmt].kind else { return false };
    let channel = deed.operation.expr;
    search(&body, &Picks { body: &body, channel, over: range.x, head: head(&body, stmt) }).is_some()
}

/// The cases that receive from a channel which the goroutine sends on or closes, too: where one of them was
/// chosen, the goroutine did that, and not what would leave it waiting.
fn served(story: &Story<'_>, goroutine: &Goroutine) -> Vec<StmtId> {
    let owner = &story.owner;
    let ast = owner.ast();
    let root = owner.program.body(goroutine.root());
    let mut fed: Vec<Cell> = Vec::new();
    for body in root.family() {
        for (_, event) in body.flow().all() {
            let channel = match event.what {
                What::Send { channel } | What::Close { channel } => Some(channel),
                What::Deferred { call } => body.arguments(call).first().copied(),
                _ => None,
            };
            fed.extend(channel.and_then(|channel| body.cell(channel)));
        }
    }
    let own: Vec<Cell> = story
        .deeds
        .iter()
        .filter_map(|deed| owner.program.body(deed.operation.body).cell(deed.operation.expr))
        .collect();
    let mut clauses = Vec::new();
    for (_, event) in owner.flow().all() {
        let What::Receive { channel } = event.what else { continue };
        let is_fed = owner.cell(channel).is_some_and(|cell| fed.contains(&cell) && !own.contains(&cell));
        if event.select.is_none() || !is_fed {
            continue;
        }
        // Up to the clause that it is the case of.
        let mut at = owner.tree.directly_around(channel);
        while let crate::program::Parent::Expr(outer) = at {
            at = owner.tree.directly_around(outer);
        }
        if let crate::program::Parent::Stmt(comm) = at
            && let crate::program::Parent::Stmt(clause) = owner.tree.around_stmt(comm)
            && matches!(ast[clause].kind, StmtKind::Comm { .. })
        {
            clauses.push(clause);
        }
    }
    clauses
}

/// Does the last condition ask for a variable that counts?
fn leaves_by_counting(owner: &Body<'_>, condition: Option<ExprId>) -> bool {
    let Some(condition) = condition else { return false };
    let (ast, tree) = (owner.ast(), &owner.tree);
    let mut counts = false;
    ast.walk(gostray_golang::ast::Node::Expr(condition), 0, &mut |node, _| {
        if let gostray_golang::ast::Node::Expr(expr) = node
            && let Some(variable) = tree.types.variable(expr)
        {
            let uses = tree.uses.get(&Cell::Var(variable)).into_iter().flatten();
            counts |= uses.copied().any(|mention| match tree.around(ast, mention) {
                crate::program::Parent::Stmt(stmt) => match ast[stmt].kind {
                    StmtKind::IncDec { .. } => true,
                    StmtKind::Assign { operator, .. } => {
                        matches!(operator, gostray_golang::Token::AddAssign | gostray_golang::Token::SubAssign)
                    }
                    _ => false,
                },
                _ => false,
            });
        }
        gostray_golang::ast::Walk::Into
    });
    counts
}

/// Is it known how often the goroutines send? Not where they are started in loops of what is called, or send
/// in what they call only under a condition.
fn is_counted(story: &Story<'_>) -> bool {
    let program = story.owner.program;
    story.goroutines.iter().filter(|g| story.most(g, Act::Send) > 0).all(|goroutine| {
        let is_nested = goroutine.is_many && loop_around(&story.owner, goroutine.call()).is_none();
        let is_called_often = story.most(goroutine, Act::Send) > 1
            && story.of_goroutine(goroutine, Act::Send).any(|deed| {
                deed.links.len() > goroutine.links.len() && {
                    let inner = program.body(deed.operation.body);
                    search(&inner, &Passes { body: &inner, channels: &[deed.operation.expr] }).is_some()
                }
            });
        !is_nested && !is_called_often
    })
}

/// The most that is sent on a way, and whether anything is received.
fn along(watch: &Senders<'_, '_>, way: &Way) -> (u8, bool) {
    let story = watch.supply.story;
    let owner = &story.owner;
    let flow = owner.flow();
    let (mut sends, mut has_received) = (0u8, false);
    for (block, edge) in way.edges.iter().map(|(block, edge)| (*block, Some(*edge))).chain([(way.last, None)]) {
        for event in &flow.events[block.index()] {
            let effect = watch.supply.effect(event);
            sends = sends.saturating_add(effect.sends).min(MANY);
            has_received |= effect.receives > 0;
        }
        has_received |= edge == Some(Edge::Element) && watch.is_range(block);
    }
    // Spawned in a loop whose rounds nobody counted: as many as it runs.
    let is_many = story.goroutines.iter().any(|goroutine| {
        let spawned = loop_around(owner, goroutine.call());
        goroutine.is_many
            && story.most(goroutine, Act::Send) > 0
            && spawned.is_none_or(|stmt| !is_counted_loop(owner, stmt))
    });
    let most_sent = most(owner, &|event| watch.supply.effect(event).sends);
    let is_looped = story.goroutines.iter().any(|goroutine| goroutine.is_many);
    (
        if is_many {
            MANY
        } else if is_looped {
            sends
        } else {
            most_sent.max(sends)
        },
        has_received,
    )
}

/// Is it known how often a loop runs?
fn is_counted_loop(owner: &Body<'_>, stmt: StmtId) -> bool {
    crate::path::is_counted(owner, stmt)
}

fn shape(story: &Story<'_>, goroutine: &Goroutine, way: &Way, has_received: bool) -> Shape {
    let owner = &story.owner;
    let ast = owner.ast();
    let senders = story.goroutines.iter().filter(|g| story.most(g, Act::Send) > 0).count();
    let per_goroutine = story.most(goroutine, Act::Send);
    let is_several = senders > 1 || goroutine.is_many;
    let is_looped =
        story.own(Act::Receive).any(|deed| deed.links.is_empty() && loop_around(owner, deed.operation.expr).is_some())
            || story.own(Act::Range).next().is_some();
    // The last choice of a `select` that could have received.
    let gave_up = way.edges.iter().rev().find_map(|(_, edge)| match edge {
        Edge::Clause(clause) => match ast[*clause].kind {
            StmtKind::Comm { .. } => Some(*clause),
            _ => None,
        },
        _ => None,
    });
    let gave_up = gave_up.is_some_and(|clause| gives_up(story, clause));
    match () {
        () if per_goroutine >= MANY => Shape::StuckProducer,
        () if !has_received && gave_up => Shape::GivesUp,
        () if per_goroutine > 1 => Shape::MoreThanReceived,
        () if is_several && gave_up && is_looped => Shape::PartialCollect,
        () if is_several && is_looped && has_received => Shape::PartialCollect,
        () if is_several && has_received => Shape::FirstWins,
        () if !has_received => Shape::EarlyReturn,
        () => Shape::MoreThanReceived,
    }
}

/// Was another case chosen than the one that receives from the channel?
fn gives_up(story: &Story<'_>, clause: StmtId) -> bool {
    let owner = &story.owner;
    let select = |stmt: StmtId| match owner.tree.around_stmt(stmt) {
        crate::program::Parent::Stmt(block) => Some(block),
        _ => None,
    };
    let block = select(clause);
    story.own(Act::Receive).any(|deed| {
        let crate::program::Usage::Receive(receive) = deed.operation.usage else { return false };
        let mut at = owner.tree.directly_around(receive);
        while let crate::program::Parent::Expr(outer) = at {
            at = owner.tree.directly_around(outer);
        }
        let crate::program::Parent::Stmt(comm) = at else { return false };
        match owner.tree.around_stmt(comm) {
            crate::program::Parent::Stmt(own) => own != clause && select(own) == block,
            _ => false,
        }
    })
}

/// Room for as many as there are elements is enough for one send for each of them.
fn length_room<'s, 'p>(_story: &'s Story<'p>) -> Option<Stranded<'s, 'p>> {
    None
}

fn no_receiver<'s, 'p>(
    story: &'s Story<'p>,
    room: u64,
    sender: Option<(&'s Goroutine, &'s Deed)>,
    own: Option<&'s Deed>,
) -> Option<Stranded<'s, 'p>> {
    let owner = &story.owner;
    let supply = Supply::of(story);
    let sent = most(owner, &|event| supply.effect(event).sends);
    let is_many = story.goroutines.iter().any(|g| g.is_many && story.most(g, Act::Send) > 0);
    let sends = if is_many { MANY } else { sent };
    if u64::from(sent) <= room || sends >= MANY && room > 0 {
        return None;
    }
    let (goroutine, deed) = match sender {
        Some((goroutine, deed)) => (Some(goroutine), deed),
        None => (None, own?),
    };
    let shape = if room > 0 { Shape::MoreThanReceived } else { Shape::NoReceiver };
    Some(Stranded { story, shape, goroutine, deed, way: None, sends, is_certain: true })
}

/// Looks for a way on which a goroutine that receives is left waiting.
struct Receivers<'s, 'p> {
    supply: Supply<'s, 'p>,
    spawn: ExprId,
    /// How many values the goroutine waits for; a loop over the channel waits for its close.
    needs: u8,
}

impl Watch for Receivers<'_, '_> {
    /// Started, how many were sent, closed.
    type State = (bool, u8, bool);

    fn start(&self) -> Self::State {
        (false, 0, false)
    }

    fn event(&self, (mut is_started, mut sent, mut is_closed): Self::State, event: &Event) -> Option<Self::State> {
        is_started |= match event.what {
            What::Go { call } | What::Call { call } | What::Deferred { call } => call == self.spawn,
            _ => false,
        };
        let effect = self.supply.effect(event);
        sent = sent.saturating_add(effect.sends.max(effect.offers)).min(MANY);
        is_closed |= effect.closes;
        Some((is_started, sent, is_closed))
    }

    fn is_found(&self, (is_started, sent, is_closed): &Self::State, exit: Exit) -> bool {
        exit == Exit::Return && *is_started && !is_closed && (self.needs >= MANY || *sent < self.needs)
    }
}

/// Goroutines, or the owner, that receive and nobody sends to.
pub(crate) fn stranded_receivers<'s, 'p>(story: &'s Story<'p>) -> Option<Stranded<'s, 'p>> {
    if !story.is_whole() {
        return None;
    }
    let owner = &story.owner;
    let certain = |goroutine: &'s Goroutine| {
        story.first_certain(goroutine, Act::Range).or_else(|| story.first_certain(goroutine, Act::Receive))
    };
    let receiver = story.goroutines.iter().find_map(|g| Some((g, certain(g)?)));
    if !story.has(Act::Send) && !story.has(Act::Close) {
        return match receiver {
            Some((goroutine, deed)) => Some(Stranded {
                story,
                shape: Shape::NoSender,
                goroutine: Some(goroutine),
                deed,
                way: None,
                sends: 0,
                is_certain: true,
            }),
            None => {
                // To wait for ever on purpose is what main may do.
                let own = story.own(Act::Receive).chain(story.own(Act::Range)).find(|deed| deed.is_certain)?;
                (!owner.is_main()).then_some(Stranded {
                    story,
                    shape: Shape::NoSender,
                    goroutine: None,
                    deed: own,
                    way: None,
                    sends: 0,
                    // Who makes a channel and waits for it in the same breath may mean to wait for ever.
                    is_certain: !own.links.is_empty() || story.deeds.len() > 1,
                })
            }
        };
    }
    if story.trail.is_shared {
        return None;
    }
    if let Some((goroutine, deed)) = receiver {
        return left_receiver(story, goroutine, deed);
    }
    missed_supplier(story)
}

fn left_receiver<'s, 'p>(story: &'s Story<'p>, goroutine: &'s Goroutine, deed: &'s Deed) -> Option<Stranded<'s, 'p>> {
    let owner = &story.owner;
    if owner.is_main() {
        return None;
    }
    let needs = if deed.act == Act::Range { MANY } else { story.most(goroutine, Act::Receive) };
    let supplied_elsewhere = story.goroutines.iter().any(|other| {
        other.links != goroutine.links
            && story.of_goroutine(other, Act::Send).chain(story.of_goroutine(other, Act::Close)).next().is_some()
    });
    let own_supply = story.of_goroutine(goroutine, Act::Send).chain(story.of_goroutine(goroutine, Act::Close));
    if own_supply.count() > 0 {
        return None;
    }
    if deed.act == Act::Range && !story.has(Act::Close) {
        // Those who send end, so that one day nobody sends any more.
        let ends = |body: &Body<'_>| body.flow().graph.exits().contains(&Exit::Return);
        let senders_end = story
            .goroutines
            .iter()
            .filter(|other| story.of_goroutine(other, Act::Send).next().is_some())
            .all(|other| ends(&owner.program.body(other.root())));
        // A loop that is left in another way ends by itself.
        let root = owner.program.body(deed.operation.body);
        let leaves = leaves_otherwise(&root, deed);
        if !ends(owner) || !senders_end || leaves {
            return None;
        }
        let watch = Receivers { supply: Supply::of(story), spawn: goroutine.call(), needs };
        let way = search(owner, &watch)?;
        return Some(Stranded {
            story,
            shape: Shape::Unclosed,
            goroutine: Some(goroutine),
            deed,
            way: Some((owner.clone(), way)),
            sends: 0,
            is_certain: true,
        });
    }
    if supplied_elsewhere && let Some(missed) = missed_by_other(story, goroutine, deed) {
        return Some(missed);
    }
    if supplied_elsewhere || goroutine.is_many || deed.act == Act::Receive && needs >= MANY {
        return None;
    }
    let watch = Receivers { supply: Supply::of(story), spawn: goroutine.call(), needs };
    let way = search(owner, &watch)?;
    let root = owner.program.body(deed.operation.body);
    if deed.act == Act::Range && leaves_otherwise(&root, deed) {
        return None;
    }
    // Which case of a select is chosen, and how often a loop runs, may have to do with the channel.
    let is_certain = !way.chooses(owner)
        && story
            .own(Act::Send)
            .chain(story.own(Act::Close))
            .all(|deed| deed.links.is_empty() && loop_around(owner, deed.operation.expr).is_none());
    Some(Stranded {
        story,
        shape: Shape::CloseMissed,
        goroutine: Some(goroutine),
        deed,
        way: Some((owner.clone(), way)),
        sends: 0,
        is_certain,
    })
}

/// Can a loop over a channel be left before the channel is closed?
fn leaves_otherwise(body: &Body<'_>, deed: &Deed) -> bool {
    struct Leaves<'b, 'p> {
        body: &'b Body<'p>,
        deed: &'b Deed,
        head: Option<BlockId>,
    }
    impl Watch for Leaves<'_, '_> {
        type State = bool;

        fn start(&self) -> bool {
            false
        }

        fn event(&self, state: bool, event: &Event) -> Option<bool> {
            let is_head = matches!(event.what, What::Range { channel }
                if self.body.ast().unparen(channel) == self.body.ast().unparen(self.deed.operation.expr));
            Some(state || is_head)
        }

        fn edge(&self, state: bool, from: BlockId, edge: Edge) -> Option<bool> {
            if Some(from) == self.head && edge == Edge::Done { None } else { Some(state) }
        }

        fn is_found(&self, state: &bool, exit: Exit) -> bool {
            *state && exit != Exit::Process
        }
    }
    let crate::program::Usage::Range(stmt) = deed.operation.usage else { return false };
    search(body, &Leaves { body, deed, head: head(body, stmt) }).is_some()
}

/// Looks for a way of a supplier on which it neither sends nor closes.
struct Misses<'s, 'p> {
    story: &'s Story<'p>,
    body: Body<'p>,
    depth: usize,
    /// Only a close will do.
    wants_close: bool,
}

impl Watch for Misses<'_, '_> {
    type State = bool;

    fn start(&self) -> bool {
        false
    }

    fn event(&self, state: bool, event: &Event) -> Option<bool> {
        let is_supply = self.story.deeds.iter().any(|deed| {
            (deed.act == Act::Close || deed.act == Act::Send && !self.wants_close)
                && Story::is_done_at(&self.body, event, deed, self.depth)
        });
        // Supplied: of no interest any more.
        if state || is_supply { None } else { Some(false) }
    }

    fn fact(&self, state: bool, atom: &Atom, holds: bool) -> Option<bool> {
        // The channel was made: it is not nil.
        let is_it = |expr: ExprId| {
            self.body.cell(expr).is_some_and(|cell| {
                self.story.deeds.iter().any(|deed| {
                    deed.operation.body == self.body.id && self.body.cell(deed.operation.expr) == Some(cell)
                })
            })
        };
        let is_nil = atom.compared_to_nil(&self.body).is_some_and(is_it);
        (!(is_nil && holds)).then_some(state)
    }

    fn is_found(&self, _state: &bool, exit: Exit) -> bool {
        exit == Exit::Return
    }
}

/// A goroutine waits for the close, or the value, of another one, which has a way that misses it.
fn missed_by_other<'s, 'p>(story: &'s Story<'p>, goroutine: &'s Goroutine, deed: &'s Deed) -> Option<Stranded<'s, 'p>> {
    let owner = &story.owner;
    let wants_close = deed.act == Act::Range;
    let supplies = |other: &Goroutine| {
        let closes = story.of_goroutine(other, Act::Close).next().is_some();
        closes || !wants_close && story.of_goroutine(other, Act::Send).next().is_some()
    };
    let mut suppliers = story.goroutines.iter().filter(|other| other.links != goroutine.links && supplies(other));
    let (supplier, None) = (suppliers.next()?, suppliers.next()) else { return None };
    let own = story.own(Act::Close).next().is_some() || !wants_close && story.own(Act::Send).next().is_some();
    let needs = if wants_close { MANY } else { story.most(goroutine, Act::Receive) };
    let is_left_otherwise = wants_close && leaves_otherwise(&owner.program.body(deed.operation.body), deed);
    if supplier.is_many || goroutine.is_many || own || is_left_otherwise || !wants_close && needs != 1 {
        return None;
    }
    let root = owner.program.body(supplier.root());
    let watch = Misses { story, body: root.clone(), depth: supplier.links.len(), wants_close };
    let way = search(&root, &watch)?;
    let is_certain = !way.chooses(&root) && !says_something(&root, &way);
    Some(Stranded {
        story,
        shape: Shape::CloseMissed,
        goroutine: Some(goroutine),
        deed,
        way: Some((root, way)),
        sends: 0,
        is_certain,
    })
}

/// Is something sent, or closed, on a way?
fn says_something(body: &Body<'_>, way: &Way) -> bool {
    let flow = body.flow();
    let blocks = way.edges.iter().map(|(block, _)| *block).chain([way.last]);
    blocks.flat_map(|block| &flow.events[block.index()]).any(|event| match event.what {
        What::Send { .. } | What::Close { .. } => true,
        What::Deferred { call } => {
            matches!(body.callee(call), crate::program::Callee::Builtin(gostray_golang::types::Builtin::Close))
        }
        _ => false,
    })
}

/// The owner receives what a goroutine, on one of its ways, neither sends nor closes.
fn missed_supplier<'s, 'p>(story: &'s Story<'p>) -> Option<Stranded<'s, 'p>> {
    let owner = &story.owner;
    let own = story.own(Act::Range).chain(story.own(Act::Receive)).find(|deed| deed.is_certain)?;
    if !own.links.is_empty() || story.own(Act::Send).chain(story.own(Act::Close)).next().is_some() {
        return None;
    }
    let [goroutine] = story.goroutines.as_slice() else { return None };
    if goroutine.is_many {
        return None;
    }
    let wants_close = own.act == Act::Range;
    let root = owner.program.body(goroutine.root());
    if wants_close && !story.has(Act::Close) {
        if leaves_otherwise(owner, own) || !root.flow().graph.exits().contains(&Exit::Return) {
            return None;
        }
        return Some(Stranded {
            story,
            shape: Shape::Unclosed,
            goroutine: None,
            deed: own,
            way: None,
            sends: 0,
            is_certain: true,
        });
    }
    if wants_close && leaves_otherwise(owner, own) {
        return None;
    }
    let is_looped = |deed: &Deed| loop_around(&owner.program.body(deed.operation.body), deed.operation.expr).is_some();
    if !wants_close && (is_looped(own) || story.of_goroutine(goroutine, Act::Send).any(is_looped)) {
        return None;
    }
    let watch = Misses { story, body: root.clone(), depth: goroutine.links.len(), wants_close };
    let way = search(&root, &watch)?;
    // What is done in a loop may be done in its first round, always; and who says something else on the way
    // out may say why.
    let is_certain = !way.chooses(&root)
        && !says_something(&root, &way)
        && !story.of_goroutine(goroutine, Act::Send).chain(story.of_goroutine(goroutine, Act::Close)).any(is_looped);
    Some(Stranded {
        story,
        shape: Shape::CloseMissed,
        goroutine: None,
        deed: own,
        way: Some((root, way)),
        sends: 0,
        is_certain,
    })
}
