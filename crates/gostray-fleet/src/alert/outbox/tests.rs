use super::*;
use crate::store::sqlite::{Settings, Sqlite};
use crate::target::Secret;
use crate::watch::{LeakState, Spread};

fn leak(state: LeakState) -> Leak {
    Leak {
        id: "00000000000000aa".to_owned(),
        service: "orders".to_owned(),
        signature: "00000000000000bb".to_owned(),
        state,
        verdict: "likely".to_owned(),
        evidence: Vec::new(),
        operation: "chan send".to_owned(),
        stack: Vec::new(),
        blocked_at: 0,
        spread: Spread::default(),
        first_seen: 1,
        last_seen: 1,
        since_build: String::new(),
        is_since_build_sure: false,
        resolved_build: None,
        accepted: None,
        history: Vec::new(),
    }
}

fn receiver(channel: Channel) -> Receiver {
    let url = Secret::Inline("http://127.0.0.1:1/".to_owned());
    Receiver { name: "ops".to_owned(), url, access: Arc::default(), send_resolved: true, channel }
}

struct Fixture {
    folder: tempfile::TempDir,
    channel: Channel,
    send_resolved: bool,
}

impl Fixture {
    fn new(channel: Channel) -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), channel, send_resolved: true }
    }

    /// As after a start of gostray.
    fn open(&self) -> Outbox {
        let ledger = Sqlite::open(self.folder.path(), Settings::default()).expect("a store");
        let receiver = Receiver { send_resolved: self.send_resolved, ..receiver(self.channel.clone()) };
        Outbox::open(Arc::new(ledger), vec![receiver]).expect("an outbox")
    }
}

fn webhook() -> Channel {
    Channel::Webhook { receiver: "ops".to_owned() }
}

fn due(outbox: &Outbox, now: Millis) -> Vec<Delivery> {
    outbox.due(now).into_iter().flat_map(|(_, deliveries)| deliveries).collect()
}

#[test]
fn each_leak_is_told_once_when_it_fires_and_once_when_it_is_over() {
    let fixture = Fixture::new(webhook());
    let mut outbox = fixture.open();
    for _ in 0..3 {
        outbox.sync(&[leak(LeakState::Open)], 10).expect("written");
    }
    let first = due(&outbox, 10);
    assert_eq!((first.len(), first[0].firing), (1, true));
    outbox.begin(&first).expect("written");
    assert!(due(&outbox, 10).is_empty(), "it is being sent");
    outbox.done(&first).expect("written");
    outbox.sync(&[leak(LeakState::Confirmed)], 20).expect("written");
    assert!(due(&outbox, 20).is_empty(), "it is known");
    outbox.sync(&[leak(LeakState::Resolved)], 30).expect("written");
    let over = due(&outbox, 30);
    assert_eq!((over.len(), over[0].firing), (1, false));
    outbox.done(&over).expect("written");
    outbox.sync(&[leak(LeakState::Open)], 40).expect("written");
    assert_eq!(due(&outbox, 40).len(), 1, "and again when it is back");
}

#[test]
fn a_failure_is_tried_again_later_and_later() {
    let fixture = Fixture::new(webhook());
    let mut outbox = fixture.open();
    outbox.sync(&[leak(LeakState::Open)], 0).expect("written");
    let mut now = 0;
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let own = due(&outbox, now);
        outbox.begin(&own).expect("written");
        outbox.failed(&own, None, now).expect("written");
        let next = outbox.deliveries.values().next().expect("a delivery").due_at;
        pauses.push(next - now);
        now = next;
    }
    assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]), "{pauses:?}");
    assert!(pauses[0] >= 5_000 && pauses[11] <= 750_000, "{pauses:?}");
    let own = due(&outbox, now);
    outbox.failed(&own, Some(3_600_000), now).expect("written");
    assert!(due(&outbox, now + 3_599_999).is_empty(), "as long as the receiver asks for");
}

#[test]
fn nothing_is_lost_whenever_gostray_is_killed() {
    for stage in 0..3 {
        let fixture = Fixture::new(webhook());
        {
            let mut outbox = fixture.open();
            outbox.sync(&[leak(LeakState::Open)], 0).expect("written");
            let own = due(&outbox, 0);
            if stage >= 1 {
                outbox.begin(&own).expect("written");
            }
            if stage >= 2 {
                outbox.done(&own).expect("written");
            }
        }
        let mut outbox = fixture.open();
        outbox.sync(&[leak(LeakState::Open)], 10).expect("written");
        let own = due(&outbox, 10);
        assert_eq!(own.len(), usize::from(stage < 2), "killed in stage {stage}");
        assert!(own.iter().all(|one| !one.is_repeat), "a webhook knows what comes twice");
    }
}

#[test]
fn a_chat_is_told_what_may_be_a_repeat() {
    let fixture = Fixture::new(Channel::WeCom);
    {
        let mut outbox = fixture.open();
        outbox.sync(&[leak(LeakState::Open)], 0).expect("written");
        let own = due(&outbox, 0);
        outbox.begin(&own).expect("written");
    }
    assert!(due(&fixture.open(), 10)[0].is_repeat);
}

#[test]
fn what_nobody_has_heard_of_is_not_said_to_be_over() {
    let fixture = Fixture::new(webhook());
    let mut outbox = fixture.open();
    outbox.sync(&[leak(LeakState::Resolved)], 0).expect("written");
    outbox.sync(&[leak(LeakState::Open)], 0).expect("written");
    outbox.sync(&[leak(LeakState::Resolved)], 0).expect("written");
    assert!(due(&outbox, 0).is_empty());
}

#[test]
fn what_changes_back_before_it_is_told_is_no_news() {
    let fixture = Fixture::new(webhook());
    let mut outbox = fixture.open();
    outbox.sync(&[leak(LeakState::Open)], 0).expect("written");
    let first = due(&outbox, 0);
    outbox.begin(&first).expect("written");
    outbox.done(&first).expect("written");
    outbox.sync(&[leak(LeakState::Accepted)], 10).expect("written");
    assert_eq!(due(&outbox, 10).len(), 1);
    outbox.sync(&[leak(LeakState::Open)], 20).expect("written");
    assert!(due(&outbox, 20).is_empty(), "it knows that it fires");
}

#[test]
fn who_is_not_told_that_a_leak_is_over_is_told_when_it_is_back() {
    let fixture = Fixture { send_resolved: false, ..Fixture::new(webhook()) };
    let mut outbox = fixture.open();
    for now in [0, 100] {
        outbox.sync(&[leak(LeakState::Open)], now).expect("written");
        let own = due(&outbox, now);
        assert_eq!(own.len(), 1);
        outbox.begin(&own).expect("written");
        outbox.done(&own).expect("written");
        outbox.sync(&[leak(LeakState::Resolved)], now + 50).expect("written");
        assert!(due(&outbox, now + 50).is_empty());
    }
}
