//! A graph as people read it: a line a block, with the first line of what is done in it.

use std::fmt::Write as _;

use crate::flow::{Edge, Exit, Graph, Step};
use crate::package::SourceFile;
use crate::source::Span;

impl Graph {
    /// The graph as text.
    #[must_use]
    pub fn text(&self, source: &SourceFile) -> String {
        let ast = &source.file.ast;
        let line = |span: Span| {
            let text = source.text(span);
            let first = text.lines().next().unwrap_or_default().trim_end_matches('{').trim_end();
            if first.len() < text.len() { format!("{first} …") } else { first.to_owned() }
        };
        let mut text = String::new();
        for (id, block) in self.blocks() {
            let steps: Vec<String> = block
                .steps
                .iter()
                .map(|step| match step {
                    Step::Stmt(stmt) => line(ast[*stmt].span),
                    Step::Expr(expr) => line(ast[*expr].span),
                    Step::Deferred(call) => format!("deferred: {}", line(ast[*call].span)),
                })
                .collect();
            let _ = write!(text, "{}: {}", id.index(), steps.join("; "));
            for (edge, to) in &block.next {
                let why = match edge {
                    Edge::Next => String::new(),
                    Edge::True => "true ".to_owned(),
                    Edge::False => "false ".to_owned(),
                    Edge::Clause(clause) => format!("{} ", line(ast[*clause].span).trim_end_matches([' ', '…'])),
                    Edge::NoClause => "none ".to_owned(),
                    Edge::Element => "element ".to_owned(),
                    Edge::Done => "done ".to_owned(),
                    Edge::NotDeferred => "not deferred ".to_owned(),
                    Edge::Recovered => "recovered ".to_owned(),
                };
                let _ = write!(text, "\n   → {why}{}", to.index());
            }
            if let Some(exit) = block.exit {
                let exit = match exit {
                    Exit::Return => "returns",
                    Exit::Panic => "panics",
                    Exit::Goexit => "ends its goroutine",
                    Exit::Process => "ends the process",
                };
                let _ = write!(text, "\n   → {exit}");
            } else if block.next.is_empty() {
                text.push_str("\n   → never");
            }
            text.push('\n');
        }
        text
    }
}
