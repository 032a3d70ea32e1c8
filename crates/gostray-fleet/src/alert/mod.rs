//! Leaks → messages, delivered once.
//!
//! A receiver is told of a leak, not of each pod that has it: once when it begins to fire, once when it is
//! over. What is to be told is written into the ledger before the first attempt, and marked in one write
//! after the answer, so that nothing is lost when gostray is killed. In the moment between answer and mark it
//! can't be known whether a message arrived. Alertmanager, PagerDuty and webhooks (by their
//! `Idempotency-Key`) know a message that comes twice, so it is sent again; in a chat it says that it may be a
//! repeat.
//!
//! | module | subject |
//! |---|---|
//! | `message` | what is said of a leak |
//! | `payload` | how each channel wants it |
//! | `outbox` | what is still to be told to whom; pure |
//! | `deliver` | one attempt, and the loop |

mod deliver;
mod message;
mod outbox;
mod payload;

use std::sync::Arc;
use std::time::Duration;

use crate::target::{Access, Secret};

pub use deliver::run;
pub use message::Message;
pub use outbox::{Delivery, Outbox, Stage};

/// Somebody who is told of leaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Receiver {
    /// Its name, in logs and in the ledger.
    pub name: String,
    /// Where. That of a chat's robot is itself a secret.
    pub url: Secret,
    /// How it is reached; shared by the receivers of an entry.
    pub access: Arc<Access>,
    /// Tell also when a leak is over.
    pub send_resolved: bool,
    /// How it wants to be told.
    pub channel: Channel,
}

/// How a receiver wants to be told.
#[derive(Debug, Clone, PartialEq)]
pub enum Channel {
    /// Alertmanager's API v2.
    Alertmanager {
        /// How often what fires is sent again.
        resend: Duration,
    },
    /// JSON as Alertmanager's webhooks send it.
    Webhook {
        /// The name of the receiver in it.
        receiver: String,
    },
    /// Slack.
    Slack {
        /// The channel, where it is not the webhook's own.
        channel: Option<String>,
    },
    /// PagerDuty's Events API v2.
    PagerDuty {
        /// The key of the integration.
        routing_key: Secret,
    },
    /// A robot of Feishu (Lark).
    Feishu {
        /// What signs.
        secret: Option<Secret>,
    },
    /// A robot of DingTalk.
    DingTalk {
        /// What signs.
        secret: Option<Secret>,
    },
    /// A robot of WeCom.
    WeCom,
}

impl Channel {
    /// Does a message that comes twice do no harm?
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        matches!(self, Self::Alertmanager { .. } | Self::Webhook { .. } | Self::PagerDuty { .. })
    }

    /// The time between two messages, in milliseconds: DingTalk and WeCom take 20 a minute, Slack one a second,
    /// Feishu 100 a minute.
    #[must_use]
    pub fn pause(&self) -> i64 {
        match self {
            Self::DingTalk { .. } | Self::WeCom => 4_000,
            Self::Slack { .. } | Self::Feishu { .. } => 1_500,
            _ => 0,
        }
    }

    /// Are several leaks put into one message where they come at once?
    #[must_use]
    pub fn takes_several(&self) -> bool {
        matches!(self, Self::Slack { .. } | Self::Feishu { .. } | Self::DingTalk { .. } | Self::WeCom)
    }
}
