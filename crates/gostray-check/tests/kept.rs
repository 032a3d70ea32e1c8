//! What is kept from one look to the next changes no report, and saves the looks that it can save.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use gostray_check::{Cache, Config, Options, Tier, check};
use gostray_golang::build::Context;
use gostray_golang::module::{Places, Workspace};
use gostray_golang::package::{World, folders};
use gostray_toolchain::{Request, Toolchain};
use proptest::prelude::*;
use tempfile::TempDir;

/// A module whose packages depend on each other by all that findings can depend on.
struct Module {
    root: TempDir,
    cache: TempDir,
    places: Places,
    /// What is put in for the marks in the files.
    choices: BTreeMap<&'static str, usize>,
    /// Time goes on with every change, and is long ago.
    changes: u64,
}

/// The files, with marks for what changes.
const FILES: [(&str, &str); 8] = [
    (
        "a/a.go",
        "package a\n\n<note>\nfunc Die() {\n\t<die>\n}\n\nfunc Drain(c chan int) {\n\t<drain>\n}\n\n\
         type Worker struct {\n\tquit chan struct{}\n\t<field>\n}\n\n\
         func New() *Worker {\n\tw := &Worker{quit: make(chan struct{})}\n\tgo w.run()\n\treturn w\n}\n\n\
         func (w *Worker) run() { <-w.quit }\n\nfunc (w *Worker) Close() { <close> }\n",
    ),
    ("a/a_test.go", "package a\n\nimport \"example.com/m/c\"\n\nfunc help() { <help> }\n\nvar _ = c.Early\n"),
    ("a/x_test.go", "package a_test\n\nimport \"example.com/m/a\"\n\nfunc use() {\n\t_ = a.New()\n}\n"),
    ("b/b.go", "package b\n\nimport \"example.com/m/a\"\n\nfunc End() { <end> }\n\nfunc Run(c chan int) { <run> }\n"),
    (
        "c/c.go",
        "package c\n\nimport (\n\t\"example.com/m/a\"\n\t\"example.com/m/b\"\n)\n\n\
         func Early(fail bool) int {\n\tc := make(chan int)\n\tgo func() { c <- 1 }()\n\tif fail {\n\t\tb.End()\n\t\t\
         return 0\n\t}\n\treturn <-c\n}\n\n\
         func Hand() {\n\tc := make(chan int)\n\tgo func() {\n\t\t<ignore>\n\t\tc <- 1\n\t}()\n\tb.Run(c)\n}\n\n\
         func Make() {\n\tw := a.New()\n\tif w == nil {\n\t\treturn\n\t}\n}\n",
    ),
    ("d/d.go", "package main\n\nimport (\n\t\"example.com/m/c\"\n\t<import>\n)\n\nfunc main() { c.Hand(); <main> }\n"),
    ("e/e.go", "package e\n\n<package>\n"),
    ("e/e_arm64.go", "package e\n\nfunc arm() { <help> }\n"),
];

/// What a mark can stand for.
const CHOICES: [(&str, &[&str]); 14] = [
    ("note", &["", "// Die does not return.", "// Die\n// returns."]),
    ("die", &["panic(1)", "", "for {\n\t}", "Drain(nil)"]),
    ("drain", &["<-c", "", "go func() { <-c }()"]),
    ("field", &["", "name string", "quits chan int"]),
    ("close", &["close(w.quit)", "", "w.quit <- struct{}{}"]),
    ("help", &["", "c := make(chan int)\n\tgo func() { c <- 1 }()", "panic(2)"]),
    ("end", &["a.Die()", "", "a.New().Close()"]),
    ("run", &["a.Drain(c)", "<-c", "", "a.Drain(c", "a.Drain(c)\n\ta.Die()"]),
    ("ignore", &["", "//gostray:ignore GS105 it is meant to", "//nolint:gostray"]),
    (
        "import",
        &["", "\"example.com/m/e\"", "\"example.com/missing\"", "\"example.com/other/x\"", "_ \"example.com/none\""],
    ),
    ("main", &["", "e.End()", "x.End(); c.Early(true)", "c.Make()"]),
    ("package", &["", "func End() {}", "func End() { for {\n} }", "import \"example.com/m/d\"\n\nfunc End() {}"]),
    // Whether there is a file at all, or a folder.
    ("gone", &["", "e", "a/a_test.go", "b"]),
    ("replaced", &["package x\n\nfunc End() {}\n", "package x\n\nfunc End() { panic(1) }\n"]),
];

impl Module {
    fn new() -> Self {
        let go = Toolchain::find(Request::Any, &mut |_| {}).unwrap().root().unwrap();
        let root = TempDir::new().unwrap();
        let module = root.path().join("m");
        fs::create_dir_all(&module).unwrap();
        fs::create_dir_all(root.path().join("x")).unwrap();
        let text = "module example.com/m\n\ngo 1.26\n\nrequire example.com/other/x v1.0.0\n\n\
                    replace example.com/other/x => ../x\n";
        fs::write(module.join("go.mod"), text).unwrap();
        fs::write(root.path().join("x/go.mod"), "module example.com/other/x\n").unwrap();
        let mut own = Self {
            root,
            cache: TempDir::new().unwrap(),
            places: Places { root: Some(go), cache: None },
            choices: BTreeMap::new(),
            changes: 0,
        };
        own.write();
        own
    }

