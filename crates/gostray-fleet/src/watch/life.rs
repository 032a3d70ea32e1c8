//! What happens to a leak: opened, confirmed, accepted, resolved, opened again.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::Millis;
use crate::store::Frame;
use crate::watch::leak::{Acceptance, Event, EventKind, Leak, LeakEvidence, Spread, State};

/// So many events of a leak are kept.
const MAX_EVENTS: usize = 200;

/// The id of a leak: of a signature in a service.
#[must_use]
pub fn leak_id(service: &str, signature: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(service.as_bytes());
    hash.update([0]);
    hash.update(signature.as_bytes());
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A leak as a look at the fleet shows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sighting {
    pub(crate) service: String,
    pub(crate) signature: String,
    pub(crate) verdict: &'static str,
    pub(crate) evidence: Vec<LeakEvidence>,
    pub(crate) operation: String,
    pub(crate) stack: Vec<Frame>,
    pub(crate) blocked_at: usize,
    pub(crate) spread: Spread,
    pub(crate) since_build: String,
    pub(crate) is_since_build_sure: bool,
}

/// The leaks, and what happens to them.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    /// By their ids.
    pub(crate) leaks: BTreeMap<String, Leak>,
}

impl Lives {
    /// A leak was seen. Gives its id; whether anything happened to it, its history tells.
    pub(crate) fn see(&mut self, sighting: Sighting, now: Millis) -> String {
        let id = leak_id(&sighting.service, &sighting.signature);
        let leak = self.leaks.entry(id.clone()).or_insert_with(|| Leak {
            id: id.clone(),
            service: sighting.service,
            signature: sighting.signature,
            state: State::Resolved,
            verdict: sighting.verdict.to_owned(),
            evidence: Vec::new(),
            operation: sighting.operation,
            stack: Vec::new(),
            blocked_at: 0,
            spread: Spread::default(),
            first_seen: now,
            last_seen: now,
            since_build: String::new(),
            is_since_build_sure: false,
            resolved_build: None,
            accepted: None,
            history: Vec::new(),
        });
        let is_new = leak.history.is_empty();
        // Once proven, always proven: as long as it lives.
        let keeps = leak.state != State::Resolved && rank(&leak.verdict) > rank(sighting.verdict);
        if !keeps {
            sighting.verdict.clone_into(&mut leak.verdict);
            leak.evidence = sighting.evidence;
        }
        leak.stack = sighting.stack;
        leak.blocked_at = sighting.blocked_at;
        leak.spread = sighting.spread;
        leak.last_seen = now;
        if is_new || sighting.is_since_build_sure || leak.since_build.is_empty() {
            leak.since_build = sighting.since_build;
            leak.is_since_build_sure = sighting.is_since_build_sure;
        }
        let build = leak.since_build.clone();
        if is_new || leak.state == State::Resolved {
            let kind = if is_new { EventKind::Opened } else { EventKind::Reopened };
            leak.state = State::Open;
            leak.resolved_build = None;
            leak.accepted = None;
            let reason = leak.evidence.first().map(|e| e.detail.clone()).unwrap_or_default();
            record(leak, Event { at: now, kind, build: build.clone(), detail: reason });
        }
        self.confirm(&id, now);
        id
    }

    fn confirm(&mut self, id: &str, now: Millis) {
        let Some(leak) = self.leaks.get_mut(id) else { return };
        if leak.state == State::Open && rank(&leak.verdict) >= rank("likely") {
            leak.state = State::Confirmed;
            let detail = leak.evidence.first().map(|e| e.detail.clone()).unwrap_or_default();
            let event = Event { at: now, kind: EventKind::Confirmed, build: leak.since_build.clone(), detail };
            record(leak, event);
        }
    }

    /// A leak is gone.
    pub(crate) fn resolve(&mut self, id: &str, build: Option<String>, why: String, now: Millis) -> bool {
        let Some(leak) = self.leaks.get_mut(id).filter(|leak| leak.state != State::Resolved) else { return false };
        leak.state = State::Resolved;
        leak.resolved_build.clone_from(&build);
        leak.spread = Spread { instances: leak.spread.instances, ..Spread::default() };
        record(leak, Event { at: now, kind: EventKind::Resolved, build: build.unwrap_or_default(), detail: why });
        true
    }

    /// Somebody says why a leak is no matter.
    pub(crate) fn accept(&mut self, id: &str, acceptance: Acceptance, now: Millis) -> bool {
        let Some(leak) = self.leaks.get_mut(id) else { return false };
        let detail = format!("{}: {}", acceptance.by, acceptance.reason);
        leak.state = State::Accepted;
        leak.accepted = Some(acceptance);
        record(leak, Event { at: now, kind: EventKind::Accepted, build: String::new(), detail });
        true
    }

