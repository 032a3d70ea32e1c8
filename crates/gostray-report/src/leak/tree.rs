//! The stacks of all groups as one tree, outermost function first, in absolute counts.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use gostray_model::Frame;
use gostray_verdict::Verdict;

use super::Leak;

/// Deeper calls are put together with what called them.
const MAX_DEPTH: usize = 100;

/// A call on the stacks of goroutines.
pub(super) struct Node<'a> {
    /// None at the root, and where a stack is not known.
    pub(super) frame: Option<&'a Frame>,
    /// The node that called it; the root's is its own.
    pub(super) parent: usize,
    pub(super) depth: usize,
    pub(super) goroutines: u64,
    /// How many of them are proven or likely.
    pub(super) leaking: u64,
    /// The groups that they are of, by number.
    pub(super) groups: BTreeSet<usize>,
    /// The verdict that all of them have, if it is one.
    pub(super) verdict: Option<Verdict>,
    /// The largest first.
    pub(super) children: Vec<usize>,
}

/// A tree; the first node is the root.
pub(super) struct Tree<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    /// Some stacks are deeper than the tree.
    pub(super) is_cut: bool,
}

impl<'a> Tree<'a> {
    pub(super) fn of(leak: &'a Leak<'_>) -> Self {
        let tables = &leak.snapshot.tables;
        let mut tree = Self { nodes: Vec::new(), is_cut: false };
        let mut known: HashMap<(usize, Option<&Frame>), usize> = HashMap::new();
        tree.add(None, 0, 0);
        for (at, entry) in leak.groups.iter().enumerate() {
            let verdict = entry.judged.judgement.verdict;
            for variant in &entry.judged.group.variants {
                let stack = tables.stack(variant.stack);
                let mut frames: Vec<Option<&Frame>> = tables.visible(stack).rev().map(Some).collect();
                if frames.is_empty() {
                    frames.push(None);
                }
                tree.is_cut |= frames.len() > MAX_DEPTH;
                let mut node = 0;
                tree.nodes[0].count(at + 1, variant.count, verdict);
                for (depth, frame) in frames.into_iter().enumerate().take(MAX_DEPTH) {
                    node = match known.get(&(node, frame)) {
                        Some(child) => *child,
                        None => {
                            let child = tree.add(frame, node, depth + 1);
                            known.insert((node, frame), child);
                            child
                        }
                    };
                    tree.nodes[node].count(at + 1, variant.count, verdict);
                }
            }
        }
        let sizes: Vec<u64> = tree.nodes.iter().map(|node| node.goroutines).collect();
        for node in &mut tree.nodes {
            node.children.sort_by_key(|child| Reverse(sizes[*child]));
        }
        tree
    }

    fn add(&mut self, frame: Option<&'a Frame>, parent: usize, depth: usize) -> usize {
        let at = self.nodes.len();
        let (groups, children) = (BTreeSet::new(), Vec::new());
        self.nodes.push(Node { frame, parent, depth, goroutines: 0, leaking: 0, groups, verdict: None, children });
        if depth > 0 {
            self.nodes[parent].children.push(at);
        }
        at
    }

    /// The nodes that are shown where there is room for so many: those on the way to leaks first, then the largest. A
    /// node never goes without the one that called it.
    pub(super) fn most(&self, room: usize) -> Vec<bool> {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        // Whoever calls has at least as many goroutines, and stands before what it calls.
        order.sort_by_key(|at| {
            let node = &self.nodes[*at];
            (Reverse(node.leaking > 0), Reverse(node.goroutines), node.depth, *at)
        });
        let mut shown = vec![false; self.nodes.len()];
        for at in order.into_iter().take(room) {
            shown[at] = true;
        }
        shown
    }
}

impl Node<'_> {
    fn count(&mut self, group: usize, goroutines: u64, verdict: Verdict) {
        let is_first = self.groups.is_empty();
        self.goroutines += goroutines;
        self.leaking += if verdict.is_leak() { goroutines } else { 0 };
        self.groups.insert(group);
        self.verdict = if is_first || self.verdict == Some(verdict) { Some(verdict) } else { None };
    }
}
