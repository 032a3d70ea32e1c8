//! Where a target's profiles are, from what Go users type.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// The pprof endpoint of one process.
///
/// It may hold credentials (`user:password@`, a token in the query); they are sent, and never
/// displayed.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Up to and with the slash before the profile's name; with userinfo, without a query.
    base: Url,
    /// What to send with each request besides `debug`.
    query: Option<String>,
}

/// Why a text is no address of a pprof endpoint. The messages don't repeat what may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Nothing given.
    #[error("the address is empty: give host:port, :port for this machine, or a URL")]
    Empty,
    /// A host name alone.
    #[error("the address names no port, and pprof has no usual one: write host:port, or a URL")]
    NoPort,
    /// Neither http nor https.
    #[error("can't fetch profiles over {scheme}: use an http:// or https:// address")]
    Scheme {
        /// The scheme given.
        scheme: String,
    },
    /// The address of a heap profile, a trace, …
    #[error("the address is that of the {name} profile: gostray reads goroutines, at …/debug/pprof/goroutine")]
    OtherProfile {
        /// The profile's name.
        name: String,
    },
    /// Not a URL at all.
    #[error("the address can't be understood ({reason}): write host:port, or a URL like http://host:port/debug/pprof/")]
    Invalid {
        /// What is wrong.
        reason: String,
    },
}

impl Address {
    /// Reads an address as Go users write it.
    ///
    /// * `host:port`, `:6060` (this machine), with or without a path;
    /// * `http://…` or `https://…`: a URL of the index or of a goroutine profile is taken as it
    ///   is, whatever stands before `/debug/pprof`; otherwise `/debug/pprof/` is added;
    /// * `debug` and `seconds` are dropped from the query, the rest (tokens) is kept.
    ///
    /// # Errors
    /// If it has no port and no scheme, or is no URL of goroutine profiles.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let url = match text.split_once("://") {
            Some(("http" | "https", _)) => text.to_owned(),
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => {
                text.to_owned()
            }
            // A colon in front of `://` within a path or query is no scheme.
            Some((scheme, _)) if scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) => {
                return Err(AddressError::Scheme { scheme: scheme.to_owned() });
            }
            _ if text.starts_with(':') => format!("http://localhost{text}"),
            _ => format!("http://{text}"),
        };
        if !text.contains("://") && !has_port(&url) {
            return Err(AddressError::NoPort);
        }
        let mut base = Url::parse(&url).map_err(|e| AddressError::Invalid { reason: e.to_string() })?;
        let query = base.query().map(kept_query).filter(|q| !q.is_empty());
        let path = base_path(base.path())?;
        base.set_path(&path);
        base.set_query(None);
        base.set_fragment(None);
        Ok(Self { base, query })
    }

    /// The URL of something below the base, credentials included: never show it.
    pub(crate) fn url(&self, name: &str, debug: Option<u8>) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{name}", self.base.path()));
        let debug = debug.map(|debug| format!("debug={debug}"));
        let query: Vec<&str> = debug.as_deref().into_iter().chain(self.query.as_deref()).collect();
        url.set_query((!query.is_empty()).then(|| query.join("&")).as_deref());
        url
    }

    /// Where all profiles are, up to and with the last slash, and what is sent with each request besides `debug`. Both may
    /// hold credentials: never show them.
    #[must_use]
    pub fn parts(&self) -> (&Url, Option<&str>) {
        (&self.base, self.query.as_deref())
    }

    /// Is the target this machine?
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host();
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    }

    /// The host name or IP address.
    pub(crate) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }
}

/// Does the authority of an `http://` URL name a port, the default one included?
fn has_port(url: &str) -> bool {
    let authority = url.trim_start_matches("http://").split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && !port.contains(']'))
}

/// The path of the index for the path of a URL: ends in a slash.
fn base_path(path: &str) -> Result<String, AddressError> {
    let path = path.trim_end_matches('/');
    let (parent, last) = path.rsplit_once('/').unwrap_or(("", path));
    match last {
        "goroutine" | "goroutineleak" => Ok(format!("{parent}/")),
        // The router may have given it another place than /debug/pprof.
        "pprof" => Ok(format!("{path}/")),
        name if parent.ends_with("/debug/pprof") => Err(AddressError::OtherProfile { name: name.to_owned() }),
        _ => Ok(format!("{path}/debug/pprof/")),
    }
}

