//! An agent of Consul, with blocking queries.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Request, listen};

struct State {
    /// Its index, and what there is.
    now: Mutex<(u64, Vec<Value>)>,
    happened: Condvar,
    is_up: Arc<AtomicBool>,
    datacenter: String,
    waiting: Mutex<usize>,
}

/// The agent.
pub(crate) struct Consul {
    state: Arc<State>,
    pub(crate) port: u16,
    pub(crate) token: Arc<Mutex<Option<String>>>,
}

impl Consul {
    pub(crate) fn new(all: &Value) -> Self {
        let is_up = Arc::new(AtomicBool::new(true));
        let state = Arc::new(State {
            now: Mutex::new((10, all["services"].as_array().unwrap().clone())),
            happened: Condvar::new(),
            is_up: is_up.clone(),
            datacenter: all["datacenter"].as_str().unwrap().to_owned(),
            waiting: Mutex::new(0),
        });
        let token: Arc<Mutex<Option<String>>> = Arc::default();
        let (own, needed) = (state.clone(), token.clone());
        let port = listen(is_up, move |request, stream| {
            let needed = needed.lock().unwrap().clone();
            if needed.is_some() && request.headers.get("x-consul-token").cloned() != needed {
                return super::json(stream, "403 Forbidden", "", &json!("no"));
            }
            own.answer(request, stream);
        });
        Self { state, port, token }
    }

    /// There is something else now; an index below the last one is that of a server that began anew.
    pub(crate) fn set(&self, index: u64, services: Vec<Value>) {
        *self.state.now.lock().unwrap() = (index, services);
        self.state.happened.notify_all();
    }

    pub(crate) fn services(&self) -> Vec<Value> {
        self.state.now.lock().unwrap().1.clone()
    }

    pub(crate) fn set_up(&self, is_up: bool) {
        self.state.is_up.store(is_up, Ordering::SeqCst);
        self.state.happened.notify_all();
    }

    /// How many queries wait for a change.
    pub(crate) fn waiting(&self) -> usize {
        *self.state.waiting.lock().unwrap()
    }
}

impl State {
    fn answer(&self, request: &Request, stream: &mut TcpStream) {
        if request.path == "/v1/agent/self" {
            let body = json!({"Config": {"Datacenter": self.datacenter, "NodeName": "n1"}});
            return super::json(stream, "200 OK", "", &body);
        }
        let since: Option<u64> = request.get("index").and_then(|index| index.parse().ok());
        let wait = request.get("wait").and_then(|wait| wait.strip_suffix("ms")?.parse().ok()).unwrap_or(120_000);
        let until = Instant::now() + Duration::from_millis(wait);
        *self.waiting.lock().unwrap() += 1;
        let mut now = self.now.lock().unwrap();
        while since == Some(now.0) && Instant::now() < until && self.is_up.load(Ordering::SeqCst) {
            now = self.happened.wait_timeout(now, Duration::from_secs(1)).unwrap().0;
        }
        let (index, services) = now.clone();
        drop(now);
        *self.waiting.lock().unwrap() -= 1;
        if !self.is_up.load(Ordering::SeqCst) {
            return;
        }
        let tags = |one: &Value| -> Vec<String> {
            let tags = one["Service"]["Tags"].as_array().cloned().unwrap_or_default();
            tags.iter().map(|tag| tag.as_str().unwrap().to_owned()).collect()
        };
        let body = if request.path == "/v1/catalog/services" {
            let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for one in &services {
                all.entry(one["Service"]["Service"].as_str().unwrap().to_owned()).or_default().extend(tags(one));
            }
            json!(all)
        } else if let Some(name) = request.path.strip_prefix("/v1/health/service/") {
            let name = percent_decoded(name);
            let wanted = request.query.iter().filter(|(name, _)| name == "tag").map(|(_, tag)| tag.clone());
            let wanted: Vec<String> = wanted.collect();
            let has =
                |one: &&Value| one["Service"]["Service"] == name && wanted.iter().all(|tag| tags(one).contains(tag));
            json!(services.iter().filter(has).collect::<Vec<_>>())
        } else {
            return super::json(stream, "404 Not Found", "", &json!(null));
        };
        super::json(stream, "200 OK", &format!("X-Consul-Index: {index}\r\n"), &body);
    }
}

fn percent_decoded(text: &str) -> String {
    let query = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
