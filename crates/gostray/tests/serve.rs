//! What `gostray serve` promises: real Go programs are watched, their leaks are shown and told, and whatever happens to
//! targets, configuration or gostray itself, the rest goes on.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test that fails says where")]

mod served;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use gostray_toolchain::{Request, Toolchain};
use serde_json::Value;

use served::*;

/// The demo's shop, which leaks, with some customers.
struct Shop {
    _running: Running,
    port: u16,
}

fn shop() -> Shop {
    let go = Toolchain::find(Request::Any, &mut |_| {}).unwrap();
    static BUILT: std::sync::Once = std::sync::Once::new();
    let executable = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shop");
    BUILT.call_once(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/shop").canonicalize().unwrap();
        go.build(&source, &executable, [] as [&str; 0]).unwrap();
    });
    let (running, port, _) = start(Command::new(&executable).args(["-addr", "127.0.0.1:0"]), "listening on 127.0.0.1:");
    let shop = Shop { _running: running, port };
    shop.customers();
    shop
}

impl Shop {
    fn customers(&self) {
        for _ in 0..5 {
            for page in ["/search?q=x", "/report", "/checkout"] {
                let _ = get(self.port, page);
            }
        }
    }
}

/// A configuration that asks often, of these targets.
fn config(targets: &str, more: &str) -> String {
    format!(
        "global: {{scrape_interval: 1s}}\ndetection: {{evaluation_interval: 1s}}\nscrape_configs:\n  - job_name: shop\n    \
         static_configs: [{{targets: [{targets}], labels: {{service: shop}}}}]\n{more}"
    )
}

