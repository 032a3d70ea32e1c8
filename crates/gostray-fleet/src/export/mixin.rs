//! Rules and dashboard as a mixin for jsonnet.

use crate::export::{dashboard, rules};

/// Files and what is in them.
#[must_use]
pub fn files() -> Vec<(&'static str, String)> {
    let dashboard = serde_json::to_string_pretty(&dashboard::dashboard()).unwrap_or_default() + "\n";
    vec![
        ("mixin.libsonnet", "(import 'alerts.libsonnet') +\n(import 'dashboards.libsonnet')\n".to_owned()),
        ("alerts.libsonnet", "{\n  prometheusAlerts+:: std.parseYaml(importstr 'rules.yaml'),\n}\n".to_owned()),
        (
            "dashboards.libsonnet",
            "{\n  grafanaDashboards+:: {\n    'gostray.json': import 'dashboard.json',\n  },\n}\n".to_owned(),
        ),
        ("rules.yaml", rules::rules()),
        ("dashboard.json", dashboard),
    ]
}
