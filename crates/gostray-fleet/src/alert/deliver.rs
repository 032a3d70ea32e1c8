//! One attempt, and the loop.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, StatusCode, redirect};
use tokio::sync::watch;

use crate::Millis;
use crate::alert::message::Message;
use crate::alert::outbox::{Delivery, Outbox};
use crate::alert::payload::{self, Post};
use crate::alert::{Channel, Receiver};
use crate::scrape::{Clients, now};
use crate::watch::Leak;

/// How long one attempt may take.
const LONGEST: Duration = Duration::from_secs(15);
/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 64 << 10;
/// For so long Alertmanager is told that something is over.
const TOLD_OVER: Millis = 15 * 60_000;

/// Why a message did not arrive. It never says the URL: that of a chat is a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    what: String,
    /// How long the receiver asks to wait, in milliseconds.
    wait: Option<Millis>,
}

/// Tells receivers of leaks until `end` says so. `receivers` are those of the configuration, which may change.
pub async fn run(
    mut outbox: Outbox,
    mut leaks: watch::Receiver<Vec<Leak>>,
    mut receivers: watch::Receiver<Vec<Receiver>>,
    external_url: String,
    mut end: watch::Receiver<bool>,
) {
    let clients = Clients::with(client);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut quiet_until: HashMap<String, Millis> = HashMap::new();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            Ok(()) = leaks.changed() => {}
            Ok(()) = receivers.changed() => {
                let current = receivers.borrow_and_update().clone();
                outbox.set_receivers(current);
            }
            _ = end.changed() => return,
        }
        let current = leaks.borrow_and_update().clone();
        let synced = tokio::task::block_in_place(|| outbox.sync(&current, now()));
        if let Err(error) = synced {
            tracing::error!(%error, "what is to be told can't be noted: it is tried again");
            continue;
        }
        resend(&clients, &outbox, &current, &external_url, &mut quiet_until).await;
        for (receiver, deliveries) in outbox.due(now()) {
            if quiet_until.get(&receiver.name).is_some_and(|until| *until > now()) {
                continue;
            }
            quiet_until.insert(receiver.name.clone(), now() + receiver.channel.pause());
            attempt(&clients, &mut outbox, &receiver, &deliveries, &current, &external_url).await;
        }
    }
}

/// Unlike a target, a receiver may be behind the proxy of the environment.
fn client() -> ClientBuilder {
    Client::builder().redirect(redirect::Policy::none()).timeout(LONGEST)
}

/// Sends Alertmanagers all that fires, as their API wants it, and for a while what is over.
async fn resend(
    clients: &Clients,
    outbox: &Outbox,
    leaks: &[Leak],
    external_url: &str,
    quiet_until: &mut HashMap<String, Millis>,
) {
    let now = now();
    let messages: Vec<Message> = leaks
        .iter()
        .map(|leak| Message::of(leak, external_url))
        .filter(|m| m.is_firing || m.ends_at.is_some_and(|ended| now - ended < TOLD_OVER))
        .collect();
    if messages.is_empty() {
        return;
    }
    // What has changed is told at once, the rest at intervals.
    let state: Vec<String> = messages.iter().map(|m| format!("{}{}", m.leak, m.is_firing)).collect();
    for receiver in outbox.receivers() {
        let Channel::Alertmanager { resend } = receiver.channel else { continue };
        let key = format!("{}\n{}", receiver.name, state.join(" "));
        if quiet_until.get(&key).is_some_and(|until| *until > now) {
            continue;
        }
        quiet_until.retain(|other, _| !other.starts_with(&format!("{}\n", receiver.name)));
        let pause = Millis::try_from(resend.as_millis()).unwrap_or(60_000);
        let sent = match payload::post(receiver, &messages, false, external_url, now) {
            Ok(post) => send(clients, receiver, &post).await,
            Err(error) => Err(Failure { what: error.to_string(), wait: None }),
        };
        if let Err(failure) = sent {
            tracing::warn!(receiver = receiver.name, error = failure.what, "not told: it is tried again");
            quiet_until.insert(key, now + pause.min(10_000));
        } else {
            quiet_until.insert(key, now + pause);
        }
    }
}

async fn attempt(
    clients: &Clients,
    outbox: &mut Outbox,
    receiver: &Receiver,
    deliveries: &[Delivery],
    leaks: &[Leak],
    external_url: &str,
) {
    let messages: Vec<Message> = deliveries
        .iter()
        .filter_map(|delivery| leaks.iter().find(|leak| leak.id == delivery.leak))
        .map(|leak| Message::of(leak, external_url))
        .collect();
    if messages.is_empty() {
        return;
    }
    let is_repeat = deliveries.iter().any(|delivery| delivery.is_repeat);
    let begun = tokio::task::block_in_place(|| outbox.begin(deliveries));
    if let Err(error) = begun {
        tracing::error!(%error, "what is told can't be noted: it is not told yet");
        return;
    }
    let sent = match payload::post(receiver, &messages, is_repeat, external_url, now()) {
        Ok(post) => send(clients, receiver, &post).await,
        Err(error) => Err(Failure { what: format!("a secret can't be read: {error}"), wait: None }),
    };
    let noted = tokio::task::block_in_place(|| match &sent {
        Ok(()) => outbox.done(deliveries),
        Err(failure) => outbox.failed(deliveries, failure.wait, now()),
    });
    match sent {
        Ok(()) => tracing::info!(receiver = receiver.name, leaks = messages.len(), "told"),
        Err(failure) => tracing::warn!(receiver = receiver.name, error = failure.what, "not told: it is tried again"),
    }
    if let Err(error) = noted {
        tracing::error!(%error, "what was told can't be noted: it may be told again");
    }
}

async fn send(clients: &Clients, receiver: &Receiver, post: &Post) -> Result<(), Failure> {
    let failed = |what: String| Failure { what, wait: None };
    let client = clients.of(&receiver.access).map_err(|error| failed(error.to_string()))?;
    let mut request = client.post(&post.url).header("Idempotency-Key", &post.key).json(&post.body);
    if let Some(authorization) = &receiver.access.authorization {
        let value =
            authorization.header().map_err(|error| failed(format!("the credentials can't be read: {error}")))?;
        request = request.header("Authorization", value);
    }
    let mut response = request.send().await.map_err(|error| failed(error.without_url().to_string()))?;
    let status = response.status();
    let wait = response.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse::<Millis>().ok());
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            break;
        }
    }
    let body = String::from_utf8_lossy(&body);
    if !status.is_success() {
        let wait = wait.map(|seconds| seconds.saturating_mul(1_000));
        let wait = if status == StatusCode::TOO_MANY_REQUESTS { wait.or(Some(60_000)) } else { wait };
        let line: String = body.lines().next().unwrap_or_default().chars().take(200).collect();
        return Err(Failure { what: format!("it answers {status} {line}"), wait });
    }
    match payload::refusal(&receiver.channel, &body) {
        Some(what) => Err(Failure { what: format!("it answers {what}"), wait: Some(60_000) }),
        None => Ok(()),
    }
}
