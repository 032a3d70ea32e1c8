//! A gostray that serves, and whoever it talks to.
#![allow(dead_code, reason = "not every test file uses all of it")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What must come true is waited for so long at most.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    until_ok(what, || check().ok_or(""))
}

/// As [`until`]; what is still wrong is said where it never comes true.
pub(crate) fn until_ok<T, E: std::fmt::Display>(what: &str, mut check: impl FnMut() -> Result<T, E>) -> T {
    let start = Instant::now();
    loop {
        match check() {
            Ok(value) => return value,
            Err(wrong) => assert!(start.elapsed() < PATIENCE, "never: {what} {wrong}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Starts a program, and reads on what it says until there is the number after a text.
pub(crate) fn start(command: &mut Command, after: &str) -> (Running, u16, Arc<Mutex<String>>) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let said = Arc::new(Mutex::new(String::new()));
    for output in
        [Box::new(child.stdout.take().unwrap()) as Box<dyn Read + Send>, Box::new(child.stderr.take().unwrap())]
    {
        let said = said.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                said.lock().unwrap().push_str(&(line + "\n"));
            }
        });
    }
    let running = Running(child);
    let port = until(after, || {
        let said = said.lock().unwrap();
        let rest = said.split(after).nth(1)?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    });
    (running, port, said)
}

/// A gostray that serves.
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) port: u16,
    pub(crate) said: Arc<Mutex<String>>,
    _folder: Arc<tempfile::TempDir>,
}

pub(crate) fn gostray() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gostray"))
}

pub(crate) fn serve(folder: &Arc<tempfile::TempDir>, config: &str) -> Server {
    let path = folder.path().join("gostray.yaml");
    fs::write(&path, config).unwrap();
    let mut command = gostray();
    command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(&path);
    let (running, port, said) = start(&mut command, "watches: http://127.0.0.1:");
    Server { running, port, said, _folder: folder.clone() }
}

pub(crate) fn folder() -> Arc<tempfile::TempDir> {
    Arc::new(tempfile::tempdir().unwrap())
}

pub(crate) fn request(port: u16, head: &str, body: &[u8]) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    write!(stream, "{head}\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    // Whatever came before an error is looked at.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    Some((status, body))
}

pub(crate) fn get(port: u16, path: &str) -> Option<(u16, String)> {
    request(port, &format!("GET {path} HTTP/1.0"), b"")
}

pub(crate) fn post(port: u16, path: &str, body: &str) -> (u16, String) {
    let head = format!("POST {path} HTTP/1.0\r\nX-Gostray: 1\r\nContent-Type: application/json");
    request(port, &head, body.as_bytes()).unwrap()
}

impl Server {
    pub(crate) fn json(&self, path: &str) -> Value {
        let (status, body) = get(self.port, path).unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    pub(crate) fn leaks(&self) -> Vec<Value> {
        self.json("/api/v1/leaks?state=all")["leaks"].as_array().unwrap().clone()
    }

    pub(crate) fn hang_up(&self) {
        let pid = nix_pid(&self.running.0);
        let _ = Command::new("kill").args(["-HUP", &pid.to_string()]).status();
    }
}

pub(crate) fn nix_pid(child: &Child) -> u32 {
    child.id()
}

/// Takes what is posted to it.
pub(crate) fn hook() -> (u16, Arc<Mutex<Vec<Value>>>) {
    let posted = Arc::new(Mutex::new(Vec::new()));
    let kept = posted.clone();
    (hook_with(move |_, body| kept.lock().unwrap().push(body)), posted)
}

/// Calls `take` with the `Idempotency-Key` and the body of what is posted, before it answers.
pub(crate) fn hook_with(take: impl Fn(String, Value) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let (mut length, mut key) = (0, String::new());
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                let (name, value) = line.split_once(':').unwrap_or_default();
                match name.to_lowercase().as_str() {
                    "content-length" => length = value.trim().parse().unwrap_or(0),
                    "idempotency-key" => value.trim().clone_into(&mut key),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_ok()
                && let Ok(value) = serde_json::from_slice(&body)
            {
                take(key, value);
            }
            let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    port
}

/// A target that answers with whatever it likes.
pub(crate) fn hostile(answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut asked = [0; 2048];
                let _ = stream.read(&mut asked);
                answer(&mut stream);
            });
        }
    });
    port
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program of the system.
pub(crate) fn installed(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}
