//! Rules for Prometheus, on gostray's own metrics.

use crate::export::metrics;

/// An alert.
struct Alert {
    name: &'static str,
    expression: String,
    wait: &'static str,
    severity: &'static str,
    summary: &'static str,
    description: &'static str,
}

fn alerts() -> Vec<Alert> {
    let leaks = metrics::LEAKS.name;
    vec![
        Alert {
            name: "GoroutineLeakProven",
            // A gap in the scrapes of gostray is no end of a leak.
            expression: format!(
                "max by (service) (max_over_time({leaks}{{verdict=\"proven\",state!=\"accepted\"}}[5m])) > 0"
            ),
            wait: "0m",
            severity: "warning",
            summary: "{{ $labels.service }} leaks goroutines (proven)",
            description: "gostray has proof that goroutines of {{ $labels.service }} can never run again: {{ $value }} leaks.",
        },
        Alert {
            name: "GoroutineLeakLikely",
            expression: format!(
                "max by (service) (max_over_time({leaks}{{verdict=\"likely\",state!=\"accepted\"}}[5m])) > 0"
            ),
            wait: "5m",
            severity: "warning",
            summary: "{{ $labels.service }} most likely leaks goroutines",
            description: "Goroutines of {{ $labels.service }} become more, also when there is less to do, and do not end: {{ $value }} leaks.",
        },
        Alert {
            name: "GostrayTargetsDown",
            expression: format!(
                "sum by (job) ({targets}{{up=\"false\"}}) / sum by (job) ({targets}) > 0.2",
                targets = metrics::TARGETS.name
            ),
            wait: "15m",
            severity: "warning",
            summary: "gostray reaches too few targets of {{ $labels.job }}",
            description: "{{ $value | humanizePercentage }} of the targets of {{ $labels.job }} have not answered gostray for 15 minutes: it does not see their leaks.",
        },
        Alert {
            name: "GostrayStoreFails",
            expression: format!("increase({}[15m]) > 0", metrics::STORE_ERRORS.name),
            wait: "15m",
            severity: "critical",
            summary: "gostray can't keep what it sees",
            description: "The store of gostray fails, most likely because its disk is full. It goes on to watch and alert.",
        },
        Alert {
            name: "GostrayScrapesLate",
            expression: format!("max_over_time({}[5m]) > 10", metrics::LATE.name),
            wait: "15m",
            severity: "warning",
            summary: "gostray can't keep up with its targets",
            description: "Targets are asked {{ $value | humanizeDuration }} too late: there are too many for this machine.",
        },
    ]
}

/// The rules; `indent` is how far they are moved to the right.
fn groups(indent: usize) -> String {
    let mut lines: Vec<String> = vec!["groups:".to_owned(), "  - name: gostray".to_owned(), "    rules:".to_owned()];
    for alert in alerts() {
        lines.push(format!("      - alert: {}", alert.name));
        lines.push(format!("        expr: '{}'", alert.expression.replace('\'', "''")));
        lines.push(format!("        for: {}", alert.wait));
        lines.push("        labels:".to_owned());
        lines.push(format!("          severity: {}", alert.severity));
        lines.push("        annotations:".to_owned());
        lines.push(format!("          summary: '{}'", alert.summary.replace('\'', "''")));
        lines.push(format!("          description: '{}'", alert.description.replace('\'', "''")));
        lines.push(format!(
            "          runbook_url: https://github.com/gostray/gostray/blob/main/docs/serve.md#{}",
            alert.name.to_lowercase()
        ));
    }
    let indent = " ".repeat(indent);
    lines.into_iter().map(|line| format!("{indent}{line}\n")).collect()
}

/// Rules as Prometheus loads them.
#[must_use]
pub fn rules() -> String {
    groups(0)
}

/// The same as a `PrometheusRule`.
#[must_use]
pub fn custom_resource() -> String {
    let head = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: gostray\nspec:\n";
    format!("{head}{}", groups(2))
}
