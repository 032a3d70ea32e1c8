//! Targets from DNS, as `dns_sd_configs` names them.

use std::collections::BTreeMap;

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::proto::{ProtoError, ProtoErrorKind};
use hickory_resolver::{ResolveError, TokioResolver};

use crate::config::{DnsSd, DnsType, StaticConfig};
use crate::discovery::mechanism::{Given, host_and_port, of_before};

const NAME: &str = "__meta_dns_name";

/// Asks for all names once. Of one that can't be asked for the last targets stay, as in Prometheus.
pub(super) async fn ask(resolver: &TokioResolver, config: &DnsSd, last: &[StaticConfig]) -> Given {
    let mut given = Given::default();
    let mut groups = Vec::new();
    for name in &config.names {
        match one(resolver, config, name).await {
            Ok(own) => groups.extend(own),
            Err(why) => {
                groups.extend(of_before(last, NAME, name));
                given.errors.push(format!("{name}: {why}"));
            }
        }
    }
    given.groups = Some(groups);
    given
}

async fn one(resolver: &TokioResolver, config: &DnsSd, name: &str) -> Result<Vec<StaticConfig>, ResolveError> {
    let kind = match config.kind {
        DnsType::Srv => RecordType::SRV,
        DnsType::A => RecordType::A,
        DnsType::Aaaa => RecordType::AAAA,
        DnsType::Mx => RecordType::MX,
        DnsType::Ns => RecordType::NS,
    };
    let answer = match resolver.lookup(name, kind).await {
        Ok(answer) => answer,
        // Whoever is responsible says that there is no such name: it has no targets.
        Err(error) if is_nothing(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let port = config.port.unwrap_or_default();
    let groups = answer.record_iter().filter_map(|record| {
        let mut labels = BTreeMap::from([(NAME.to_owned(), name.to_owned())]);
        let mut label = |what: &str, value: String| labels.insert(format!("__meta_dns_{what}"), value);
        let address = match record.data() {
            RData::A(a) => host_and_port(&a.to_string(), port),
            RData::AAAA(a) => host_and_port(&a.to_string(), port),
            RData::SRV(srv) => {
                label("srv_record_target", srv.target().to_string());
                label("srv_record_port", srv.port().to_string());
                host_and_port(srv.target().to_string().trim_end_matches('.'), srv.port())
            }
            RData::MX(mx) => {
                label("mx_record_target", mx.exchange().to_string());
                host_and_port(mx.exchange().to_string().trim_end_matches('.'), port)
            }
            RData::NS(ns) => {
                label("ns_record_target", ns.to_string());
                host_and_port(ns.to_string().trim_end_matches('.'), port)
            }
            _ => return None,
        };
        Some(StaticConfig { targets: vec![address], labels })
    });
    Ok(groups.collect())
}

fn is_nothing(error: &ResolveError) -> bool {
    let code = |error: &ProtoError| match error.kind() {
        ProtoErrorKind::NoRecordsFound { response_code, .. } => Some(*response_code),
        _ => None,
    };
    matches!(error.proto().and_then(code), Some(ResponseCode::NXDomain | ResponseCode::NoError))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use hickory_resolver::Resolver;
    use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
    use hickory_resolver::name_server::TokioConnectionProvider;
    use hickory_resolver::proto::op::{Message, MessageType};
    use hickory_resolver::proto::rr::rdata::{A, SRV};
    use hickory_resolver::proto::rr::{Name, Record};
    use hickory_resolver::proto::xfer::Protocol;

    use super::*;

    /// A server that knows some names, and answers for others that it fails once it is told to.
    async fn server(fails: Arc<AtomicBool>) -> SocketAddr {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let Ok(asked) = Message::from_vec(&buffer[..length]) else { continue };
                let mut answer = Message::new();
                answer.set_id(asked.id()).set_message_type(MessageType::Response).add_queries(asked.queries().to_vec());
                let name = asked.queries()[0].name().clone();
                let shop = Name::from_ascii("pod-0.shop.test.").expect("a name");
                match name.to_ascii().as_str() {
                    "_pprof.shop.test." if fails.load(Ordering::SeqCst) => {
                        answer.set_response_code(ResponseCode::ServFail);
                    }
                    "_pprof.shop.test." => {
                        answer.add_answer(Record::from_rdata(name, 0, RData::SRV(SRV::new(0, 0, 6060, shop))));
                    }
                    "orders.test." => {
                        answer.add_answer(Record::from_rdata(name, 0, RData::A(A::new(10, 0, 0, 7))));
                    }
                    _ => {
                        answer.set_response_code(ResponseCode::NXDomain);
                    }
                }
                let _ = socket.send_to(&answer.to_vec().expect("an answer"), from).await;
            }
        });
        address
    }

    fn targets(given: &Given) -> Vec<String> {
        given.groups.iter().flatten().flat_map(|group| group.targets.clone()).collect()
    }

    #[tokio::test]
    async fn a_name_that_fails_keeps_its_targets_and_takes_no_other_with_it() {
        let fails = Arc::new(AtomicBool::new(false));
        let mut servers = ResolverConfig::new();
        servers.add_name_server(NameServerConfig::new(server(fails.clone()).await, Protocol::Udp));
        let mut options = ResolverOpts::default();
        options.cache_size = 0;
        options.attempts = 0;
        let resolver =
            Resolver::builder_with_config(servers, TokioConnectionProvider::default()).with_options(options).build();
        let sd = |names: &str| -> DnsSd { serde_saphyr::from_str(names).expect("a configuration") };
        let srv = sd("names: [_pprof.shop.test., nobody.test.]");
        let first = ask(&resolver, &srv, &[]).await;
        assert_eq!((targets(&first), &first.errors), (vec!["pod-0.shop.test:6060".to_owned()], &Vec::new()));
        let labels = &first.groups.as_ref().expect("groups")[0].labels;
        assert_eq!(labels["__meta_dns_srv_record_target"], "pod-0.shop.test.");
        assert_eq!(labels["__meta_dns_name"], "_pprof.shop.test.");

        fails.store(true, Ordering::SeqCst);
        let second = ask(&resolver, &srv, first.groups.as_deref().unwrap_or_default()).await;
        assert_eq!((targets(&second), second.errors.len()), (vec!["pod-0.shop.test:6060".to_owned()], 1));
        let a = sd("{names: [orders.test., nobody.test.], type: A, port: 6060}");
        assert_eq!(targets(&ask(&resolver, &a, &[]).await), ["10.0.0.7:6060"]);
    }
}
