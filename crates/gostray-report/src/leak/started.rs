//! Who started whom: functions with `go` statements, below them what they started, and what that started in turn.
//!
//! It is a graph of functions; as a tree it can be read. What is started from several places stands below each of them
//! with its own numbers, and what it started in turn stands below the first only.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use gostray_model::FunctionName;

use super::{Leak, linked, links};
use crate::html::text;
use crate::words::{count, number};

/// So many lines are written; what is smaller is counted only.
const MAX_LINES: usize = 600;
/// So many functions below one are shown from the start.
const MANY: usize = 12;

/// Goroutines that one function started with another.
#[derive(Default)]
struct Edge {
    goroutines: u64,
    leaking: u64,
    groups: BTreeSet<usize>,
}

struct Graph<'a> {
    /// Creator → started → how many.
    edges: BTreeMap<&'a str, BTreeMap<&'a str, Edge>>,
    /// Whose creator is not known.
    unknown: Edge,
}

pub(super) fn write(leak: &Leak<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<section aria-labelledby=\"started\"><h2 id=\"started\">Who started whom</h2>")?;
    let graph = Graph::of(leak);
    if graph.edges.is_empty() {
        return writeln!(out, "<p class=\"dim\">This source does not say who started a goroutine.</p></section>");
    }
    writeln!(
        out,
        "<p class=\"dim small\">A function with <code>go</code> statements, and below it the functions that it started, with \
         how many goroutines of each are there; what is filled in is leaking.</p>"
    )?;
    let mut drawing = Drawing { graph: &graph, told: BTreeSet::new(), lines: 0, left: 0, most: graph.most() };
    drawing.roots(out)?;
    if graph.unknown.goroutines > 0 {
        writeln!(
            out,
            "<p class=\"dim small\">Started by the runtime, or it is not known by whom: {} {}</p>",
            linked(graph.unknown.goroutines, &graph.unknown.groups),
            links(&graph.unknown.groups)
        )?;
    }
    if drawing.left > 0 {
        writeln!(
            out,
            "<p class=\"warning\">Left out here, as they are small: {}.</p>",
            count(drawing.left, "goroutine")
        )?;
    }
    writeln!(out, "</section>")
}

impl Edge {
    fn add(&mut self, group: usize, goroutines: u64, is_leak: bool) {
        self.goroutines += goroutines;
        self.leaking += if is_leak { goroutines } else { 0 };
        self.groups.insert(group);
    }
}

impl<'a> Graph<'a> {
    fn of(leak: &'a Leak<'_>) -> Self {
        let tables = &leak.snapshot.tables;
        let mut graph = Self { edges: BTreeMap::new(), unknown: Edge::default() };
        for (at, entry) in leak.groups.iter().enumerate() {
            let is_leak = entry.judged.judgement.verdict.is_leak();
            for variant in &entry.judged.group.variants {
                let stack = tables.stack(variant.stack);
                let edge = match stack.created_by {
                    Some(creator) => {
                        let started = gostray_model::start_function(tables, stack).map_or("?", |frame| &frame.function);
                        let creator = &*tables.frame(creator).function;
                        graph.edges.entry(creator).or_default().entry(started).or_default()
                    }
                    None => &mut graph.unknown,
                };
                edge.add(at + 1, variant.count, is_leak);
            }
        }
        graph
    }

    /// All that a function started.
    fn total(&self, creator: &str) -> Edge {
        let mut all = Edge::default();
        for edge in self.edges.get(creator).into_iter().flat_map(BTreeMap::values) {
            all.goroutines += edge.goroutines;
            all.leaking += edge.leaking;
            all.groups.extend(&edge.groups);
        }
        all
    }

    /// The most goroutines that one function started: what bars are measured by.
    fn most(&self) -> u64 {
        self.edges.keys().map(|creator| self.total(creator).goroutines).max().unwrap_or(1).max(1)
    }

    /// Those that nobody here started; what is left is started in a circle, and begins anywhere.
    fn roots(&self) -> Vec<&'a str> {
        let started: BTreeSet<&str> = self
            .edges
            .iter()
            .flat_map(|(creator, all)| all.keys().filter(move |own| *own != creator))
            .copied()
            .collect();
        let mut roots: Vec<&str> = self.edges.keys().copied().filter(|creator| !started.contains(creator)).collect();
        let mut seen = BTreeSet::new();
        roots.iter().for_each(|root| self.reach(root, &mut seen));
        for creator in self.edges.keys() {
            if !seen.contains(creator) {
                roots.push(creator);
                self.reach(creator, &mut seen);
            }
        }
        roots.sort_by_cached_key(|root| {
            let total = self.total(root);
            (Reverse(total.leaking > 0), Reverse(total.goroutines), *root)
        });
        roots
    }

    fn reach(&self, from: &'a str, seen: &mut BTreeSet<&'a str>) {
        let mut open = vec![from];
        while let Some(creator) = open.pop() {
            if seen.insert(creator) {
                open.extend(self.edges.get(creator).into_iter().flat_map(BTreeMap::keys));
            }
        }
    }
}

