//! Leaks: all of them, one of them, and what people decide about them.

use std::collections::HashMap;

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::{IntoParams, ToSchema};

use crate::Millis;
use crate::http::App;
use crate::http::api::blocking;
use crate::http::api::show::{FrameJson, LeakSummary, state_word};
use crate::http::auth::User;
use crate::http::error::ApiError;
use crate::http::extract::{Path, Query};
use crate::scrape::now;
use crate::watch::{Decision, EventKind, Leak, Order, State as Known, advice};

/// Which leaks.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Which {
    /// In which states, separated by commas: `open,confirmed` (default), `all` for every one.
    #[param(pattern = "^((open|confirmed|accepted|resolved|all)(,|$))*$")]
    state: Option<String>,
    /// Of one service.
    service: Option<String>,
    /// With a text in function, file, service or build.
    q: Option<String>,
}

/// Leaks.
#[derive(Serialize, ToSchema)]
pub(crate) struct Leaks {
    /// The worst first.
    leaks: Vec<LeakSummary>,
}

/// The leaks, the worst first.
#[utoipa::path(get, path = "/api/v1/leaks", params(Which),
    responses((status = 200, body = Leaks), (status = 400, body = ApiError), (status = 401, body = ApiError)))]
pub(crate) async fn list(State(app): State<App>, Query(which): Query<Which>) -> Result<Json<Leaks>, ApiError> {
    let states = which.state.as_deref().unwrap_or("open,confirmed");
    for state in states.split(',') {
        if !matches!(state, "open" | "confirmed" | "accepted" | "resolved" | "all" | "") {
            let state: String = state.chars().take(40).collect();
            return Err(ApiError::bad(format!("unknown state {state:?}: open, confirmed, accepted, resolved or all")));
        }
    }
    let text = which.q.as_deref().unwrap_or_default().to_lowercase();
    let state = app.shared.read();
    let now = now();
    let mut leaks: Vec<&Leak> = state
        .leaks
        .values()
        .filter(|leak| states.split(',').any(|s| s == "all" || s == state_word(leak.state)))
        .filter(|leak| which.service.as_ref().is_none_or(|service| *service == leak.service))
        .filter(|leak| text.is_empty() || is_about(leak, &text))
        .collect();
    leaks.sort_by(|a, b| worse_first(a).partial_cmp(&worse_first(b)).unwrap_or(std::cmp::Ordering::Equal));
    Ok(Json(Leaks { leaks: leaks.into_iter().map(|leak| LeakSummary::of(leak, &state, now)).collect() }))
}

/// Sure ones before others, large ones before small ones.
fn worse_first(leak: &Leak) -> (bool, u8, f64, &str) {
    let verdict = match leak.verdict.as_str() {
        "proven" => 0,
        "likely" => 1,
        _ => 2,
    };
    #[expect(clippy::cast_precision_loss, reason = "an order of magnitude")]
    let size = -(leak.spread.goroutines as f64);
    (!leak.is_firing(), verdict, size, &leak.id)
}

/// Is a text (lower case) in what a leak is about?
pub(crate) fn is_about(leak: &Leak, text: &str) -> bool {
    let frames = leak.stack.iter().flat_map(|frame| [&frame.function, &frame.file]);
    frames.chain([&leak.service, &leak.since_build, &leak.signature]).any(|s| s.to_lowercase().contains(text))
}

/// A leak, all of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct LeakJson {
    #[serde(flatten)]
    summary: LeakSummary,
    history: Vec<EventJson>,
    /// Its distinct stacks now, the commonest first.
    stacks: Vec<StackJson>,
    /// Who keeps the door open for those that are not proven, from the last look into memory.
    held_by: Vec<String>,
    instances: Vec<AffectedJson>,
    evidence_snapshots: Vec<EvidenceSnapshot>,
    /// What to type to go on from here.
    commands: Vec<CommandJson>,
    advice: Option<AdviceJson>,
    /// The configuration says where the source is: ask for its `explanation`.
    has_source: bool,
    /// The same signature in other services.
    elsewhere: Vec<ElsewhereJson>,
}

