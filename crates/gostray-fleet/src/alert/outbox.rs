//! What is still to be told to whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::alert::{Channel, Receiver};
use crate::store::{Change, Ledger, StoreError};
use crate::watch::Leak;

/// The ledger's kind of deliveries.
const KIND: &str = "delivery";
/// The first pause after a failure, and the longest, in milliseconds.
const BACK_OFF: (Millis, Millis) = (5_000, 600_000);

/// What a receiver was told of a leak last, or is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The receiver.
    pub receiver: String,
    /// The leak.
    pub leak: String,
    /// That it fires, or that it is over.
    pub firing: bool,
    /// What it has heard for sure before: that the leak fires, that it is over, or nothing.
    #[serde(default)]
    pub heard: Option<bool>,
    /// How far it has got.
    pub stage: Stage,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub due_at: Millis,
    /// It may have arrived before.
    pub is_repeat: bool,
}

impl Delivery {
    /// Is it known what the receiver has heard? Not once an attempt was made whose end nobody saw.
    fn is_sure(&self) -> bool {
        self.stage == Stage::Done || (self.stage == Stage::Pending && self.attempts == 0 && !self.is_repeat)
    }
}

/// How far a delivery has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It waits.
    Pending,
    /// It is being sent; found after a start, nobody knows whether it arrived.
    Sending,
    /// It arrived.
    Done,
}

/// All deliveries.
pub struct Outbox {
    ledger: Arc<dyn Ledger>,
    receivers: Vec<Receiver>,
    deliveries: BTreeMap<String, Delivery>,
}

fn key(receiver: &str, leak: &str) -> String {
    format!("{receiver}\n{leak}")
}

impl Outbox {
    /// Takes up what the ledger has.
    ///
    /// # Errors
    /// If it can't be read or written.
    pub fn open(ledger: Arc<dyn Ledger>, receivers: Vec<Receiver>) -> Result<Self, StoreError> {
        let mut deliveries = BTreeMap::new();
        for (key, document) in ledger.documents(KIND)? {
            let Ok(mut delivery) = serde_json::from_value::<Delivery>(document) else { continue };
            if delivery.stage == Stage::Sending {
                let is_known = |r: &&Receiver| r.name == delivery.receiver;
                let is_idempotent = receivers.iter().find(is_known).is_some_and(|r| r.channel.is_idempotent());
                delivery.stage = Stage::Pending;
                delivery.is_repeat = !is_idempotent;
                delivery.attempts += 1;
            }
            if delivery.stage == Stage::Done {
                delivery.heard.get_or_insert(delivery.firing);
            }
            deliveries.insert(key, delivery);
        }
        Ok(Self { ledger, receivers, deliveries })
    }

    /// Others are told from now on; what was told stays known.
    pub fn set_receivers(&mut self, receivers: Vec<Receiver>) {
        self.receivers = receivers;
    }

    /// The receivers.
    #[must_use]
    pub fn receivers(&self) -> &[Receiver] {
        &self.receivers
    }

    /// Notes what the receivers are to be told, now that leaks are so. Alertmanager is told by itself: it is sent
    /// everything again and again.
    ///
    /// # Errors
    /// If it can't be written; then it is noted the next time.
    pub fn sync(&mut self, leaks: &[Leak], now: Millis) -> Result<(), StoreError> {
        let mut news: Vec<(String, Delivery)> = Vec::new();
        for receiver in self.receivers.iter().filter(|r| !matches!(r.channel, Channel::Alertmanager { .. })) {
            for leak in leaks {
                let key = key(&receiver.name, &leak.id);
                let known = self.deliveries.get(&key);
                let firing = leak.is_firing();
                if known.map_or(!firing, |known| known.firing == firing) {
                    continue;
                }
                // What changed back before it was told of is no news.
                let knows = known.is_none_or(Delivery::is_sure)
                    && known.and_then(|known| known.heard).unwrap_or(false) == firing;
                let is_wanted = firing || receiver.send_resolved;
                let stage = if knows || !is_wanted { Stage::Done } else { Stage::Pending };
                let heard = if is_wanted { known.and_then(|known| known.heard) } else { Some(firing) };
                let (receiver, leak) = (receiver.name.clone(), leak.id.clone());
                let delivery =
                    Delivery { receiver, leak, firing, heard, stage, attempts: 0, due_at: now, is_repeat: false };
                news.push((key, delivery));
            }
        }
        self.write(news)
    }

    /// What is due for each receiver: those of chats together, others one by one.
    #[must_use]
    pub fn due(&self, now: Millis) -> Vec<(Receiver, Vec<Delivery>)> {
        let mut due = Vec::new();
        for receiver in &self.receivers {
            let own: Vec<Delivery> = self
                .deliveries
                .values()
                .filter(|d| d.receiver == receiver.name && d.stage == Stage::Pending && d.due_at <= now)
                .cloned()
                .collect();
            if own.is_empty() {
                continue;
            }
            if receiver.channel.takes_several() {
                due.push((receiver.clone(), own));
            } else {
                due.extend(own.into_iter().map(|one| (receiver.clone(), vec![one])));
            }
        }
        due
    }

    /// They are being sent.
    ///
    /// # Errors
    /// If it can't be written; then they must not be.
    pub fn begin(&mut self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        self.write(changed(deliveries, |delivery| delivery.stage = Stage::Sending))
    }

    /// They arrived.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn done(&mut self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        let news = self.still_meant(deliveries);
        self.write(changed(&news, |delivery| {
            delivery.stage = Stage::Done;
            delivery.heard = Some(delivery.firing);
        }))
    }

    /// They did not; they are tried again, after what the receiver asks for or a while.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn failed(&mut self, deliveries: &[Delivery], wait: Option<Millis>, now: Millis) -> Result<(), StoreError> {
        let news = self.still_meant(deliveries);
        self.write(changed(&news, |delivery| {
            let own = BACK_OFF.0.saturating_mul(1 << delivery.attempts.min(10)).min(BACK_OFF.1);
            delivery.attempts += 1;
            delivery.stage = Stage::Pending;
            // Receivers that fail together are not asked again together.
            let spread = Millis::try_from(delivery.leak.len()).unwrap_or(0) * 37 % (own / 4).max(1);
            delivery.due_at = now + wait.unwrap_or(own).max(own) + spread;
        }))
    }

    /// Those that nothing newer has taken the place of meanwhile.
    fn still_meant(&self, deliveries: &[Delivery]) -> Vec<Delivery> {
        let is_same = |own: &&Delivery| {
            self.deliveries.get(&key(&own.receiver, &own.leak)).is_some_and(|known| known.firing == own.firing)
        };
        deliveries.iter().filter(is_same).cloned().collect()
    }

    fn write(&mut self, news: Vec<(String, Delivery)>) -> Result<(), StoreError> {
        if news.is_empty() {
            return Ok(());
        }
        let changes: Vec<Change> = news
            .iter()
            .map(|(key, delivery)| Change {
                kind: KIND.to_owned(),
                key: key.clone(),
                document: serde_json::to_value(delivery).ok(),
            })
            .collect();
        self.ledger.write(&changes)?;
        self.deliveries.extend(news);
        Ok(())
    }
}

fn changed(deliveries: &[Delivery], change: impl Fn(&mut Delivery)) -> Vec<(String, Delivery)> {
    deliveries
        .iter()
        .cloned()
        .map(|mut delivery| {
            change(&mut delivery);
            (key(&delivery.receiver, &delivery.leak), delivery)
        })
        .collect()
}

#[cfg(test)]
mod tests;
