//! What is said of a leak.

use crate::Millis;
use crate::watch::{Leak, LeakState};

/// What is said of a leak, whoever is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The leak's id.
    pub leak: String,
    /// It fires; otherwise it is over.
    pub is_firing: bool,
    /// The service.
    pub service: String,
    /// The signature.
    pub signature: String,
    /// `proven`, `likely` or `suspect`.
    pub verdict: String,
    /// The function that is blocked.
    pub function: String,
    /// In one line: what, where, how many.
    pub summary: String,
    /// The rest, a sentence a line.
    pub details: Vec<String>,
    /// Its page.
    pub link: String,
    /// When it began to fire.
    pub starts_at: Millis,
    /// When it was over, if it is.
    pub ends_at: Option<Millis>,
}

impl Message {
    /// What is to be said; pages are below `external_url`.
    #[must_use]
    pub fn of(leak: &Leak, external_url: &str) -> Self {
        let spread = &leak.spread;
        let blocked = leak.blocked();
        let function =
            blocked.map_or_else(|| "an unknown function".to_owned(), |frame| short(&frame.function).to_owned());
        let place = blocked.map(|frame| format!(" ({}:{})", tail(&frame.file), frame.line)).unwrap_or_default();
        let is_firing = leak.is_firing();
        let summary = match leak.state {
            LeakState::Resolved => format!("resolved: the goroutine leak in {} at {function}", leak.service),
            LeakState::Accepted => format!("accepted: the goroutine leak in {} at {function}", leak.service),
            _ => format!(
                "{} goroutine leak in {}: {} × {} in {function}{place}",
                leak.verdict,
                leak.service,
                number(spread.goroutines),
                leak.operation
            ),
        };
        let mut details = Vec::new();
        if is_firing {
            details.push(format!(
                "on {} of {} instances, the most on {}",
                spread.affected, spread.instances, spread.worst_instance
            ));
            if !leak.since_build.is_empty() {
                let sure = if leak.is_since_build_sure { "since build" } else { "first seen in build" };
                details.push(format!("{sure} {}", leak.since_build));
            }
            if spread.per_hour > 0.0 {
                details.push(format!(
                    "{:.0} more each hour, about {} kept so far",
                    spread.per_hour,
                    bytes(spread.bytes)
                ));
            }
            details
                .extend(leak.evidence.iter().take(3).map(|evidence| format!("{}: {}", evidence.kind, evidence.detail)));
        } else if let Some(event) = leak.history.last() {
            details.push(event.detail.clone());
            if let Some(build) = &leak.resolved_build {
                details.push(format!("gone with build {build}"));
            }
        }
        let began = |event: &&crate::watch::Event| {
            matches!(event.kind, crate::watch::EventKind::Opened | crate::watch::EventKind::Reopened)
        };
        let starts_at = leak.history.iter().rev().find(began).map_or(leak.first_seen, |event| event.at);
        Self {
            leak: leak.id.clone(),
            is_firing,
            service: leak.service.clone(),
            signature: leak.signature.clone(),
            verdict: leak.verdict.clone(),
            function,
            summary,
            details,
            link: format!("{}/leaks/{}", external_url.trim_end_matches('/'), leak.id),
            starts_at,
            ends_at: (!is_firing).then(|| leak.history.last().map_or(leak.last_seen, |event| event.at)),
        }
    }
}

/// A function without the path of its package.
fn short(function: &str) -> &str {
    function.rsplit_once('/').map_or(function, |(_, last)| last)
}

/// The last two parts of a path.
fn tail(path: &str) -> &str {
    let mut cuts = path.rmatch_indices('/').map(|(at, _)| at);
    cuts.nth(1).map_or(path, |at| &path[at + 1..])
}

/// A number with commas.
fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn bytes(n: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal")]
    let n = n as f64;
    if n >= 1e9 { format!("{:.1} GB", n / 1e9) } else { format!("{:.1} MB", n / 1e6) }
}
