//! A server that answers each path as told, byte for byte.
// Each test binary uses a part of it.
#![allow(dead_code)]

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What to do with a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A whole answer.
    Body(u16, Vec<u8>),
    /// These bytes, then the connection is closed.
    Raw(Vec<u8>),
    /// These bytes, then a reset.
    Reset(Vec<u8>),
    /// A head, then one byte every 50 ms, for ever.
    Trickle,
    /// A head, then zeros for ever.
    Endless,
    /// A redirect.
    To(String),
}

type Queues = HashMap<String, VecDeque<Reply>>;

/// A running server; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server. Paths are below `/debug/pprof/`, with their query; others get a 404. A path
    /// that is given several times is answered so in turn, and then as the last time.
    pub(crate) async fn start(replies: &[(&str, Reply)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut queues: Queues = HashMap::new();
        for (path, reply) in replies {
            queues.entry((*path).to_owned()).or_default().push_back(reply.clone());
        }
        let queues = Arc::new(Mutex::new(queues));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (queues, log) = (Arc::clone(&queues), Arc::clone(&log));
                tokio::spawn(async move { serve(stream, &queues, &log).await });
            }
        });
        Self { address, requests }
    }

    /// The heads of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The paths of the requests so far, below `/debug/pprof/`.
    pub(crate) fn paths(&self) -> Vec<String> {
        let path = |head: &String| head.split(' ').nth(1).unwrap_or_default().replace("/debug/pprof/", "");
        self.requests().iter().map(path).collect()
    }
}

async fn serve(mut stream: TcpStream, queues: &Mutex<Queues>, log: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().replace("/debug/pprof/", "");
    log.lock().unwrap().push(head);
    let reply = next(&mut queues.lock().unwrap(), &path);
    // The client may hang up at any time.
    let _ = answer(stream, reply).await;
}

fn next(queues: &mut Queues, path: &str) -> Reply {
    match queues.get_mut(path) {
        Some(queue) if queue.len() > 1 => queue.pop_front().unwrap(),
        Some(queue) => queue[0].clone(),
        None => Reply::Body(404, b"404 page not found\n".to_vec()),
    }
}

async fn answer(mut stream: TcpStream, reply: Reply) -> std::io::Result<()> {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    match reply {
        Reply::Body(status, body) => {
            let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body).await
        }
        Reply::Raw(bytes) => stream.write_all(&bytes).await,
        Reply::Reset(bytes) => {
            stream.write_all(&bytes).await?;
            // So that the bytes arrive before the reset.
            tokio::time::sleep(Duration::from_millis(50)).await;
            stream.set_zero_linger()
        }
        Reply::Trickle => {
            stream.write_all(HEAD).await?;
            loop {
                stream.write_all(b"g").await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Reply::Endless => {
            stream.write_all(HEAD).await?;
            loop {
                stream.write_all(&[0; 64 << 10]).await?;
            }
        }
        Reply::To(location) => {
            let head =
                format!("HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await
        }
    }
}
