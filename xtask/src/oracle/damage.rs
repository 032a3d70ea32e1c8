//! Real files with a token deleted, a token inserted, or the tail cut off: there is a tree nevertheless,
//! and functions away from the damage are what they were.

use std::collections::BTreeMap;
use std::fs;

use anyhow::ensure;
use gostray_golang::ast::{Body, DeclKind, File, Node, Walk};
use gostray_golang::{Bodies, parse, tokens};

use crate::oracle::parser::{hash, kind_of};
use crate::oracle::{corpus, newest};

/// Differences are shown up to here.
const SHOWN: usize = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many files are damaged
    #[arg(long, default_value_t = 10_000)]
    files: usize,
    /// Another number damages them in other places
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    corpus: corpus::Args,
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((u128::from(self.0) * limit as u128) >> 64).unwrap_or(0)
    }
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Delete,
    Insert,
    Cut,
}

/// A function: where it was written, and the shape of all that is in it.
struct Function {
    start: usize,
    end: usize,
    name: String,
    shape: u32,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let go = newest()?;
    let mut files = Vec::new();
    for (_, folder) in args.corpus.folders(&go)? {
        files.extend(corpus::files(&folder)?);
    }
    let mut random = Random(args.seed);
    let mut tally: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    let mut shown = 0;
    for _ in 0..args.files {
        let path = &files[random.below(files.len())];
        let source = fs::read(path)?;
        let whole = parse(&source, Bodies::Parse);
        let tokens = tokens(&source);
        if tokens.is_empty() || !whole.errors.is_empty() {
            continue;
        }
        let (damage, at) = ([Damage::Delete, Damage::Insert, Damage::Cut][random.below(3)], random.below(tokens.len()));
        let span = tokens[at].1.range();
        let (damaged, removed, added) = match damage {
            Damage::Delete => ([&source[..span.start], &source[span.end..]].concat(), span.len(), 0),
            Damage::Insert => {
                let text = &source[tokens[random.below(tokens.len())].1.range()];
                let parts = [&source[..span.start], b" ", text, b" ", &source[span.start..]];
                (parts.concat(), 0, text.len() + 2)
            }
            Damage::Cut => (source[..span.start].to_vec(), source.len() - span.start, 0),
        };
        let parsed = parse(&damaged, Bodies::Parse);
        let after = functions(&parsed.file);
        let (files, expected, lost) = tally.entry(format!("{damage:?}")).or_default();
        *files += 1;
        for function in functions(&whole.file) {
            let is_before = function.end < span.start;
            let is_after = function.start > span.end && !matches!(damage, Damage::Cut);
            if !is_before && !is_after {
                continue;
            }
            *expected += 1;
            let start = if is_before { function.start } else { function.start + added - removed };
            let is_there = after
                .iter()
                .any(|other| other.start == start && other.name == function.name && other.shape == function.shape);
            if !is_there {
                *lost += 1;
                shown += 1;
                if shown <= SHOWN {
                    eprintln!("{}: {damage:?} at {}: {} is lost", path.display(), span.start, function.name);
                }
            }
        }
    }
    println!("{:<8} {:>7} {:>22} {:>7}", "damage", "files", "functions away from it", "lost");
    for (damage, (files, expected, lost)) in &tally {
        println!("{damage:<8} {files:>7} {expected:>22} {lost:>7}");
    }
    let lost: usize = tally.values().map(|(_, _, lost)| lost).sum();
    ensure!(lost == 0, "{lost} functions were lost");
    Ok(())
}

fn functions(file: &File) -> Vec<Function> {
    let ast = &file.ast;
    let declared = file.decls.iter().filter_map(|decl| match ast[*decl].kind {
        DeclKind::Func(function) if matches!(function.body, Body::Block(_)) => Some((*decl, function)),
        _ => None,
    });
    let described = declared.map(|(decl, function)| {
        let span = ast[decl].span;
        let mut shape = Vec::new();
        ast.walk(Node::Decl(decl), 0, &mut |node, depth| {
            let (kind, detail) = kind_of(ast, node);
            let of = ast.span_of(node);
            let (start, end) = (of.start.wrapping_sub(span.start), of.end.wrapping_sub(span.start));
            shape.extend(format!("{kind} {detail} {depth} {start} {end}\n").bytes());
            Walk::Into
        });
        let name = ast.name(function.name).map_or(String::new(), |name| name.to_string());
        Function { start: span.start as usize, end: span.end as usize, name, shape: hash(&shape) }
    });
    described.collect()
}
