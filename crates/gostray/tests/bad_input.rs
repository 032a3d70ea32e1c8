//! Bad input: a clear message, exit code 2, no panic, no hang, no unbounded memory.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod run;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use run::{GOSTRAY, data, gostray, gostray_with_stdin};

/// The input is refused with exit code 2 and a message that holds all parts.
fn refused(input: &[u8], parts: &[&str]) {
    let run = gostray_with_stdin(&["inspect", "-"], input);
    assert_eq!(run.code, 2, "{run:?}");
    assert_eq!(run.stdout, "", "nothing that looks like a result");
    for part in parts.iter().chain(&["error: standard input: "]) {
        assert!(run.stderr.contains(part), "{part:?} is not in {:?}", run.stderr);
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn empty() {
    refused(b"", &["empty"]);
}

#[test]
fn truncated_gzip() {
    let whole = data("shop.pb.gz");
    for len in [3, 12, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..len], &["gzip", "fetch the profile again"]);
    }
}

#[test]
fn gzip_bomb() {
    refused(&gzip(&vec![0; 80 << 20]), &["binary data"]);
    let mut text = b"goroutine 1 [running]:\n".to_vec();
    text.resize(80 << 20, b'x');
    refused(&gzip(&text), &["larger than 64 MiB"]);
    let mut profile = data("shop.pb.gz");
    profile.extend(gzip(&vec![0; 80 << 20]));
    refused(&profile, &["larger than 64 MiB"]);
}

#[test]
fn another_profile_or_a_web_page() {
    refused(&data("heap.pb.gz"), &["heap profile", "/debug/pprof/goroutine"]);
    refused(b"threadcreate profile: total 9\n", &["threadcreate profile"]);
    refused(b"<!DOCTYPE html><html><head><title>Sign in</title></head>", &["web page", "Sign in"]);
}

#[test]
fn binary_noise() {
    let mut noise = Vec::new();
    let mut state = 1u64;
    for _ in 0..1 << 16 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.push((state >> 56) as u8);
    }
    for start in 0..64 {
        let run = gostray_with_stdin(&["inspect", "-"], &noise[start..]);
        assert_eq!(run.code, 2, "{run:?}");
    }
}

#[test]
fn text_without_a_goroutine() {
    refused(b"2026/11/25 10:00:00 starting\n", &["without a goroutine traceback", "curl"]);
}

#[test]
fn a_gigabyte_of_text_in_bounded_memory() {
    // Where memory were not bounded, the limit on the address space would end it.
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -v 400000; exec \"$0\" inspect -", GOSTRAY])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let block = "2026/11/25 10:00:00 a goroutine [running] is no goroutine, says the log\n".repeat(1 << 14);
    let endless_line = vec![b'x'; 1 << 20];
    for at in 0..1000 {
        stdin.write_all(if at % 2 == 0 { block.as_bytes() } else { &endless_line }).unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("without a goroutine traceback"), "{stderr}");
}

#[test]
fn names_that_are_no_utf_8_are_read_and_shown() {
    let dump = b"goroutine 7 [chan send]:\nmain.caf\xe9()\n\t/src/caf\xe9.go:1 +0x1\ncreated by main.main in goroutine 1\n\t/src/m.go:1 +0x1\n";
    let run = gostray_with_stdin(&["inspect", "-"], dump);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("main.caf\u{fffd}"), "{}", run.stdout);
}

#[test]
fn names_can_not_move_the_cursor() {
    let dump = b"goroutine 7 [chan \x1b[31msend]:\nmain.\x1b[2Jf()\n\t/src/\x07.go:1 +0x1\n";
    for format in ["full", "concise", "agent", "json", "text"] {
        let run = gostray_with_stdin(&["inspect", "-", "--format", format, "--goroutines", "--color", "never"], dump);
        assert!(!run.stdout.contains(['\x1b', '\x07']), "{format}: {:?}", run.stdout);
    }
}

#[test]
fn no_such_file_a_folder_and_a_process() {
    let own_pid = format!("pid:{}", std::process::id());
    for (source, part) in [
        ("no-such-file", "no file \"no-such-file\": SRC is host:port"),
        (".", "is a directory"),
        (&own_pid, "is no program of the Go compiler"),
        ("pid:4000000000", "no process 4000000000"),
        ("core:x", "the core x: No such file"),
        ("core:heap.pb.gz", "compressed, and what is in it is no core"),
        ("core:shop.debug1.txt", "it is no core: it is not an ELF file"),
        (GOSTRAY, "it is no core but a program or library"),
        ("http://", "http://"),
    ] {
        let run = gostray(&["inspect", source]);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains(part), "{source}: {:?}", run.stderr);
    }
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn processes_that_can_not_be_proven_anything_of() {
    let own_pid = std::process::id().to_string();
    for (process, part) in [
        ("someone", "\"someone\" is no process id and no core: gostray ps lists"),
        ("pid:4000000000", "no process 4000000000"),
        (&own_pid, "is no program of the Go compiler"),
    ] {
        let run = gostray(&["prove", process]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
        assert!(run.stderr.contains(part), "{process}: {:?}", run.stderr);
    }
    for args in [&["prove"][..], &["prove", "1", "--max-pause", "0s"], &["prove", "1", "--max-copy", "much"]] {
        assert_eq!(gostray(args).code, 2, "{args:?}");
    }
}

#[test]
fn usage() {
    for args in [
        &["inspect"][..],
        &["inspect", "-", "--group", "size"],
        &["inspect", "-", "--focus", "("],
        &["inspect", "-", "--timeout", "soon"],
        &["diff", "-", "-"],
        &["diff", "a", "b", "--format", "pprof"],
        &["frobnicate"],
    ] {
        let run = gostray(args);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}: {run:?}");
    }
}

/// A server that answers each request with the same bytes and closes.
fn server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer);
        }
    });
    address
}

#[test]
fn servers_that_give_no_profile() {
    for (answer, parts) in [
        (&b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"[..], &["pprof.Index"][..]),
        (b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", &["--header"]),
        (
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 33\r\n\r\n<!DOCTYPE html><title>Hi</title>\n",
            &["web page"],
        ),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 500\r\n\r\n\x1f\x8b", &["broke off"]),
        (b"", &[]),
    ] {
        let run = gostray(&["inspect", &server(answer)]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
        for part in parts {
            assert!(run.stderr.contains(part), "{part:?} is not in {:?}", run.stderr);
        }
    }
    // Nobody listens on a port that was just given back.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let run = gostray(&["inspect", &free]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("refused"), "{run:?}");
}