#[test]
fn the_leaks_of_a_process_are_shown_told_and_accepted() {
    let shop = shop();
    let (hook, posted) = hook();
    let folder = folder();
    let more =
        format!("alerting:\n  receivers: [{{name: ops, webhook_configs: [{{url: 'http://127.0.0.1:{hook}/'}}]}}]\n");
    // From memory, so that any release of Go gives a proof.
    let local = "global: {scrape_interval: 1s}\ndetection: {evaluation_interval: 1s}\nscrape_configs:\n  - job_name: local\n    \
                 local_processes: {refresh_interval: 1s}\n    relabel_configs:\n      - {source_labels: [instance], regex: 'pid:";
    let pid = nix_pid(&shop._running.0);
    let text = format!("{local}{pid}', action: keep}}\n{more}");
    let server = serve(&folder, &text);
    let leaks = until("three leaks", || Some(server.leaks()).filter(|leaks| leaks.len() >= 3));
    assert!(leaks.iter().all(|leak| leak["verdict"] == "proven" && leak["state"] == "confirmed"), "{leaks:?}");
    let functions: Vec<&str> = leaks.iter().map(|leak| leak["blocked_at"]["function"].as_str().unwrap()).collect();
    assert!(functions.contains(&"main.(*shop).search.func1"), "{functions:?}");

    // Each is told once.
    until("all are told", || (posted.lock().unwrap().len() >= leaks.len()).then_some(()));
    let told = posted.lock().unwrap().clone();
    let mut fingerprints: Vec<String> =
        told.iter().map(|one| one["alerts"][0]["fingerprint"].as_str().unwrap().to_owned()).collect();
    fingerprints.sort();
    fingerprints.dedup();
    assert_eq!((fingerprints.len(), told.len()), (leaks.len(), leaks.len()), "once each");

    // One of them, all of it.
    let id = leaks[0]["id"].as_str().unwrap();
    let leak = server.json(&format!("/api/v1/leaks/{id}"));
    assert!(!leak["stacks"][0]["frames"].as_array().unwrap().is_empty());
    assert!(!leak["evidence_snapshots"].as_array().unwrap().is_empty());
    let evidence = leak["evidence_snapshots"][0]["id"].as_i64().unwrap();
    let snapshot = server.json(&format!("/api/v1/evidence/{evidence}"));
    assert_eq!(snapshot["snapshot"]["schema"], "gostray.snapshot/v1");
    let series = server.json(&format!("/api/v1/leaks/{id}/series"));
    assert!(!series["series"][0]["points"].as_array().unwrap().is_empty());

    // Somebody says that it is no matter, and takes it back.
    let path = format!("/api/v1/leaks/{id}/accept");
    assert_eq!(post(server.port, &path, r#"{"reason":" "}"#).0, 400, "a reason is required");
    let (status, answer) = post(server.port, &path, r#"{"reason":"known, fixed in v2"}"#);
    assert_eq!((status, serde_json::from_str::<Value>(&answer).unwrap()["state"].as_str()), (200, Some("accepted")));
    assert_eq!(post(server.port, &format!("/api/v1/leaks/{id}/reopen"), "{}").0, 200);
    assert_eq!(request(server.port, &format!("POST {path} HTTP/1.0"), b"{}").unwrap().0, 403, "a forged request");
    until("it is told that it is over, and again that it fires", || {
        (posted.lock().unwrap().len() >= leaks.len() + 2).then_some(())
    });

    // What a canary asks.
    let gate = |args: &[&str]| {
        let server = format!("http://127.0.0.1:{}", server.port);
        gostray().args(["gate", "--server", &server]).args(args).output().unwrap()
    };
    let service = leaks[0]["service"].as_str().unwrap();
    assert_eq!(gate(&["--service", service]).status.code(), Some(1));
    assert_eq!(gate(&["--service", "nobody"]).status.code(), Some(4));

    // What a person or an assistant asks who has no browser at hand.
    let ask = |args: &[&str]| {
        let server = format!("http://127.0.0.1:{}", server.port);
        let output = gostray().args(["leaks", "--server", &server]).args(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, text, _) = ask(&[]);
    assert!(code == Some(1) && text.contains(service) && text.contains(&format!("/leaks/{id}")), "{text}");
    let (code, text, _) = ask(&[id]);
    assert!(code == Some(1) && text.contains("started at") && text.contains("because"), "{text}");
    let (code, text, _) = ask(&[id, "--format", "json", "--exit-zero"]);
    let leak: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, leak["id"].as_str()), (Some(0), Some(id)));
    assert_eq!(ask(&["--service", "nobody"]).0, Some(0));
    let (code, _, error) = ask(&["../status"]);
    assert!(code == Some(2) && error.contains("404"), "{error}");
    let (code, _, error) = ask(&["--state", "closed"]);
    assert!(code == Some(2) && error.contains("unknown state"), "{error}");
}

#[test]
fn a_start_goes_on_where_the_last_one_ended_and_tells_nothing_twice() {
    let shop = shop();
    let (hook, posted) = hook();
    let folder = folder();
    let pid = nix_pid(&shop._running.0);
    let text = format!(
        "global: {{scrape_interval: 1s}}\ndetection: {{evaluation_interval: 1s}}\nscrape_configs:\n  - job_name: local\n    \
         local_processes: {{refresh_interval: 1s}}\n    relabel_configs:\n      - {{source_labels: [instance], regex: 'pid:{pid}', action: keep}}\n\
         alerting:\n  receivers: [{{name: ops, webhook_configs: [{{url: 'http://127.0.0.1:{hook}/'}}]}}]\n"
    );
    let count = {
        let server = serve(&folder, &text);
        until("all are told", || {
            let leaks = server.leaks().len();
            (leaks >= 3 && posted.lock().unwrap().len() >= leaks).then_some(leaks)
        })
        // Killed, not asked to end.
    };
    let server = serve(&folder, &text);
    until("it scrapes again", || {
        let status = server.json("/api/v1/status");
        (status["targets"]["up"] == 1).then_some(())
    });
    assert_eq!(server.leaks().len(), count, "leaks are kept");
    until("it has looked again", || {
        let metrics = get(server.port, "/metrics").unwrap().1;
        let scrapes = metrics.lines().find_map(|line| line.strip_prefix("gostray_scrapes_total "))?;
        (scrapes.parse::<f64>().ok()? >= 5.0).then_some(())
    });
    assert_eq!(posted.lock().unwrap().len(), count, "nothing is told twice");
    let check = gostray().args(["store", "check"]).arg(folder.path().join("gostray-data")).output().unwrap();
    assert_eq!(check.status.code(), Some(2), "the store is in use");
    drop(server);
    let check = gostray().args(["store", "check"]).arg(folder.path().join("gostray-data")).output().unwrap();
    assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stderr));
}

