//! An API server with objects that are listed and watched.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Request, listen};

/// All that happened to an object, in order; the number of an event is its resource version.
struct Event {
    kind: &'static str,
    object: Value,
}

struct State {
    events: Mutex<Vec<Event>>,
    happened: Condvar,
    is_up: Arc<AtomicBool>,
    /// Watches up to this one, in the order they came, are told that what they know is too old.
    forgotten: Mutex<u64>,
    watches: Mutex<u64>,
}

/// The server.
pub(crate) struct Kubernetes {
    state: Arc<State>,
    pub(crate) port: u16,
    /// Without this token it refuses.
    pub(crate) token: Arc<Mutex<Option<String>>>,
}

impl Kubernetes {
    pub(crate) fn new(objects: &Value) -> Self {
        let events =
            objects.as_array().unwrap().iter().cloned().map(|object| Event { kind: "ADDED", object }).collect();
        let is_up = Arc::new(AtomicBool::new(true));
        let state = Arc::new(State {
            events: Mutex::new(events),
            happened: Condvar::new(),
            is_up: is_up.clone(),
            forgotten: Mutex::new(0),
            watches: Mutex::new(0),
        });
        let token: Arc<Mutex<Option<String>>> = Arc::default();
        let (own, needed) = (state.clone(), token.clone());
        let port = listen(is_up, move |request, stream| {
            let needed = needed.lock().unwrap().clone();
            let given = request.headers.get("authorization").cloned();
            if needed.is_some_and(|needed| given != Some(format!("Bearer {needed}"))) {
                return status(stream, 401, "Unauthorized");
            }
            own.answer(request, stream);
        });
        Self { state, port, token }
    }

    /// Something happens to an object.
    pub(crate) fn happens(&self, kind: &'static str, object: Value) {
        self.state.events.lock().unwrap().push(Event { kind, object });
        self.state.happened.notify_all();
    }

    /// It ends, or comes back.
    pub(crate) fn set_up(&self, is_up: bool) {
        self.state.is_up.store(is_up, Ordering::SeqCst);
        self.state.happened.notify_all();
    }

    /// It forgets what was before: watches end with 410, and all has to be listed again.
    pub(crate) fn forget(&self) {
        *self.state.forgotten.lock().unwrap() = self.watches();
        self.state.happened.notify_all();
    }

    pub(crate) fn watches(&self) -> u64 {
        *self.state.watches.lock().unwrap()
    }
}

fn status(stream: &mut TcpStream, code: u16, reason: &str) {
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "reason": reason, "message": format!("the fake says {reason}")});
    super::json(stream, &format!("{code} {reason}"), "", &body);
}

/// Kind and namespace of a path like `/api/v1/namespaces/shop/pods`.
fn wanted(path: &str) -> Option<(&'static str, &'static str, Option<String>)> {
    let rest = path.strip_prefix("/api/v1/").or_else(|| path.strip_prefix("/apis/discovery.k8s.io/v1/"))?;
    let (namespace, plural) = match rest.strip_prefix("namespaces/").and_then(|rest| rest.split_once('/')) {
        Some((namespace, plural)) => (Some(namespace.to_owned()), plural),
        None => (None, rest),
    };
    let (kind, version) = match plural {
        "pods" => ("Pod", "v1"),
        "services" => ("Service", "v1"),
        "endpoints" => ("Endpoints", "v1"),
        "nodes" => ("Node", "v1"),
        "namespaces" => ("Namespace", "v1"),
        "endpointslices" => ("EndpointSlice", "discovery.k8s.io/v1"),
        _ => return None,
    };
    Some((kind, version, namespace))
}

/// Does a selector like `app=orders` or `metadata.name=x` take an object?
fn selects(selector: Option<&str>, value: impl Fn(&str) -> Option<String>) -> bool {
    selector
        .unwrap_or_default()
        .split(',')
        .filter_map(|one| one.split_once('='))
        .all(|(name, wanted)| value(name).as_deref() == Some(wanted.trim_start_matches('=')))
}

impl State {
    fn answer(&self, request: &Request, stream: &mut TcpStream) {
        let Some((kind, version, namespace)) = wanted(&request.path) else { return status(stream, 404, "NotFound") };
        let is_wanted = |object: &Value| {
            object["kind"] == kind
                && namespace.as_deref().is_none_or(|namespace| object["metadata"]["namespace"] == namespace)
                && selects(request.get("labelSelector"), |name| {
                    object["metadata"]["labels"][name].as_str().map(str::to_owned)
                })
                && selects(request.get("fieldSelector"), |name| {
                    let place = format!("/{}", name.replace('.', "/"));
                    object.pointer(&place)?.as_str().map(str::to_owned)
                })
        };
        if request.get("watch").is_some_and(|watch| watch == "true" || watch == "1") {
            // Not every server can list within a watch.
            if request.get("sendInitialEvents").is_some() {
                return status(stream, 422, "Invalid");
            }
            return self.watch(request, is_wanted, stream);
        }
        let events = self.events.lock().unwrap();
        let mut now: Vec<Value> = Vec::new();
        for (at, event) in events.iter().enumerate().filter(|(_, event)| is_wanted(&event.object)) {
            now.retain(|one| !is_same(one, &event.object));
            if event.kind != "DELETED" {
                let mut object = versioned(&event.object, at + 1);
                // In a list it is not said of each.
                object.as_object_mut().unwrap().remove("kind");
                object.as_object_mut().unwrap().remove("apiVersion");
                now.push(object);
            }
        }
        let body = json!({"kind": format!("{kind}List"), "apiVersion": version,
            "metadata": {"resourceVersion": events.len().to_string()}, "items": now});
        drop(events);
        super::json(stream, "200 OK", "", &body);
    }

    fn watch(&self, request: &Request, is_wanted: impl Fn(&Value) -> bool, stream: &mut TcpStream) {
        let own = {
            let mut watches = self.watches.lock().unwrap();
            *watches += 1;
            *watches
        };
        let mut at: usize = request.get("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut is_good = stream.write_all(head.as_bytes()).is_ok();
        let mut send = |event: &Value| {
            let line = format!("{event}\n");
            write!(stream, "{:x}\r\n{line}\r\n", line.len()).is_ok()
        };
        let mut events = self.events.lock().unwrap();
        while is_good && self.is_up.load(Ordering::SeqCst) {
            if own <= *self.forgotten.lock().unwrap() {
                let gone = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "code": 410, "reason": "Expired", "message": "too old resource version"});
                send(&json!({"type": "ERROR", "object": gone}));
                return;
            }
            while is_good && at < events.len() {
                let event = &events[at];
                at += 1;
                if is_wanted(&event.object) {
                    is_good = send(&json!({"type": event.kind, "object": versioned(&event.object, at)}));
                }
            }
            events = self.happened.wait_timeout(events, Duration::from_secs(1)).unwrap().0;
        }
    }
}

fn is_same(one: &Value, other: &Value) -> bool {
    one["metadata"]["name"] == other["metadata"]["name"]
        && one["metadata"]["namespace"] == other["metadata"]["namespace"]
}

fn versioned(object: &Value, version: usize) -> Value {
    let mut object = object.clone();
    object["metadata"]["resourceVersion"] = json!(version.to_string());
    object
}
