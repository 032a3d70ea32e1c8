//! Targets are found and relabelled as Prometheus does it: what real Prometheus says of a configuration is compared with
//! what gostray says of the same.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test that fails says where")]

mod served;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use served::{Running, folder, free_port, get, gostray, hostile, installed, serve, until};

type Labels = BTreeMap<String, String>;

/// A target as both say it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    job: String,
    discovered: Labels,
    /// None if it was dropped.
    labels: Option<Labels>,
    /// Scheme, host and parameters; how often, and for how long.
    asked: Option<(String, String, String, String)>,
}

/// What both read. Each job shows one subject.
fn scrape_configs(folder: &str, list: u16) -> String {
    format!(
        r#"scrape_configs:
  - job_name: plain
    static_configs:
      - targets: ['10.0.0.1:81', '[fd00::1]:6060', 'shop.example:6060']
        labels: {{service: shop, replica: 1, empty: '', __secret: x}}
      - targets: ['10.0.0.2:81']
  - job_name: replace
    scheme: https
    params: {{token: [t1, t2], other: [o]}}
    static_configs:
      - {{targets: ['a.example:1', 'b.example:2'], labels: {{team: Shop-Team, zone: 'eu|west', path: /x/y}}}}
    relabel_configs:
      - {{source_labels: [__address__], regex: '([a-z])\.(?P<domain>.+):(\d+)', target_label: parts, replacement: '$1-${{domain}}-$3-$4-$1x-$$-${{3}}y'}}
      - {{source_labels: [__address__], regex: 'example', target_label: unanchored, replacement: x}}
      - {{source_labels: [team, zone, missing], separator: '@', target_label: joined}}
      - {{source_labels: [team, zone], separator: '', target_label: glued}}
      - {{target_label: fixed, replacement: text}}
      - {{target_label: zone, replacement: ''}}
      - {{source_labels: [path], regex: '/(\w+)/(\w+)', target_label: 'named_${{1}}', replacement: $2}}
      - {{source_labels: [path], regex: '(.*)', target_label: '${{1}}', replacement: never}}
      - {{source_labels: [__address__], regex: '(.+):1', target_label: __address__, replacement: '$1:8443'}}
      - {{source_labels: [__address__], regex: 'b.*', target_label: __scheme__, replacement: http}}
      - {{source_labels: [team], target_label: __param_team}}
      - {{source_labels: [__param_token, __tmp_x], target_label: seen}}
      - {{source_labels: [team], target_label: __tmp_x}}
      - {{source_labels: [__tmp_x], target_label: tmp}}
      - {{source_labels: [__scrape_interval__, __scrape_timeout__, __scheme__, job], target_label: all}}
      - {{source_labels: [__address__], regex: 'b.*', target_label: job, replacement: renamed}}
      - {{source_labels: [__address__], regex: 'b.*', target_label: instance, replacement: named}}
  - job_name: regular-expressions
    static_configs:
      - {{targets: ['e:1'], labels: {{arabic: '٤٢', braces: '{{a}}', class: '[x]', quoted: 'a.b', word: 'é', case: ABC}}}}
    relabel_configs:
      - {{source_labels: [arabic], regex: '\d+', target_label: digits, replacement: 'yes'}}
      - {{source_labels: [braces], regex: '{{a}}', target_label: braces_found, replacement: 'yes'}}
      - {{source_labels: [class], regex: '[[]x[]]', target_label: class_found, replacement: 'yes'}}
      - {{source_labels: [quoted], regex: '\Qa.b\E', target_label: quoted_found, replacement: 'yes'}}
      - {{source_labels: [word], regex: '\w', target_label: word_found, replacement: 'yes'}}
      - {{source_labels: [word], regex: '\PL*', target_label: not_letters, replacement: 'yes'}}
      - {{source_labels: [case], regex: '(?i)abc', target_label: any_case, replacement: 'yes'}}
      - {{source_labels: [case], regex: 'A|ABC', target_label: either, replacement: 'yes'}}
      - {{source_labels: [case], regex: '', target_label: empty_regex, replacement: 'yes'}}
      - {{source_labels: [case], regex: 'A(X)?BC', target_label: absent_group, replacement: 'a${{1}}b'}}
      - {{source_labels: [case], target_label: raw, replacement: '$-${{-}}-$'}}
      - {{source_labels: [missing], target_label: from_nothing, replacement: 'x$1'}}
  - job_name: keep-and-drop
    static_configs:
      - {{targets: ['a:1', 'b:1', 'c:1', 'd:1'], labels: {{wanted: 'a:1'}}}}
    relabel_configs:
      - {{source_labels: [__address__], regex: '[abc]:1', action: keep}}
      - {{source_labels: [__address__], regex: 'b:.*', action: drop, target_label: passed_over}}
      - {{source_labels: [__address__], target_label: wanted, action: Keepequal}}
  - job_name: dropequal
    static_configs:
      - {{targets: ['a:1', 'b:1'], labels: {{unwanted: 'a:1'}}}}
    relabel_configs:
      - {{source_labels: [__address__], target_label: unwanted, action: dropequal}}
  - job_name: hash
    static_configs:
      - {{targets: ['a:1', 'b:1', 'c:1']}}
    relabel_configs:
      - {{source_labels: [__address__, job], modulus: 7, target_label: __tmp_hash, action: hashmod}}
      - {{source_labels: [__tmp_hash], target_label: shard}}
      - {{source_labels: [__tmp_hash], regex: '[0-3]', action: keep}}
  - job_name: map
    static_configs:
      - {{targets: ['a:1'], labels: {{__meta_x_label_app: shop, __meta_x_label_zone: eu, drop_me: x, keep_me: x, Mixed: AbÇ}}}}
    relabel_configs:
      - {{regex: '__meta_x_label_(.+)', action: labelmap}}
      - {{regex: '__meta_x_label_(a.*)', replacement: 'mapped_$1', action: labelmap}}
      - {{regex: 'drop_.*', action: labeldrop}}
      - {{source_labels: [Mixed], target_label: lower, action: lowercase}}
      - {{source_labels: [Mixed], target_label: upper, action: uppercase}}
  - job_name: labelkeep
    static_configs:
      - {{targets: ['a:1'], labels: {{one: x, two: x}}}}
    relabel_configs:
      - {{regex: '__.*|job|one', action: labelkeep}}
  - job_name: times
    scrape_interval: 90s
    scrape_timeout: 1500ms
    static_configs:
      - {{targets: ['a:1', 'b:1'], labels: {{often: 30s}}}}
      - {{targets: ['c:1'], labels: {{__scrape_interval__: 2h}}}}
      - {{targets: ['d:1'], labels: {{__scrape_timeout__: 1h}}}}
      - {{targets: ['e:1'], labels: {{__scrape_interval__: nonsense}}}}
    relabel_configs:
      - {{source_labels: [__address__, often], separator: ';', regex: 'a:1;(.*)', target_label: __scrape_interval__}}
  - job_name: no-address
    static_configs:
      - {{targets: ['a:1', 'b:1']}}
    relabel_configs:
      - {{source_labels: [__address__], regex: 'a:1', target_label: __address__, replacement: ''}}
      - {{source_labels: [__address__], regex: 'b:1', target_label: __address__, replacement: 'b:1/path'}}
  - job_name: twice
    static_configs:
      - {{targets: ['a:1', 'a:1']}}
      - {{targets: ['a:1'], labels: {{__tmp: other}}}}
  - job_name: files
    file_sd_configs:
      - files: ['{folder}/list-*.json', '{folder}/more.yml', '{folder}/absent.yaml']
        refresh_interval: 1s
    relabel_configs:
      - {{source_labels: [__meta_filepath], regex: '.*/([^/]+)', target_label: file}}
  - job_name: http
    http_sd_configs:
      - {{url: 'http://127.0.0.1:{list}/targets', refresh_interval: 1s}}
    relabel_configs:
      - {{source_labels: [__meta_url], regex: 'http://[^/]+(/.*)', target_label: from}}
"#
    )
}