#[derive(Serialize, ToSchema)]
struct EventJson {
    at: Millis,
    /// `opened`, `confirmed`, `accepted`, `resolved` or `reopened`.
    kind: &'static str,
    build: String,
    detail: String,
}

#[derive(Serialize, ToSchema)]
struct StackJson {
    frames: Vec<FrameJson>,
    count: u64,
}

#[derive(Serialize, ToSchema)]
struct AffectedJson {
    id: String,
    instance: String,
    build: String,
    goroutines: u64,
    per_hour: f64,
    up: bool,
}

#[derive(Serialize, ToSchema)]
struct EvidenceSnapshot {
    id: i64,
    at: Millis,
    instance: String,
    kind: String,
}

#[derive(Serialize, ToSchema)]
struct CommandJson {
    title: String,
    command: String,
}

#[derive(Serialize, ToSchema)]
struct AdviceJson {
    rule: Option<String>,
    text: String,
}

#[derive(Serialize, ToSchema)]
struct ElsewhereJson {
    id: String,
    service: String,
    goroutines: u64,
}

/// A leak with its stacks, instances, evidence and history.
#[utoipa::path(get, path = "/api/v1/leaks/{id}", params(("id" = String, Path)),
    responses((status = 200, body = LeakJson), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn one(State(app): State<App>, Path(id): Path<String>) -> Result<Json<LeakJson>, ApiError> {
    answer(&app, &id).await.map(Json)
}

async fn answer(app: &App, id: &str) -> Result<LeakJson, ApiError> {
    let (ledger, key) = (app.ledger.clone(), id.to_owned());
    let evidence = blocking(move || Ok(ledger.evidence_of(&key)?)).await?;
    let state = app.shared.read();
    let leak = state.leaks.get(id).ok_or_else(|| ApiError::not_found("leak", id))?;
    let mut stacks: HashMap<_, u64> = HashMap::new();
    let mut instances = Vec::new();
    let mut example = None;
    for (target, seen) in state.of_service(&leak.service) {
        let mut goroutines = 0;
        for (stack, count) in &seen.counts {
            if state.stacks.get(stack).is_some_and(|known| known.signature == leak.signature) {
                *stacks.entry(*stack).or_default() += u64::from(*count);
                goroutines += u64::from(*count);
            }
        }
        if goroutines == 0 {
            continue;
        }
        if seen.target.instance() == leak.spread.worst_instance || example.is_none() {
            example = Some(seen);
        }
        instances.push(AffectedJson {
            id: target.to_string(),
            instance: seen.target.instance().to_owned(),
            build: seen.build.clone(),
            goroutines,
            per_hour: state.slopes.get(&(leak.id.clone(), *target)).copied().unwrap_or(0.0),
            up: seen.is_up == Some(true),
        });
    }
    instances.sort_by_key(|one| std::cmp::Reverse(one.goroutines));
    let mut stacks: Vec<_> = stacks.into_iter().collect();
    stacks.sort_by_key(|(stack, count)| (std::cmp::Reverse(*count), *stack));
    let stacks = stacks
        .into_iter()
        .take(20)
        .filter_map(|(id, count)| {
            let frames = state.stacks.get(&id)?.frames.iter().map(FrameJson::from).collect();
            Some(StackJson { frames, count })
        })
        .collect();
    Ok(LeakJson {
        summary: LeakSummary::of(leak, &state, now()),
        history: leak
            .history
            .iter()
            .map(|event| EventJson {
                at: event.at,
                kind: match event.kind {
                    EventKind::Opened => "opened",
                    EventKind::Confirmed => "confirmed",
                    EventKind::Accepted => "accepted",
                    EventKind::Resolved => "resolved",
                    EventKind::Reopened => "reopened",
                },
                build: event.build.clone(),
                detail: event.detail.clone(),
            })
            .collect(),
        stacks,
        held_by: state.held_by.get(id).cloned().unwrap_or_default(),
        instances,
        evidence_snapshots: evidence
            .into_iter()
            .map(|(id, one)| EvidenceSnapshot { id, at: one.at, instance: one.instance, kind: one.kind })
            .collect(),
        commands: example.map(|seen| commands(&seen.target)).unwrap_or_default(),
        advice: advice(leak).map(|text| AdviceJson { rule: None, text }),
        has_source: app.explainer.has_source(&leak.service),
        elsewhere: elsewhere(&state, leak),
    })
}

fn elsewhere(state: &Known, leak: &Leak) -> Vec<ElsewhereJson> {
    let others = state.leaks.values().filter(|other| other.signature == leak.signature && other.id != leak.id);
    others
        .map(|other| ElsewhereJson {
            id: other.id.clone(),
            service: other.service.clone(),
            goroutines: other.spread.goroutines,
        })
        .collect()
}

/// What to type to go on with an instance.
fn commands(target: &crate::Target) -> Vec<CommandJson> {
    use crate::target::Place;
    let command = |title: &str, command: String| CommandJson { title: title.to_owned(), command };
    let source = match &target.place {
        Place::Process(pid) => format!("pid:{pid}"),
        Place::Url(url) => {
            // Without credentials and tokens.
            let mut url = url.clone();
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.to_string()
        }
    };
    let mut all = vec![
        command("The cause in your source", format!("gostray explain {source} --source .")),
        command("All its goroutines now", format!("gostray inspect {source}")),
    ];
    if let Place::Process(pid) = &target.place {
        all.push(command("Who holds them", format!("gostray prove {pid}")));
    }
    all.push(command("The same in all of your source", "gostray check ./...".to_owned()));
    all
}

/// Why a leak is accepted.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Accept {
    /// Why it is no matter; required.
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
    /// Until when, in milliseconds since 1970; for good where absent.
    until: Option<Millis>,
}

