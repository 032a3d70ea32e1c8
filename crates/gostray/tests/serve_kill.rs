//! `kill -9` of `gostray serve` at random moments, while leaks appear, are accepted and opened again: whoever is to be told
//! is told of each change, and nothing twice, unless it says that it may be a repeat.
//!
//! `GOSTRAY_TEST_KILLS=100` kills it a hundred times.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test that fails says where")]

mod served;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gostray_toolchain::{Request, Toolchain};
use rand::{Rng as _, SeedableRng as _};

use served::*;

/// Leaks of different kinds that the program can have.
const LEAKS: usize = 30;

/// A program that has leak `n` once it was asked for `/n`.
fn leaky() -> (Running, u16) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("leaks_on_demand");
    fs::create_dir_all(&folder).unwrap();
    let mut source = String::from(
        "package main\n\nimport (\n\t\"fmt\"\n\t\"net\"\n\t\"net/http\"\n)\n\nfunc main() {\n\t\
         listener, err := net.Listen(\"tcp\", \"127.0.0.1:0\")\n\tif err != nil {\n\t\tpanic(err)\n\t}\n",
    );
    for n in 0..LEAKS {
        let _ = writeln!(
            source,
            "\thttp.HandleFunc(\"/{n}\", func(http.ResponseWriter, *http.Request) {{ go leak{n}() }})"
        );
    }
    source += "\tfmt.Println(\"listening on\", listener.Addr())\n\tpanic(http.Serve(listener, nil))\n}\n";
    for n in 0..LEAKS {
        let _ = writeln!(source, "\nfunc leak{n}() {{ <-make(chan int) }}");
    }
    fs::write(folder.join("main.go"), source).unwrap();
    fs::write(folder.join("go.mod"), "module leaks\n\ngo 1.21\n").unwrap();
    let executable = folder.join("leaks");
    let go = Toolchain::find(Request::Any, &mut |_| {}).unwrap();
    go.build(&folder, &executable, [] as [&str; 0]).unwrap();
    let (running, port, _) = start(&mut Command::new(&executable), "listening on 127.0.0.1:");
    (running, port)
}

/// One message: in which life of gostray it came, what tells it from others, and what it says.
type Told = (usize, String, String);