struct Drawing<'a> {
    graph: &'a Graph<'a>,
    /// What they started in turn has been shown.
    told: BTreeSet<&'a str>,
    lines: usize,
    /// Goroutines for which there was no room.
    left: u64,
    most: u64,
}

impl<'a> Drawing<'a> {
    fn roots(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<(&str, Edge)> =
            self.graph.roots().into_iter().map(|root| (root, self.graph.total(root))).collect();
        writeln!(out, "<ul class=\"tree\">")?;
        self.rows(&rows.iter().map(|(name, edge)| (*name, edge)).collect::<Vec<_>>(), out)?;
        writeln!(out, "</ul>")
    }

    /// Functions of one level, the small ones folded away.
    fn rows(&mut self, rows: &[(&'a str, &Edge)], out: &mut dyn Write) -> io::Result<()> {
        // What leaks is never folded away, nor is a single line.
        let leaking = rows.iter().filter(|(_, edge)| edge.leaking > 0).count();
        let open = if rows.len() <= MANY + 1 { rows.len() } else { leaking.max(MANY).min(rows.len()) };
        let (large, small) = rows.split_at(open);
        for (name, edge) in large {
            self.one(name, edge, out)?;
        }
        if small.is_empty() {
            return Ok(());
        }
        let goroutines: u64 = small.iter().map(|(_, edge)| edge.goroutines).sum();
        writeln!(
            out,
            "<li><details><summary>… {} with {}</summary><ul>",
            count(small.len() as u64, "smaller one"),
            count(goroutines, "goroutine")
        )?;
        for (name, edge) in small {
            self.one(name, edge, out)?;
        }
        writeln!(out, "</ul></details></li>")
    }

    fn one(&mut self, name: &'a str, edge: &Edge, out: &mut dyn Write) -> io::Result<()> {
        if self.lines >= MAX_LINES {
            self.left += edge.goroutines;
            return Ok(());
        }
        self.lines += 1;
        let short = FunctionName::new(name).short();
        let leaking = match edge.leaking {
            0 => String::new(),
            all if all == edge.goroutines => " <span class=\"leaking\">leaking</span>".to_owned(),
            some => format!(" <span class=\"leaking\">{} leaking</span>", number(some)),
        };
        write!(
            out,
            "<li><div class=\"row\"><span class=\"n\">{}</span>{}<span class=\"mono\" title=\"{}\">{}</span>{leaking} {}</div>",
            linked(edge.goroutines, &edge.groups),
            bar(edge, self.most),
            text(name),
            text(&short),
            links(&edge.groups)
        )?;
        let graph = self.graph;
        if let Some(below) = graph.edges.get(name) {
            if self.told.insert(name) {
                let mut rows: Vec<(&str, &Edge)> = below.iter().map(|(name, edge)| (*name, edge)).collect();
                rows.sort_by_key(|(name, edge)| (Reverse(edge.leaking > 0), Reverse(edge.goroutines), *name));
                writeln!(out, "<ul>")?;
                self.rows(&rows, out)?;
                write!(out, "</ul>")?;
            } else {
                write!(out, "<div class=\"dim small\">what it started in turn is shown above</div>")?;
            }
        }
        writeln!(out, "</li>")
    }
}

/// How many, as a share of the most; the filled part is leaking.
#[expect(clippy::cast_precision_loss, reason = "a picture")]
fn bar(edge: &Edge, most: u64) -> String {
    let percent = |n: u64| (n as f64 / most as f64 * 100.0).min(100.0);
    let (all, leaking) = (percent(edge.goroutines), percent(edge.leaking));
    format!(
        "<svg class=\"bar\" width=\"72\" height=\"10\" aria-hidden=\"true\"><rect width=\"100%\" height=\"10\"/>\
         <rect class=\"all\" width=\"{all:.1}%\" height=\"10\"/><rect class=\"leak\" width=\"{leaking:.1}%\" height=\"10\"/></svg>"
    )
}
