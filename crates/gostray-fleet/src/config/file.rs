//! The text of the configuration → [`Config`], and what is wrong with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gostray_endpoint::Address;
use serde::Deserialize;

use crate::alert::Receiver;
use crate::config::alerting::Alerting;
use crate::config::jobs::{Checked, Job, LocalProcesses, StaticConfig};
use crate::config::sources::{Source, SourceConfig};
use crate::config::values::Span;
use crate::config::web::Web;
use crate::discovery::PROFILE_PATH;
use crate::store::sqlite;

/// Bytes of a configuration.
const MAX_TEXT: u64 = 64 << 20;

/// The configuration, checked as a whole.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder that paths in it begin at.
    pub base: PathBuf,
    /// What holds for all.
    pub global: Global,
    /// Jobs.
    pub jobs: Vec<Arc<Checked>>,
    /// Where and for how long samples are kept.
    pub storage: Storage,
    /// How the fleet is watched.
    pub detection: Detection,
    /// Who is told.
    pub receivers: Vec<Receiver>,
    /// Tell also of what is only suspected.
    pub tell_suspects: bool,
    /// Where it listens, and who may look.
    pub web: Web,
    /// Where the source of services is.
    pub sources: Vec<Source>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    global: Global,
    #[serde(default)]
    scrape_configs: Vec<Job>,
    #[serde(default)]
    storage: Storage,
    #[serde(default)]
    detection: Detection,
    #[serde(default)]
    alerting: Alerting,
    #[serde(default)]
    web: Web,
    #[serde(default)]
    sources: Vec<SourceConfig>,
}

/// `global`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Global {
    /// How often targets are asked (`1m`).
    pub scrape_interval: Option<Span>,
    /// How long one request may take (`10s`).
    pub scrape_timeout: Option<Span>,
}

/// `storage`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// The folder (`gostray-data`).
    pub path: Option<PathBuf>,
    /// How long samples are kept (`30d`).
    pub retention: Option<Span>,
    /// How long each of them is (`3d`); older ones become coarser.
    pub fine_for: Option<Span>,
}

/// `detection`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detection {
    /// How often what was seen is weighed (`1m`).
    pub evaluation_interval: Option<Span>,
    /// How often each target is asked for its leak profile, at least (`1h`).
    pub leak_profile_interval: Option<Span>,
    /// Leak profiles and dumps a minute, over the whole fleet (`30`).
    pub questions_per_minute: Option<f64>,
}

