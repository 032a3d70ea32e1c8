//! Groups of addresses with labels → targets.

use std::time::Duration;

use gostray_endpoint::Address;
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

/// Says where the profile is, as in Grafana Alloy and Pyroscope.
pub(crate) const PROFILE_PATH: &str = "__profile_path__";
/// Stands before it.
pub(crate) const PROFILE_PATH_PREFIX: &str = "__profile_path_prefix__";

/// What becomes of an address that discovery found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its labels before the job's relabelling.
    pub discovered: Labels,
    /// The target, or none if relabelling drops it.
    pub target: Result<Option<Target>, String>,
}

/// The targets of a group, and what is wrong with those that are none.
#[must_use]
pub fn targets_of(job: &Checked, group: &StaticConfig) -> (Vec<Target>, Vec<String>) {
    let (mut targets, mut errors) = (Vec::new(), Vec::new());
    for (address, found) in group.targets.iter().zip(found(job, group)) {
        match found.target {
            Ok(target) => targets.extend(target),
            Err(what) => {
                // What stands before an @ may be a password.
                let shown = address.rsplit('@').next().unwrap_or_default();
                errors.push(format!("job {:?}, target {shown:?}: {what}", job.job.job_name));
            }
        }
    }
    (targets, errors)
}

/// What becomes of each address of a group.
pub fn found<'a>(job: &'a Checked, group: &'a StaticConfig) -> impl Iterator<Item = Found> + 'a {
    group.targets.iter().map(|address| {
        let discovered = discovered(job, address, &group.labels);
        Found { target: target(job, discovered.clone()), discovered }
    })
}

/// The labels that relabelling begins with: those of Prometheus, with the path of the profile for that of metrics.
fn discovered(job: &Checked, address: &str, own: &Labels) -> Labels {
    let mut labels = own.clone();
    labels.insert("__address__".to_owned(), address.to_owned());
    let mut default = |name: &str, value: String| {
        let label = labels.entry(name.to_owned()).or_default();
        if label.is_empty() {
            *label = value;
        }
    };
    default("job", job.job.job_name.clone());
    default("__scheme__", job.job.scheme.clone());
    default(PROFILE_PATH, "/debug/pprof/goroutine".to_owned());
    default(PROFILE_PATH_PREFIX, job.path_prefix.clone());
    default("__scrape_interval__", Span(job.interval).to_string());
    default("__scrape_timeout__", Span(job.timeout).to_string());
    for (name, values) in &job.job.params {
        if let Some(value) = values.first() {
            default(&format!("__param_{name}"), value.clone());
        }
    }
    labels.retain(|_, value| !value.is_empty());
    labels
}

fn target(job: &Checked, discovered: Labels) -> Result<Option<Target>, String> {
    let Some(annotated) = annotations(discovered) else { return Ok(None) };
    let Some(mut labels) = relabel(&job.rules, annotated) else { return Ok(None) };
    let mut take = |name: &str| labels.remove(name).unwrap_or_default();
    let (address, scheme, path) =
        (take("__address__"), take("__scheme__"), take(PROFILE_PATH_PREFIX) + &take(PROFILE_PATH));
    let mut duration = |name: &str| match Span::parse(&take(name)) {
        Ok(span) if span.0.is_zero() => Err(format!("{name} is zero")),
        Ok(span) => Ok(span.0),
        Err(what) => Err(format!("{name}: {what}")),
    };
    let (interval, timeout) = (duration("__scrape_interval__")?, duration("__scrape_timeout__")?);
    if timeout > interval {
        return Err("__scrape_timeout__ is longer than __scrape_interval__".to_owned());
    }
    let mut take = |name: &str| labels.remove(name).unwrap_or_default();
    let (name, pid) = (take("job"), take("__pid__"));
    let params: Vec<(String, String)> = labels
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("__param_")?.to_owned(), value.clone())))
        .collect();
    labels.retain(|name, _| !name.starts_with("__"));
    let place = if pid.is_empty() {
        Place::Url(url(&scheme, &address, &path, &params)?)
    } else {
        Place::Process(pid.parse().map_err(|_| format!("{pid:?} is no process id"))?)
    };
    labels.entry("instance".to_owned()).or_insert(address);
    let interval = interval.max(Duration::from_secs(1));
    Ok(Some(Target { job: name, labels, place, interval, timeout, access: job.access.clone() }))
}

