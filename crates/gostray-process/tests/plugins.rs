//! A program with a plugin: what only its variables know is not proven, and what leaks in its code is.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod program;

use std::collections::BTreeMap;
use std::path::Path;

use gostray_process::{Method, Prover};
use program::snapshots::{options, proven};
use program::{Program, build, has_c, releases, toolchain};

/// A word that was left behind may hide a leak once.
const ATTEMPTS: u32 = 5;

#[test]
fn what_plugins_know_is_not_proven_and_what_leaks_in_them_is() {
    if !has_c() {
        return;
    }
    for release in releases() {
        for args in [&[][..], &["-ldflags=-s -w"]] {
            let folder = tempfile::tempdir().unwrap();
            let executable = build(release, "plugged", folder.path(), args);
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/plugged/plugin");
            let plugin = folder.path().join("plugin.so");
            let args = [args, &["-buildmode=plugin"]].concat();
            toolchain(release).build(&source, &plugin, &args).unwrap();
            let program = Program::start(&executable, &[plugin.to_str().unwrap()], &[]);
            let mut prover = Prover::attach(program.pid()).unwrap();
            let mut counts = BTreeMap::new();
            for _ in 0..ATTEMPTS {
                let snapshot = prover.prove(&options(Method::Auto), &mut |_| {}).unwrap();
                let (tables, proven) = (&snapshot.tables, proven(&snapshot));
                counts.clear();
                for record in &snapshot.records {
                    let Some(creator) = tables.stack(record.stack).created_by else { continue };
                    let name = tables.frame(creator).function.rsplit('.').next().unwrap().to_owned();
                    let (all, leaked) = counts.entry(name).or_insert((0, 0));
                    *all += 1;
                    *leaked += u32::from(proven.contains(&record.id));
                }
                for held in ["heldByVariable", "heldByMap", "heldByZeroed"] {
                    assert_eq!(counts.get(held), Some(&(1, 0)), "Go {release}: {held}: {counts:?}");
                }
                if counts.get("leakInPlugin") == Some(&(3, 3)) {
                    break;
                }
            }
            assert_eq!(counts.get("leakInPlugin"), Some(&(3, 3)), "Go {release} {args:?}: {counts:?}");
            program.assert_unharmed();
        }
    }
}
