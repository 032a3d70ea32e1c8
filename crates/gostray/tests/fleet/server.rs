//! `gostray serve`, as anybody would run it but for the time that goes by faster.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::programs::Running;

pub(crate) struct Server {
    _running: Running,
    port: u16,
}

impl Server {
    /// Watches services (name, ports of the instances), by counts and ids: a leak profile would prove most leaks at once,
    /// and say nothing of the detector.
    pub(crate) fn start(folder: &Path, services: &[(String, Vec<u16>)], time_scale: f64) -> Self {
        let groups: Vec<Value> = services
            .iter()
            .map(|(name, ports)| {
                let targets: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
                json!({ "targets": targets, "labels": { "service": name } })
            })
            .collect();
        let config = json!({
            "global": { "scrape_interval": "5m" },
            "scrape_configs": [{
                "job_name": "fleet",
                "profiling_config": { "pprof_config": { "goroutineleak": { "enabled": false } } },
                "static_configs": groups,
            }],
        });
        let path = folder.join("gostray.yaml");
        fs::write(&path, config.to_string()).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_gostray"))
            .args(["serve", "--listen", "127.0.0.1:0", "--time-scale", &time_scale.to_string(), "--config"])
            .arg(&path)
            .arg("--storage")
            .arg(folder.join("store"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut running = Running(child);
        let mut lines = BufReader::new(running.0.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = Vec::new();
        let port = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {said:?}"));
            if let Some((_, rest)) = line.split_once("watches: http://127.0.0.1:") {
                break rest.split(' ').next().unwrap().parse().unwrap();
            }
            said.push(line);
        };
        // Read on, or it would wait for its reader; the thread ends with it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { _running: running, port }
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{path}: {answer}");
        serde_json::from_str(body).unwrap()
    }
}
