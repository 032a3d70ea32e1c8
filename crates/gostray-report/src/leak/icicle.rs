//! All stacks as an icicle: what was started on top, what it called below, as wide as there are goroutines in it.
//!
//! Widths and places are attributes of the drawing, in percent, so that it fits any window without a script and without
//! inline styles, which the policy of the page forbids. A box leads to its groups; with a script a click zooms instead,
//! and the groups are named below.

use std::io::{self, Write};

use super::tree::{Node, Tree};
use super::{Leak, anchor};
use crate::html::text;
use crate::words::{count, function, number, short_place};

/// So many boxes are drawn.
const MAX_BOXES: usize = 1_500;
/// So many groups of a box are named.
const MAX_NAMED: usize = 24;
/// The height of a row.
const ROW: usize = 21;
/// What is narrower, in percent, has no room for a name and is no stop for the tab key.
const NARROW: f64 = 2.5;
/// What is narrower, in percent, would be nothing but border.
const THIN: f64 = 0.4;

pub(super) fn write(leak: &Leak<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<section aria-labelledby=\"stacks\"><h2 id=\"stacks\">All stacks</h2>")?;
    let tree = Tree::of(leak);
    if tree.nodes[0].goroutines == 0 {
        return writeln!(out, "<p class=\"dim\">There are no goroutines.</p></section>");
    }
    writeln!(
        out,
        "<p class=\"dim small\">What goroutines were started with is on top, what that called is below; a box is as wide as \
         there are goroutines in it. Colour: <span class=\"key proven\">all proven</span> <span class=\"key likely\">all \
         likely</span> <span class=\"key suspect\">all suspect</span> <span class=\"key\">others, or mixed</span>. \
         A box leads to its groups<span class=\"scripted\" hidden>; click or Enter zooms, arrows move, Escape zooms \
         out</span>.</p>"
    )?;
    let shown = tree.most(MAX_BOXES);
    let depth = tree.nodes.iter().zip(&shown).filter(|(_, shown)| **shown).map(|(node, _)| node.depth).max();
    let height = (depth.unwrap_or(0) + 1) * ROW;
    writeln!(
        out,
        "<svg id=\"icicle\" width=\"100%\" height=\"{height}\" role=\"group\" aria-label=\"All goroutines by stack\">"
    )?;
    let mut drawing = Drawing { tree: &tree, shown: &shown, numbers: vec![0; tree.nodes.len()], next: 0 };
    drawing.boxes(0, 0.0, out)?;
    writeln!(out, "</svg>\n<p id=\"said\" class=\"small\" aria-live=\"polite\"></p>")?;
    // What is left out is counted once, where it begins.
    let is_edge = |at: usize, node: &Node<'_>| !shown[at] && shown[node.parent];
    let left: u64 =
        tree.nodes.iter().enumerate().filter(|(at, node)| is_edge(*at, node)).map(|(_, node)| node.goroutines).sum();
    if left > 0 {
        writeln!(out, "<p class=\"warning\">Not drawn, as they are small: calls of {}.</p>", count(left, "goroutine"))?;
    }
    if tree.is_cut {
        writeln!(out, "<p class=\"warning\">Some stacks are deeper than what is drawn.</p>")?;
    }
    writeln!(out, "</section>")
}

struct Drawing<'a> {
    tree: &'a Tree<'a>,
    shown: &'a [bool],
    /// What boxes are called, in the order in which they are drawn.
    numbers: Vec<usize>,
    next: usize,
}

impl Drawing<'_> {
    /// Draws a box and what is below; `x` is in percent.
    fn boxes(&mut self, at: usize, x: f64, out: &mut dyn Write) -> io::Result<()> {
        let node = &self.tree.nodes[at];
        self.numbers[at] = self.next;
        self.next += 1;
        self.one(at, x, out)?;
        let mut left = x;
        for child in &node.children {
            if self.shown[*child] {
                self.boxes(*child, left, out)?;
            }
            left += self.width(*child);
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a picture")]
    fn width(&self, at: usize) -> f64 {
        self.tree.nodes[at].goroutines as f64 / self.tree.nodes[0].goroutines as f64 * 100.0
    }

    fn one(&self, at: usize, x: f64, out: &mut dyn Write) -> io::Result<()> {
        let node = &self.tree.nodes[at];
        let width = self.width(at);
        let name = match node.frame {
            Some(frame) => function(Some(frame)),
            None if at == 0 => "all".to_owned(),
            None => "(stack not known)".to_owned(),
        };
        let title =
            node.frame.map_or_else(|| name.clone(), |frame| format!("{} {}", frame.function, short_place(frame)));
        let leaking = match node.leaking {
            0 => String::new(),
            all if all == node.goroutines => ", all leaking".to_owned(),
            some => format!(", {} leaking", number(some)),
        };
        let groups: Vec<String> = node.groups.iter().take(MAX_NAMED).map(usize::to_string).collect();
        let more = match node.groups.len().saturating_sub(MAX_NAMED) {
            0 => String::new(),
            more => format!(" data-more=\"{more}\""),
        };
        let class = node.verdict.filter(|verdict| verdict.is_leak() || verdict.as_str() == "suspect");
        let class = class.map_or("", |verdict| verdict.as_str());
        let narrow = match width {
            0.0..THIN => " tabindex=\"-1\" class=\"narrow thin\"",
            THIN..NARROW => " tabindex=\"-1\" class=\"narrow\"",
            _ => "",
        };
        writeln!(
            out,
            "<a href=\"{}\" data-up=\"{}\" data-groups=\"{}\"{more}{narrow}><title>{}: {}{leaking}</title>\
             <svg x=\"{x:.3}%\" y=\"{}\" width=\"{width:.3}%\" height=\"20\"{}>\
             <rect width=\"100%\" height=\"20\"/><text x=\"4\" y=\"14\">{}</text></svg></a>",
            node.groups.first().map(|group| anchor(*group)).unwrap_or_default(),
            self.numbers[node.parent],
            groups.join(" "),
            text(&title),
            count(node.goroutines, "goroutine"),
            node.depth * ROW,
            if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") },
            text(&name),
        )
    }
}
