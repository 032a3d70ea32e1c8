//! What discovery found, and what relabelling made of it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::discovery::{Found, SdStatus, found};
use crate::http::App;
use crate::http::api::blocking;
use crate::http::error::ApiError;
use crate::target::Place;

/// So many targets are shown of each kind.
const MOST: usize = 20_000;

/// What discovery found, and what relabelling made of it.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Targets {
    /// What is watched.
    active: Vec<Active>,
    /// What relabelling or an annotation drops.
    dropped: Vec<Dropped>,
    /// What can't be watched.
    wrong: Vec<Wrong>,
    /// There are more than are shown.
    truncated: bool,
}

#[derive(Serialize, ToSchema)]
struct Active {
    job: String,
    mechanism: &'static str,
    /// Labels before relabelling. Values of `__param_*` may be secrets, and are hidden.
    discovered_labels: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    /// Where it is asked, without its parameters; `pid:N` for a process of this machine.
    url: String,
    interval_ms: u64,
    timeout_ms: u64,
}

#[derive(Serialize, ToSchema)]
struct Dropped {
    job: String,
    mechanism: &'static str,
    discovered_labels: BTreeMap<String, String>,
}

#[derive(Serialize, ToSchema)]
struct Wrong {
    job: String,
    mechanism: &'static str,
    discovered_labels: BTreeMap<String, String>,
    error: String,
}

/// What discovery found, with labels before and after relabelling: whoever writes relabelling wants to see both.
#[utoipa::path(get, path = "/api/v1/targets", responses((status = 200, body = Targets), (status = 401, body = ApiError)))]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<Targets>, ApiError> {
    let status = app.discovery.borrow().clone();
    let targets = blocking(move || {
        let mut targets = Targets::default();
        for sd in &status {
            targets.add(sd);
        }
        Ok(targets)
    });
    Ok(Json(targets.await?))
}

impl Targets {
    fn add(&mut self, sd: &SdStatus) {
        let mechanism = sd.mechanism;
        for Found { mut discovered, target } in sd.groups.iter().flat_map(|group| found(&sd.job, group)) {
            if self.active.len() + self.dropped.len() + self.wrong.len() >= MOST {
                self.truncated = true;
                return;
            }
            for (_, value) in discovered.iter_mut().filter(|(name, _)| name.starts_with("__param_")) {
                "<hidden>".clone_into(value);
            }
            // What stands before an @ may be a password.
            if let Some(address) = discovered.get_mut("__address__") {
                *address = address.rsplit('@').next().unwrap_or_default().to_owned();
            }
            let job = sd.job.job.job_name.clone();
            match target {
                Ok(Some(target)) => self.active.push(Active {
                    url: match &target.place {
                        Place::Url(url) => {
                            let mut url = url.clone();
                            url.set_query(None);
                            url.to_string()
                        }
                        Place::Process(pid) => format!("pid:{pid}"),
                    },
                    interval_ms: u64::try_from(target.interval.as_millis()).unwrap_or(u64::MAX),
                    timeout_ms: u64::try_from(target.timeout.as_millis()).unwrap_or(u64::MAX),
                    labels: target.labels,
                    job: target.job,
                    mechanism,
                    discovered_labels: discovered,
                }),
                Ok(None) => self.dropped.push(Dropped { job, mechanism, discovered_labels: discovered }),
                Err(error) => self.wrong.push(Wrong { job, mechanism, discovered_labels: discovered, error }),
            }
        }
    }
}
