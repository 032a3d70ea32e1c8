//! A channel that a function makes, and everything that is done with it.

use gostray_golang::ast::{ExprId, ExprKind, StmtKind};
use gostray_golang::types::{Builtin, Object, VarId};

use crate::actor::{Link, Manner, links, loop_around};
use crate::channel::count::{MANY, most};
use crate::channel::panicked::is_of_panic;
use crate::program::{Body, BodyId, Callee, Cell, Event, Operation, Trail, Usage, What, follow, parameters, usage};

/// How much a channel holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Room {
    /// This many values; 0 if it is unbuffered.
    Values(u64),
    /// As many as a slice, map or string has elements: the text of `x` in `len(x)`.
    Length(String),
    /// It is not known.
    Unknown,
}

/// What is done with a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Send,
    Receive,
    Range,
    Close,
}

/// An operation on a channel, and who does it.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    pub(crate) act: Act,
    pub(crate) operation: Operation,
    /// The calls that lead to it from the function that makes the channel.
    pub(crate) links: Vec<Link>,
    /// Does it wait for the other side, and for nothing else?
    pub(crate) is_certain: bool,
    /// It is done in a deferred call.
    pub(crate) is_deferred: bool,
}

/// A goroutine that does something with a channel.
#[derive(Debug, Clone)]
pub(crate) struct Goroutine {
    /// The calls that lead to its start, that of the `go` statement last.
    pub(crate) links: Vec<Link>,
    /// Is it started in a loop?
    pub(crate) is_many: bool,
}

impl Goroutine {
    /// The call that the owner makes.
    pub(crate) fn call(&self) -> ExprId {
        self.links[0].call
    }

    /// Does the owner itself start it?
    pub(crate) fn is_direct(&self) -> bool {
        self.links.len() == 1
    }

    /// What it runs.
    pub(crate) fn root(&self) -> BodyId {
        self.links[self.links.len() - 1].callee
    }

    /// Where it is started.
    pub(crate) fn spawn(&self) -> (BodyId, ExprId) {
        let last = self.links[self.links.len() - 1];
        (last.body, last.call)
    }
}

/// The story of a channel.
#[derive(Debug, Clone)]
pub(crate) struct Story<'p> {
    /// The function that makes it.
    pub(crate) owner: Body<'p>,
    /// `make(chan T)`
    pub(crate) make: ExprId,
    pub(crate) room: Room,
    pub(crate) deeds: Vec<Deed>,
    pub(crate) goroutines: Vec<Goroutine>,
    pub(crate) trail: Trail,
    /// Who does one of the operations is not known.
    pub(crate) is_unclear: bool,
}

/// The stories of the channels that a function makes, closures apart.
pub(crate) fn stories<'p>(owner: &Body<'p>) -> Vec<Story<'p>> {
    let own = owner.tree.channels.iter().filter(|make| owner.tree.owner(**make) == Some(owner.id.at));
    own.map(|make| Story::of(owner, *make)).collect()
}

impl<'p> Story<'p> {
    fn of(owner: &Body<'p>, make: ExprId) -> Self {
        let trail = follow(owner.program, owner.id.file, make);
        let mut story = Self {
            owner: owner.clone(),
            make,
            room: room(owner, make),
            deeds: Vec::new(),
            goroutines: Vec::new(),
            trail,
            is_unclear: false,
        };
        for operation in &story.trail.operations {
            let act = match operation.usage {
                Usage::Send(_) => Act::Send,
                Usage::Receive(_) => Act::Receive,
                Usage::Range(_) => Act::Range,
                Usage::Close(_) => Act::Close,
                _ => {
                    story.is_unclear = true;
                    continue;
                }
            };
            let Some(ways) = links(owner, operation) else {
                story.is_unclear = true;
                continue;
            };
            let is_certain = is_certain(owner, operation);
            for links in ways {
                let is_deferred = links.last().is_some_and(|link| link.manner == Manner::Deferred)
                    || act == Act::Close && is_deferred_close(owner, operation);
                let last = links.iter().rposition(|link| link.manner == Manner::Spawned);
                if let Some(last) = last {
                    let own = &links[..=last];
                    if !story.goroutines.iter().any(|goroutine| goroutine.links == own) {
                        // A channel that each round makes anew has one goroutine a round.
                        let of_make = loop_around(owner, make);
                        let is_many = own.iter().any(|link| {
                            let around = loop_around(&owner.program.body(link.body), link.call);
                            around.is_some() && !(link.body == owner.id && around == of_make)
                        });
                        story.goroutines.push(Goroutine { links: own.to_vec(), is_many });
                    }
                }
                story.deeds.push(Deed { act, operation: operation.clone(), links, is_certain, is_deferred });
            }
        }
        story
    }

