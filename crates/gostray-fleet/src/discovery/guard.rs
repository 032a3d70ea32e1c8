//! Addresses from which nothing is ever fetched: those of cloud metadata, and link-local ones.
//!
//! A name is judged by the addresses that it has at the moment of the connection, so that no answer of
//! DNS leads there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Name, Resolve, Resolving};

/// Metadata services that are not link-local.
const METADATA: [IpAddr; 3] = [
    // Alibaba Cloud
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Azure's wire server
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // Amazon EC2
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Is it an address that nothing is fetched from?
#[must_use]
pub fn is_forbidden(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let is_link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast(),
    };
    is_link_local || METADATA.contains(&address)
}

/// The same for the host of a URL, where it is an address and not a name.
#[must_use]
pub fn is_forbidden_literal(host: &str) -> bool {
    host.trim_start_matches('[').trim_end_matches(']').parse().is_ok_and(is_forbidden)
}

/// The system's resolver, without the addresses that are forbidden.
#[derive(Debug, Default)]
pub struct GuardedResolver;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        Box::pin(async move {
            let all: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let had_any = !all.is_empty();
            let good: Vec<SocketAddr> = all.into_iter().filter(|address| !is_forbidden(address.ip())).collect();
            if good.is_empty() && had_any {
                let what = format!(
                    "{name} leads to an address of cloud metadata or link-local: gostray never fetches from there"
                );
                return Err(what.into());
            }
            Ok(Box::new(good.into_iter()) as Box<dyn Iterator<Item = SocketAddr> + Send>)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_out_of_reach_and_the_own_network_is_not() {
        for host in [
            "169.254.169.254",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "100.100.100.200",
            "[::ffff:169.254.169.254]",
            "0.0.0.0",
        ] {
            assert!(is_forbidden_literal(host), "{host}");
        }
        for host in ["127.0.0.1", "10.0.0.7", "192.168.1.1", "[::1]", "[fd00::1]", "8.8.8.8", "example.com"] {
            assert!(!is_forbidden_literal(host), "{host}");
        }
    }
}
