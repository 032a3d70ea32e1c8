//! Servers that list targets: they speak as much of the real protocols as clients use.
#![allow(dead_code, reason = "not every test file uses all of it")]

pub(crate) mod consul;
pub(crate) mod kubernetes;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is asked.
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// Answers each request on a thread of its own, while it is up.
pub(crate) fn listen(is_up: Arc<AtomicBool>, answer: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (answer, is_up) = (answer.clone(), is_up.clone());
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                let Some(request) = read(&mut reader) else { return };
                if is_up.load(Ordering::SeqCst) {
                    answer(&request, reader.get_mut());
                }
            });
        }
    });
    port
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let url = url::Url::parse("http://x/").ok()?.join(line.split(' ').nth(1)?).ok()?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    Some(Request { path: url.path().to_owned(), query, headers })
}

/// Answers with JSON.
pub(crate) fn json(stream: &mut TcpStream, status: &str, headers: &str, body: &serde_json::Value) {
    let body = body.to_string();
    // Who asked may be gone.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
}
