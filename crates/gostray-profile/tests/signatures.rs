//! A signature names a kind of goroutine whatever happens to its source and its compiler: the same
//! leaks of the same service have the same signatures in every build.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod service;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gostray_model::{FunctionName, groups};
use gostray_profile::{Limits, read};
use gostray_toolchain::{Request, Toolchain, Version};

use self::service::Service;

const OLDEST: Version = Version { minor: 21, patch: 13 };
const NEWEST: Version = Version { minor: 27, patch: 3 };

/// The pages of the shop that leak.
const LEAKING: [&str; 5] = ["/search?q=hat", "/checkout?id=7", "/recommend?for=ann", "/report", "/live"];

#[test]
fn survive_another_go_release_a_stripped_build_and_moved_lines() {
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/shop");
    let work = std::env::temp_dir().join(format!("gostray-signatures-{}", std::process::id()));
    let moved = with_moved_lines(&shop, &work.join("moved"));

    let expected = leaks(NEWEST, &shop, &[], &work);
    // The five pages leak in more than five places: /report starts several kinds of workers.
    assert!(expected.len() >= LEAKING.len(), "{expected:#?}");
    for (what, version, source, args) in [
        ("stripped", NEWEST, &shop, &["-ldflags=-s -w"][..]),
        ("moved lines", NEWEST, &moved, &[]),
        ("an older Go", OLDEST, &shop, &[]),
        ("an older Go, stripped", OLDEST, &shop, &["-ldflags=-s -w"]),
    ] {
        assert_eq!(leaks(version, source, args, &work), expected, "{what}");
    }
    fs::remove_dir_all(work).unwrap();
}

/// Builds the shop, visits its leaking pages, and gives the signatures of what then waits in the
/// shop's own code for something within the program; with the place, to make sense of a failure.
fn leaks(version: Version, source: &Path, args: &[&str], work: &Path) -> BTreeSet<String> {
    let toolchain = Toolchain::find(Request::Exactly(version), &mut |_| {}).unwrap();
    let program = work.join("shop");
    fs::create_dir_all(work).unwrap();
    toolchain.build(source, &program, args).unwrap();
    let service = Service::start(&program);
    for _ in 0..3 {
        for page in LEAKING {
            service.get(page);
        }
    }
    let dump = service.settled_dump();
    let snapshot = read(&*dump, &Limits::default()).unwrap().snapshot;
    assert!(snapshot.is_complete(), "{:?}", snapshot.notes);
    let own = groups(&snapshot).into_iter().filter(|group| group.operation.is_synchronisation()).filter_map(|group| {
        let function = FunctionName::new(&group.blocked_at(&snapshot.tables)?.function).normalised();
        function
            .starts_with("main.")
            .then(|| format!("{} {function} {:?} × {}", group.signature, group.operation, group.count))
    });
    own.collect()
}

/// A copy of a Go package with twenty more lines at the top of every file.
fn with_moved_lines(source: &Path, to: &Path) -> PathBuf {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(source).unwrap() {
        let file = entry.unwrap().path();
        let is = |kind: &str| file.extension().is_some_and(|extension| extension == kind);
        // Whoever builds the service by hand leaves a program there.
        if !is("go") && !is("mod") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        // An empty line, lest the comment become the package's.
        let text = if is("go") { format!("{}\n{text}", "// One more line.\n".repeat(20)) } else { text };
        fs::write(to.join(file.file_name().unwrap()), text).unwrap();
    }
    to.to_owned()
}