fn url(scheme: &str, address: &str, path: &str, params: &[(String, String)]) -> Result<Url, String> {
    if address.is_empty() {
        return Err("it has no __address__".to_owned());
    }
    if address.contains(['/', '?', '#', '@', ' ']) {
        return Err(
            "an address is host:port alone: scheme, profiling_config.path_prefix, params and basic_auth say the rest"
                .to_owned(),
        );
    }
    if !matches!(scheme, "http" | "https") {
        return Err(format!("__scheme__ is {scheme:?}: http or https"));
    }
    // As Go's dialler has it.
    let host = if address.starts_with(':') { "localhost" } else { "" };
    let path = path.trim_start_matches('/');
    let address = Address::parse(&format!("{scheme}://{host}{address}/{path}")).map_err(|error| error.to_string())?;
    let (base, query) = address.parts();
    let mut url = base.clone();
    url.set_query(query);
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
        labels.insert(PROFILE_PATH.to_owned(), path);
    }
    // Of the ports of a pod it is the one with this name.
    let own_name = labels.get("__meta_kubernetes_pod_container_port_name").cloned().unwrap_or_default();
    if asked(&labels, "port_name").is_some_and(|name| !name.is_empty() && name != own_name) {
        return None;
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
        assert_eq!(url_of(JOB, "[fd00::7]:6060", &[]), "http://[fd00::7]:6060/debug/pprof/");
        assert_eq!(url_of(JOB, "shop", &[]), "http://shop/debug/pprof/", "the port of the scheme, as in Prometheus");
        let prefixed = "scrape_configs: [{job_name: shop, scheme: https, params: {token: [x]}, profiling_config: {path_prefix: /internal}}]";
        assert_eq!(url_of(prefixed, "shop:1", &[]), "https://shop:1/internal/debug/pprof/?token=x");
        for (address, says) in [
            ("shop:1/x", "path_prefix"),
            ("http://shop:1", "scheme"),
            ("a:b@shop:1", "basic_auth"),
            ("", "__address__"),
        ] {
            assert!(found(JOB, address, &[]).is_err_and(|what| what.contains(says)), "{address}");
        }
    }

    #[test]
    fn labels_say_where_the_profile_is_as_in_alloy() {
        for (path, url) in [
            ("/debug/pprof/goroutine", "http://shop:1/debug/pprof/"),
            ("/admin/goroutine", "http://shop:1/admin/"),
            ("admin/debug/pprof/", "http://shop:1/admin/debug/pprof/"),
            ("/debug/pprof/goroutine?token=x", "http://shop:1/debug/pprof/?token=x"),
        ] {
            assert_eq!(url_of(JOB, "shop:1", &[("__profile_path__", path)]), url, "{path}");
        }
        let both = [("__profile_path__", "/goroutine"), ("__profile_path_prefix__", "/go")];
        assert_eq!(url_of(JOB, "shop:1", &both), "http://shop:1/go/");
        let other = found(JOB, "shop:1", &[("__profile_path__", "/debug/pprof/allocs")]);
        assert!(other.is_err_and(|what| what.contains("allocs")));
    }

    #[test]
    fn times_of_a_target_are_checked_like_those_of_a_job() {
        for (name, value, says) in [
            ("__scrape_interval__", "often", "no duration"),
            ("__scrape_interval__", "0s", "zero"),
            ("__scrape_timeout__", "2m", "longer"),
        ] {
            let told = found(JOB, "shop:1", &[(name, value)]).expect_err(value);
            assert!(told.contains(says), "{told}");
        }
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
        let named = |port| {
            [
                pod("__meta_kubernetes_pod_annotation_profiles_grafana_com_goroutine_port_name", "pprof"),
                pod("__meta_kubernetes_pod_container_port_name", port),
            ]
        };
        assert_eq!(found(JOB, "10.0.0.7:80", &named("http")), Ok(Vec::new()));
        assert_eq!(found(JOB, "10.0.0.7:80", &named("pprof")).map(|found| found.len()), Ok(1));
        let no = [pod("__meta_kubernetes_pod_annotation_prometheus_io_scrape", "false")];
        assert_eq!(found(JOB, "10.0.0.7:80", &no), Ok(Vec::new()));
    }
}
