//! Who is told of leaks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::alert::{Channel, Receiver};
use crate::config::jobs::StaticConfig;
use crate::config::values::{AuthorizationConfig, BasicAuthConfig, TlsConfig, access, secret};
use crate::target::{Access, Secret};

/// `alerting`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerting {
    /// Alertmanagers.
    #[serde(default)]
    pub alertmanagers: Vec<AlertmanagerConfig>,
    /// Others.
    #[serde(default)]
    pub receivers: Vec<ReceiverConfig>,
    /// Tell also of what is only suspected (`true`).
    pub suspects: Option<bool>,
}

/// One or several Alertmanagers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertmanagerConfig {
    #[serde(default = "http")]
    scheme: String,
    #[serde(default)]
    path_prefix: String,
    #[serde(default)]
    static_configs: Vec<StaticConfig>,
    /// Only `v2` is known.
    api_version: Option<String>,
    authorization: Option<AuthorizationConfig>,
    basic_auth: Option<BasicAuthConfig>,
    tls_config: Option<TlsConfig>,
}

fn http() -> String {
    "http".to_owned()
}

/// How a receiver is reached.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    authorization: Option<AuthorizationConfig>,
    basic_auth: Option<BasicAuthConfig>,
    tls_config: Option<TlsConfig>,
}

/// Somebody who is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverConfig {
    name: String,
    #[serde(default)]
    webhook_configs: Vec<WebhookConfig>,
    #[serde(default)]
    slack_configs: Vec<SlackConfig>,
    #[serde(default)]
    pagerduty_configs: Vec<PagerdutyConfig>,
    #[serde(default)]
    feishu_configs: Vec<SignedConfig>,
    #[serde(default)]
    dingtalk_configs: Vec<SignedConfig>,
    #[serde(default)]
    wecom_configs: Vec<SignedConfig>,
}

/// A webhook that gets what Alertmanager would send.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    url: Option<String>,
    url_file: Option<PathBuf>,
    send_resolved: Option<bool>,
    #[serde(default)]
    http_config: HttpConfig,
}

/// Slack.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    api_url: Option<String>,
    api_url_file: Option<PathBuf>,
    channel: Option<String>,
    send_resolved: Option<bool>,
}

/// PagerDuty.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerdutyConfig {
    routing_key: Option<String>,
    routing_key_file: Option<PathBuf>,
    url: Option<String>,
    send_resolved: Option<bool>,
}

/// A robot of a chat, with a secret that signs.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedConfig {
    url: Option<String>,
    url_file: Option<PathBuf>,
    secret: Option<String>,
    secret_file: Option<PathBuf>,
    send_resolved: Option<bool>,
}

macro_rules! hidden {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), " <secret>"))
            }
        }
    )*};
}
hidden!(WebhookConfig, SlackConfig, PagerdutyConfig, SignedConfig);

impl AlertmanagerConfig {
    fn access(&self, base: &Path) -> Result<Arc<Access>, String> {
        access(self.authorization.as_ref(), self.basic_auth.as_ref(), self.tls_config.as_ref(), base).map(Arc::new)
    }
}

impl HttpConfig {
    fn access(&self, base: &Path) -> Result<Arc<Access>, String> {
        access(self.authorization.as_ref(), self.basic_auth.as_ref(), self.tls_config.as_ref(), base).map(Arc::new)
    }
}

impl Alerting {
    /// All receivers.
    pub(super) fn receivers(&self, base: &Path, errors: &mut Vec<String>) -> Vec<Receiver> {
        let mut all: Vec<Receiver> = Vec::new();
        for (at, own) in self.alertmanagers.iter().enumerate() {
            let mut wrong = |what: String| errors.push(format!("alerting.alertmanagers[{at}]: {what}"));
            let access = own.access(base).map_err(&mut wrong).unwrap_or_default();
            if !matches!(own.scheme.as_str(), "http" | "https") {
                wrong(format!("scheme {:?}: http or https", own.scheme));
            }
            if own.api_version.as_deref().is_some_and(|version| version != "v2") {
                wrong("api_version: gostray speaks v2".to_owned());
            }
            for target in own.static_configs.iter().flat_map(|config| &config.targets) {
                let url = format!("{}://{target}{}/api/v2/alerts", own.scheme, own.path_prefix.trim_end_matches('/'));
                all.push(Receiver {
                    name: format!("alertmanager {target}"),
                    url: Secret::Inline(url),
                    access: access.clone(),
                    send_resolved: true,
                    channel: Channel::Alertmanager { resend: Duration::from_secs(60) },
                });
            }
        }
        for own in &self.receivers {
            own.add(base, &mut all, errors);
        }
        let mut names = std::collections::HashSet::new();
        for receiver in &all {
            if !names.insert(&receiver.name) {
                errors.push(format!("alerting: there are two receivers named {:?}", receiver.name));
            }
        }
        all
    }
}