/// Says why a leak is no matter: nobody is told of it any more.
#[utoipa::path(post, path = "/api/v1/leaks/{id}/accept", params(("id" = String, Path), ("X-Gostray" = String, Header)),
    request_body = Accept,
    responses((status = 200, body = LeakJson), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 403, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn accept(
    State(app): State<App>,
    Extension(user): Extension<User>,
    Path(id): Path<String>,
    body: Result<Json<Accept>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<LeakJson>, ApiError> {
    let Json(body) = body.map_err(|error| ApiError::bad(error.body_text()))?;
    let reason = body.reason.trim();
    if reason.is_empty() || reason.len() > 2_000 {
        return Err(ApiError::bad("give a reason of 1 to 2000 bytes"));
    }
    if body.until.is_some_and(|until| until <= now()) {
        return Err(ApiError::bad("`until` has passed: give a time to come, or none"));
    }
    let decision = Decision::Accept { reason: reason.to_owned(), until: body.until };
    decide(&app, id, user, decision).await.map(Json)
}

/// Takes an acceptance back.
#[utoipa::path(post, path = "/api/v1/leaks/{id}/reopen", params(("id" = String, Path), ("X-Gostray" = String, Header)),
    responses((status = 200, body = LeakJson), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError)))]
pub(crate) async fn reopen(
    State(app): State<App>,
    Extension(user): Extension<User>,
    Path(id): Path<String>,
) -> Result<Json<LeakJson>, ApiError> {
    decide(&app, id, user, Decision::Reopen).await.map(Json)
}

async fn decide(app: &App, leak: String, user: User, decision: Decision) -> Result<LeakJson, ApiError> {
    if !app.shared.read().leaks.contains_key(&leak) {
        return Err(ApiError::not_found("leak", &leak));
    }
    let (done, outcome) = oneshot::channel();
    let order = Order { leak: leak.clone(), by: user.name, decision, done };
    let gone = || ApiError::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "gostray is stopping: try again");
    app.orders.send(order).await.map_err(|_| gone())?;
    outcome.await.map_err(|_| gone())??;
    answer(app, &leak).await
}