/// What is wrong with a configuration. No message holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file.
    #[error("{path}: {reason}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// The text.
    #[error("{}", .0.join("\n"))]
    Wrong(Vec<String>),
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// If it can't be read, or is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let failed = |reason: String| ConfigError::Read { path: path.display().to_string(), reason };
        let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
        if size > MAX_TEXT {
            return Err(failed("it is larger than 64 MiB".to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let base = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self::parse(&text, base)
    }

    /// Reads a text; paths in it begin at `base`.
    ///
    /// # Errors
    /// If it is wrong: all that is.
    pub fn parse(text: &str, base: &Path) -> Result<Self, ConfigError> {
        let file: File = if text.trim().is_empty() {
            File::default()
        } else {
            serde_saphyr::from_str(text).map_err(|error| ConfigError::Wrong(vec![explained(&error.to_string())]))?
        };
        Self::check(file, base)
    }

    /// What `gostray serve host:port …` watches.
    ///
    /// # Errors
    /// If a target is none.
    pub fn from_targets(targets: &[String]) -> Result<Self, ConfigError> {
        let mut errors = Vec::new();
        let mut groups = Vec::new();
        for target in targets {
            match target.parse::<Address>().map_err(|error| error.to_string()).and_then(|address| group(&address)) {
                Ok(group) => groups.push(group),
                // What stands before an @ may be a password.
                Err(what) => errors.push(format!("{}: {what}", target.rsplit('@').next().unwrap_or_default())),
            }
        }
        if !errors.is_empty() {
            return Err(ConfigError::Wrong(errors));
        }
        let global = Global { scrape_interval: Some(Span(Duration::from_secs(10))), ..Global::default() };
        Self::of_job(serde_json::json!({ "job_name": "targets", "static_configs": groups }), global)
    }

    /// What `gostray serve` watches without anything: the Go processes of this machine.
    ///
    /// # Errors
    /// Never; it is checked like any other.
    pub fn local() -> Result<Self, ConfigError> {
        let global = Global { scrape_interval: Some(Span(Duration::from_secs(10))), ..Global::default() };
        Self::of_job(serde_json::json!({ "job_name": "local", "local_processes": {} }), global)
    }

    fn of_job(job: serde_json::Value, global: Global) -> Result<Self, ConfigError> {
        let job = serde_json::from_value(job).map_err(|error| ConfigError::Wrong(vec![error.to_string()]))?;
        // Somebody is watching.
        let soon = Some(Span(Duration::from_secs(5)));
        let detection = Detection { evaluation_interval: soon, ..Detection::default() };
        Self::check(File { global, scrape_configs: vec![job], detection, ..File::default() }, Path::new("."))
    }

    fn check(file: File, base: &Path) -> Result<Self, ConfigError> {
        let mut errors = Vec::new();
        let mut names = std::collections::HashSet::new();
        for job in &file.scrape_configs {
            if job.job_name.is_empty() {
                errors.push("scrape_configs: a job_name is empty".to_owned());
            }
            if !names.insert(job.job_name.clone()) {
                errors.push(format!("scrape_configs: there are two jobs named {:?}", job.job_name));
            }
        }
        let jobs = file
            .scrape_configs
            .into_iter()
            .filter_map(|job| job.check(&file.global, base, &mut errors).map(Arc::new))
            .collect();
        let receivers = file.alerting.receivers(base, &mut errors);
        let sources = file.sources.into_iter().filter_map(|source| source.check(base, &mut errors)).collect();
        if let Err(wrong) = file.web.access(None, base) {
            errors.extend(wrong);
        }
        if file.detection.questions_per_minute.is_some_and(|rate| !(rate.is_finite() && rate >= 0.0)) {
            errors.push("detection.questions_per_minute is a number from 0 on".to_owned());
        }
        for (what, span) in [
            ("global.scrape_interval", file.global.scrape_interval),
            ("global.scrape_timeout", file.global.scrape_timeout),
            ("storage.retention", file.storage.retention),
            ("storage.fine_for", file.storage.fine_for),
            ("detection.evaluation_interval", file.detection.evaluation_interval),
            ("detection.leak_profile_interval", file.detection.leak_profile_interval),
        ] {
            if span.is_some_and(|span| span.0.is_zero()) {
                errors.push(format!("{what} is a duration above zero"));
            }
        }
        if !errors.is_empty() {
            return Err(ConfigError::Wrong(errors));
        }
        Ok(Self {
            base: base.to_owned(),
            global: file.global,
            jobs,
            storage: file.storage,
            detection: file.detection,
            receivers,
            tell_suspects: file.alerting.suspects.unwrap_or(true),
            web: file.web,
            sources,
        })
    }

    /// The settings of the store.
    #[must_use]
    pub fn store(&self) -> sqlite::Settings {
        let default = sqlite::Settings::default();
        sqlite::Settings {
            retention: self.storage.retention.map_or(default.retention, |span| span.0),
            fine_for: self.storage.fine_for.map_or(default.fine_for, |span| span.0),
            ..default
        }
    }

    /// The settings of the watch, where time goes by so much faster than in life.
    #[must_use]
    pub fn watch(&self, time_scale: f64) -> crate::watch::Settings {
        let default = crate::watch::Settings::default();
        let detection = &self.detection;
        let every = |span: Option<Span>, default: Duration| faster(span.map_or(default, |span| span.0), time_scale);
        let questions = detection.questions_per_minute.unwrap_or(default.questions_per_minute);
        crate::watch::Settings {
            evaluate_every: every(detection.evaluation_interval, default.evaluate_every),
            leaks_every: every(detection.leak_profile_interval, default.leaks_every),
            questions_per_minute: questions * time_scale,
            tell_suspects: self.tell_suspects,
            time_scale,
        }
    }

    /// Targets of all jobs that are written down, for tests and messages.
    #[must_use]
    pub fn static_targets(&self) -> usize {
        let of_job = |job: &Arc<Checked>| {
            job.job.static_configs.iter().map(|one: &StaticConfig| one.targets.len()).sum::<usize>()
        };
        self.jobs.iter().map(of_job).sum()
    }

    /// Does a job watch the processes of this machine?
    #[must_use]
    pub fn watches_processes(&self) -> bool {
        self.jobs.iter().any(|job| matches!(job.job.local_processes, Some(LocalProcesses { .. })))
    }
}

/// So long, where time goes by so much faster.
fn faster(span: Duration, time_scale: f64) -> Duration {
    span.div_f64(time_scale).max(Duration::from_millis(1))
}

/// An address of the command line. What it belongs to is not known: each is a service of its own.
fn group(address: &Address) -> Result<serde_json::Value, String> {
    let (base, query) = address.parts();
    if !base.username().is_empty() || base.password().is_some() {
        return Err("credentials don't belong on a command line: write a configuration with basic_auth".to_owned());
    }
    let host = base.host_str().unwrap_or_default();
    let host = format!("{host}:{}", base.port_or_known_default().unwrap_or_default());
    let path = base.path().trim_end_matches('/');
    let service = format!("{host}{}", path.strip_suffix("/debug/pprof").unwrap_or(path));
    let mut labels = serde_json::json!({
        "service_name": service,
        "__scheme__": base.scheme(),
        PROFILE_PATH: format!("{path}/goroutine"),
    });
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        labels[format!("__param_{name}")] = value.into();
    }
    Ok(serde_json::json!({ "targets": [host], "labels": labels }))
}

