//! `gostray.soak/v1`: stable from the first release; fields are added, never renamed.

use std::collections::BTreeMap;
use std::io::{self, Write};

use gostray_gate::soak::{Answers, EndpointOutcome, Growth};
use schemars::JsonSchema;
use serde::Serialize;

use super::SoakReport;
use crate::json::{GroupJson, group};

/// What a load test showed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "gostray.soak/v1")]
struct SoakJson {
    /// Always `gostray.soak/v1`.
    schema: &'static str,
    /// What was driven.
    target: String,
    /// Requests a second.
    rate: f64,
    /// Goroutines before anything was sent.
    goroutines_before: u64,
    /// Goroutines at the end.
    goroutines_after: u64,
    /// It was interrupted.
    interrupted: bool,
    /// Why it ended before its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
    /// By endpoint.
    endpoints: Vec<EndpointJson>,
    /// All endpoints together.
    mixed: AnswersJson,
    /// Milliseconds from the start, and how many goroutines there were.
    curve: Vec<(u64, u64)>,
    /// What happened meanwhile.
    phases: Vec<PhaseJson>,
}

/// What one endpoint does.
#[derive(Serialize, JsonSchema)]
struct EndpointJson {
    /// Its request.
    name: String,
    /// Clients hang up before they have the answer.
    hangs_up: bool,
    /// What became of the requests.
    answers: AnswersJson,
    /// What it leaves behind; empty if nothing.
    leaks: Vec<LeakJson>,
    /// Goroutines that became more while it was driven alone, and no more after that, or ended later.
    levelled_off: u64,
    /// Why nothing can be said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

/// What became of requests.
#[derive(Serialize, JsonSchema)]
struct AnswersJson {
    /// Requests that were sent.
    sent: u64,
    /// Answers by status.
    statuses: BTreeMap<u16, u64>,
    /// Requests without an answer, by what went wrong.
    errors: BTreeMap<String, u64>,
    /// Requests that were given up on purpose.
    hung_up: u64,
    /// Requests that were not sent, because too many were under way.
    held_back: u64,
    /// Half of the answers took no longer, in microseconds.
    p50_us: u64,
    /// Of ten, nine.
    p90_us: u64,
    /// Of a hundred, ninety-nine.
    p99_us: u64,
    /// None took longer.
    max_us: u64,
}

/// Goroutines of one kind that an endpoint leaves behind.
#[derive(Serialize, JsonSchema)]
struct LeakJson {
    /// How many per request.
    per_request: f64,
    /// The lower end of the interval in which it lies with 95 % confidence.
    low: f64,
    /// The upper end.
    high: f64,
    /// So many of those at the end can never run again.
    proven: u64,
    /// The part of those that came which was still there at the end.
    stayed: f64,
    /// Bytes per request; absent where that was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_request: Option<f64>,
    /// Seconds until the memory limit at this rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_left: Option<u64>,
    /// Those that are there at the end.
    group: GroupJson,
}

/// A part of the test.
#[derive(Serialize, JsonSchema)]
struct PhaseJson {
    /// What happens in it.
    name: String,
    /// When it begins, in milliseconds from the start.
    start_ms: u64,
    /// When it ends.
    end_ms: u64,
}

/// The JSON Schema of the output.
#[must_use]
pub fn soak_schema() -> String {
    let schema = schemars::schema_for!(SoakJson);
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

pub(super) fn write(report: &SoakReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let outcome = report.outcome;
    let json = SoakJson {
        schema: "gostray.soak/v1",
        target: report.target.to_owned(),
        rate: outcome.rate,
        goroutines_before: outcome.before,
        goroutines_after: outcome.after,
        interrupted: outcome.interrupted,
        failed: outcome.failed.clone(),
        endpoints: outcome.endpoints.iter().map(|endpoint| one(report, endpoint)).collect(),
        mixed: answers(&outcome.mixed),
        curve: outcome.curve.points.iter().map(|(at, count)| (millis(*at), *count)).collect(),
        phases: outcome
            .curve
            .phases
            .iter()
            .map(|phase| PhaseJson {
                name: phase.name.clone(),
                start_ms: millis(phase.start),
                end_ms: millis(phase.end),
            })
            .collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &json)?;
    writeln!(out)
}

fn one(report: &SoakReport<'_>, endpoint: &EndpointOutcome) -> EndpointJson {
    EndpointJson {
        name: endpoint.name.clone(),
        hangs_up: endpoint.hangs_up,
        answers: answers(&endpoint.answers),
        leaks: endpoint.growths.iter().map(|growth| leak(report, growth)).collect(),
        levelled_off: endpoint.levelled_off,
        trouble: endpoint.trouble.clone(),
    }
}

fn leak(report: &SoakReport<'_>, growth: &Growth) -> LeakJson {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let bytes_per_request = growth.bytes.map(|bytes| bytes as f64 * growth.rate.mean);
    LeakJson {
        per_request: growth.rate.mean,
        low: growth.rate.low,
        high: growth.rate.high,
        proven: growth.proven,
        stayed: growth.stayed,
        bytes_per_request,
        seconds_left: report.time_left(growth).map(|time| time.as_secs()),
        group: group(&report.outcome.snapshot, &growth.judged),
    }
}

fn answers(answers: &Answers) -> AnswersJson {
    let latency = answers.latency();
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    AnswersJson {
        sent: answers.sent,
        statuses: answers.statuses.clone(),
        errors: answers.errors.clone(),
        hung_up: answers.hung_up,
        held_back: answers.held_back,
        p50_us: micros(latency.p50),
        p90_us: micros(latency.p90),
        p99_us: micros(latency.p99),
        max_us: micros(latency.max),
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
