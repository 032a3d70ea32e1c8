//! Watches a fleet: finds its Go processes, asks them for their goroutines, remembers the counts,
//! tells leaks from load, alerts once a leak, and shows all of it.
//!
//! # Shape
//! Data goes one way. Discovery says what there is; the scraper asks it; the store keeps what it
//! said; the watch weighs what has grown, and keeps the life of each
//! leak; alerts and the HTTP API only read what the store has.
//!
//! | module | subject |
//! |---|---|
//! | [`config`] | `gostray.yaml`, in Prometheus's shape; read, checked, and read again |
//! | [`discovery`] | configuration → [`Target`]s, relabelled as Prometheus would |
//! | [`scrape`] | when to ask which target for what, and never too much |
//! | [`store`] | samples, leaks, evidence and deliveries; behind traits, SQLite is the one that there is |
//! | [`watch`] | samples → candidates → leaks with a life |
//! | [`alert`] | leaks → messages, delivered once |
//! | [`explain`] | the cause of a leak in the source, where that is known |
//! | [`export`] | what others read: Prometheus rules, a Grafana dashboard, Parquet |
//! | [`http`] | API, metrics, web UI, and who may do what |
//!
//! Times are milliseconds since 1970 (UTC), as in Prometheus's storage: what is stored, compared
//! and put in buckets has no use for more.
#![warn(missing_docs)]

pub mod alert;
pub mod config;
pub mod discovery;
pub mod explain;
pub mod export;
pub mod http;
pub mod scrape;
mod serve;
pub mod store;
mod target;
pub mod watch;

pub use http::ListenAddress;
pub use serve::{Options, ServeError, check, serve};
pub use target::{Access, Target, TargetId};

/// A time, in milliseconds since 1970 (UTC).
pub type Millis = i64;
