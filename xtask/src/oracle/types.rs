//! Types beside `go/types`, for the expressions that matter for concurrency.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use anyhow::ensure;
use gostray_golang::ast::{ExprId, ExprKind};
use gostray_golang::build::Context;
use gostray_golang::module::{Places, Workspace};
use gostray_golang::package::{FileId, World};
use gostray_golang::pool;
use gostray_golang::types::{FileTypes, Selected, Type};
use gostray_toolchain::Toolchain;
use rayon::prelude::*;

use crate::oracle::{build, corpus, newest};

/// Differences are shown up to here.
const SHOWN: usize = 25;

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    all: usize,
    resolved: usize,
    wrong: usize,
}

/// What go/types says of an expression.
struct Fact {
    class: String,
    span: (u32, u32),
    ty: String,
}

pub(crate) fn run(args: &corpus::Args) -> anyhow::Result<()> {
    let go = newest()?;
    let folder = tempfile::tempdir()?;
    let oracle = build(&go, "types", folder.path())?;
    let mut total: BTreeMap<String, Tally> = BTreeMap::new();
    for (name, folder) in args.folders(&go)? {
        if !folder.join("go.mod").is_file() {
            eprintln!("{name}: LEFT OUT: no module");
            continue;
        }
        let facts = facts(&go, &oracle, &folder)?;
        let start = Instant::now();
        let found = compare(&go, &folder, &facts)?;
        let count = |of: fn(&Tally) -> usize| found.values().map(of).sum::<usize>();
        let (all, resolved, wrong) = (count(|t| t.all), count(|t| t.resolved), count(|t| t.wrong));
        println!("{name:<50} {all:>8} {resolved:>8} {wrong:>6}  {:.2} s", start.elapsed().as_secs_f64());
        for (class, tally) in found {
            let own = total.entry(class).or_default();
            own.all += tally.all;
            own.resolved += tally.resolved;
            own.wrong += tally.wrong;
        }
    }
    println!("\n{:<10} {:>9} {:>9} {:>9} {:>7} {:>9}", "class", "all", "resolved", "", "wrong", "right");
    let mut sum = Tally::default();
    let row = |class: &str, tally: &Tally| {
        let part = |of: usize, all: usize| 100.0 * of as f64 / all.max(1) as f64;
        let Tally { all, resolved, wrong } = *tally;
        let right = part(resolved - wrong, resolved);
        println!("{class:<10} {all:>9} {resolved:>9} {:>7.2} % {wrong:>7} {right:>7.3} %", part(resolved, all));
    };
    for (class, tally) in &total {
        row(class, tally);
        sum.all += tally.all;
        sum.resolved += tally.resolved;
        sum.wrong += tally.wrong;
    }
    row("all", &sum);
    ensure!(sum.resolved * 100 >= sum.all * 97, "fewer than 97 % are resolved");
    ensure!(sum.wrong * 1000 <= sum.resolved * 5, "more than 0.5 % of the resolved are wrong");
    Ok(())
}

fn facts(go: &Toolchain, oracle: &Path, folder: &Path) -> anyhow::Result<BTreeMap<PathBuf, Vec<Fact>>> {
    let fields = "-json=ImportPath,Dir,Name,GoFiles,CgoFiles,ImportMap,DepOnly";
    let mut list = go.command();
    list.current_dir(folder).env("GOFLAGS", "-mod=mod").env("GOWORK", "off").env("CGO_ENABLED", "0");
    list.args(["list", "-e", "-deps", fields, "./..."]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut list = list.spawn()?;
    let input = list.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let output = std::process::Command::new(oracle).stdin(input).output()?;
    list.wait()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut facts: BTreeMap<PathBuf, Vec<Fact>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let cells: Vec<&str> = line.splitn(5, '\t').collect();
        let [path, class, start, end, ty] = cells[..] else { continue };
        let fact = Fact { class: class.to_owned(), span: (start.parse()?, end.parse()?), ty: ty.to_owned() };
        facts.entry(PathBuf::from(path)).or_default().push(fact);
    }
    Ok(facts)
}

