//! A living process read from outside, beside what it says of itself (`debug=2`). The program is the
//! demo's shop; its goroutines rest when both are taken, but for the ones of the request itself.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

#[allow(dead_code, reason = "what other tests need of a service")]
#[path = "../../gostray-profile/tests/service/mod.rs"]
mod service;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use gostray_model::{Snapshot, TargetKind};
use gostray_process::{ProcessError, processes, take};
use gostray_toolchain::{Request, Toolchain};
use service::Service;

fn build(folder: &Path, args: &[&str]) -> PathBuf {
    let toolchain = Toolchain::find(Request::Any, &mut |_| {}).unwrap();
    let executable = folder.join(format!("shop{}", args.len()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/shop");
    toolchain.build(&source, &executable, args).unwrap();
    executable
}

/// What every goroutine is doing, by id; not those of the request that asks.
fn goroutines(snapshot: &Snapshot) -> BTreeMap<u64, String> {
    let tables = &snapshot.tables;
    let all = snapshot.records.iter().map(|record| {
        let stack = tables.stack(record.stack);
        let status = tables.status(record.status);
        let mut text = format!("[{}] locked {} by {}", status.reason, status.locked_to_thread, record.creator_id);
        let creator = stack.created_by.map(|id| tables.frame(id));
        for frame in tables.visible(stack).chain(creator) {
            text += &format!("\n{} {}:{}", frame.function, frame.file, frame.line);
        }
        (record.id, text)
    });
    all.filter(|(_, text)| !text.contains("runtime/pprof.") && !text.contains("(*connReader)")).collect()
}

#[test]
fn shows_what_the_process_says_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&[][..], &["-trimpath", "-ldflags=-s -w"]] {
        let shop = Service::start(&build(folder.path(), args));
        for _ in 0..3 {
            for page in ["/search?q=hat", "/checkout", "/recommend", "/report", "/live", "/orders", "/quote"] {
                shop.get(page);
            }
        }
        // Until the requests' own goroutines have ended, and both see the same.
        let same = (0..200).find_map(|_| {
            let told = shop.get("/debug/pprof/goroutine?debug=2");
            let told = gostray_profile::read(&told[..], &gostray_profile::Limits::default()).unwrap().snapshot;
            let seen = take(shop.pid()).unwrap();
            let (told, rows) = (goroutines(&told), goroutines(&seen));
            (told == rows).then_some((seen, rows)).or_else(|| {
                std::thread::sleep(std::time::Duration::from_millis(20));
                None
            })
        });
        let (seen, rows) = same.expect("the process and its own dump never agree");
        assert!(rows.len() >= 18 + 6, "{} goroutines", rows.len());
        assert_eq!((seen.target.kind, seen.target.pid), (TargetKind::Process, Some(shop.pid())));
        assert_eq!(seen.target.module.as_deref(), Some("example.com/shop"));
        assert!(seen.target.started_at.is_some() && seen.is_complete(), "{:?}", seen.notes);
    }
}

#[test]
fn a_deleted_binary_is_read_as_well_and_the_list_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let executable = build(folder.path(), &["-ldflags=-s -w"]);
    let shop = Service::start(&executable);
    std::fs::remove_file(&executable).unwrap();
    assert!(take(shop.pid()).unwrap().goroutines() > 5);
    let listed = processes().into_iter().find(|process| process.pid == shop.pid()).unwrap();
    assert_eq!(listed.build.module, "example.com/shop");
    assert!(listed.goroutines.unwrap() > 5 && listed.threads > 1 && listed.started_at.is_some(), "{listed:?}");
}

#[test]
fn the_process_goes_on_unharmed() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Service::start(&build(folder.path(), &[]));
    for _ in 0..20 {
        take(shop.pid()).unwrap();
        assert!(shop.get("/quote").starts_with(b"399"));
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", shop.pid())).unwrap();
    assert!(status.contains("TracerPid:\t0"), "{status}");
}

#[test]
fn what_is_no_go_process_is_refused() {
    let mut sleep = Command::new("sleep").arg("60").spawn().unwrap();
    let error = take(sleep.id()).unwrap_err();
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    assert!(matches!(error, ProcessError::NotGo { .. }), "{error}");
    // Ended and waited for.
    let error = take(sleep.id()).unwrap_err();
    assert!(matches!(error, ProcessError::Gone { .. }), "{error}");
}