    fn choose(&mut self, mark: &'static str, choice: usize) {
        self.choices.insert(mark, choice);
        self.write();
    }

    fn chosen(&self, mark: &str) -> &'static str {
        let (_, all) = CHOICES.iter().find(|(own, _)| *own == mark).unwrap();
        all[self.choices.get(mark).copied().unwrap_or(0) % all.len()]
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("m").canonicalize().unwrap()
    }

    /// Writes what has changed.
    fn write(&mut self) {
        self.changes += 1;
        let gone = self.chosen("gone");
        for (path, text) in FILES {
            let place = self.folder().join(path);
            if !gone.is_empty() && path.starts_with(gone) {
                let _ = fs::remove_file(place);
                continue;
            }
            let mut text = text.to_owned();
            for (mark, _) in CHOICES {
                text = text.replace(&format!("<{mark}>"), self.chosen(mark));
            }
            self.put(&place, &text);
        }
        self.put(&self.root.path().join("x/x.go"), self.chosen("replaced"));
    }

    fn put(&self, path: &Path, text: &str) {
        if fs::read_to_string(path).is_ok_and(|old| old == text) {
            return;
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        // Long enough ago that the time of a file is trusted.
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + self.changes);
        File::options().append(true).open(path).unwrap().set_modified(at).unwrap();
    }

    /// The report and the notes, in words, and how many folders were looked at for it.
    fn check(&self, is_kept: bool) -> (String, usize) {
        let root = self.folder();
        let workspace = Workspace::of(&root, self.places.clone()).unwrap();
        let (folders, _) = folders(&workspace, &root, &["./...".to_owned()]).unwrap();
        let context = Context { system: "linux".into(), architecture: "amd64".into(), ..Context::default() };
        let mut world = World::new(workspace, context);
        world.open(&folders, true);
        let cache = Cache::new(self.cache.path(), "test", "./...");
        let options = Options { tier: Tier::Hygiene, tests: true, config: Config::default(), root };
        let looks = AtomicUsize::new(0);
        let report = check(&world, &options, is_kept.then_some(&cache), &|| {
            looks.fetch_add(1, Ordering::Relaxed);
        });
        let errors: Vec<String> = world
            .loaded()
            .flat_map(|package| &package.files)
            .filter(|file| !file.errors.is_empty())
            .map(|file| format!("{} {:?}", file.path.display(), file.errors))
            .collect();
        (format!("{report:#?}\n{errors:#?}"), looks.into_inner())
    }

    /// How many folders were looked at; the report is the one that is made of all.
    fn look(&self) -> usize {
        let (kept, looks) = self.check(true);
        assert_eq!(kept, self.check(false).0, "{:?}", self.choices);
        looks
    }
}

#[test]
fn only_what_a_change_may_have_changed_is_looked_at_again() {
    let mut module = Module::new();
    assert_eq!(module.look(), 5, "all");
    assert_eq!(module.look(), 0, "nothing has changed");
    module.choose("main", 3);
    assert_eq!(module.look(), 1, "nobody imports it");
    module.choose("note", 1);
    let lookers = module.look();
    assert!((2..4).contains(&lookers), "{lookers}: those who looked into its functions, and the package itself");
    module.choose("help", 2);
    assert_eq!(module.look(), 4, "a function ends otherwise: all look again that may call it");
    module.choose("field", 1);
    assert_eq!(module.look(), 4, "what others see has changed");
    module.choose("die", 1);
    assert_eq!(module.look(), 4, "what is behind a call of it is reached now");
    // Back again, which is not remembered.
    module.choose("die", 0);
    assert_eq!(module.look(), 4);
    assert_eq!(module.look(), 0);
}

#[test]
fn what_never_returns_is_told_through_packages_that_did_not_change() {
    let mut module = Module::new();
    let found = |module: &Module| module.check(true).0.contains("\"Early.func1\"");
    assert!(!found(&module), "the process ends before the return");
    module.choose("die", 1);
    assert!(found(&module), "now it returns");
    module.look();
}

#[test]
fn what_is_kept_may_be_damaged_or_removed() {
    let module = Module::new();
    module.look();
    let files = || fs::read_dir(module.cache.path().join("check")).unwrap().flatten().map(|entry| entry.path());
    let kept = files().find(|path| !path.ends_with("CACHEDIR.TAG")).unwrap();
    let whole = fs::read(&kept).unwrap();
    fs::write(&kept, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(module.look(), 5);
    assert_eq!(module.look(), 0);
    Cache::empty(module.cache.path()).unwrap();
    assert_eq!(module.look(), 5);
}

#[test]
fn many_may_look_at_once() {
    let module = Module::new();
    let (expected, _) = module.check(false);
    std::thread::scope(|scope| {
        let looks: Vec<_> = (0..4).map(|_| scope.spawn(|| module.check(true).0)).collect();
        for look in looks {
            assert_eq!(look.join().unwrap(), expected);
        }
    });
    assert_eq!(module.look(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_changed_the_report_is_that_of_a_look_at_all(
        changes in proptest::collection::vec((0..CHOICES.len(), 0usize..5), 1..24),
    ) {
        let mut module = Module::new();
        for (mark, choice) in changes {
            module.choose(CHOICES[mark].0, choice);
            module.look();
        }
    }
}
