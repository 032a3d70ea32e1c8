//! Who sends, and nobody receives any more.

use gostray_golang::Token;
use gostray_golang::ast::{ExprId, ExprKind, StmtId, StmtKind};
use gostray_golang::flow::{BlockId, Edge, Exit};
use gostray_golang::types::VarId;

use super::counted::{always_sends, is_counted, leaves_by_counting, leaves_by_nil};
use super::given::given;
use super::nothing::is_done;
use super::others::{joins, served};
use super::shape::shape;
use super::{Left, Shape, Stranded, Supply, comes_openly, head, starts};
use crate::actor::{Manner, loop_around};
use crate::channel::count::{MANY, most};
use crate::channel::story::{Act, Deed, Goroutine, Room, Story};
use crate::path::{Atom, Watch, Way, is_cut_short, open_way, search, search_possible};
use crate::program::{Body, Cell, Event, Known, Usage, What, usage};

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

    fn fact(&self, mut state: Left, atom: &Atom, holds: bool) -> Option<Left> {
        // `v, ok := <-c`: where it is not ok, the channel is closed, and so all was received.
        state.is_drained |= !holds && self.is_ok(atom);
        // `done = <-c`: where that holds, it was received.
        state.is_drained |=
            holds && (self.was_received(atom) || state.has_received && is_done(self.supply.story, atom));
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

/// The only value that a name is assigned together with others, where that is what a channel gives: `v, ok := <-c`.
fn received_with(owner: &Body<'_>, name: ExprId) -> Option<ExprId> {
    let ast = owner.ast();
    let crate::program::Parent::Stmt(stmt) = owner.tree.around(ast, name) else { return None };
    let StmtKind::Assign { right, .. } = ast[stmt].kind else { return None };
    let value = ast.unparen(ast.at(right, 0).filter(|_| right.len() == 1)?);
    match ast[value].kind {
        ExprKind::Unary { operator: Token::Arrow, x } => Some(ast.unparen(x)),
        _ => None,
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
    /// Does a condition ask whether the channel gave a value, or is closed?
    fn is_ok(&self, atom: &Atom) -> bool {
        let (story, owner) = (self.supply.story, &self.supply.story.owner);
        let (ast, tree) = (owner.ast(), &owner.tree);
        let Some(variable) = tree.types.variable(ast.unparen(atom.expr)) else { return false };
        let mut gets = tree.uses.get(&Cell::Var(variable)).into_iter().flatten().filter_map(|name| {
            let is_second = matches!(usage(ast, tree, *name), Usage::Gets(None));
            is_second.then(|| received_with(owner, *name))
        });
        gets.any(|channel| {
            channel.is_some_and(|channel| {
                story
                    .own(Act::Receive)
                    .any(|deed| deed.operation.body == owner.id && ast.unparen(deed.operation.expr) == channel)
            })
        })
    }

    /// Is it a variable that is nothing until it gets what the channel gives?
    fn was_received(&self, atom: &Atom) -> bool {
        let (story, owner) = (self.supply.story, &self.supply.story.owner);
        let (ast, tree) = (owner.ast(), &owner.tree);
        let Some(variable @ VarId::Local { ident, .. }) = tree.types.variable(ast.unparen(atom.expr)) else {
            return false;
        };
        let is_of_channel = |value: ExprId| match ast[ast.unparen(value)].kind {
            ExprKind::Unary { operator: Token::Arrow, x } => story
                .own(Act::Receive)
                .any(|deed| deed.operation.body == owner.id && ast.unparen(deed.operation.expr) == ast.unparen(x)),
            _ => false,
        };
        let is_false = |value: ExprId| owner.text_of(value) == "false";
        let mut gets = tree.uses.get(&Cell::Var(variable)).into_iter().flatten().filter_map(|name| {
            match usage(ast, tree, *name) {
                Usage::Gets(value) => Some((*name, value)),
                Usage::Address(_) => Some((*name, None)),
                _ => None,
            }
        });
        let mut is_received = false;
        gets.all(|(name, value)| match value {
            Some(value) if is_of_channel(value) => {
                is_received = true;
                true
            }
            // As it is declared.
            Some(value) => name == ident && is_false(value),
            None => false,
        }) && is_received
    }

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
    if !story.has(Act::Send) {
        return None;
    }
    let given = if story.is_local() { Vec::new() } else { given(story).unwrap_or_default() };
    if !story.is_whole() && given.is_empty() {
        return None;
    }
    let owner = &story.owner;
    // Room for as many as there are elements is enough for one send for each of them.
    let Room::Values(room) = story.room else { return None };
    let sender = sender(story);
    let own = story.own(Act::Send).find(|deed| deed.is_certain);
    if story.is_whole() && !story.has(Act::Receive) && !story.has(Act::Range) {
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
    if is_received_elsewhere || nested || owner.is_main() || !story.is_local() && given.is_empty() {
        return None;
    }
    let (goroutine, deed) = sender?;
    let mut watch = Senders { supply: Supply { given, ..Supply::of(story) }, room };
    // Who sends on and on has sent on another channel before; what it closes, it closes at its end.
    let is_producer = story.most(goroutine, Act::Send) >= MANY;
    watch.supply.served = served(story, goroutine, is_producer);
    let way = search_possible(owner, &watch, &starts(goroutine)).or_else(|| search(owner, &watch))?;
    let open = open_way(owner, &watch, &way, &starts(goroutine));
    let is_open = open.is_some() && comes_openly(story, goroutine, deed);
    let way = open.unwrap_or(way);
    let (sends, has_received) = along(&watch, &way);
    let shape = if way.before.is_some() {
        Shape::WaitsFirst
    } else if deed.is_deferred {
        Shape::InDefer
    } else {
        shape(story, goroutine, &way, has_received)
    };
    let way_conditions = way.last_condition(owner);
    let is_joined = joins(story, goroutine, &way);
    let is_cut_short = is_cut_short(owner, &way);
    // The last of several sends is the one that finds no room.
    let last = || story.of_goroutine(goroutine, Act::Send).filter(|deed| deed.is_certain).last();
    let finds_room = room > 0 && u64::from(story.most(goroutine, Act::Send)) > room;
    let deed = if shape == Shape::MoreThanReceived || finds_room { last().unwrap_or(deed) } else { deed };
    Some(Stranded {
        story,
        shape,
        goroutine: Some(goroutine),
        deed,
        way: Some((owner.clone(), way)),
        sends,
        is_certain: (sends < MANY || room == 0)
            && watch.supply.skipped.is_empty()
            && watch.supply.given.is_empty()
            && is_counted(story)
            && !may_be_stopped(story, goroutine)
            && !may_wait_before(story, goroutine, deed)
            && !is_joined
            && is_open
            // Who consumes and stops in the normal course may have been told, on another way, that this was the last.
            && (shape != Shape::StuckProducer || is_cut_short)
            && !(shape == Shape::StuckProducer && picks(story, deed))
            && (room == 0 || always_sends(story))
            && !leaves_by_counting(owner, way_conditions)
            && !leaves_by_nil(owner, way_conditions),
    })
}

/// A goroutine that sends, and its first send: the first one, unless a later one is known to send more.
fn sender<'s>(story: &'s Story<'_>) -> Option<(&'s Goroutine, &'s Deed)> {
    let mut senders = story.goroutines.iter().filter_map(|g| Some((g, story.first_certain(g, Act::Send)?)));
    let first = senders.next()?;
    let mut most = story.most(first.0, Act::Send);
    let mut sender = first;
    for other in senders {
        let sends = story.most(other.0, Act::Send);
        if (most + 1..MANY).contains(&sends) {
            (sender, most) = (other, sends);
        }
    }
    Some(sender)
}

/// Is a goroutine started by a timer that somebody keeps, and may have stopped?
fn may_be_stopped(story: &Story<'_>, goroutine: &Goroutine) -> bool {
    let (spawner, call) = goroutine.spawn();
    let spawner = story.owner.program.body(spawner);
    spawner.known(call) == Some(Known::Later)
        && !matches!(spawner.tree.around(spawner.ast(), call), crate::program::Parent::Stmt(stmt)
            if matches!(spawner.ast()[stmt].kind, StmtKind::Expr(_)))
}

/// Does a goroutine hand another channel of the owner to somebody, before it sends? Then that may be where it waits.
fn may_wait_before(story: &Story<'_>, goroutine: &Goroutine, deed: &Deed) -> bool {
    let program = story.owner.program;
    let root = program.body(goroutine.root());
    let (ast, types) = (root.ast(), &root.tree.types);
    let end = if deed.operation.body == root.id { ast[deed.operation.expr].span } else { return false };
    let end = match deed.operation.usage {
        crate::program::Usage::Send(stmt) => ast[stmt].span.end,
        _ => end.end,
    };
    root.flow().all().filter(|(_, event)| event.span.start < end).any(|(_, event)| {
        let What::Call { call } = event.what else { return false };
        root.arguments(call).into_iter().any(|argument| {
            let is_channel = matches!(types.ty(argument), gostray_golang::types::Type::Chan(..));
            is_channel
                && matches!(types.variable(ast.unparen(argument)), Some(gostray_golang::types::VarId::Local { .. }))
                && root.cell(argument) != program.body(deed.operation.body).cell(deed.operation.expr)
        })
    })
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
    let StmtKind::Range(range) = body.ast()[stmt].kind else { return is_sent_when_equal(&body, deed, stmt) };
    let channel = deed.operation.expr;
    search(&body, &Picks { body: &body, channel, over: range.x, head: head(&body, stmt) }).is_some()
}

/// Is something sent in the rounds of a loop in which something equals something else? That may be one of them.
fn is_sent_when_equal(body: &Body<'_>, deed: &Deed, around: StmtId) -> bool {
    let ast = body.ast();
    let mut at = body.tree.directly_around(deed.operation.expr);
    loop {
        match at {
            crate::program::Parent::Expr(outer) => at = body.tree.directly_around(outer),
            crate::program::Parent::Stmt(stmt) if stmt == around => return false,
            crate::program::Parent::Stmt(stmt) => {
                if let StmtKind::If { condition, .. } = ast[stmt].kind
                    && let ExprKind::Binary { operator: Token::Equal, .. } = ast[ast.unparen(condition)].kind
                {
                    return true;
                }
                at = body.tree.around_stmt(stmt);
            }
            _ => return false,
        }
    }
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
            && spawned.is_none_or(|stmt| !crate::path::is_counted(owner, stmt))
    });
    let most_sent = most(owner, &|event| watch.supply.effect(event).sends, &[]);
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

fn no_receiver<'s, 'p>(
    story: &'s Story<'p>,
    room: u64,
    sender: Option<(&'s Goroutine, &'s Deed)>,
    own: Option<&'s Deed>,
) -> Option<Stranded<'s, 'p>> {
    let owner = &story.owner;
    let supply = Supply::of(story);
    let sent = most(owner, &|event| supply.effect(event).sends, &[]);
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
    // Who makes a channel and waits for it in the same breath may mean to wait for ever.
    let is_certain = (goroutine.is_some() || !deed.links.is_empty() || story.deeds.len() > 1)
        && goroutine.is_none_or(|goroutine| comes_openly(story, goroutine, deed));
    Some(Stranded { story, shape, goroutine, deed, way: None, sends, is_certain })
}