fn compare(
    go: &Toolchain,
    folder: &Path,
    facts: &BTreeMap<PathBuf, Vec<Fact>>,
) -> anyhow::Result<BTreeMap<String, Tally>> {
    let places = Places { root: Some(go.root()?), ..Places::find() };
    let folder = fs::canonicalize(folder)?;
    let workspace = Workspace::of(&folder, places)?;
    let context = Context { system: "linux".into(), architecture: "amd64".into(), cgo: false, tags: vec![], minor: 27 };
    let (folders, _) = gostray_golang::package::folders(&workspace, &folder, &["./...".to_owned()])?;
    let mut world = World::new(workspace, context);
    let loaded = world.load(&folders, false, &|| {});
    let files: Vec<FileId> =
        loaded.iter().flat_map(|id| world.package(*id).files().map(|(file, _)| file).collect::<Vec<_>>()).collect();
    let found: Vec<(BTreeMap<String, Tally>, Vec<String>)> = pool().install(|| {
        files
            .par_iter()
            .filter_map(|file| Some((file, facts.get(&world.file(*file).path)?)))
            .map(|(file, facts)| of_file(&world, *file, facts))
            .collect()
    });
    let mut total: BTreeMap<String, Tally> = BTreeMap::new();
    let mut shown = 0;
    for (tallies, differences) in found {
        for (class, tally) in tallies {
            let own = total.entry(class).or_default();
            own.all += tally.all;
            own.resolved += tally.resolved;
            own.wrong += tally.wrong;
        }
        for difference in differences.into_iter().take(SHOWN.saturating_sub(shown)) {
            eprintln!("{difference}");
            shown += 1;
        }
    }
    Ok(total)
}

fn of_file(world: &World, file: FileId, facts: &[Fact]) -> (BTreeMap<String, Tally>, Vec<String>) {
    let known = FileTypes::of(world, file);
    let source = world.file(file);
    let mut by_span: BTreeMap<(u32, u32), ExprId> = BTreeMap::new();
    for (id, expr) in source.file.ast.exprs() {
        by_span.insert((expr.span.start, expr.span.end), id);
    }
    let (mut tallies, mut differences): (BTreeMap<String, Tally>, Vec<String>) = Default::default();
    for fact in facts {
        let tally = tallies.entry(fact.class.clone()).or_default();
        tally.all += 1;
        let Some(expr) = by_span.get(&fact.span) else { continue };
        let ours = match fact.class.as_str() {
            "method" => method(world, &known, *expr),
            _ => Some(known.ty(*expr).clone().defaulted().display(world).to_string()),
        };
        let is_wanted = std::env::var("GOSTRAY_SHOW_UNKNOWN").is_ok();
        let place = |ours: &str| {
            let at = source.lines().position(fact.span.0);
            let text = source.text(source.file.ast[*expr].span);
            let text: String = text.chars().take(60).collect();
            format!(
                "{}:{}:{} {} {text:?}: {}, here {ours}",
                source.path.display(),
                at.line,
                at.column,
                fact.class,
                fact.ty
            )
        };
        match ours {
            Some(ours) if !ours.contains('?') => {
                tally.resolved += 1;
                if ours != fact.ty {
                    tally.wrong += 1;
                    differences.push(place(&ours));
                }
            }
            ours => {
                if is_wanted {
                    differences.push(place(&ours.unwrap_or_default()));
                }
            }
        }
    }
    (tallies, differences)
}

/// The type that has the method that is selected.
fn method(world: &World, known: &FileTypes, expr: ExprId) -> Option<String> {
    let selection = known.selections.get(&expr)?;
    match &selection.selected {
        Selected::Method(function) => {
            let ast = &world.file(function.file).file.ast;
            let gostray_golang::ast::DeclKind::Func(decl) = ast[function.decl].kind else { return None };
            let field = ast.at(decl.receiver?.fields, 0)?;
            let mut ty = ast[field].ty;
            let name = loop {
                ty = match ast[ty].kind {
                    ExprKind::Star(inner) | ExprKind::Paren(inner) => inner,
                    ExprKind::Index { x, .. } => x,
                    ExprKind::Ident(name) => break name,
                    _ => return None,
                };
            };
            Some(format!("{}.{name}", world.package(function.file.package).path))
        }
        Selected::Abstract { of, .. } => Some(match of {
            Type::Named(..) => {
                let text = of.display(world).to_string();
                text.split('[').next().unwrap_or_default().to_owned()
            }
            Type::Error => "error".to_owned(),
            Type::Param(param) => param.name.to_string(),
            _ => "interface".to_owned(),
        }),
        Selected::Field { .. } => None,
    }
}