    /// Is it known who does what with it, and is it this channel alone?
    pub(crate) fn is_whole(&self) -> bool {
        self.trail.is_whole() && !self.trail.is_mixed && !self.is_unclear
    }

    /// Does the channel stay within the function, its goroutines and what it calls?
    pub(crate) fn is_local(&self) -> bool {
        self.is_whole() && !self.trail.is_shared
    }

    /// How the channel is called.
    pub(crate) fn name(&self) -> &'p str {
        match crate::program::usage(self.owner.ast(), &self.owner.tree, self.make) {
            Usage::Becomes(target) => self.owner.text_of(target),
            _ => "the channel",
        }
    }

    /// What is done that is not done by a goroutine: by the owner, or by what it calls.
    pub(crate) fn own(&self, act: Act) -> impl Iterator<Item = &Deed> {
        let is_own = |deed: &&Deed| deed.links.iter().all(|link| link.manner != Manner::Spawned);
        self.deeds.iter().filter(move |deed| deed.act == act).filter(is_own)
    }

    /// What a goroutine does.
    pub(crate) fn of_goroutine<'s>(&'s self, goroutine: &'s Goroutine, act: Act) -> impl Iterator<Item = &'s Deed> {
        self.deeds.iter().filter(move |deed| {
            deed.act == act
                && deed.links.starts_with(&goroutine.links)
                && deed.links[goroutine.links.len()..].iter().all(|link| link.manner != Manner::Spawned)
        })
    }

    pub(crate) fn has(&self, act: Act) -> bool {
        self.deeds.iter().any(|deed| deed.act == act)
    }

    /// How often a goroutine does something at most, of what it does for certain; [`MANY`] where it is not
    /// known.
    pub(crate) fn most(&self, goroutine: &Goroutine, act: Act) -> u8 {
        let deeds = self.of_goroutine(goroutine, act).filter(|deed| deed.is_certain);
        // A panic comes instead of the rest.
        let (panicked, others): (Vec<&Deed>, Vec<&Deed>) =
            deeds.partition(|deed| is_of_panic(self.owner.program, deed));
        let most =
            |deeds: &[&Deed]| self.most_in(goroutine.root(), goroutine.links.last(), goroutine.links.len(), deeds);
        if panicked.is_empty() { most(&others) } else { most(&others).max(most(&panicked)) }
    }

    /// How often deeds are done on a way through a function that is reached by so many links.
    fn most_in(&self, body: BodyId, by: Option<&Link>, depth: usize, deeds: &[&Deed]) -> u8 {
        let body = self.owner.program.body(body);
        let weight = |event: &Event| -> u8 {
            let mut sum = 0u8;
            let mut calls: Vec<ExprId> = Vec::new();
            for deed in deeds {
                match deed.links.get(depth) {
                    None if deed.operation.body == body.id && is_event_of(&body, event, deed) => sum += 1,
                    Some(link) if link.body == body.id && is_call(event, link) && !calls.contains(&link.call) => {
                        calls.push(link.call);
                        let inner: Vec<&Deed> =
                            deeds.iter().copied().filter(|deed| deed.links.get(depth) == Some(link)).collect();
                        sum = sum.saturating_add(self.most_in(link.callee, Some(link), depth + 1, &inner));
                    }
                    _ => {}
                }
            }
            sum.min(MANY)
        };
        most(&body, &weight, &by.map(|link| self.nil_parameters(link)).unwrap_or_default())
    }

    /// The parameters that a call gives nil, and that stay so.
    fn nil_parameters(&self, link: &Link) -> Vec<VarId> {
        let (caller, callee) = (self.owner.program.body(link.body), self.owner.program.body(link.callee));
        let (ast, tree) = (callee.ast(), &callee.tree);
        // What a helper runs gets other arguments than the helper.
        if crate::actor::callee_body(&caller, link.call) != Some(link.callee) {
            return Vec::new();
        }
        let is_nil = |argument: &ExprId| {
            matches!(caller.tree.types.objects.get(&caller.ast().unparen(*argument)), Some(Object::Nil))
        };
        let is_steady = |cell: &Cell| {
            let mut uses = tree.uses.get(cell).into_iter().flatten();
            !uses.any(|name| matches!(usage(ast, tree, *name), Usage::Gets(_) | Usage::Address(_)))
        };
        let parameters = parameters(ast, callee.function().signature).into_iter();
        let given = parameters.zip(caller.arguments(link.call)).filter(|(_, argument)| is_nil(argument));
        let variables = given.filter_map(|(name, _)| Some(VarId::Local { file: callee.id.file, ident: name? }));
        variables.filter(|variable| is_steady(&Cell::Var(*variable))).collect()
    }

    /// The first thing of its kind that a goroutine does for certain.
    pub(crate) fn first_certain<'s>(&'s self, goroutine: &'s Goroutine, act: Act) -> Option<&'s Deed> {
        self.of_goroutine(goroutine, act).find(|deed| deed.is_certain)
    }

    /// What a deed is to an event of a function that is reached by so many links: is it done there?
    pub(crate) fn is_done_at(body: &Body<'_>, event: &Event, deed: &Deed, depth: usize) -> bool {
        match deed.links.get(depth) {
            None => deed.operation.body == body.id && is_event_of(body, event, deed),
            Some(link) => link.body == body.id && is_call(event, link),
        }
    }
}