#[test]
fn a_leak_is_explained_by_the_source_that_the_configuration_names() {
    let shop = shop();
    let folder = folder();
    let pid = nix_pid(&shop._running.0);
    let text = format!(
        "global: {{scrape_interval: 1s}}\ndetection: {{evaluation_interval: 1s}}\nscrape_configs:\n  - job_name: local\n    \
         local_processes: {{refresh_interval: 1s}}\n    relabel_configs:\n      - {{source_labels: [instance], regex: 'pid:{pid}', action: keep}}\n"
    );
    let server = serve(&folder, &text);
    let id = until("the search leaks", || {
        let leaks = server.leaks();
        let leak = leaks.iter().find(|leak| leak["blocked_at"]["function"] == "main.(*shop).search.func1")?;
        Some(leak["id"].as_str()?.to_owned())
    });
    let path = format!("/api/v1/leaks/{id}");
    assert_eq!(server.json(&path)["has_source"], false);
    let (status, answer) = get(server.port, &format!("{path}/explanation")).unwrap();
    assert!(status == 404 && answer.contains("`sources`"), "{answer}");

    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/shop").canonicalize().unwrap();
    let more = format!("sources: [{{service: .*, folder: '{}'}}]\n", source.display());
    fs::write(folder.path().join("gostray.yaml"), text + &more).unwrap();
    server.hang_up();
    until("the source is known", || (server.json(&path)["has_source"] == true).then_some(()));
    let said = until("it is explained", || {
        let (status, answer) = get(server.port, &format!("{path}/explanation")).unwrap();
        let said: Value = serde_json::from_str(&answer).unwrap();
        (status == 200).then(|| said["text"].as_str().unwrap().to_owned())
    });
    assert!(said.contains("GS103 first-wins") && said.contains("answers <- ask(replica, i, query)"), "{said}");
    assert!(!said.contains("checkout.go"), "of this leak alone: {said}");
}