fn labels(value: &Value) -> Labels {
    let object = value.as_object().unwrap();
    object.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn of_prometheus(port: u16) -> Option<Vec<Found>> {
    let (status, body) = get(port, "/api/v1/targets")?;
    let answer: Value = serde_json::from_str(&body).ok().filter(|_| status == 200)?;
    let active = answer["data"]["activeTargets"].as_array()?.iter().map(|one| {
        let url = url_parts(one["scrapeUrl"].as_str().unwrap());
        Found {
            job: one["scrapePool"].as_str().unwrap().to_owned(),
            discovered: labels(&one["discoveredLabels"]),
            labels: Some(labels(&one["labels"])),
            asked: Some((
                url.0,
                url.1,
                one["scrapeInterval"].as_str().unwrap().to_owned(),
                one["scrapeTimeout"].as_str().unwrap().to_owned(),
            )),
        }
    });
    let dropped = answer["data"]["droppedTargets"].as_array()?.iter().map(|one| {
        let discovered = labels(&one["discoveredLabels"]);
        Found { job: discovered["job"].clone(), discovered, labels: None, asked: None }
    });
    Some(active.chain(dropped).collect())
}

/// Scheme and host.
fn url_parts(url: &str) -> (String, String) {
    let (scheme, rest) = url.split_once("://").unwrap();
    (scheme.to_owned(), rest.split(['/', '?']).next().unwrap().to_owned())
}

fn of_gostray(answer: &Value) -> Vec<Found> {
    let active = answer["active"].as_array().unwrap().iter().map(|one| {
        let mut after = labels(&one["labels"]);
        after.insert("job".to_owned(), one["job"].as_str().unwrap().to_owned());
        let url = url_parts(one["url"].as_str().unwrap());
        let discovered = labels(&one["discovered_labels"]);
        Found {
            job: discovered["job"].clone(),
            discovered,
            labels: Some(after),
            asked: Some((url.0, url.1, duration(&one["interval_ms"]), duration(&one["timeout_ms"]))),
        }
    });
    let dropped = answer["dropped"].as_array().unwrap().iter().map(|one| {
        let discovered = labels(&one["discovered_labels"]);
        Found { job: discovered["job"].clone(), discovered, labels: None, asked: None }
    });
    active.chain(dropped).collect()
}

/// As Prometheus writes it.
fn duration(millis: &Value) -> String {
    match millis.as_u64().unwrap() {
        90_000 => "1m30s".to_owned(),
        1_500 => "1s500ms".to_owned(),
        7_200_000 => "2h".to_owned(),
        60_000 => "1m".to_owned(),
        other => format!("{}s", other / 1000),
    }
}

/// What gostray does differently, with the reason.
fn same_terms(mut found: Vec<Found>) -> Vec<Found> {
    for one in &mut found {
        // Prometheus 2.42 shows labels of after relabelling among those of before: a defect that later ones have not.
        if let Some(labels) = &one.labels {
            one.discovered = Labels::from([("__address__".to_owned(), labels["instance"].clone())]);
        }
        // gostray asks for a profile, whose path has the label that Pyroscope and Grafana Alloy know.
        one.discovered.remove("__metrics_path__");
        one.discovered.remove("__profile_path__");
    }
    found.sort();
    // One that is found twice is watched once, and shown as often as it is found.
    found.dedup_by(|a, b| a.job == b.job && a.labels.is_some() && a.labels == b.labels && a.asked == b.asked);
    found
}

/// Prometheus with a configuration.
fn prometheus(program: &std::path::Path, folder: &std::path::Path, config: &str) -> (Running, u16) {
    fs::write(folder.join("prometheus.yml"), config).unwrap();
    let port = free_port();
    let child = Command::new(program)
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (Running(child), port)
}

#[test]
fn targets_are_those_of_prometheus_for_the_same_configuration() {
    let Some(program) = installed("prometheus") else {
        eprintln!("SKIPPED: prometheus is not installed here (apt-get install prometheus)");
        return;
    };
    let list = hostile(|stream| {
        let body = r#"[{"targets":["h:1","h:2"],"labels":{"__meta_rack":"r1","rack":"1"}},{"targets":["h:3"]}]"#;
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
    });
    let folder = folder();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("list-1.json", r#"[{"targets":["j:1","j:2"],"labels":{"from":"json"}}]"#);
    write("list-2.json", r#"[{"targets":["k:1"]}]"#);
    write("more.yml", "- targets: ['y:1']\n  labels: {from: yaml, number: 7, truth: true}\n- targets: []\n");
    let scrape_configs = scrape_configs(&folder.path().display().to_string(), list);
    let (_prometheus, port) = prometheus(&program, folder.path(), &scrape_configs);
    let server = serve(&folder, &scrape_configs);
    let gostray = || same_terms(of_gostray(&server.json("/api/v1/targets")));
    let both = |what: &str, is_there: &dyn Fn(&[Found]) -> bool| {
        let theirs = until(&format!("prometheus has {what}"), || {
            of_prometheus(port).map(same_terms).filter(|found| is_there(found))
        });
        let ours = until(&format!("gostray has {what}"), || Some(gostray()).filter(|found| is_there(found)));
        (theirs, ours)
    };
    let has = |found: &[Found], address: &str| found.iter().any(|one| one.discovered["__address__"] == address);
    let (theirs, ours) = both("all", &|found| ["y:1", "h:3", "k:1", "10.0.0.1:81"].iter().all(|one| has(found, one)));
    compare(&theirs, &ours);
    assert!(theirs.len() >= 25, "{}", theirs.len());

    // A file that breaks keeps what it had, one that is gone is gone, and a new one is read.
    write("list-1.json", "[{");
    fs::remove_file(folder.path().join("list-2.json")).unwrap();
    write("list-3.json", r#"[{"targets":["n:1"]}]"#);
    let (theirs, ours) = both("the new files", &|found| has(found, "n:1") && !has(found, "k:1"));
    assert!(has(&theirs, "j:2"));
    compare(&theirs, &ours);
}

fn compare(theirs: &[Found], ours: &[Found]) {
    let text = |found: &[Found]| found.iter().map(|one| format!("{one:#?}")).collect::<Vec<_>>();
    let (theirs, ours) = (text(theirs), text(ours));
    let lacks: Vec<_> = theirs.iter().filter(|one| !ours.contains(one)).cloned().collect();
    let invents: Vec<_> = ours.iter().filter(|one| !theirs.contains(one)).cloned().collect();
    assert!(
        lacks.is_empty() && invents.is_empty(),
        "only Prometheus:\n{}\nonly gostray:\n{}",
        lacks.join("\n"),
        invents.join("\n")
    );
}

#[test]
fn what_prometheus_refuses_is_refused() {
    let promtool = installed("promtool");
    if promtool.is_none() {
        eprintln!("SKIPPED: promtool is not installed here (apt-get install prometheus): gostray alone is looked at");
    }
    let folder = folder();
    for (is_good, rule) in [
        (true, "{source_labels: [a], action: keep, target_label: b}"),
        (true, "{source_labels: [a], regex: 80, action: KEEP}"),
        (true, "{regex: x, action: labelmap, source_labels: [a]}"),
        (false, "{action: nothing}"),
        (false, "{action: hashmod, target_label: x}"),
        (false, "{action: replace}"),
        (false, "{target_label: 'a b'}"),
        (false, "{regex: '(', target_label: x}"),
        (false, "{action: keepequal, source_labels: [a], target_label: b, regex: x}"),
        (false, "{action: dropequal, source_labels: [a], target_label: b, separator: x}"),
        (false, "{action: lowercase, source_labels: [a], target_label: b, replacement: x}"),
        (false, "{action: labeldrop, regex: x, target_label: b}"),
        (false, "{action: labelkeep, regex: x, source_labels: [b]}"),
        (false, "{action: labelmap, regex: x, replacement: 'a b'}"),
        (false, "{target_label: x, unknown: y}"),
    ] {
        let path = folder.path().join("one.yml");
        let text = format!("scrape_configs: [{{job_name: x, relabel_configs: [{rule}]}}]\n");
        fs::write(&path, text).unwrap();
        if let Some(promtool) = &promtool {
            let checked = Command::new(promtool).args(["check", "config"]).arg(&path).output().unwrap();
            assert_eq!(checked.status.success(), is_good, "promtool: {rule}");
        }
        let checked = gostray().args(["serve", "--check-config", "--config"]).arg(&path).output().unwrap();
        let code = if is_good { 0 } else { 2 };
        assert_eq!(checked.status.code(), Some(code), "{rule}: {}", String::from_utf8_lossy(&checked.stderr));
    }
}
