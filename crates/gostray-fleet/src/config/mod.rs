//! `gostray.yaml`, in Prometheus's shape: read, checked as a whole, and read again while gostray runs.
//!
//! | module | subject |
//! |---|---|
//! | `file` | the text → [`Config`], and what is wrong with it |
//! | `jobs` | `scrape_configs` and how targets are found |
//! | `alerting` | who is told |
//! | `sources` | where the source of services is |
//! | `web` | where it listens, and who may look |
//! | `values` | durations, sizes, secrets |

mod alerting;
mod file;
mod jobs;
mod sources;
mod values;
mod web;

pub use alerting::PagerdutyConfig;
pub use alerting::{
    Alerting, AlertmanagerConfig, HttpConfig, ReceiverConfig, SignedConfig, SlackConfig, WebhookConfig,
};
pub use file::{Config, ConfigError, Detection, Global, Storage};
pub use jobs::{Checked, ConsulSd, DnsSd, DnsType, FileSd, HttpSd, Job, LocalProcesses, RelabelConfig, StaticConfig};
pub use sources::{Source, SourceConfig};
pub use values::{Size, Span};
pub use web::{BearerToken, RoleName, TlsServer, Web};