#[test]
fn a_configuration_is_read_again_and_a_wrong_one_refused_whole() {
    let folder = folder();
    let server = serve(&folder, &config("'127.0.0.1:1'", ""));
    until("the target is known", || {
        (server.json("/api/v1/instances")["instances"].as_array()?.len() == 1).then_some(())
    });
    let path = folder.path().join("gostray.yaml");
    fs::write(&path, config("'127.0.0.1:1', '127.0.0.1:2'", "")).unwrap();
    server.hang_up();
    until("two targets", || (server.json("/api/v1/instances")["instances"].as_array()?.len() == 2).then_some(()));
    fs::write(&path, config("'127.0.0.1:3'", "scrap_configs: []\n")).unwrap();
    assert_eq!(post(server.port, "/-/reload", "").0, 202);
    let warning = until("it is said", || server.json("/api/v1/status")["warnings"][0].as_str().map(str::to_owned));
    assert!(warning.contains("did you mean `scrape_configs`?"), "{warning}");
    assert_eq!(server.json("/api/v1/instances")["instances"].as_array().unwrap().len(), 2, "the old one goes on");
    let output = gostray().args(["serve", "--check-config", "--config"]).arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn targets_outlive_a_reload_while_whoever_lists_them_is_down() {
    let folder = folder();
    let is_up = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let up = is_up.clone();
    let lists = hostile(move |stream| {
        let body = r#"[{"targets":["127.0.0.1:1"]}]"#;
        let answer = match up.load(std::sync::atomic::Ordering::SeqCst) {
            true => format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ),
            false => "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_owned(),
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    let text = |more: &str| {
        format!(
            "scrape_configs:\n  - job_name: list\n    http_sd_configs: [{{url: 'http://127.0.0.1:{lists}/', refresh_interval: 1s}}]\n{more}"
        )
    };
    let server = serve(&folder, &text(""));
    let instances = || server.json("/api/v1/instances")["instances"].as_array().map_or(0, Vec::len);
    until("the list is read", || (instances() == 1).then_some(()));
    is_up.store(false, std::sync::atomic::Ordering::SeqCst);
    let more = "  - job_name: more\n    static_configs: [{targets: ['127.0.0.1:2']}]\n";
    fs::write(folder.path().join("gostray.yaml"), text(more)).unwrap();
    server.hang_up();
    until("the new target is known, and the old one, too", || (instances() == 2).then_some(()));
    until("it is said that the list is down", || {
        server.json("/api/v1/status")["warnings"].to_string().contains("gives no new targets").then_some(())
    });
    assert_eq!(instances(), 2);
}

#[test]
fn others_must_show_who_they_are() {
    let folder = folder();
    let open =
        gostray().args(["serve", "127.0.0.1:1", "--listen", "0.0.0.0:0"]).current_dir(folder.path()).output().unwrap();
    assert_eq!(open.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&open.stderr).contains("for everybody"),
        "{}",
        String::from_utf8_lossy(&open.stderr)
    );
    let web = "web:\n  bearer_tokens:\n    - {name: page, token: 0123456789abcdef, role: view}\n    - {name: oncall, token: fedcba9876543210, role: act}\n";
    let server = serve(&folder, &config("'127.0.0.1:1'", web));
    let ask = |head: &str| request(server.port, head, b"{}").unwrap().0;
    assert_eq!(ask("GET /api/v1/status HTTP/1.0"), 401);
    assert_eq!(ask("GET / HTTP/1.0"), 401);
    assert_eq!(ask("GET /-/healthy HTTP/1.0"), 200);
    assert_eq!(ask("GET /api/v1/status HTTP/1.0\r\nAuthorization: Bearer 0123456789abcdef"), 200);
    assert_eq!(ask("GET /api/v1/status HTTP/1.0\r\nAuthorization: Bearer wrong"), 401);
    let reload = "POST /-/reload HTTP/1.0\r\nX-Gostray: 1\r\nAuthorization: Bearer";
    assert_eq!(ask(&format!("{reload} 0123456789abcdef")), 403);
    assert_eq!(ask(&format!("{reload} fedcba9876543210")), 202);
    let said = server.said.lock().unwrap().clone();
    assert!(!said.contains("fedcba9876543210"), "no secret is logged");
}

#[test]
fn hostile_targets_are_bounded_and_said_and_the_others_go_on() {
    let shop = shop();
    let endless = hostile(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let block = vec![b'x'; 1 << 20];
        while stream.write_all(&block).is_ok() {}
    });
    let trickle = hostile(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let metadata = hostile(|stream| {
        let _ = stream
            .write_all(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/\r\nContent-Length: 0\r\n\r\n");
    });
    let bomb = hostile(|stream| {
        use std::io::Write as _;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let zeros = vec![0_u8; 1 << 20];
        for _ in 0..200 {
            gzip.write_all(&zeros).unwrap();
        }
        let body = gzip.finish().unwrap();
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        let _ = stream.write_all(&body);
    });
    let nonsense = hostile(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    });
    let folder = folder();
    let mut targets: Vec<String> = [shop.port, endless, trickle, metadata, bomb, nonsense]
        .iter()
        .map(|port| format!("'127.0.0.1:{port}'"))
        .collect();
    targets.push("'169.254.169.254:80'".to_owned());
    let server = serve(&folder, &config(&targets.join(", "), ""));
    let instances = until("each was asked", || {
        let all = server.json("/api/v1/instances")["instances"].as_array()?.clone();
        let is_known = |one: &Value| one["up"] == true || one["error"].is_string();
        (all.len() == 7 && all.iter().all(is_known)).then_some(all)
    });
    let of = |port: u16| {
        let name = format!("127.0.0.1:{port}");
        instances.iter().find(|one| one["instance"] == name.as_str()).unwrap().clone()
    };
    assert_eq!(of(shop.port)["up"], true);
    for (port, says) in
        [(endless, "MiB"), (trickle, "within"), (metadata, "redirect"), (bomb, "MiB"), (nonsense, "goroutine")]
    {
        let error = of(port)["error"].as_str().unwrap_or_default().to_owned();
        assert!(!error.is_empty(), "{port} should fail: {says}");
        eprintln!("{says}: {error}");
    }
    let forbidden = instances.iter().find(|one| one["instance"] == "169.254.169.254:80").unwrap();
    assert!(forbidden["error"].as_str().unwrap().contains("metadata"), "{forbidden}");
    let rss = fs::read_to_string(format!("/proc/{}/status", nix_pid(&server.running.0))).unwrap();
    let rss: u64 = rss
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap()
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .unwrap();
    assert!(rss < 700 << 10, "{rss} KiB at most");
}

#[test]
fn real_prometheus_and_alertmanager_take_what_they_are_given() {
    let (Some(prometheus), Some(promtool), Some(alertmanager)) = (
        installed("prometheus"),
        installed("promtool"),
        installed("prometheus-alertmanager").or_else(|| installed("alertmanager")),
    ) else {
        eprintln!("SKIPPED: prometheus, promtool and alertmanager are not installed here");
        return;
    };
    let shop = shop();
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let rules = gostray().args(["export", "rules"]).output().unwrap().stdout;
    fs::write(at("rules.yaml"), rules).unwrap();
    let check = Command::new(promtool).args(["check", "rules"]).arg(at("rules.yaml")).output().unwrap();
    assert!(
        check.status.success(),
        "{}{}",
        String::from_utf8_lossy(&check.stdout),
        String::from_utf8_lossy(&check.stderr)
    );

    let (hook, posted) = hook();
    let routes = format!(
        "route: {{receiver: hook, group_by: [leak], group_wait: 1s, group_interval: 1s}}\nreceivers: [{{name: hook, webhook_configs: [{{url: 'http://127.0.0.1:{hook}/'}}]}}]\n"
    );
    fs::write(at("am.yml"), routes).unwrap();
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let child = Command::new(alertmanager)
        .arg(format!("--config.file={}", at("am.yml").display()))
        .arg(format!("--storage.path={}", at("am").display()))
        .args([format!("--web.listen-address={listen}"), "--cluster.listen-address=".to_owned()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _alertmanager = Running(child);

    let pid = nix_pid(&shop._running.0);
    let text = format!(
        "global: {{scrape_interval: 1s}}\ndetection: {{evaluation_interval: 1s}}\nscrape_configs:\n  - job_name: local\n    \
         local_processes: {{refresh_interval: 1s}}\n    relabel_configs:\n      - {{source_labels: [instance], regex: 'pid:{pid}', action: keep}}\n\
         alerting:\n  alertmanagers: [{{static_configs: [{{targets: ['{listen}']}}]}}]\n"
    );
    let server = serve(&folder, &text);
    let leaks = until("leaks", || Some(server.leaks()).filter(|leaks| leaks.len() >= 3));
    until("each is a group of its own, and routed", || {
        let posted = posted.lock().unwrap();
        let firing = posted
            .iter()
            .filter(|one| one["status"] == "firing" && one["alerts"].as_array().is_some_and(|a| a.len() == 1));
        (firing.count() >= leaks.len()).then_some(())
    });
    // Accepted is over, for whoever is told.
    let id = leaks[0]["id"].as_str().unwrap();
    assert_eq!(post(server.port, &format!("/api/v1/leaks/{id}/accept"), r#"{"reason":"known"}"#).0, 200);
    until("it is resolved there", || {
        let posted = posted.lock().unwrap();
        posted.iter().any(|one| one["status"] == "resolved" && one["groupLabels"]["leak"] == id).then_some(())
    });

    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yaml]\nscrape_configs: [{{job_name: gostray, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n",
        server.port
    );
    fs::write(at("prom.yml"), config).unwrap();
    let port = free_port();
    let child = Command::new(prometheus)
        .arg(format!("--config.file={}", at("prom.yml").display()))
        .arg(format!("--storage.tsdb.path={}", at("tsdb").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _prometheus = Running(child);
    let query = |text: &str| -> Option<usize> {
        let escaped: String = text.bytes().map(|b| format!("%{b:02X}")).collect();
        let (_, body) = get(port, &format!("/api/v1/query?query={escaped}"))?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        Some(answer["data"]["result"].as_array()?.len())
    };
    let dashboard = gostray().args(["export", "dashboard"]).output().unwrap().stdout;
    let dashboard: Value = serde_json::from_slice(&dashboard).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let text = target["expr"].as_str().unwrap().replace("$service", ".*");
            until(&format!("{text} gives something"), || query(&text).filter(|found| *found > 0));
        }
    }
    until("the rule fires", || {
        query(r#"ALERTS{alertname="GoroutineLeakProven",alertstate="firing"}"#).filter(|found| *found > 0)
    });
}

#[test]
fn targets_in_files_come_and_go() {
    let folder = folder();
    let list: PathBuf = folder.path().join("targets.json");
    fs::write(&list, r#"[{"targets":["127.0.0.1:1","127.0.0.1:2"],"labels":{"service":"a"}}]"#).unwrap();
    let text = "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: files\n    file_sd_configs: [{files: ['*.json'], refresh_interval: 1s}]\n    \
                relabel_configs:\n      - {source_labels: [__address__], regex: '.*:2', action: drop}\n";
    let server = serve(&folder, text);
    let instances = || -> Vec<String> {
        let all = server.json("/api/v1/instances")["instances"].as_array().unwrap().clone();
        all.iter().map(|one| one["instance"].as_str().unwrap().to_owned()).collect()
    };
    until("the first list", || (instances() == ["127.0.0.1:1"]).then_some(()));
    fs::write(&list, r#"[{"targets":["127.0.0.1:3"]}]"#).unwrap();
    until("the second list", || (instances() == ["127.0.0.1:3"]).then_some(()));
    fs::write(&list, "[{").unwrap();
    until("it is said that it is broken", || {
        let warnings = server.json("/api/v1/status")["warnings"].to_string();
        warnings.contains("targets.json").then_some(())
    });
    assert_eq!(instances(), ["127.0.0.1:3"], "the last good list stays");
    let sd = server.json("/api/v1/sd");
    assert_eq!(sd[0]["targets"][0], "127.0.0.1:3");
}
