//! How a load test looks. One file a format.

mod full;
mod html;
mod json;

use std::collections::BTreeSet;
use std::io;

use gostray_gate::soak::{EndpointOutcome, Growth, Outcome};

pub use json::soak_schema;

/// A way to show a load test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoakFormat {
    /// For people.
    Full,
    /// `gostray.soak/v1`.
    Json,
    /// One page, with the goroutines over time.
    Html,
}

/// A load test, and how much the service may have.
#[derive(Debug)]
pub struct SoakReport<'a> {
    /// What it showed.
    pub outcome: &'a Outcome,
    /// What was driven.
    pub target: &'a str,
    /// So many bytes the service may use.
    pub limit: u64,
}

impl SoakReport<'_> {
    /// Writes it in a format.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write(&self, format: SoakFormat, width: Option<usize>, out: &mut dyn io::Write) -> io::Result<()> {
        match format {
            SoakFormat::Full => full::write(self, width, out),
            SoakFormat::Json => json::write(self, out),
            SoakFormat::Html => html::write(self, out),
        }
    }

    /// The result in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let outcome = self.outcome;
        let requests = |is: &dyn Fn(&EndpointOutcome) -> bool| {
            let own: BTreeSet<usize> =
                outcome.endpoints.iter().filter(|endpoint| is(endpoint)).map(|endpoint| endpoint.request).collect();
            own.len()
        };
        let all = requests(&|_| true);
        let leaking = requests(&|endpoint| !endpoint.growths.is_empty());
        let always = requests(&|endpoint| !endpoint.growths.is_empty() && !endpoint.hangs_up);
        let troubled = requests(&|endpoint| endpoint.trouble.is_some());
        let only = leaking - always.min(leaking);
        let mut parts = vec![match leaking {
            0 if outcome.is_incomplete() => "no leak seen, but not all could be tested".to_owned(),
            0 => format!("none of {all} endpoints leaves goroutines behind"),
            1 => format!("1 of {all} endpoints leaves goroutines behind"),
            _ => format!("{leaking} of {all} endpoints leave goroutines behind"),
        }];
        parts.extend((only > 0).then(|| format!("{only} only when clients hang up")));
        parts.extend((troubled > 0).then(|| format!("{troubled} could not be tested")));
        parts.extend(outcome.failed.as_ref().map(|why| format!("it ended early: {}", why.replace('\n', "; "))));
        parts.extend(outcome.interrupted.then(|| "interrupted".to_owned()));
        parts.join("; ")
    }

    /// How long it takes until the service has used what it may, when this goes on at the rate of the test.
    fn time_left(&self, growth: &Growth) -> Option<std::time::Duration> {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let per_second = growth.bytes? as f64 * growth.rate.mean * growth.stayed * self.outcome.rate;
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = self.limit as f64 / per_second;
        // More than a century is for ever.
        (per_second > 0.0 && seconds < 4e9).then(|| std::time::Duration::from_secs_f64(seconds))
    }
}

/// `0 of 250 answered` and the like, in words.
fn answers(endpoint: &EndpointOutcome) -> String {
    let answers = &endpoint.answers;
    let mut parts: Vec<String> = Vec::new();
    parts.extend(answers.statuses.iter().map(|(status, count)| format!("{status}×{count}")));
    parts.extend(answers.errors.iter().map(|(error, count)| format!("{error} ×{count}")));
    parts.extend((answers.hung_up > 0).then(|| format!("hung up ×{}", answers.hung_up)));
    parts.extend((answers.held_back > 0).then(|| format!("not sent ×{} (--concurrency)", answers.held_back)));
    parts.join(" ")
}