/// The query without what gostray sets itself.
fn kept_query(query: &str) -> String {
    let is_kept = |pair: &&str| !matches!(pair.split('=').next(), Some("debug" | "seconds" | ""));
    query.split('&').filter(is_kept).collect::<Vec<_>>().join("&")
}

/// A URL as it may be shown: without userinfo, fragment, and any of the query but `debug`.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Only fails for URLs without a host, which have no userinfo.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let is_debug = |pair: &&str| {
        pair.strip_prefix("debug=").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let debug = url.query().and_then(|query| query.split('&').find(is_debug)).map(str::to_owned);
    url.set_query(debug.as_deref());
    url.set_fragment(None);
    url.to_string()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.base))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_users_type() {
        for (text, base) in [
            (":6060", "http://localhost:6060/debug/pprof/"),
            (":6060/debug/pprof/goroutine", "http://localhost:6060/debug/pprof/"),
            ("shop:6060", "http://shop:6060/debug/pprof/"),
            ("shop:80", "http://shop/debug/pprof/"),
            ("[::1]:6060", "http://[::1]:6060/debug/pprof/"),
            ("10.0.0.7:6060/debug/pprof", "http://10.0.0.7:6060/debug/pprof/"),
            ("http://shop", "http://shop/debug/pprof/"),
            ("HTTPS://shop/", "https://shop/debug/pprof/"),
            ("https://shop/debug/pprof/", "https://shop/debug/pprof/"),
            ("http://shop:1/a/b", "http://shop:1/a/b/debug/pprof/"),
            ("http://shop:1/a/debug/pprof/goroutine?debug=2#top", "http://shop:1/a/debug/pprof/"),
            ("http://shop:1/debug/pprof/goroutineleak/", "http://shop:1/debug/pprof/"),
            ("http://shop:1/dev/pprof/goroutine?debug=1", "http://shop:1/dev/pprof/"),
        ] {
            assert_eq!(Address::parse(text).map(|a| a.to_string()), Ok(base.to_owned()), "{text}");
        }
    }

    #[test]
    fn keeps_credentials_and_never_shows_them() {
        let address =
            Address::parse("http://ann:s3cret@shop:1/p?debug=1&token=t0ken&seconds=5&x=%2F").expect("an address");
        let url = address.url("goroutine", Some(2));
        assert_eq!(url.as_str(), "http://ann:s3cret@shop:1/p/debug/pprof/goroutine?debug=2&token=t0ken&x=%2F");
        assert_eq!(address.url("", None).query(), Some("token=t0ken&x=%2F"));
        assert_eq!(shown(&url), "http://shop:1/p/debug/pprof/goroutine?debug=2");
        for shown in [address.to_string(), format!("{address:?}"), shown(&url)] {
            assert!(!shown.contains("s3cret") && !shown.contains("t0ken") && !shown.contains("ann"), "{shown}");
        }
        assert_eq!(Address::parse("ann:s3cret@shop:1").expect("an address").to_string(), "http://shop:1/debug/pprof/");
        assert_eq!(Address::parse("ann:s3cret@shop"), Err(AddressError::NoPort));
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, message) in [
            ("", "empty"),
            ("shop", "no port"),
            ("[::1]", "no port"),
            ("shop/debug/pprof", "no port"),
            ("ftp://shop/x", "over ftp"),
            ("http://shop/debug/pprof/heap?debug=1", "the heap profile"),
            ("http://", "can't be understood"),
            ("shop:99999", "invalid port"),
        ] {
            let error = Address::parse(text).expect_err(text).to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn knows_this_machine() {
        for (text, is_loopback) in
            [(":1", true), ("127.0.0.9:1", true), ("[::1]:1", true), ("shop:1", false), ("10.0.0.1:1", false)]
        {
            assert_eq!(Address::parse(text).expect(text).is_loopback(), is_loopback, "{text}");
        }
    }
}