    /// An acceptance is taken back.
    pub(crate) fn reopen(&mut self, id: &str, why: String, now: Millis) -> bool {
        let Some(leak) = self.leaks.get_mut(id).filter(|leak| leak.state == State::Accepted) else { return false };
        leak.state = State::Open;
        leak.accepted = None;
        record(leak, Event { at: now, kind: EventKind::Reopened, build: String::new(), detail: why });
        self.confirm(id, now);
        true
    }

    /// Opens leaks again whose acceptance has run out, and gives their ids.
    pub(crate) fn expire(&mut self, now: Millis) -> Vec<String> {
        let is_over = |leak: &&Leak| {
            leak.state == State::Accepted
                && leak.accepted.as_ref().and_then(|a| a.until).is_some_and(|until| until <= now)
        };
        let over: Vec<String> = self.leaks.values().filter(is_over).map(|leak| leak.id.clone()).collect();
        for id in &over {
            self.reopen(id, "the acceptance has run out".to_owned(), now);
        }
        over
    }
}

fn rank(verdict: &str) -> u8 {
    match verdict {
        "proven" => 2,
        "likely" => 1,
        _ => 0,
    }
}

fn record(leak: &mut Leak, event: Event) {
    leak.history.push(event);
    if leak.history.len() > MAX_EVENTS {
        // The first one says how it began.
        leak.history.remove(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(verdict: &'static str) -> Sighting {
        Sighting {
            service: "shop".to_owned(),
            signature: "00000000000000aa".to_owned(),
            verdict,
            evidence: vec![LeakEvidence { kind: "growth".to_owned(), detail: format!("{verdict} it is") }],
            operation: "chan send".to_owned(),
            stack: Vec::new(),
            blocked_at: 0,
            spread: Spread { goroutines: 7, ..Spread::default() },
            since_build: "v2".to_owned(),
            is_since_build_sure: false,
        }
    }

    fn story(lives: &Lives, id: &str) -> Vec<EventKind> {
        lives.leaks[id].history.iter().map(|event| event.kind).collect()
    }

    #[test]
    fn is_opened_then_confirmed_then_resolved_then_opened_again() {
        use EventKind::{Confirmed, Opened, Reopened, Resolved};
        let mut lives = Lives::default();
        let id = lives.see(sighting("suspect"), 1);
        assert_eq!(lives.leaks[&id].state, State::Open);
        lives.see(sighting("suspect"), 2);
        lives.see(sighting("proven"), 3);
        assert_eq!(lives.leaks[&id].state, State::Confirmed);
        lives.see(sighting("suspect"), 4);
        assert_eq!(lives.leaks[&id].verdict, "proven", "once proven, always proven");
        assert!(lives.resolve(&id, Some("v3".to_owned()), "gone".to_owned(), 5));
        assert!(!lives.resolve(&id, None, "gone".to_owned(), 6), "only once");
        assert_eq!((lives.leaks[&id].spread.goroutines, lives.leaks[&id].resolved_build.as_deref()), (0, Some("v3")));
        lives.see(sighting("suspect"), 7);
        assert_eq!(
            (lives.leaks[&id].verdict.as_str(), lives.leaks[&id].state),
            ("suspect", State::Open),
            "another life"
        );
        assert_eq!(story(&lives, &id), [Opened, Confirmed, Resolved, Reopened]);
        assert_eq!((lives.leaks[&id].first_seen, lives.leaks[&id].last_seen), (1, 7));
    }

    #[test]
    fn stays_accepted_until_its_time_is_over() {
        let mut lives = Lives::default();
        let id = lives.see(sighting("likely"), 1);
        let acceptance = Acceptance { reason: "a pool".to_owned(), by: "ann".to_owned(), until: Some(10) };
        assert!(lives.accept(&id, acceptance, 2));
        lives.see(sighting("likely"), 3);
        assert_eq!(lives.leaks[&id].state, State::Accepted);
        assert!(lives.expire(9).is_empty());
        assert_eq!(lives.expire(10), std::slice::from_ref(&id));
        assert_eq!(lives.leaks[&id].state, State::Confirmed);
        assert!(!lives.reopen(&id, "again".to_owned(), 11), "it is open already");
        assert!(!lives.accept("nothing", Acceptance { reason: String::new(), by: String::new(), until: None }, 1));
    }

    #[test]
    fn has_an_id_of_service_and_signature() {
        assert_eq!(leak_id("shop", "aa"), leak_id("shop", "aa"));
        assert_ne!(leak_id("shop", "aa"), leak_id("sho", "paa"));
        assert_eq!(leak_id("", "").len(), 16);
    }

    #[test]
    fn keeps_a_bounded_history() {
        let mut lives = Lives::default();
        let id = lives.see(sighting("suspect"), 0);
        for at in 1..1_000 {
            lives.resolve(&id, None, String::new(), at);
            lives.see(sighting("suspect"), at);
        }
        assert_eq!(lives.leaks[&id].history.len(), MAX_EVENTS);
        assert_eq!(lives.leaks[&id].history[0].kind, EventKind::Opened);
    }
}
