//! Where it listens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{self, Deserializer};

/// An address as Prometheus's `--web.listen-address` takes it: `127.0.0.1:7117`, `localhost:7117`, or `:7117` for all
/// interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    text: String,
    /// The first one that can be had counts: a machine may have no IPv6.
    addresses: Vec<SocketAddr>,
}

impl ListenAddress {
    /// The addresses that it may be, the best first.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Is it for this machine alone?
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.addresses.iter().all(|address| address.ip().is_loopback())
    }

    /// How the machine itself, or others where they may, can name it in a URL.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        let Some(port) = self.text.strip_prefix(':') else { return self.text.clone() };
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = name.trim();
        format!("{}:{port}", if name.is_empty() { "localhost" } else { name })
    }
}

impl Default for ListenAddress {
    fn default() -> Self {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 7117)).into()
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self { text: address.to_string(), addresses: vec![address] }
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let wrong =
            || format!("{text:?} is no address to listen at: write 127.0.0.1:7117, or :7117 for all interfaces");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port: u16 = port.parse().map_err(|_| wrong())?;
        let ips: [IpAddr; 2] = match host {
            "" => [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()],
            "localhost" => [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            _ => return Err(wrong()),
        };
        Ok(Self { text: text.to_owned(), addresses: ips.map(|ip| SocketAddr::new(ip, port)).to_vec() })
    }
}

impl<'de> Deserialize<'de> for ListenAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_prometheus() {
        for (text, is_loopback) in
            [("127.0.0.1:1", true), ("[::1]:1", true), ("localhost:1", true), (":7117", false), ("0.0.0.0:1", false)]
        {
            assert_eq!(text.parse::<ListenAddress>().map(|address| address.is_loopback()), Ok(is_loopback), "{text}");
        }
        for text in ["", "7117", ":", ":99999", "example.com:1", "http://127.0.0.1:1"] {
            assert!(text.parse::<ListenAddress>().is_err_and(|what| what.contains("all interfaces")), "{text}");
        }
    }
}
