//! A Go service as a child process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// It ends with this value; and, since it holds the service's standard input, with this process.
pub(crate) struct Service {
    process: Child,
    address: String,
}

impl Service {
    /// Starts it and waits until it listens.
    pub(crate) fn start(program: &Path) -> Self {
        let mut process =
            Command::new(program).arg("-exit-with-stdin").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { process, address }
    }

    /// Its process id.
    #[allow(dead_code, reason = "not every test that starts a service asks")]
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The body of a page.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // HTTP 1.0: no chunks, and the connection ends with the body.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap();
        assert!(response.starts_with(b"HTTP/1.0 200"), "{path}: {}", String::from_utf8_lossy(&response));
        let body = response.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
        response.split_off(body)
    }

    /// A traceback of a moment when nothing moves: two in a row list as many goroutines.
    pub(crate) fn settled_dump(&self) -> Vec<u8> {
        let mut last = Vec::new();
        for _ in 0..50 {
            thread::sleep(Duration::from_millis(100));
            let dump = self.get("/debug/pprof/goroutine?debug=2");
            if headers(&dump) == headers(&last) {
                return dump;
            }
            last = dump;
        }
        last
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How many goroutines wait for what.
fn headers(dump: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(dump);
    let states = text.lines().filter(|line| line.starts_with("goroutine ")).filter_map(|line| line.split_once('['));
    let mut states: Vec<String> = states.map(|(_, state)| state.to_owned()).collect();
    states.sort();
    states
}