/// The library's message; where a key is unknown, with the nearest right one.
fn explained(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let Some((place, rest)) = first.split_once("unknown field `") else { return message.to_owned() };
    let Some((wrong, known)) = rest.split_once('`') else { return message.to_owned() };
    let known = known.split("expected ").nth(1).unwrap_or_default().trim_start_matches("one of ");
    let known: Vec<&str> = known.split([',', ' ', '`']).map(str::trim).filter(|name| !name.is_empty()).collect();
    let nearest = known.iter().min_by_key(|known| distance(wrong, known));
    let place = place.trim_start_matches("error: ").trim().trim_end_matches(':');
    match nearest {
        Some(nearest) if distance(wrong, nearest) <= 1 + wrong.len() / 3 => {
            format!("{place}: unknown key `{wrong}`: did you mean `{nearest}`?")
        }
        _ => format!("{place}: unknown key `{wrong}`: known are {}", known.join(", ")),
    }
}

/// How many letters must change to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (at, x) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = at + 1;
        for (column, y) in b.chars().enumerate() {
            let cost = if x == y { before } else { before + 1 };
            before = row[column + 1];
            row[column + 1] = cost.min(row[column] + 1).min(before + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::targets_of;
    use crate::target::Place;

    fn wrong(text: &str) -> String {
        Config::parse(text, Path::new(".")).expect_err("it is wrong").to_string()
    }

    #[test]
    fn an_unknown_key_is_told_with_its_place_and_the_nearest_right_one() {
        let told = wrong("global: {}\nscrap_configs: []\n");
        assert_eq!(told, "line 2 column 1: unknown key `scrap_configs`: did you mean `scrape_configs`?");
        let told = wrong("scrape_configs:\n  - job_name: a\n    scrape_intervall: 1m\n");
        assert!(told.contains("line 3") && told.contains("did you mean `scrape_interval`?"), "{told}");
        let told = wrong("web: {colour: red}");
        assert!(told.contains("known are") && told.contains("listen_address"), "{told}");
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let told = wrong(
            "scrape_configs:\n  - {job_name: a, scheme: ftp, relabel_configs: [{action: nothing}]}\n  - {job_name: a, scrape_interval: 10s, scrape_timeout: 20s}\nweb: {listen_address: '0.0.0.0:7117'}\n",
        );
        for part in
            ["two jobs named", "scheme \"ftp\"", "relabel_configs[0]", "scrape_timeout is longer", "for everybody"]
        {
            assert!(told.contains(part), "{part} in {told}");
        }
    }

    #[test]
    fn what_would_hang_or_go_out_without_credentials_is_refused() {
        for (text, says) in [
            ("detection: {evaluation_interval: 0s}", "above zero"),
            (
                "web: {basic_auth_users: {ann: '$2b$31$CwTycUXWue0Thq9StjUM0uJ8S2o5h1JfZ0cQ2o9oZ1yqCB2yO3n7G'}}",
                "bcrypt",
            ),
            (
                "alerting: {receivers: [{name: x, webhook_configs: [{url: 'http://x', http_config: {basic_aut: {}}}]}]}",
                "basic_auth",
            ),
            (
                "alerting: {receivers: [{name: x, feishu_configs: [{url: 'http://x', secret: a, secret_file: b}]}]}",
                "give one of them",
            ),
        ] {
            let told = wrong(text);
            assert!(told.contains(says), "{told}");
        }
    }

    #[test]
    fn where_time_goes_by_faster_everything_is_asked_more_often() {
        let config = Config::parse("detection: {leak_profile_interval: 2h}", Path::new(".")).expect("a configuration");
        let settings = config.watch(600.0);
        assert_eq!(settings.leaks_every, Duration::from_secs(12));
        assert_eq!(settings.evaluate_every, Duration::from_millis(100), "of the default, too");
        assert!((settings.questions_per_minute - 18_000.0).abs() < 1e-6);
    }

    #[test]
    fn nothing_is_a_configuration_too() {
        assert!(Config::parse("", Path::new(".")).expect("nothing").jobs.is_empty());
        assert_eq!(Config::from_targets(&["localhost:6060".to_owned()]).expect("a target").static_targets(), 1);
        assert!(Config::local().expect("this machine").watches_processes());
        assert!(Config::from_targets(&["localhost".to_owned()]).is_err());
    }

    #[test]
    fn a_target_of_the_command_line_may_be_a_whole_url() {
        let places = |target: &str| {
            let config = Config::from_targets(&[target.to_owned()]).expect(target);
            let (targets, errors) = targets_of(&config.jobs[0], &config.jobs[0].job.static_configs[0]);
            assert!(errors.is_empty(), "{errors:?}");
            let Place::Url(url) = &targets[0].place else { unreachable!("it is no process") };
            (url.to_string(), targets[0].service().to_owned())
        };
        let is = |url: &str, service: &str| (url.to_owned(), service.to_owned());
        assert_eq!(places(":6060"), is("http://localhost:6060/debug/pprof/", "localhost:6060"));
        assert_eq!(
            places("https://shop/api/debug/pprof/goroutine?debug=1&token=x%20y"),
            is("https://shop/api/debug/pprof/?token=x+y", "shop:443/api")
        );
        assert_eq!(places("[::1]:6060/pprof/goroutine"), is("http://[::1]:6060/pprof/", "[::1]:6060/pprof"));
        let told =
            Config::from_targets(&["http://ann:s3cret@shop:1/".to_owned()]).expect_err("credentials").to_string();
        assert!(told.contains("basic_auth") && !told.contains("s3cret"), "{told}");
    }

    #[test]
    fn no_secret_shows_when_a_configuration_is_printed() {
        let text = "scrape_configs:\n  - {job_name: a, authorization: {credentials: s3cret}}\nalerting:\n  receivers:\n    - {name: x, slack_configs: [{api_url: 'https://hooks/s3cret'}]}\nweb:\n  bearer_tokens: [{name: t, token: s3crets3crets3cret}]\n";
        let config = Config::parse(text, Path::new(".")).expect("a configuration");
        assert!(!format!("{config:?}").contains("s3cret"), "{config:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            let _ = Config::parse(&text, Path::new("."));
        }
    }
}
