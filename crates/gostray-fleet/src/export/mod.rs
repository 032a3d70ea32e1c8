//! What others read: Prometheus rules, a Grafana dashboard, a mixin, Parquet.

pub mod dashboard;
pub mod metrics;
pub mod mixin;
pub mod parquet;
pub mod rules;
