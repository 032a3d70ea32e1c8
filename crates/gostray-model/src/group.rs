//! Groups: the goroutines of a snapshot that share a signature, or a location.

use std::collections::BTreeMap;
use std::time::Duration;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::operation::Operation;
use crate::record::Record;
use crate::signature::{Signature, Signer, blocked_frame, start_function};
use crate::snapshot::{Fact, Snapshot};
use crate::tables::{Frame, LabelsId, Stack, StackId, StatusId, Tables};

/// By what goroutines are put together. The location words are Delve's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Grouping {
    /// By signature.
    #[default]
    Signature,
    /// By the innermost location outside the standard library.
    UserLoc,
    /// By the innermost location that is not the runtime's own.
    CurLoc,
    /// By the `go` statement that started them.
    GoLoc,
    /// By the function they were started with.
    StartLoc,
    /// By the value of a pprof label.
    Label(String),
}

/// One distinct stack within a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// The stack.
    pub stack: StackId,
    /// The status of the goroutines that have it.
    pub status: StatusId,
    /// How many goroutines have it.
    pub count: u64,
}

/// Goroutines of one snapshot that belong together. Proven and unproven goroutines never share a
/// group, so that a verdict holds for each of its goroutines.
#[derive(Debug, Clone)]
pub struct Group {
    /// The signature of its commonest stack.
    pub signature: Signature,
    /// What its goroutines are doing.
    pub operation: Operation,
    /// Did the source prove its goroutines leaked?
    pub leaked: bool,
    /// How many goroutines.
    pub count: u64,
    /// Its distinct stacks, the commonest first.
    pub variants: Vec<Variant>,
    /// The longest known wait.
    pub oldest: Option<Duration>,
    /// How many of its goroutines have a known wait.
    pub aged: u64,
    /// The ids of its goroutines, where known, in rising order.
    pub ids: Vec<u64>,
    /// The labels that all its goroutines share.
    pub labels: BTreeMap<String, String>,
    /// The value that brought it together where grouped by label.
    pub key: Option<String>,
}

impl Group {
    /// Its commonest stack.
    #[must_use]
    pub fn stack<'a>(&self, tables: &'a Tables) -> &'a Stack {
        tables.stack(self.variants[0].stack)
    }

    /// The runtime's wait reason of its commonest stack.
    #[must_use]
    pub fn state<'a>(&self, tables: &'a Tables) -> &'a str {
        &tables.status(self.variants[0].status).reason
    }

    /// Where it is blocked, as its developer would say: the first frame outside the standard
    /// library, or the start function.
    #[must_use]
    pub fn blocked_at<'a>(&self, tables: &'a Tables) -> Option<&'a Frame> {
        blocked_frame(tables, self.stack(tables))
    }

    /// The `go` statement that started it, where the source has it.
    #[must_use]
    pub fn created_at<'a>(&self, tables: &'a Tables) -> Option<&'a Frame> {
        self.stack(tables).created_by.map(|id| tables.frame(id))
    }

    /// Its records, in the order of the snapshot.
    pub fn members<'a>(&self, snapshot: &'a Snapshot) -> impl Iterator<Item = &'a Record> {
        // The variants are distinct, but a label or a filter may have parted goroutines of one stack.
        let ids = self.ids.clone();
        let kinds: HashMap<(StackId, StatusId), (), FxBuildHasher> =
            self.variants.iter().map(|v| ((v.stack, v.status), ())).collect();
        snapshot.records.iter().filter(move |record| {
            kinds.contains_key(&(record.stack, record.status))
                && (record.id == 0 || ids.binary_search(&record.id).is_ok())
        })
    }

    /// The bytes that only its goroutines keep, where that was measured.
    #[must_use]
    pub fn retained(&self, snapshot: &Snapshot) -> Option<u64> {
        let mut facts = self.facts(snapshot).filter(|fact| fact.proven).peekable();
        facts.peek()?;
        Some(facts.map(|fact| fact.retained).sum())
    }

    /// Who keeps what its goroutines wait for, and for how many of them, the commonest first.
    #[must_use]
    pub fn held_by<'a>(&self, snapshot: &'a Snapshot) -> Vec<(&'a str, u64)> {
        let mut holders: BTreeMap<&str, u64> = BTreeMap::new();
        for holder in self.facts(snapshot).filter_map(|fact| fact.held_by.as_deref()) {
            *holders.entry(holder).or_default() += 1;
        }
        let mut holders: Vec<(&str, u64)> = holders.into_iter().collect();
        holders.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        holders
    }

    /// Were all its goroutines proven from the memory of their process?
    #[must_use]
    pub fn is_proven_from_memory(&self, snapshot: &Snapshot) -> bool {
        !self.ids.is_empty() && self.ids.iter().all(|id| snapshot.facts.get(id).is_some_and(|fact| fact.proven))
    }

    fn facts<'a>(&self, snapshot: &'a Snapshot) -> impl Iterator<Item = &'a Fact> {
        self.ids.iter().filter_map(|id| snapshot.facts.get(id))
    }

    /// The function it was started with.
    #[must_use]
    pub fn started_with<'a>(&self, tables: &'a Tables) -> Option<&'a Frame> {
        start_function(tables, self.stack(tables))
    }
}

/// Groups by signature. See [`group_by`].
#[must_use]
pub fn groups(snapshot: &Snapshot) -> Vec<Group> {
    group_by(snapshot, &Grouping::Signature)
}

