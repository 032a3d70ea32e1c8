//! Small modules, a folder each in `fixtures/rules`: what is to be found in them stands beside it (`// want GS403`, or
//! `// want GS403 likely` where the tier matters), all else is to be left alone. `// start GS109` is where the goroutine is started, where several are. Beside a file, `.fixed` is what it becomes with all fixes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use std::fs;
use std::path::{Path, PathBuf};

use gostray_check::{Config, Finding, Options, Report, Safety, Tier, check, plan};
use gostray_golang::build::Context;
use gostray_golang::module::{Places, Workspace};
use gostray_golang::package::{World, folders};
use gostray_toolchain::{Request, Toolchain};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/rules").canonicalize().unwrap()
}

/// The modules of the fixtures.
fn modules() -> Vec<PathBuf> {
    let mut modules: Vec<PathBuf> = fs::read_dir(fixtures()).unwrap().flatten().map(|entry| entry.path()).collect();
    modules.sort();
    assert!(!modules.is_empty());
    modules
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found.sort();
    found
}

fn findings(module: &Path) -> Vec<Finding> {
    report(module, Config::default()).findings
}

fn report(module: &Path, config: Config) -> Report {
    let go = Toolchain::find(Request::Any, &mut |_| {}).unwrap();
    let places = Places { root: Some(go.root().unwrap()), ..Places::find() };
    let workspace = Workspace::of(module, places).unwrap();
    let (folders, _) = folders(&workspace, module, &["./...".to_owned()]).unwrap();
    let mut world = World::new(workspace, Context::default());
    world.open(&folders, true);
    let options = Options { tier: Tier::Hygiene, tests: true, config, root: module.to_owned() };
    check(&world, &options, None, &|| {})
}

fn shown(module: &Path, findings: &[Finding]) -> Vec<String> {
    let line = |finding: &Finding| {
        let file = finding.place.file.strip_prefix(module).unwrap().display();
        format!("{file}:{} {}", finding.place.position.line, finding.rule.code)
    };
    let mut lines: Vec<String> = findings.iter().map(line).collect();
    lines.sort();
    lines
}

/// The lines with a mark.
fn marked(module: &Path, mark: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for file in files(module).into_iter().filter(|file| file.extension().is_some_and(|ext| ext == "go")) {
        for (at, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            if let Some((_, rule)) = line.split_once(mark) {
                lines.push(format!("{}:{} {rule}", file.strip_prefix(module).unwrap().display(), at + 1));
            }
        }
    }
    lines.sort();
    lines
}

#[test]
fn what_is_wanted_is_found_and_nothing_else() {
    let mut wrong = Vec::new();
    for module in modules() {
        let (found, wanted) = (findings(&module), marked(&module, "// want "));
        let mut found: Vec<String> = found
            .iter()
            .map(|finding| {
                let line = shown(&module, std::slice::from_ref(finding)).concat();
                let with_tier = format!("{line} {}", finding.tier.word());
                if wanted.contains(&line) { line } else { with_tier }
            })
            .collect();
        found.sort();
        if found != wanted {
            wrong.push(format!("{}: found {found:#?}, wanted {wanted:#?}", module.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn fixes_make_of_it_what_stands_beside_it() {
    let mut seen = 0;
    for module in modules() {
        let fixed: Vec<PathBuf> =
            files(&module).into_iter().filter(|file| file.extension().is_some_and(|ext| ext == "fixed")).collect();
        let plan = plan(&findings(&module), Safety::Unsafe).unwrap();
        assert_eq!((plan.postponed, plan.refused), (0, 0), "{}", module.display());
        for file in fixed {
            let change = plan.changes.iter().find(|change| change.path == file.with_extension("")).unwrap();
            assert_eq!(
                String::from_utf8_lossy(&change.after),
                fs::read_to_string(&file).unwrap(),
                "{}",
                file.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[test]
fn a_fixed_file_has_nothing_to_be_fixed() {
    for module in modules() {
        let copy = tempfile::tempdir().unwrap();
        let root = copy.path().canonicalize().unwrap();
        for file in files(&module) {
            let into = root.join(file.strip_prefix(&module).unwrap());
            fs::create_dir_all(into.parent().unwrap()).unwrap();
            fs::copy(&file, into).unwrap();
        }
        for change in plan(&findings(&root), Safety::Unsafe).unwrap().changes {
            fs::write(&change.path, &change.after).unwrap();
        }
        let can_be_fixed = |finding: &Finding| finding.fix.as_ref().is_some_and(|fix| !fix.edits.is_empty());
        let left: Vec<Finding> = findings(&root).into_iter().filter(can_be_fixed).collect();
        assert_eq!(shown(&root, &left), [""; 0], "{}", module.display());
    }
}

#[test]
fn the_configuration_names_what_is_meant_to_live_as_long_as_the_process() {
    let module = fixtures().join("range_unclosed");
    let read = |name: &str| Config::read(&format!("[check]\nbackground = [\"{name}\"]\n")).unwrap();
    // The goroutine runs it, or is started by it; another one is of another name.
    for (name, left, unknown) in [
        ("example.com/rules.(*Conn).write", 0, ""),
        ("example.com/rules.OpenTold", 1, ""),
        ("example.com/rules.(*Conn).wirte", 1, "example.com/rules.(*Conn).wirte"),
        ("example.com/elsewhere.Run", 1, ""),
    ] {
        let report = report(&module, read(name));
        assert_eq!(shown(&module, &report.findings).len(), left, "{name}");
        assert_eq!(report.unknown_background.concat(), unknown, "{name}");
    }
}

#[test]
fn of_several_goroutines_the_one_that_is_left_is_shown() {
    let module = fixtures().join("double_send");
    let mut starts = findings(&module);
    starts.iter_mut().for_each(|finding| finding.place = finding.spawned_at.take().unwrap());
    assert_eq!(shown(&module, &starts), marked(&module, "// start "));
}
