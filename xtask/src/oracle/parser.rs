//! The parser beside `go/parser`: every node, where it begins and ends, every comment, every rejection.

use std::fs;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use gostray_golang::ast::{Ast, ChanDir, DeclKind, ExprKind, File, LiteralKind, Node, SpecKind, StmtKind, Walk};
use gostray_golang::{Bodies, Parsed, Span, parse};

use crate::oracle::{build, corpus, newest};

/// The kinds of nodes; the Go program has the same list.
const KINDS: [&str; 53] = [
    "",
    "BadExpr",
    "Ident",
    "BasicLit",
    "CompositeLit",
    "FuncLit",
    "ParenExpr",
    "SelectorExpr",
    "IndexExpr",
    "IndexListExpr",
    "SliceExpr",
    "TypeAssertExpr",
    "CallExpr",
    "StarExpr",
    "UnaryExpr",
    "BinaryExpr",
    "KeyValueExpr",
    "ArrayType",
    "StructType",
    "FuncType",
    "InterfaceType",
    "MapType",
    "ChanType",
    "Ellipsis",
    "BadStmt",
    "EmptyStmt",
    "DeclStmt",
    "LabeledStmt",
    "ExprStmt",
    "SendStmt",
    "IncDecStmt",
    "AssignStmt",
    "GoStmt",
    "DeferStmt",
    "ReturnStmt",
    "BranchStmt",
    "BlockStmt",
    "IfStmt",
    "CaseClause",
    "SwitchStmt",
    "TypeSwitchStmt",
    "CommClause",
    "SelectStmt",
    "ForStmt",
    "RangeStmt",
    "BadDecl",
    "FuncDecl",
    "GenDecl",
    "ImportSpec",
    "ValueSpec",
    "TypeSpec",
    "FieldList",
    "Field",
];
/// Differences are shown up to here.
const SHOWN: usize = 20;

/// A node, as both sides describe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Described {
    kind: &'static str,
    depth: u32,
    span: Span,
    detail: u32,
}

#[derive(Debug, Default)]
struct Tally {
    files: usize,
    lines: usize,
    nodes: usize,
    rejected: usize,
    different: usize,
}

pub(crate) fn run(args: &corpus::Args) -> anyhow::Result<()> {
    let go = newest()?;
    let folder = tempfile::tempdir()?;
    let oracle = build(&go, "parser", folder.path())?;
    println!("{:<50} {:>7} {:>9} {:>10} {:>8} {:>9}", "", "files", "lines", "nodes", "rejected", "different");
    let mut different = 0;
    for (name, folder) in args.folders(&go)? {
        let tally = compare(&oracle, &folder)?;
        let Tally { files, lines, nodes, rejected, .. } = tally;
        println!("{name:<50} {files:>7} {lines:>9} {nodes:>10} {rejected:>8} {:>9}", tally.different);
        different += tally.different;
    }
    if different > 0 {
        bail!("{different} files differ");
    }
    Ok(())
}

fn compare(oracle: &Path, folder: &Path) -> anyhow::Result<Tally> {
    let files = corpus::files(folder)?;
    let mut process = Command::new(oracle).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = process.stdin.take().context("no input")?;
    let mut theirs = BufReader::with_capacity(1 << 20, process.stdout.take().context("no output")?);
    let paths: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let writer = std::thread::spawn(move || paths.iter().try_for_each(|path| writeln!(input, "{path}")));
    let mut tally = Tally::default();
    for path in &files {
        let source = fs::read(path)?;
        let ours = parse(&source, Bodies::Parse);
        tally.files += 1;
        tally.lines += source.iter().filter(|byte| **byte == b'\n').count();
        if let Some(difference) = difference(&source, &ours, &mut theirs, &mut tally)? {
            tally.different += 1;
            if tally.different <= SHOWN {
                eprintln!("{}: {difference}", path.display());
            }
        }
    }
    process.wait()?;
    writer.join().ok().context("the writer panicked")??;
    Ok(tally)
}