#[test]
fn whenever_it_is_killed_no_alert_is_lost_or_told_twice() {
    let kills: usize = std::env::var("GOSTRAY_TEST_KILLS").map_or(15, |kills| kills.parse().unwrap());
    let (program, program_port) = leaky();
    let life = Arc::new(AtomicUsize::new(0));
    let listen = || {
        let told: Arc<Mutex<Vec<Told>>> = Arc::default();
        let (kept, life) = (told.clone(), life.clone());
        let port = hook_with(move |key, body| {
            kept.lock().unwrap().push((life.load(Ordering::SeqCst), key, body.to_string()));
            // So that many a kill falls between a message and its answer.
            std::thread::sleep(Duration::from_millis(20));
        });
        (port, told)
    };
    let ((hook, posted), (chat, said)) = (listen(), listen());
    let folder = folder();
    let pid = nix_pid(&program.0);
    let config = format!(
        "global: {{scrape_interval: 1s}}\ndetection: {{evaluation_interval: 1s, leak_profile_interval: 1s, questions_per_minute: 6000}}\n\
         scrape_configs:\n  - job_name: local\n    local_processes: {{refresh_interval: 1s}}\n    relabel_configs:\n      \
         - {{source_labels: [instance], regex: 'pid:{pid}', action: keep}}\nalerting:\n  receivers:\n    \
         - {{name: hook, webhook_configs: [{{url: 'http://127.0.0.1:{hook}/'}}]}}\n    \
         - {{name: chat, slack_configs: [{{api_url: 'http://127.0.0.1:{chat}/', send_resolved: true}}]}}\n"
    );

    let mut dice = rand::rngs::StdRng::seed_from_u64(7);
    let mut shown = 0;
    for _ in 0..kills {
        let server = serve(&folder, &config);
        // Which moments are hit is a matter of chance; that nothing is lost is not.
        for _ in 0..dice.random_range(1..4) {
            if shown < LEAKS && dice.random_bool(0.4) {
                get(program_port, &format!("/{shown}")).unwrap();
                shown += 1;
            }
            for leak in server.leaks().iter().filter(|_| dice.random_bool(0.2)) {
                let (what, body) = match leak["state"] == "accepted" {
                    true => ("reopen", "{}"),
                    false => ("accept", r#"{"reason":"known"}"#),
                };
                post(server.port, &format!("/api/v1/leaks/{}/{what}", leak["id"].as_str().unwrap()), body);
            }
            std::thread::sleep(Duration::from_millis(dice.random_range(0..800)));
        }
        drop(server);
        life.fetch_add(1, Ordering::SeqCst);
    }
    for n in shown..LEAKS {
        get(program_port, &format!("/{n}")).unwrap();
    }

    let server = serve(&folder, &config);
    let last = |told: &Mutex<Vec<Told>>| -> BTreeMap<String, bool> {
        let keys = told.lock().unwrap().iter().flat_map(|(_, key, _)| parts(key)).collect::<Vec<_>>();
        keys.into_iter().map(|(leak, _, firing)| (leak, firing)).collect()
    };
    until_ok("everybody knows how each leak is now", || {
        let leaks = server.leaks();
        if leaks.len() < LEAKS {
            return Err(format!("{} leaks", leaks.len()));
        }
        let (of_hook, of_chat) = (last(&posted), last(&said));
        let is_known = |known: &BTreeMap<String, bool>, id: &str, is_firing: bool| match known.get(id) {
            Some(told) => *told == is_firing,
            // Accepted before anybody was told: then nobody has to be.
            None => !is_firing,
        };
        for leak in leaks {
            let (id, is_firing) = (leak["id"].as_str().unwrap(), leak["state"] != "accepted");
            if !(is_known(&of_hook, id, is_firing) && is_known(&of_chat, id, is_firing)) {
                return Err(format!("{id} fires: {is_firing}, told: {:?}, {:?}", of_hook.get(id), of_chat.get(id)));
            }
        }
        Ok(())
    });

    let (posted, said) = (posted.lock().unwrap().clone(), said.lock().unwrap().clone());
    let (mut repeats, mut seen) = (0, BTreeMap::new());
    for (life, key, _) in &posted {
        if let Some(before) = seen.insert(key, life) {
            assert_ne!(before, life, "{key} was told twice with no kill between");
            repeats += 1;
        }
    }
    let mut heard = BTreeSet::new();
    for (_, key, text) in &said {
        let again = key.split(' ').filter(|one| !heard.insert((*one).to_owned())).count();
        assert!(again == 0 || text.contains("this may be a repeat"), "{key}: {text}");
    }
    // Each message says something new. After a kill it may not be known what was heard before.
    let mut heard = BTreeMap::new();
    let mut told = BTreeSet::new();
    for (life, key, _) in posted.iter().filter(|(_, key, _)| told.insert(key.clone())) {
        for (leak, _, is_firing) in parts(key) {
            let before = heard.insert(leak.clone(), (*life, is_firing));
            assert_ne!(before, Some((*life, is_firing)), "{leak}");
        }
    }
    eprintln!("{kills} kills, {} messages to each, {repeats} of them again after a kill", posted.len());
    drop(server);
    let check = gostray().args(["store", "check"]).arg(folder.path().join("gostray-data")).output().unwrap();
    assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stderr));
}

/// The leaks that a message is about, since when, and whether they fire.
fn parts(key: &str) -> Vec<(String, i64, bool)> {
    let one = |part: &str| {
        let mut words = part.split('-');
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?, words.next()? == "firing"))
    };
    key.split(' ').map(|part| one(part).unwrap_or_else(|| panic!("{part}"))).collect()
}
