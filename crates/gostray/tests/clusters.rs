//! Targets in clusters are found as Prometheus finds them. What its own discovery gives was recorded: `RECORD=1` runs that
//! (`fixtures/prometheus`, which takes Go and its module proxy) against the same servers, and writes the record anew.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test that fails says where")]

mod fakes;
mod served;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use fakes::consul::Consul;
use fakes::kubernetes::Kubernetes;
use served::{Server, folder, gostray, serve, until};

type Labels = BTreeMap<String, String>;

fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/discovery").join(name)
}

fn read(name: &str) -> Value {
    serde_json::from_slice(&fs::read(own(name)).unwrap()).unwrap()
}

/// Labels of each target of each job, before relabelling.
fn discovered(server: &Server) -> BTreeMap<String, Vec<Labels>> {
    let answer = server.json("/api/v1/targets");
    let mut all: BTreeMap<String, Vec<Labels>> = BTreeMap::new();
    for kind in ["active", "dropped", "wrong"] {
        for one in answer[kind].as_array().unwrap() {
            let mut labels: Labels = serde_json::from_value(one["discovered_labels"].clone()).unwrap();
            let job = labels.remove("job").unwrap();
            // What every job gets is compared where Prometheus itself runs.
            for name in ["__scheme__", "__profile_path__", "__scrape_interval__", "__scrape_timeout__"] {
                labels.remove(name).unwrap();
            }
            all.entry(job).or_default().push(labels);
        }
    }
    for targets in all.values_mut() {
        targets.sort();
    }
    all
}

/// Runs Prometheus's own discovery.
fn record(configs: &str) -> BTreeMap<String, Vec<Labels>> {
    let folder = folder();
    let path = folder.path().join("configs.yaml");
    fs::write(&path, configs).unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/prometheus");
    let run = Command::new("go").args(["run", "."]).arg(&path).current_dir(program).output().unwrap();
    eprintln!("{}", String::from_utf8_lossy(&run.stderr));
    let mut found: BTreeMap<String, Vec<Labels>> = serde_json::from_slice(&run.stdout).unwrap();
    for targets in found.values_mut() {
        targets.sort();
    }
    found
}

#[test]
fn labels_are_those_of_prometheus() {
    let kubernetes = Kubernetes::new(&read("kubernetes.objects.json"));
    let consul = Consul::new(&read("consul.services.json"));
    let configs = fs::read_to_string(own("configs.yaml")).unwrap();
    let configs: String = configs
        .split_inclusive('\n')
        .map(|line| {
            let port =
                if line.contains("server: SERVER") && line.contains("consul") { consul.port } else { kubernetes.port };
            line.replace("SERVER", &format!("127.0.0.1:{port}"))
        })
        .collect();
    if std::env::var_os("RECORD").is_some() {
        let text = serde_json::to_string_pretty(&record(&configs)).unwrap() + "\n";
        fs::write(own("prometheus.json"), text).unwrap();
    }
    let theirs: BTreeMap<String, Vec<Labels>> = serde_json::from_value(read("prometheus.json")).unwrap();
    assert!(theirs.values().all(|targets| !targets.is_empty()) && theirs.len() == 12);

    let jobs: String = configs.replace("- name:", "- job_name:");
    let jobs: String = jobs.lines().map(|line| format!("  {line}\n")).collect();
    let server = serve(&folder(), &format!("scrape_configs:\n{jobs}"));
    let ours = || discovered(&server);
    until("as many targets as Prometheus finds", || {
        let ours = ours();
        theirs.iter().all(|(job, found)| ours.get(job).is_some_and(|own| own.len() >= found.len())).then_some(())
    });
    let ours = ours();
    for (job, theirs) in &theirs {
        let ours = &ours[job];
        let lacks: Vec<_> = theirs.iter().filter(|one| !ours.contains(one)).collect();
        let invents: Vec<_> = ours.iter().filter(|one| !theirs.contains(one)).collect();
        assert!(
            lacks.is_empty() && invents.is_empty() && ours.len() == theirs.len(),
            "{job}\nonly Prometheus: {lacks:#?}\nonly gostray: {invents:#?}"
        );
    }
}

fn addresses(server: &Server) -> Vec<String> {
    discovered(server).into_values().flatten().map(|labels| labels["__address__"].clone()).collect()
}

fn pod(name: &str, ip: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "uid": name},
        "spec": {"containers": [{"name": "x", "image": "x", "ports": [{"containerPort": 6060, "protocol": "TCP"}]}]},
        "status": {"phase": "Running", "podIP": ip}})
}