/// Groups a snapshot, the largest group first; the order is the same for the same snapshot.
#[must_use]
pub fn group_by(snapshot: &Snapshot, by: &Grouping) -> Vec<Group> {
    let tables = &snapshot.tables;
    let mut signer = Signer::new(tables);
    let mut index: HashMap<(Key, bool), usize, FxBuildHasher> = HashMap::default();
    let mut building: Vec<Building> = Vec::new();
    // Signatures and keys are string work: once for each distinct kind, not for each goroutine.
    let mut kinds: HashMap<(StackId, StatusId, LabelsId), (usize, usize), FxBuildHasher> = HashMap::default();
    for record in &snapshot.records {
        let labels = if matches!(by, Grouping::Label(_)) { record.labels } else { LabelsId::NONE };
        let (group, variant) = *kinds.entry((record.stack, record.status, labels)).or_insert_with(|| {
            let (stack, status) = (tables.stack(record.stack), tables.status(record.status));
            let operation = Operation::of(tables, stack, status);
            let signature = signer.sign(stack, operation);
            let key = Key::of(by, snapshot, record, signature);
            let group = *index.entry((key, status.leaked)).or_insert_with_key(|(key, leaked)| {
                building.push(Building::new(key, *leaked));
                building.len() - 1
            });
            (group, building[group].variant(record, signature, operation))
        });
        building[group].add(record, variant, tables);
    }
    let mut groups: Vec<Group> = building.into_iter().map(|b| b.finish(tables)).collect();
    groups.sort_by(|a, b| {
        b.count.cmp(&a.count).then(a.signature.cmp(&b.signature)).then(b.leaked.cmp(&a.leaked)).then(a.key.cmp(&b.key))
    });
    groups
}

/// What the goroutines of a group have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Signature(Signature),
    Place(Option<Box<str>>, u32),
    Function(Option<Box<str>>),
    Label(Option<Box<str>>),
}

impl Key {
    fn of(by: &Grouping, snapshot: &Snapshot, record: &Record, signature: Signature) -> Self {
        let tables = &snapshot.tables;
        let stack = tables.stack(record.stack);
        let place = |frame: Option<&Frame>| {
            Self::Place(frame.map(|f| format!("{}\0{}", f.function, f.file).into()), frame.map_or(0, |f| f.line))
        };
        match by {
            Grouping::Signature => Self::Signature(signature),
            Grouping::UserLoc => place(blocked_frame(tables, stack)),
            Grouping::CurLoc => place(tables.visible(stack).next()),
            Grouping::GoLoc => place(stack.created_by.map(|id| tables.frame(id))),
            Grouping::StartLoc => Self::Function(start_function(tables, stack).map(|f| f.function.clone())),
            Grouping::Label(key) => Self::Label(
                tables.labels(record.labels).iter().find(|(k, _)| **k == **key).map(|(_, value)| value.clone()),
            ),
        }
    }
}

/// A group that is being put together.
struct Building {
    group: Group,
    /// What the variants of the group, in the same order, are.
    kinds: Vec<(Signature, Operation)>,
    last_labels: Option<LabelsId>,
}

impl Building {
    fn new(key: &Key, leaked: bool) -> Self {
        let key = match key {
            Key::Label(value) => value.as_deref().map(str::to_owned),
            _ => None,
        };
        Self {
            group: Group {
                signature: Signature::default(),
                operation: Operation::Other,
                leaked,
                count: 0,
                variants: Vec::new(),
                oldest: None,
                aged: 0,
                ids: Vec::new(),
                labels: BTreeMap::new(),
                key,
            },
            kinds: Vec::new(),
            last_labels: None,
        }
    }

    /// The place of a record's variant, new or known.
    fn variant(&mut self, record: &Record, signature: Signature, operation: Operation) -> usize {
        let variants = &mut self.group.variants;
        // Known only in a group by label, where other labels part goroutines of one stack.
        let by_label = self.group.key.is_some();
        let known = |v: &Variant| by_label && (v.stack, v.status) == (record.stack, record.status);
        variants.iter().rposition(known).unwrap_or_else(|| {
            variants.push(Variant { stack: record.stack, status: record.status, count: 0 });
            self.kinds.push((signature, operation));
            variants.len() - 1
        })
    }

    fn add(&mut self, record: &Record, variant: usize, tables: &Tables) {
        let count = u64::from(record.count);
        self.group.count += count;
        self.group.variants[variant].count += count;
        if let Some(age) = record.age.known() {
            self.group.aged += count;
            self.group.oldest = self.group.oldest.max(Some(age));
        }
        if record.id != 0 {
            self.group.ids.push(record.id);
        }
        if self.last_labels != Some(record.labels) {
            let labels = tables.labels(record.labels);
            if self.last_labels.is_none() {
                self.group.labels = labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
            } else {
                self.group.labels.retain(|key, value| labels.iter().any(|(k, v)| **k == **key && **v == **value));
            }
            self.last_labels = Some(record.labels);
        }
    }

    fn finish(mut self, tables: &Tables) -> Group {
        // The commonest first; among equals the one whose text sorts first, whatever the source's order.
        let text = |v: &Variant| {
            let place = blocked_frame(tables, tables.stack(v.stack));
            (place.map(|f| (&f.file, f.line)), &tables.status(v.status).reason, v.stack)
        };
        let mut variants: Vec<_> = self.group.variants.drain(..).zip(self.kinds).collect();
        variants.sort_by(|(a, _), (b, _)| b.count.cmp(&a.count).then_with(|| text(a).cmp(&text(b))));
        (self.group.signature, self.group.operation) = variants[0].1;
        self.group.variants = variants.into_iter().map(|(variant, _)| variant).collect();
        self.group.ids.sort_unstable();
        self.group
    }
}