fn difference(
    source: &[u8],
    ours: &Parsed,
    theirs: &mut impl Read,
    tally: &mut Tally,
) -> anyhow::Result<Option<String>> {
    let first = ours.errors.first();
    if byte(theirs)? == 1 {
        let at = number(theirs)?;
        tally.rejected += 1;
        return Ok(match first {
            None => Some(format!("rejected by go/parser at {at}, accepted here")),
            Some(error) if error.at != at => Some(format!("rejected at {at}, here at {}: {error}", error.at)),
            Some(_) => None,
        });
    }
    let skipped = parse(source, Bodies::Skip);
    let spans = |of: &Parsed| of.file.decls.iter().map(|decl| of.file.ast[*decl].span).collect::<Vec<_>>();
    let mut nodes = describe(&ours.file).into_iter();
    let mut difference = first.map(|error| format!("rejected here at {}: {error}", error.at));
    if first.is_none() && (!skipped.errors.is_empty() || spans(ours) != spans(&skipped)) {
        difference = Some("without its bodies it declares something else".to_owned());
    }
    loop {
        let kind = usize::from(byte(theirs)?);
        if kind == 0 {
            break;
        }
        let (depth, start, end, detail) = (number(theirs)?, number(theirs)?, number(theirs)?, number(theirs)?);
        tally.nodes += 1;
        let node = Described { kind: KINDS[kind], depth, span: Span { start, end }, detail };
        let our = nodes.next();
        if our != Some(node) && difference.is_none() {
            difference = Some(format!("{node:?}, here {our:?}"));
        }
    }
    if let Some(node) = nodes.next() {
        difference = difference.or(Some(format!("only here {node:?}")));
    }
    let count = number(theirs)?;
    let mut comments = ours.file.comments.iter();
    for _ in 0..count {
        let (at, text) = (number(theirs)?, number(theirs)?);
        let our = comments.next();
        let same = our.is_some_and(|span| {
            let text_here: Vec<u8> = source[span.range()].iter().copied().filter(|byte| *byte != b'\r').collect();
            // Go keeps carriage returns where they would end the comment.
            let has_return = memchr_return(&source[span.range()]);
            span.start == at && (has_return || hash(trim(&text_here)) == text)
        });
        if !same && difference.is_none() {
            difference = Some(format!("a comment at {at}, here {our:?}"));
        }
    }
    Ok(difference)
}

fn memchr_return(bytes: &[u8]) -> bool {
    bytes.contains(&b'\r')
}

fn trim(text: &[u8]) -> &[u8] {
    std::str::from_utf8(text).map_or(text, |text| text.trim().as_bytes())
}

fn byte(from: &mut impl Read) -> anyhow::Result<u8> {
    let mut byte = [0];
    from.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn number(from: &mut impl Read) -> anyhow::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

/// FNV-1a.
pub(crate) fn hash(text: &[u8]) -> u32 {
    text.iter().fold(2_166_136_261, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619))
}

/// Every node of a file, in order.
fn describe(file: &File) -> Vec<Described> {
    let mut nodes = Vec::new();
    file.walk(&mut |node, depth| {
        let (kind, detail) = kind_of(&file.ast, node);
        let span = file.ast.span_of(node);
        nodes.push(Described { kind, depth, span, detail: hash(detail.as_bytes()) });
        Walk::Into
    });
    nodes
}

