//! What a snapshot says of its target, as it is kept: stacks and counts, no labels, no arguments.

use std::collections::HashMap;

use gostray_model::{FunctionName, Operation, Signature, Snapshot, StackId, StatusId};
use rustc_hash::FxBuildHasher;

use crate::store::{Frame, Stack};

/// So many frames of a stack are kept, the inner half and the outer half.
const MAX_FRAMES: usize = 64;
/// So many bytes of a function's or file's name are kept.
const MAX_NAME: usize = 512;

/// How many goroutines have a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The stack, with what they wait for.
    pub stack: Stack,
    /// How many.
    pub count: u32,
    /// Do they wait for something that only their own program can end (a channel, a lock, …)?
    pub is_synchronisation: bool,
}

/// What a snapshot says, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// The stacks and their counts; each stack once.
    pub counts: Vec<Counted>,
    /// All goroutines.
    pub goroutines: u64,
    /// Goroutines that serve requests.
    pub load: u32,
    /// Build id of the executable, where the target told it.
    pub build_id: Option<String>,
    /// When the process started, where the target told it (milliseconds since 1970).
    pub started_at: Option<i64>,
    /// Notes on what is missing.
    pub missing: Vec<String>,
}

impl Observation {
    /// What a snapshot says. At most `max_stacks` stacks are kept, those with the most goroutines;
    /// a note says how many were left out.
    #[must_use]
    pub fn of(snapshot: &Snapshot, max_stacks: usize) -> Self {
        let mut counts: HashMap<(StackId, StatusId), u32, FxBuildHasher> = HashMap::default();
        for record in &snapshot.records {
            let count = counts.entry((record.stack, record.status)).or_default();
            *count = count.saturating_add(record.count);
        }
        let mut kinds: Vec<_> = counts.into_iter().collect();
        kinds.sort_unstable_by_key(|((stack, status), count)| (std::cmp::Reverse(*count), *stack, *status));
        let mut observation = Self {
            goroutines: snapshot.goroutines(),
            build_id: snapshot.target.build_id.clone(),
            started_at: snapshot.target.started_at.map(jiff::Timestamp::as_millisecond),
            missing: snapshot
                .notes
                .iter()
                .filter(|note| note.kind == gostray_model::NoteKind::Missing)
                .map(|note| note.text.clone())
                .collect(),
            ..Self::default()
        };
        if kinds.len() > max_stacks {
            let left: u64 = kinds[max_stacks..].iter().map(|(_, count)| u64::from(*count)).sum();
            let stacks = kinds.len() - max_stacks;
            observation.missing.push(format!("{stacks} stacks ({left} goroutines) beyond the {max_stacks} commonest"));
            kinds.truncate(max_stacks);
        }
        // Two stacks may look alike once they are cut.
        let mut places: HashMap<Stack, usize> = HashMap::with_capacity(kinds.len());
        for ((stack, status), count) in kinds {
            let (stack, operation) = stack_of(snapshot, stack, status);
            if serves_requests(&stack) {
                observation.load = observation.load.saturating_add(count);
            }
            match places.get(&stack) {
                Some(&at) => observation.counts[at].count = observation.counts[at].count.saturating_add(count),
                None => {
                    places.insert(stack.clone(), observation.counts.len());
                    let is_synchronisation = operation.is_synchronisation();
                    observation.counts.push(Counted { stack, count, is_synchronisation });
                }
            }
        }
        observation
    }
}

/// A stack of a snapshot as it is kept.
#[must_use]
pub fn stack_of(snapshot: &Snapshot, stack: StackId, status: StatusId) -> (Stack, Operation) {
    let tables = &snapshot.tables;
    let (stack, status) = (tables.stack(stack), tables.status(status));
    let operation = Operation::of(tables, stack, status);
    let signature = Signature::of(tables, stack, status).to_string();
    let visible: Vec<_> = tables.visible(stack).collect();
    let outer = visible.len().saturating_sub(MAX_FRAMES / 2).max(MAX_FRAMES / 2);
    let frames = visible
        .iter()
        .enumerate()
        .filter(|(at, _)| *at < MAX_FRAMES / 2 || *at >= outer)
        .map(|(_, frame)| Frame { function: cut(&frame.function), file: cut(&frame.file), line: frame.line })
        .collect();
    (Stack { signature, operation: operation.reason().to_owned(), frames }, operation)
}

fn cut(name: &str) -> String {
    match name.char_indices().nth(MAX_NAME) {
        Some((at, _)) => name[..at].to_owned(),
        None => name.to_owned(),
    }
}

/// Is a goroutine with this stack serving a request? Its start function says so, whatever it waits
/// for; one that waits for the next request on a kept-alive connection waits for the network.
fn serves_requests(stack: &Stack) -> bool {
    let Some(start) = stack.frames.last() else { return false };
    gostray_verdict::history::serves_requests(&FunctionName::new(&start.function).normalised())
}
