//! Stacks and counts → a tree, outermost function first, in absolute counts.

use serde::Serialize;
use utoipa::ToSchema;

use crate::store::Stack;

/// So many nodes are shown; what is smaller is put together.
const MAX_NODES: usize = 20_000;

/// A function on the stacks of goroutines.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct FlameNode {
    /// Empty at the root.
    pub(crate) function: String,
    pub(crate) file: String,
    pub(crate) line: u32,
    /// Goroutines (mean over the first window).
    pub(crate) before: f64,
    /// Goroutines (mean over the second window, or now).
    pub(crate) after: f64,
    #[schema(no_recursion)]
    pub(crate) children: Vec<FlameNode>,
}

/// Builds the tree.
pub(crate) fn tree<'a>(stacks: impl IntoIterator<Item = (&'a Stack, f64, f64)>) -> FlameNode {
    let mut root = FlameNode::default();
    let mut stacks: Vec<_> = stacks.into_iter().collect();
    // The large ones first: they are never the ones that are put together.
    stacks.sort_by(|a, b| (b.1 + b.2).total_cmp(&(a.1 + a.2)));
    let mut nodes = 0;
    for (stack, before, after) in stacks {
        let mut node = &mut root;
        node.before += before;
        node.after += after;
        for frame in stack.frames.iter().rev() {
            let same = |child: &FlameNode| {
                child.function == frame.function && child.line == frame.line && child.file == frame.file
            };
            let at = match node.children.iter().position(same) {
                Some(at) => at,
                None if nodes >= MAX_NODES => break,
                None => {
                    nodes += 1;
                    node.children.push(FlameNode {
                        function: frame.function.clone(),
                        file: frame.file.clone(),
                        line: frame.line,
                        ..FlameNode::default()
                    });
                    node.children.len() - 1
                }
            };
            node = &mut node.children[at];
            node.before += before;
            node.after += after;
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Frame;

    fn stack(functions: &[&str]) -> Stack {
        let frame = |f: &&str| Frame { function: (*f).to_owned(), file: "f.go".to_owned(), line: 1 };
        Stack { signature: String::new(), operation: String::new(), frames: functions.iter().map(frame).collect() }
    }

    #[test]
    fn adds_up_outermost_first() {
        let (a, b, c) = (stack(&["leaf", "mid", "main"]), stack(&["other", "mid", "main"]), stack(&["x"]));
        let root = tree([(&a, 1.0, 5.0), (&b, 2.0, 2.0), (&c, 1.0, 0.0)]);
        assert_eq!((root.before, root.after), (4.0, 7.0));
        let main = &root.children[0];
        assert_eq!((main.function.as_str(), main.before, main.after), ("main", 3.0, 7.0));
        assert_eq!(main.children[0].children.len(), 2);
        assert_eq!(root.children[1].function, "x");
    }
}