pub(crate) fn kind_of(ast: &Ast, node: Node) -> (&'static str, &'static str) {
    match node {
        Node::Expr(expr) => match ast[expr].kind {
            ExprKind::Bad => ("BadExpr", ""),
            ExprKind::Ident(name) => ("Ident", name.as_str()),
            ExprKind::Literal(kind) => (
                "BasicLit",
                match kind {
                    LiteralKind::Int => "INT",
                    LiteralKind::Float => "FLOAT",
                    LiteralKind::Imag => "IMAG",
                    LiteralKind::Char => "CHAR",
                    LiteralKind::String => "STRING",
                },
            ),
            ExprKind::Composite { .. } => ("CompositeLit", ""),
            ExprKind::Func { .. } => ("FuncLit", ""),
            ExprKind::Paren(_) => ("ParenExpr", ""),
            ExprKind::Selector { .. } => ("SelectorExpr", ""),
            ExprKind::Index { indices, .. } if indices.len() == 1 => ("IndexExpr", ""),
            ExprKind::Index { .. } => ("IndexListExpr", ""),
            ExprKind::Slice { .. } => ("SliceExpr", ""),
            ExprKind::TypeAssert { .. } => ("TypeAssertExpr", ""),
            ExprKind::Call { is_spread, .. } => ("CallExpr", if is_spread { "..." } else { "" }),
            ExprKind::Star(_) => ("StarExpr", ""),
            ExprKind::Unary { operator, .. } => ("UnaryExpr", operator.text()),
            ExprKind::Binary { operator, .. } => ("BinaryExpr", operator.text()),
            ExprKind::KeyValue { .. } => ("KeyValueExpr", ""),
            ExprKind::Array { .. } => ("ArrayType", ""),
            ExprKind::Struct(_) => ("StructType", ""),
            ExprKind::FuncType(_) => ("FuncType", ""),
            ExprKind::Interface(_) => ("InterfaceType", ""),
            ExprKind::Map { .. } => ("MapType", ""),
            ExprKind::Chan { direction, .. } => (
                "ChanType",
                match direction {
                    ChanDir::Both => "Both",
                    ChanDir::Send => "Send",
                    ChanDir::Receive => "Receive",
                },
            ),
            ExprKind::Ellipsis(_) => ("Ellipsis", ""),
        },
        Node::Stmt(stmt) => match ast[stmt].kind {
            StmtKind::Bad => ("BadStmt", ""),
            StmtKind::Empty => ("EmptyStmt", ""),
            StmtKind::Decl(_) => ("DeclStmt", ""),
            StmtKind::Labeled { .. } => ("LabeledStmt", ""),
            StmtKind::Expr(_) => ("ExprStmt", ""),
            StmtKind::Send { .. } => ("SendStmt", ""),
            StmtKind::IncDec { operator, .. } => ("IncDecStmt", operator.text()),
            StmtKind::Assign { operator, .. } => ("AssignStmt", operator.text()),
            StmtKind::Go(_) => ("GoStmt", ""),
            StmtKind::Defer(_) => ("DeferStmt", ""),
            StmtKind::Return(_) => ("ReturnStmt", ""),
            StmtKind::Branch { keyword, .. } => ("BranchStmt", keyword.text()),
            StmtKind::Block(_) => ("BlockStmt", ""),
            StmtKind::If { .. } => ("IfStmt", ""),
            StmtKind::Case { .. } => ("CaseClause", ""),
            StmtKind::Switch { .. } => ("SwitchStmt", ""),
            StmtKind::TypeSwitch { .. } => ("TypeSwitchStmt", ""),
            StmtKind::Comm { .. } => ("CommClause", ""),
            StmtKind::Select(_) => ("SelectStmt", ""),
            StmtKind::For { .. } => ("ForStmt", ""),
            StmtKind::Range(range) => ("RangeStmt", if range.is_define { ":=" } else { "" }),
        },
        Node::Decl(decl) => match ast[decl].kind {
            DeclKind::Bad => ("BadDecl", ""),
            DeclKind::Func(_) => ("FuncDecl", ""),
            DeclKind::Gen(of) => ("GenDecl", of.keyword.text()),
        },
        Node::Spec(spec) => match ast[spec].kind {
            SpecKind::Import { .. } => ("ImportSpec", ""),
            SpecKind::Value { .. } => ("ValueSpec", ""),
            SpecKind::Type { is_alias, .. } => ("TypeSpec", if is_alias { "=" } else { "" }),
        },
        Node::Fields(_) => ("FieldList", ""),
        Node::Field(_) => ("Field", ""),
        Node::Signature(..) => ("FuncType", ""),
    }
}
