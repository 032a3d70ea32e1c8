//! Metrics for Prometheus: of gostray and all it watches, and of one target.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::Deserialize;

use crate::export::metrics::{self, Metric};
use crate::http::App;
use crate::http::api::{blocking, state_word};
use crate::http::error::ApiError;
use crate::watch::State as Known;

type Labels = Vec<(String, String)>;
type Gauges = Family<Labels, Gauge<f64, std::sync::atomic::AtomicU64>>;

/// So many services have metrics of their own.
const MAX_SERVICES: usize = 2_000;

/// One answer that is being put together.
#[derive(Default)]
struct Page {
    values: Vec<(Metric, Gauges)>,
}

impl Page {
    fn add(&mut self, metric: Metric, labels: &[(&str, &str)], value: f64) {
        let labels: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let at = match self.values.iter().position(|(own, _)| *own == metric) {
            Some(at) => at,
            None => {
                self.values.push((metric, Gauges::default()));
                self.values.len() - 1
            }
        };
        self.values[at].1.get_or_create(&labels).inc_by(value);
    }

    fn response(self) -> Response {
        let mut registry = Registry::default();
        for (metric, gauges) in self.values {
            // The library adds a full stop, and `_total` only to its own counters; ours are read off as they are.
            registry.register(metric.name, metric.help.trim_end_matches('.'), gauges);
        }
        let mut text = String::new();
        if encode(&mut text, &registry).is_err() {
            return ApiError::bad("metrics can't be written").into_response();
        }
        text = text.replace("{} ", " ");
        for metric in metrics::ALL.iter().filter(|metric| metric.is_counter) {
            // Prometheus's text format names counters with their suffix; OpenMetrics without it.
            let base = metric.name.trim_end_matches("_total");
            text = text
                .replace(&format!("# HELP {} ", metric.name), &format!("# HELP {base} "))
                .replace(&format!("# TYPE {} gauge", metric.name), &format!("# TYPE {base} counter"));
        }
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ([(header::CONTENT_TYPE, kind)], text).into_response()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts")]
fn float(n: u64) -> f64 {
    n as f64
}

/// `/metrics`: gostray, and the services and leaks that it watches.
pub(crate) async fn own(State(app): State<App>) -> Response {
    let samples = app.samples.clone();
    let size = blocking(move || Ok(samples.size())).await;
    let state = app.shared.read();
    let mut page = Page::default();
    page.add(metrics::BUILD_INFO, &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    page.add(metrics::SCRAPES, &[], float(state.scrapes));
    page.add(metrics::FAILED_SCRAPES, &[], float(state.failed_scrapes));
    page.add(metrics::SAMPLES, &[], float(state.samples));
    page.add(metrics::STORE_ERRORS, &[], float(state.store_errors));
    if let Ok(Ok(size)) = size {
        page.add(metrics::STORE_BYTES, &[], float(size.bytes));
    }
    let late = state.targets.values().map(|seen| seen.late_ms).max().unwrap_or(0);
    page.add(metrics::LATE, &[], float(late) / 1e3);
    let took = state.targets.values().map(|seen| seen.took_ms).max().unwrap_or(0);
    page.add(metrics::DURATION, &[], float(took) / 1e3);
    let mut services: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    for seen in state.targets.values() {
        let is_up = if seen.is_up == Some(true) { "true" } else { "false" };
        page.add(metrics::TARGETS, &[("job", &seen.target.job), ("up", is_up)], 1.0);
        let service = services.entry(seen.target.service()).or_default();
        service.0 += seen.goroutines;
        *if seen.is_up == Some(true) { &mut service.1 } else { &mut service.2 } += 1;
    }
    for (name, (goroutines, up, down)) in services.into_iter().take(MAX_SERVICES) {
        page.add(metrics::GOROUTINES, &[("service", name)], float(goroutines));
        page.add(metrics::INSTANCES, &[("service", name), ("up", "true")], float(up));
        page.add(metrics::INSTANCES, &[("service", name), ("up", "false")], float(down));
    }
    leaks(&mut page, &state, app.max_leak_metrics);
    page.response()
}

fn leaks(page: &mut Page, state: &Known, max: usize) {
    let mut open: Vec<_> =
        state.leaks.values().filter(|leak| leak.state != crate::watch::LeakState::Resolved).collect();
    open.sort_by_key(|leak| std::cmp::Reverse(leak.spread.goroutines));
    for leak in &open {
        let labels = [("service", &*leak.service), ("verdict", &*leak.verdict), ("state", state_word(leak.state))];
        page.add(metrics::LEAKS, &labels, 1.0);
    }
    for leak in open.iter().filter(|leak| leak.is_firing()).take(max) {
        let function = leak.blocked().map(|frame| frame.function.as_str()).unwrap_or_default();
        let labels = [
            ("service", &*leak.service),
            ("signature", &*leak.signature),
            ("function", function),
            ("state", &*leak.operation),
            ("verdict", &*leak.verdict),
        ];
        page.add(metrics::LEAK_GOROUTINES, &labels, float(leak.spread.goroutines));
        page.add(metrics::LEAK_GROWTH, &labels, leak.spread.per_hour / 3_600.0);
        page.add(metrics::LEAK_BYTES, &labels, float(leak.spread.bytes));
    }
}

/// Whose metrics.
#[derive(Deserialize)]
pub(crate) struct Probe {
    /// The instance, as its label has it.
    target: String,
}

/// `/probe?target=`: one of the targets that are watched; nothing else can be asked for.
pub(crate) async fn probe(State(app): State<App>, Query(probe): Query<Probe>) -> Response {
    let state = app.shared.read();
    let Some(seen) = state.targets.values().find(|seen| seen.target.instance() == probe.target) else {
        return ApiError::not_found("target that is watched", &probe.target).into_response();
    };
    let mut page = Page::default();
    page.add(metrics::PROBE_UP, &[], if seen.is_up == Some(true) { 1.0 } else { 0.0 });
    for (id, count) in &seen.counts {
        let Some(stack) = state.stacks.get(id) else { continue };
        page.add(metrics::PROBE_GOROUTINES, &[("state", &stack.operation)], f64::from(*count));
        let leak = crate::watch::leak_id(seen.target.service(), &stack.signature);
        if let Some(leak) = state.leaks.get(&leak).filter(|leak| leak.is_firing()) {
            page.add(metrics::PROBE_LEAKED, &[("verdict", &leak.verdict)], f64::from(*count));
        }
    }
    page.response()
}