#[test]
fn pods_come_and_go_and_stay_while_the_api_is_away() {
    let api = Kubernetes::new(&json!([pod("a", "10.0.0.1")]));
    let folder = folder();
    fs::write(folder.path().join("token"), "s3cret\n").unwrap();
    *api.token.lock().unwrap() = Some("s3cret".to_owned());
    let text = |more: &str| {
        format!(
            "scrape_configs:\n  - job_name: pods\n    kubernetes_sd_configs:\n      - role: pod\n        \
             api_server: http://127.0.0.1:{}\n        authorization: {{credentials_file: token}}\n{more}",
            api.port
        )
    };
    let server = serve(&folder, &text(""));
    let are = |wanted: &[&str]| until(&format!("{wanted:?}"), || (addresses(&server) == wanted).then_some(()));
    let warnings = || server.json("/api/v1/status")["warnings"].to_string();
    are(&["10.0.0.1:6060"]);
    api.happens("ADDED", pod("b", "10.0.0.2"));
    are(&["10.0.0.1:6060", "10.0.0.2:6060"]);
    api.happens("MODIFIED", pod("a", "10.0.0.9"));
    are(&["10.0.0.2:6060", "10.0.0.9:6060"]);
    api.happens("DELETED", pod("b", "10.0.0.2"));
    are(&["10.0.0.9:6060"]);

    // It forgets what was: all is listed again, with what nobody told of.
    let watches = api.watches();
    api.forget();
    until("it watches again", || (api.watches() > watches).then_some(()));
    api.happens("ADDED", pod("c", "10.0.0.3"));
    are(&["10.0.0.3:6060", "10.0.0.9:6060"]);

    // While it is away, and through a reload, the last ones stay.
    api.set_up(false);
    until("it is said that the API is away", || warnings().contains("pods at").then_some(()));
    assert_eq!(addresses(&server).len(), 2);
    fs::write(folder.path().join("gostray.yaml"), text("  - {job_name: more, static_configs: [{targets: ['x:1']}]}\n"))
        .unwrap();
    server.hang_up();
    are(&["x:1", "10.0.0.3:6060", "10.0.0.9:6060"]);
    api.happens("DELETED", pod("c", "10.0.0.3"));
    api.set_up(true);
    are(&["x:1", "10.0.0.9:6060"]);
    until("nothing is wrong any more", || (!warnings().contains("pods at")).then_some(()));
}

#[test]
fn services_of_consul_come_and_go_and_stay_while_it_is_away() {
    let consul = Consul::new(&read("consul.services.json"));
    *consul.token.lock().unwrap() = Some("s3cret".to_owned());
    let folder = folder();
    fs::write(folder.path().join("token"), "s3cret\n").unwrap();
    let text = format!(
        "scrape_configs:\n  - job_name: services\n    consul_sd_configs:\n      - {{server: '127.0.0.1:{}', token_file: token, \
         refresh_interval: 1s}}\n",
        consul.port
    );
    let server = serve(&folder, &text);
    let are =
        |wanted: usize| until(&format!("{wanted} targets"), || (addresses(&server).len() == wanted).then_some(()));
    are(5);
    until("it waits for changes rather than to ask again", || (consul.waiting() == 4).then_some(()));
    let all = consul.services();
    consul.set(11, all[..3].to_vec());
    are(3);
    consul.set(12, all[..2].to_vec());
    are(2);
    // Another server, which counts from the beginning.
    consul.set(3, all.clone());
    are(5);
    consul.set_up(false);
    until("it is said that it is away", || {
        server.json("/api/v1/status")["warnings"].to_string().contains("consul").then_some(())
    });
    assert_eq!(addresses(&server).len(), 5);
}

#[test]
fn the_example_of_the_docs_is_good() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/gostray.example.yaml");
    let checked = gostray().args(["serve", "--check-config", "--config"]).arg(&example).output().unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let folder = folder();
    for (sd, says) in [
        ("kubernetes_sd_configs: [{role: pods}]", "pods"),
        ("kubernetes_sd_configs: [{}]", "role"),
        ("kubernetes_sd_configs: [{role: pod, api_server: 'http://x', kubeconfig_file: y}]", "give one of them"),
        ("kubernetes_sd_configs: [{role: pod, authorization: {credentials: x}}]", "api_server"),
        (
            "kubernetes_sd_configs: [{role: pod, api_server: 'http://x', namespaces: {own_namespace: true}}]",
            "own_namespace",
        ),
        ("kubernetes_sd_configs: [{role: service, selectors: [{role: pod, label: x}]}]", "can't be selected"),
        ("kubernetes_sd_configs: [{role: pod, api_server: 'x:1'}]", "URL"),
        ("consul_sd_configs: [{server: 'http://x:1'}]", "host:port"),
        ("consul_sd_configs: [{token: x, authorization: {credentials: y}}]", "give one of them"),
        ("file_sd_configs: [{files: [x.txt]}]", ".json"),
        ("dns_sd_configs: [{names: [x], type: A}]", "port"),
    ] {
        let path = folder.path().join("gostray.yaml");
        fs::write(&path, format!("scrape_configs: [{{job_name: x, {sd}}}]\n")).unwrap();
        let checked = gostray().args(["serve", "--check-config", "--config"]).arg(&path).output().unwrap();
        let told = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert_eq!(checked.status.code(), Some(2), "{sd}: {told}");
        assert!(told.contains(says), "{sd}: {told}");
    }
}
