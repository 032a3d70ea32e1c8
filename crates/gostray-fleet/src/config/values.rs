//! Durations and sizes as Prometheus writes them, and secrets.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer};

use crate::target::{Access, Authorization, Secret};

/// A duration: `30s`, `1m`, `1h30m`, `1d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl Span {
    /// Reads one.
    ///
    /// # Errors
    /// If it is none; the message says how to write one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no duration: write it as in 30s, 5m or 1h30m");
        if text == "0" {
            return Ok(Self(Duration::ZERO));
        }
        let mut rest = text;
        let mut total: u64 = 0;
        let mut last = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let units = [
                ("ms", 1),
                ("y", 31_536_000_000),
                ("w", 604_800_000),
                ("d", 86_400_000),
                ("h", 3_600_000),
                ("m", 60_000),
                ("s", 1_000),
            ];
            let (unit, millis) = units.into_iter().find(|(unit, _)| rest.starts_with(unit)).ok_or_else(wrong)?;
            // As in Prometheus: from large to small, each once.
            if millis >= last {
                return Err(wrong());
            }
            last = millis;
            rest = &rest[unit.len()..];
            total = number.checked_mul(millis).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        }
        if text.is_empty() { Err(wrong()) } else { Ok(Self(Duration::from_millis(total))) }
    }
}

/// As Prometheus writes it; years and weeks only where nothing is left over.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_millis();
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, millis, is_exact) in [
            ("y", 31_536_000_000, true),
            ("w", 604_800_000, true),
            ("d", 86_400_000, false),
            ("h", 3_600_000, false),
            ("m", 60_000, false),
            ("s", 1_000, false),
            ("ms", 1, false),
        ] {
            if is_exact && !rest.is_multiple_of(millis) {
                continue;
            }
            if rest >= millis {
                write!(f, "{}{unit}", rest / millis)?;
                rest %= millis;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A number of bytes: `8MB`, `512KB`, `1GB` (powers of 1024, as in Prometheus).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let shift = match &text[digits..] {
            "" | "B" => Some(0),
            "KB" | "KiB" => Some(10),
            "MB" | "MiB" => Some(20),
            "GB" | "GiB" => Some(30),
            _ => None,
        };
        let bytes = text[..digits].parse::<u64>().ok().zip(shift).and_then(|(n, shift)| n.checked_mul(1 << shift));
        bytes.map(Self).ok_or_else(|| de::Error::custom(format!("{text:?} is no size: write it as in 8MB")))
    }
}

/// A secret that stands in the configuration, or in a file.
pub(super) fn secret(
    inline: Option<&String>,
    file: Option<&PathBuf>,
    base: &Path,
    what: &str,
) -> Result<Option<Secret>, String> {
    match (inline, file) {
        (Some(_), Some(_)) => Err(format!("{what} and {what}_file: give one of them")),
        (Some(text), None) => Ok(Some(Secret::Inline(text.clone()))),
        (None, Some(path)) => Ok(Some(Secret::File(base.join(path)))),
        (None, None) => Ok(None),
    }
}

/// `authorization`.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorizationConfig {
    /// `Bearer` where absent.
    #[serde(rename = "type")]
    pub(super) scheme: Option<String>,
    pub(super) credentials: Option<String>,
    pub(super) credentials_file: Option<PathBuf>,
}

/// `basic_auth`.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BasicAuthConfig {
    pub(super) username: String,
    pub(super) password: Option<String>,
    pub(super) password_file: Option<PathBuf>,
}

impl fmt::Debug for AuthorizationConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl fmt::Debug for BasicAuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// `tls_config`.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsConfig {
    ca_file: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    server_name: Option<String>,
    #[serde(default)]
    insecure_skip_verify: bool,
}

/// How somebody is reached.
pub(super) fn access(
    token: Option<&AuthorizationConfig>,
    basic: Option<&BasicAuthConfig>,
    tls: Option<&TlsConfig>,
    base: &Path,
) -> Result<Access, String> {
    let authorization = authorization(token, basic, base)?;
    let Some(tls) = tls else { return Ok(Access { authorization, ..Access::default() }) };
    let client_certificate = match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => Some((base.join(cert), base.join(key))),
        (None, None) => None,
        _ => return Err("tls_config: cert_file and key_file belong together".to_owned()),
    };
    let is_name = |name: &str| rustls::pki_types::ServerName::try_from(name).is_ok();
    if tls.server_name.as_deref().is_some_and(|name| !is_name(name)) {
        return Err("tls_config: server_name is no name of a host".to_owned());
    }
    Ok(Access {
        authorization,
        ca_file: tls.ca_file.as_ref().map(|file| base.join(file)),
        client_certificate,
        server_name: tls.server_name.clone(),
        insecure_skip_verify: tls.insecure_skip_verify,
        ..Access::default()
    })
}

/// What goes into the `Authorization` header.
fn authorization(
    authorization: Option<&AuthorizationConfig>,
    basic: Option<&BasicAuthConfig>,
    base: &Path,
) -> Result<Option<Authorization>, String> {
    match (authorization, basic) {
        (Some(_), Some(_)) => Err("authorization and basic_auth: give one of them".to_owned()),
        (Some(own), None) => {
            let secret = secret(own.credentials.as_ref(), own.credentials_file.as_ref(), base, "credentials")?;
            let secret = secret.ok_or("authorization needs credentials or credentials_file")?;
            let scheme = own.scheme.clone().unwrap_or_else(|| "Bearer".to_owned());
            if scheme.eq_ignore_ascii_case("basic") {
                return Err("authorization with type Basic: use basic_auth".to_owned());
            }
            Ok(Some(Authorization::Token { scheme, secret }))
        }
        (None, Some(own)) => {
            let secret = secret(own.password.as_ref(), own.password_file.as_ref(), base, "password")?;
            let password = secret.unwrap_or_else(|| Secret::Inline(String::new()));
            Ok(Some(Authorization::Basic { username: own.username.clone(), password }))
        }
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_prometheus() {
        for (text, millis) in
            [("30s", 30_000), ("1m", 60_000), ("1h30m", 5_400_000), ("1d", 86_400_000), ("250ms", 250), ("0", 0)]
        {
            assert_eq!(Span::parse(text), Ok(Span(Duration::from_millis(millis))), "{text}");
        }
        for (text, written) in
            [("60s", "1m"), ("90m", "1h30m"), ("14d", "2w"), ("15d", "15d"), ("0", "0s"), ("1500ms", "1s500ms")]
        {
            assert_eq!(Span::parse(text).map(|span| span.to_string()), Ok(written.to_owned()));
        }
        for text in ["", "1", "m", "1x", "30m1h", "1m1m", "-1s", "1 m", "99999999999999999999s"] {
            assert!(Span::parse(text).is_err(), "{text}");
        }
    }
}
