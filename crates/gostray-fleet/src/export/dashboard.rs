//! A dashboard for Grafana, on gostray's own metrics.

use serde_json::{Value, json};

use crate::export::metrics;

/// Title, unit and queries with their legends.
type Panel = (&'static str, &'static str, Vec<(String, &'static str)>);

fn panels() -> Vec<Panel> {
    let service = "service=~\"$service\"";
    vec![
        (
            "Open leaks",
            "none",
            vec![(format!("sum by (verdict) ({}{{{service}}})", metrics::LEAKS.name), "{{verdict}}")],
        ),
        (
            "Goroutines of leaks",
            "none",
            vec![(
                format!("sum by (service, function) ({}{{{service}}})", metrics::LEAK_GOROUTINES.name),
                "{{service}} {{function}}",
            )],
        ),
        (
            "Growth of leaks, goroutines a minute",
            "none",
            vec![(
                format!("60 * sum by (service, function) ({}{{{service}}})", metrics::LEAK_GROWTH.name),
                "{{service}} {{function}}",
            )],
        ),
        (
            "Memory that leaks keep",
            "bytes",
            vec![(format!("sum by (service) ({}{{{service}}})", metrics::LEAK_BYTES.name), "{{service}}")],
        ),
        ("Goroutines", "none", vec![(format!("{}{{{service}}}", metrics::GOROUTINES.name), "{{service}}")]),
        ("Targets", "none", vec![(format!("sum by (job, up) ({})", metrics::TARGETS.name), "{{job}} up={{up}}")]),
        (
            "Scrapes",
            "ops",
            vec![
                (format!("rate({}[5m])", metrics::SCRAPES.name), "all"),
                (format!("rate({}[5m])", metrics::FAILED_SCRAPES.name), "failed"),
            ],
        ),
        ("Store", "bytes", vec![(metrics::STORE_BYTES.name.to_owned(), "bytes")]),
    ]
}

/// The queries of all panels, for those who try them.
#[must_use]
pub fn queries() -> Vec<String> {
    panels().into_iter().flat_map(|(_, _, queries)| queries.into_iter().map(|(query, _)| query)).collect()
}

/// The dashboard, as Grafana imports it.
#[must_use]
pub fn dashboard() -> Value {
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let panels: Vec<Value> = panels()
        .into_iter()
        .enumerate()
        .map(|(at, (title, unit, queries))| {
            let targets: Vec<Value> = queries
                .into_iter()
                .zip('A'..)
                .map(|((expr, legend), id)| json!({ "refId": id.to_string(), "datasource": source, "expr": expr, "legendFormat": legend }))
                .collect();
            json!({
                "id": at + 1,
                "type": "timeseries",
                "title": title,
                "datasource": source,
                "gridPos": { "h": 8, "w": 12, "x": 12 * (at % 2), "y": 8 * (at / 2) },
                "fieldConfig": { "defaults": { "unit": unit, "min": 0 }, "overrides": [] },
                "targets": targets,
            })
        })
        .collect();
    let query = format!("label_values({}, service)", metrics::GOROUTINES.name);
    json!({
        "uid": "gostray",
        "title": "gostray: goroutine leaks",
        "tags": ["go", "gostray"],
        "schemaVersion": 39,
        "time": { "from": "now-24h", "to": "now" },
        "refresh": "1m",
        "templating": { "list": [
            { "name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source" },
            { "name": "service", "type": "query", "label": "Service", "datasource": source, "query": query,
              "definition": query, "includeAll": true, "multi": true, "allValue": ".*", "refresh": 2,
              "current": { "text": "All", "value": "$__all" } },
        ] },
        "panels": panels,
    })
}
