//! What others read: Prometheus rules, a Grafana dashboard, Parquet.

pub mod parquet;