impl ReceiverConfig {
    fn add(&self, base: &Path, all: &mut Vec<Receiver>, errors: &mut Vec<String>) {
        // What is wrong must not become a message without credentials, or unsigned.
        for own in &self.webhook_configs {
            if let Err(why) = own.http_config.access(base) {
                errors.push(format!("alerting, receiver {:?}: {why}", self.name));
            }
        }
        for own in self.feishu_configs.iter().chain(&self.dingtalk_configs).chain(&self.wecom_configs) {
            if let Err(why) = secret(own.secret.as_ref(), own.secret_file.as_ref(), base, "secret") {
                errors.push(format!("alerting, receiver {:?}: {why}", self.name));
            }
        }
        let name = |kind: &str, at: usize| {
            format!("{} {kind}{}", self.name, if at == 0 { String::new() } else { format!(" {at}") })
        };
        let mut wrong = |what: String| errors.push(format!("alerting, receiver {:?}: {what}", self.name));
        let mut needed = |read: Result<Option<Secret>, String>, what: &str| match read {
            Ok(Some(secret)) => Some(secret),
            Ok(None) => {
                wrong(format!("{what} is missing"));
                None
            }
            Err(why) => {
                wrong(why);
                None
            }
        };
        for (at, own) in self.webhook_configs.iter().enumerate() {
            let Some(url) = needed(secret(own.url.as_ref(), own.url_file.as_ref(), base, "url"), "url") else {
                continue;
            };
            all.push(Receiver {
                name: name("webhook", at),
                url,
                access: own.http_config.access(base).unwrap_or_default(),
                send_resolved: own.send_resolved.unwrap_or(true),
                channel: Channel::Webhook { receiver: self.name.clone() },
            });
        }
        for (at, own) in self.slack_configs.iter().enumerate() {
            let read = secret(own.api_url.as_ref(), own.api_url_file.as_ref(), base, "api_url");
            let Some(url) = needed(read, "api_url") else { continue };
            all.push(Receiver {
                name: name("slack", at),
                url,
                access: Arc::default(),
                send_resolved: own.send_resolved.unwrap_or(false),
                channel: Channel::Slack { channel: own.channel.clone() },
            });
        }
        for (at, own) in self.pagerduty_configs.iter().enumerate() {
            let read = secret(own.routing_key.as_ref(), own.routing_key_file.as_ref(), base, "routing_key");
            let Some(routing_key) = needed(read, "routing_key") else { continue };
            let url = own.url.clone().unwrap_or_else(|| "https://events.pagerduty.com/v2/enqueue".to_owned());
            all.push(Receiver {
                name: name("pagerduty", at),
                url: Secret::Inline(url),
                access: Arc::default(),
                send_resolved: own.send_resolved.unwrap_or(true),
                channel: Channel::PagerDuty { routing_key },
            });
        }
        for (configs, kind) in
            [(&self.feishu_configs, "feishu"), (&self.dingtalk_configs, "dingtalk"), (&self.wecom_configs, "wecom")]
        {
            for (at, own) in configs.iter().enumerate() {
                let Some(url) = needed(secret(own.url.as_ref(), own.url_file.as_ref(), base, "url"), "url") else {
                    continue;
                };
                let signs = secret(own.secret.as_ref(), own.secret_file.as_ref(), base, "secret").unwrap_or_default();
                all.push(Receiver {
                    name: name(kind, at),
                    url,
                    access: Arc::default(),
                    send_resolved: own.send_resolved.unwrap_or(true),
                    channel: match kind {
                        "feishu" => Channel::Feishu { secret: signs },
                        "dingtalk" => Channel::DingTalk { secret: signs },
                        _ => Channel::WeCom,
                    },
                });
            }
        }
    }
}