/// Is the event that a call is made?
fn is_call(event: &Event, link: &Link) -> bool {
    match event.what {
        What::Call { call } => call == link.call && link.manner != Manner::Deferred,
        What::Go { call } => call == link.call && link.manner == Manner::Spawned,
        What::Deferred { call } => call == link.call && link.manner == Manner::Deferred,
        _ => false,
    }
}

fn is_event_of(body: &Body<'_>, event: &Event, deed: &Deed) -> bool {
    let ast = body.ast();
    let is_it = |channel: ExprId| ast.unparen(channel) == ast.unparen(deed.operation.expr);
    match (event.what, deed.act) {
        (What::Send { channel }, Act::Send)
        | (What::Receive { channel }, Act::Receive)
        | (What::Range { channel }, Act::Range)
        | (What::Close { channel }, Act::Close) => is_it(channel),
        // `defer close(c)`
        (What::Deferred { call }, Act::Close) => deed.operation.usage == Usage::Close(call),
        _ => false,
    }
}

fn is_deferred_close(owner: &Body<'_>, operation: &Operation) -> bool {
    let Usage::Close(call) = operation.usage else { return false };
    crate::actor::manner(&owner.program.body(operation.body), call) == Manner::Deferred
}

/// Does an operation wait for the other side alone?
fn is_certain(owner: &Body<'_>, operation: &Operation) -> bool {
    let body = owner.program.body(operation.body);
    let ast = body.ast();
    let stmt = match operation.usage {
        Usage::Send(stmt) => Some(stmt),
        Usage::Receive(receive) => match body.tree.around(ast, receive) {
            crate::program::Parent::Stmt(stmt) => Some(stmt),
            _ => None,
        },
        _ => None,
    };
    let Some(select) = stmt.and_then(|stmt| crate::program::select_of(ast, &body.tree, stmt)) else { return true };
    let StmtKind::Select(block) = ast[select].kind else { return false };
    match ast[block].kind {
        StmtKind::Block(clauses) => clauses.len() == 1,
        _ => false,
    }
}

/// How much a channel holds that is made like this.
fn room(owner: &Body<'_>, make: ExprId) -> Room {
    let ast = owner.ast();
    let arguments = owner.arguments(make);
    let Some(size) = arguments.get(1) else { return Room::Values(0) };
    if let Some(count) = owner.program.world.integer(&owner.tree.types, owner.id.file, *size) {
        return u64::try_from(count).map_or(Room::Unknown, Room::Values);
    }
    if let ExprKind::Call { function, .. } = ast[ast.unparen(*size)].kind
        && owner.callee(ast.unparen(*size)) == Callee::Builtin(Builtin::Len)
        && ast.name(function).is_some()
        && let Some(of) = owner.arguments(ast.unparen(*size)).first()
    {
        return Room::Length(owner.text_of(*of).to_owned());
    }
    Room::Unknown
}
