//! `gostray.yaml`, in Prometheus's shape: read, checked as a whole, and read again while gostray runs.
//!
//! | module | subject |
//! |---|---|
//! | `file` | the text → [`Config`], and what is wrong with it |
//! | `jobs` | `scrape_configs` |
//! | `kubernetes` | `kubernetes_sd_configs` |
//! | `sd` | how targets are found |
//! | `alerting` | who is told |
//! | `sources` | where the source of services is |
//! | `web` | where it listens, and who may look |
//! | `values` | durations, sizes, secrets |

mod alerting;
mod file;
mod jobs;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod sd;
mod sources;
mod values;
mod web;

pub use alerting::PagerdutyConfig;
pub use alerting::{
    Alerting, AlertmanagerConfig, HttpConfig, ReceiverConfig, SignedConfig, SlackConfig, WebhookConfig,
};
pub use file::{Config, ConfigError, Detection, Global, Storage};
pub use jobs::{Checked, Job, LocalProcesses, RelabelConfig, StaticConfig};
pub use sd::{DnsSd, DnsType};
pub use sources::{Source, SourceConfig};
pub use values::{Size, Span};
pub use web::{BearerToken, RoleName, TlsServer, Web};
