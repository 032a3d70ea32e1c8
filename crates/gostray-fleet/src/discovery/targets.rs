//! Groups of addresses with labels → targets.

use std::time::Duration;

use url::Url;

use crate::config::{Checked, Span, StaticConfig};
use crate::discovery::relabel::{Labels, relabel};
use crate::target::{Place, Target};

/// Annotations of Kubernetes that people already have, the first that is there wins; `{}` stands for what is
/// asked.
const ANNOTATIONS: [&str; 3] = [
    "__meta_kubernetes_pod_annotation_profiles_grafana_com_goroutine_{}",
    "__meta_kubernetes_pod_annotation_pyroscope_io_{}",
    "__meta_kubernetes_pod_annotation_prometheus_io_{}",
];

/// The targets of a group, and what is wrong with those that are none.
#[must_use]
pub fn targets_of(job: &Checked, group: &StaticConfig) -> (Vec<Target>, Vec<String>) {
    let (mut targets, mut errors) = (Vec::new(), Vec::new());
    for address in &group.targets {
        match target(job, address, &group.labels) {
            Ok(Some(target)) => targets.push(target),
            Ok(None) => {}
            Err(what) => {
                // What stands before an @ may be a password.
                let shown = address.rsplit('@').next().unwrap_or_default();
                errors.push(format!("job {:?}, target {shown:?}: {what}", job.job.job_name));
            }
        }
    }
    (targets, errors)
}

fn target(job: &Checked, address: &str, own: &Labels) -> Result<Option<Target>, String> {
    // A whole URL, as people write it on the command line.
    let (scheme, rest, prefix) = match address.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let path = path.trim_end_matches('/').trim_end_matches("goroutine").trim_end_matches('/');
            let path = path.strip_suffix("debug/pprof").unwrap_or(path).trim_matches('/');
            (scheme, host, if path.is_empty() { job.path_prefix.clone() } else { format!("/{path}") })
        }
        None => (job.job.scheme.as_str(), address, job.path_prefix.clone()),
    };
    let rest = if rest.starts_with(':') { format!("localhost{rest}") } else { rest.to_owned() };
    let mut labels = own.clone();
    labels.insert("__address__".to_owned(), rest);
    let mut default = |name: &str, value: String| {
        labels.entry(name.to_owned()).or_insert(value);
    };
    default("job", job.job.job_name.clone());
    default("__scheme__", scheme.to_owned());
    default("__path_prefix__", prefix);
    default("__scrape_interval__", format!("{}ms", job.interval.as_millis()));
    default("__scrape_timeout__", format!("{}ms", job.timeout.as_millis()));
    for (name, values) in &job.job.params {
        if let Some(value) = values.first() {
            default(&format!("__param_{name}"), value.clone());
        }
    }
    let Some(annotated) = annotations(labels) else { return Ok(None) };
    let Some(mut labels) = relabel(&job.rules, annotated) else { return Ok(None) };
    let mut take = |name: &str| labels.remove(name).unwrap_or_default();
    let (address, scheme, prefix) = (take("__address__"), take("__scheme__"), take("__path_prefix__"));
    let interval = Span::parse(&take("__scrape_interval__")).map_or(job.interval, |span| span.0);
    let timeout = Span::parse(&take("__scrape_timeout__")).map_or(job.timeout, |span| span.0);
    let name = take("job");
    let pid = take("__pid__");
    let params: Vec<(String, String)> = labels
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("__param_")?.to_owned(), value.clone())))
        .collect();
    labels.retain(|name, _| !name.starts_with("__"));
    let place = if pid.is_empty() {
        Place::Url(url(&scheme, &address, &prefix, &params)?)
    } else {
        Place::Process(pid.parse().map_err(|_| format!("{pid:?} is no process id"))?)
    };
    labels.entry("instance".to_owned()).or_insert(address);
    let interval = interval.max(Duration::from_secs(1));
    Ok(Some(Target { job: name, labels, place, interval, timeout: timeout.min(interval), access: job.access.clone() }))
}

fn url(scheme: &str, address: &str, prefix: &str, params: &[(String, String)]) -> Result<Url, String> {
    if address.is_empty() {
        return Err("it has no __address__".to_owned());
    }
    if address.contains(['/', '?', '#', '@', ' ']) {
        return Err("an address is host:port, without a path: use profiling_config.path_prefix".to_owned());
    }
    let host = address.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
    if host.is_none() {
        return Err("it has no port: write host:port".to_owned());
    }
    let mut url =
        Url::parse(&format!("{scheme}://{address}{prefix}/debug/pprof/")).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("__scheme__ is {scheme:?}: http or https"));
    }
    if !params.is_empty() {
        url.query_pairs_mut().extend_pairs(params);
    }
    Ok(url)
}

/// What annotations of a pod say of port, scheme and path, before the job's own relabelling. `None` if they
/// say that it is not to be scraped.
fn annotations(mut labels: Labels) -> Option<Labels> {
    let asked = |labels: &Labels, what: &str| {
        ANNOTATIONS.iter().find_map(|name| labels.get(&name.replace("{}", what)).cloned())
    };
    if asked(&labels, "scrape").is_some_and(|scrape| scrape == "false") {
        return None;
    }
    if let Some(scheme) = asked(&labels, "scheme") {
        labels.insert("__scheme__".to_owned(), scheme);
    }
    // That of Prometheus is the path of its metrics, not of profiles.
    let path = ANNOTATIONS[..2].iter().find_map(|name| labels.get(&name.replace("{}", "path")).cloned());
    if let Some(path) = path {
        let prefix = path.split("/debug/pprof").next().unwrap_or_default().trim_end_matches('/');
        labels.insert("__path_prefix__".to_owned(), prefix.to_owned());
    }
    if let Some(port) = asked(&labels, "port")
        && let Some(address) = labels.get("__address__")
    {
        let host = match address.rsplit_once(':') {
            Some((host, own)) if own.parse::<u16>().is_ok() => host,
            _ => address.as_str(),
        };
        let address = format!("{host}:{port}");
        labels.insert("__address__".to_owned(), address);
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn found(yaml: &str, address: &str, labels: &[(&str, &str)]) -> Result<Vec<Target>, String> {
        let config = Config::parse(yaml, Path::new(".")).expect("a configuration");
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (targets, errors) =
            targets_of(&config.jobs[0], &StaticConfig { targets: vec![address.to_owned()], labels });
        if errors.is_empty() { Ok(targets) } else { Err(errors.join("\n")) }
    }

    fn url_of(yaml: &str, address: &str, labels: &[(&str, &str)]) -> String {
        match &found(yaml, address, labels).expect("a target")[0].place {
            Place::Url(url) => url.to_string(),
            Place::Process(pid) => pid.to_string(),
        }
    }

    const JOB: &str = "scrape_configs: [{job_name: shop}]";

    #[test]
    fn an_address_becomes_the_url_of_its_profiles() {
        assert_eq!(url_of(JOB, "10.0.0.7:6060", &[]), "http://10.0.0.7:6060/debug/pprof/");
        assert_eq!(url_of(JOB, ":6060", &[]), "http://localhost:6060/debug/pprof/");
        assert_eq!(
            url_of(JOB, "https://shop:8443/api/debug/pprof/goroutine", &[]),
            "https://shop:8443/api/debug/pprof/"
        );
        let prefixed = "scrape_configs: [{job_name: shop, scheme: https, params: {token: [x]}, profiling_config: {path_prefix: /internal}}]";
        assert_eq!(url_of(prefixed, "shop:1", &[]), "https://shop:1/internal/debug/pprof/?token=x");
        assert!(found(JOB, "shop", &[]).is_err_and(|what| what.contains("no port")));
        assert!(found(JOB, "shop:1/x", &[]).is_err_and(|what| what.contains("path_prefix")));
    }

    #[test]
    fn a_target_knows_its_service_and_instance() {
        let target =
            found(JOB, "10.0.0.7:6060", &[("service", "orders"), ("__secret", "x")]).expect("a target").remove(0);
        assert_eq!((target.service(), target.instance(), target.job.as_str()), ("orders", "10.0.0.7:6060", "shop"));
        assert!(!target.labels.contains_key("__secret"));
        let same = found(JOB, "10.0.0.7:6060", &[("service", "orders")]).expect("a target").remove(0);
        assert_eq!(target.id(), same.id());
    }

    #[test]
    fn annotations_that_people_have_are_followed() {
        let pod = |name: &'static str, value: &'static str| (name, value);
        let pyroscope = [pod("__meta_kubernetes_pod_annotation_pyroscope_io_port", "6061")];
        assert_eq!(url_of(JOB, "10.0.0.7:80", &pyroscope), "http://10.0.0.7:6061/debug/pprof/");
        let both = [
            pod("__meta_kubernetes_pod_annotation_profiles_grafana_com_goroutine_port", "7000"),
            pod("__meta_kubernetes_pod_annotation_prometheus_io_port", "9000"),
            pod("__meta_kubernetes_pod_annotation_prometheus_io_path", "/metrics"),
        ];
        assert_eq!(url_of(JOB, "10.0.0.7", &both), "http://10.0.0.7:7000/debug/pprof/");
        let no = [pod("__meta_kubernetes_pod_annotation_prometheus_io_scrape", "false")];
        assert_eq!(found(JOB, "10.0.0.7:80", &no), Ok(Vec::new()));
    }
}
