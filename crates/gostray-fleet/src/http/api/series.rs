//! Counts over time, and what changed between two windows.

use std::collections::{BTreeMap, HashMap, HashSet};

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Millis;
use crate::TargetId;
use crate::http::App;
use crate::http::api::blocking;
use crate::http::api::flame::{FlameNode, tree};
use crate::http::api::show::OfInstance;
use crate::http::error::ApiError;
use crate::http::extract::{Path, Query};
use crate::scrape::now;
use crate::store::{self, Generation, GenerationId, Samples, Series, StackId};

const HOUR: Millis = 3_600_000;
/// How far back one answer goes.
const LONGEST: Millis = 40 * 24 * HOUR;
/// So many points of a series are given.
const MAX_POINTS: Millis = 600;
/// So many series are given: those with the most goroutines.
const MAX_SERIES: usize = 50;

/// A window of time, of 40 days at most.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Window {
    /// From this time on; a day ago where absent.
    #[param(minimum = 0, maximum = 253_402_300_799_000_i64)]
    from: Option<Millis>,
    /// Up to this time; now where absent.
    #[param(minimum = 0, maximum = 253_402_300_799_000_i64)]
    to: Option<Millis>,
}

/// Counts over time.
#[derive(Serialize, ToSchema)]
pub(crate) struct SeriesAnswer {
    from: Millis,
    to: Millis,
    /// Milliseconds between points; each is the largest count within.
    step: Millis,
    /// Those with the most goroutines first.
    series: Vec<OneSeries>,
    /// How many others there are, which have fewer.
    others: usize,
    deploys: Vec<Deploy>,
}

#[derive(Serialize, ToSchema)]
struct OneSeries {
    id: String,
    name: String,
    build: String,
    /// Time and count; where nothing was scraped there is no point.
    points: Vec<(Millis, u64)>,
}

/// A build that began to run.
#[derive(Serialize, ToSchema)]
struct Deploy {
    at: Millis,
    build: String,
    instances: usize,
}

impl Window {
    fn read(&self) -> Result<(Millis, Millis), ApiError> {
        let to = self.to.unwrap_or_else(now);
        let from = self.from.unwrap_or(to.saturating_sub(24 * HOUR));
        check(from, to)?;
        Ok((from, to))
    }
}

fn check(from: Millis, to: Millis) -> Result<(), ApiError> {
    // Beyond these, arithmetic with times means nothing.
    let sane = |time: Millis| (0..=253_402_300_799_000).contains(&time);
    if !(sane(from) && sane(to)) || from >= to {
        return Err(ApiError::bad("a window begins before it ends: give times in milliseconds since 1970"));
    }
    if to - from > LONGEST {
        return Err(ApiError::bad("a window is at most 40 days long"));
    }
    Ok(())
}

/// How the goroutines of a leak became more, instance by instance.
#[utoipa::path(get, path = "/api/v1/leaks/{id}/series", params(("id" = String, Path), Window),
    responses((status = 200, body = SeriesAnswer), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError)))]
pub(crate) async fn of_leak(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(window): Query<Window>,
) -> Result<Json<SeriesAnswer>, ApiError> {
    let (service, signature) = leak(&app, &id)?;
    over_time(&app, &window, Whose::Service(service), Some(signature)).await
}

/// How many goroutines an instance had.
#[utoipa::path(get, path = "/api/v1/instances/{id}/series", params(("id" = String, Path), Window),
    responses((status = 200, body = SeriesAnswer), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError)))]
pub(crate) async fn of_instance(
    State(app): State<App>,
    OfInstance(target): OfInstance,
    Query(window): Query<Window>,
) -> Result<Json<SeriesAnswer>, ApiError> {
    over_time(&app, &window, Whose::Instance(target), None).await
}

/// How many goroutines the instances of a service had.
#[utoipa::path(get, path = "/api/v1/services/{name}/series", params(("name" = String, Path), Window),
    responses((status = 200, body = SeriesAnswer), (status = 400, body = ApiError), (status = 401, body = ApiError)))]
pub(crate) async fn of_service(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(window): Query<Window>,
) -> Result<Json<SeriesAnswer>, ApiError> {
    over_time(&app, &window, Whose::Service(name), None).await
}

fn leak(app: &App, id: &str) -> Result<(String, String), ApiError> {
    let state = app.shared.read();
    let leak = state.leaks.get(id).ok_or_else(|| ApiError::not_found("leak", id))?;
    Ok((leak.service.clone(), leak.signature.clone()))
}

/// Whose goroutines.
enum Whose {
    Service(String),
    Instance(TargetId),
}

impl Whose {
    /// The runs of its processes that were seen since a time.
    fn runs(&self, samples: &dyn Samples, since: Millis) -> Result<BTreeMap<GenerationId, Generation>, ApiError> {
        let is_of = |generation: &Generation| match self {
            Self::Service(name) => generation.service == *name,
            Self::Instance(target) => generation.target == *target,
        };
        Ok(samples.generations(since)?.into_iter().filter(|(_, generation)| is_of(generation)).collect())
    }
}

/// Goroutines over time, all or those with a signature.
async fn over_time(
    app: &App,
    window: &Window,
    whose: Whose,
    signature: Option<String>,
) -> Result<Json<SeriesAnswer>, ApiError> {
    let window = window.read()?;
    let samples = app.samples.clone();
    let answer = move || {
        let stacks = signature.map(|signature| samples.with_signature(&signature)).transpose()?;
        series(&*samples, window, &whose, stacks.as_deref())
    };
    blocking(answer).await.map(Json)
}

fn series(
    samples: &dyn Samples,
    (from, to): (Millis, Millis),
    whose: &Whose,
    stacks: Option<&[StackId]>,
) -> Result<SeriesAnswer, ApiError> {
    let step = ((to - from) / MAX_POINTS).max(1_000);
    let generations = whose.runs(samples, from)?;
    let mut answer =
        SeriesAnswer { from, to, step, series: Vec::new(), others: 0, deploys: deploys(&generations, from, to) };
    if generations.is_empty() || stacks.is_some_and(<[StackId]>::is_empty) {
        return Ok(answer);
    }
    let query = store::Query {
        from,
        to,
        generations: generations.keys().copied().collect(),
        stacks: stacks.map(<[StackId]>::to_vec).unwrap_or_default(),
    };
    // Sum of the stacks of one run at each scrape, then the largest of each step.
    let mut runs: BTreeMap<GenerationId, BTreeMap<Millis, u64>> = BTreeMap::new();
    for series in samples.series(&query)? {
        let run = runs.entry(series.generation).or_default();
        for (at, count) in series.points {
            *run.entry(at).or_default() += u64::from(count);
        }
    }
    let mut all: Vec<(u64, OneSeries)> = Vec::new();
    for (id, points) in runs {
        let Some(generation) = generations.get(&id) else { continue };
        let points = largest_of_each_step(points, from, step);
        let most = points.iter().map(|(_, count)| *count).max().unwrap_or(0);
        if most == 0 && stacks.is_some() {
            continue;
        }
        let name = generation.instance.clone();
        all.push((
            most,
            OneSeries { id: generation.target.to_string(), name, build: generation.build.clone(), points },
        ));
    }
    all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
    answer.others = all.len().saturating_sub(MAX_SERIES);
    answer.series = all.into_iter().take(MAX_SERIES).map(|(_, one)| one).collect();
    Ok(answer)
}

fn largest_of_each_step(points: BTreeMap<Millis, u64>, from: Millis, step: Millis) -> Vec<(Millis, u64)> {
    let mut steps: BTreeMap<Millis, (Millis, u64)> = BTreeMap::new();
    for (at, count) in points {
        let one = steps.entry((at - from) / step).or_insert((at, count));
        if count > one.1 {
            *one = (at, count);
        }
    }
    steps.into_values().collect()
}

fn deploys(generations: &BTreeMap<GenerationId, Generation>, from: Millis, to: Millis) -> Vec<Deploy> {
    let mut builds: HashMap<&str, (Millis, HashSet<TargetId>)> = HashMap::new();
    for generation in generations.values().filter(|generation| !generation.build.is_empty()) {
        let build = builds.entry(&generation.build).or_insert((generation.started_at, HashSet::new()));
        build.0 = build.0.min(generation.started_at);
        build.1.insert(generation.target);
    }
    let mut deploys: Vec<Deploy> = builds
        .into_iter()
        .filter(|(_, (at, _))| (from..to).contains(at))
        .map(|(build, (at, instances))| Deploy { at, build: build.to_owned(), instances: instances.len() })
        .collect();
    deploys.sort_by(|a, b| (a.at, &a.build).cmp(&(b.at, &b.build)));
    deploys
}

/// Two windows, the first before the second.
#[derive(Deserialize, IntoParams)]
pub(crate) struct TwoWindows {
    #[param(minimum = 0, maximum = 253_402_300_799_000_i64)]
    a_from: Millis,
    #[param(minimum = 0, maximum = 253_402_300_799_000_i64)]
    a_to: Millis,
    #[param(minimum = 0, maximum = 253_402_300_799_000_i64)]
    b_from: Millis,
    #[param(minimum = 0, maximum = 253_402_300_799_000_i64)]
    b_to: Millis,
}

/// What changed between two windows.
#[derive(Serialize, ToSchema)]
pub(crate) struct DiffAnswer {
    a: (Millis, Millis),
    b: (Millis, Millis),
    root: FlameNode,
}

/// What changed in the goroutines of a leak between two windows, in absolute counts.
#[utoipa::path(get, path = "/api/v1/leaks/{id}/diff", params(("id" = String, Path), TwoWindows),
    responses((status = 200, body = DiffAnswer), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError)))]
pub(crate) async fn leak_diff(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(windows): Query<TwoWindows>,
) -> Result<Json<DiffAnswer>, ApiError> {
    let (service, _) = leak(&app, &id)?;
    diff(&app, windows, Whose::Service(service)).await
}

/// What changed in an instance between two windows, in absolute counts.
#[utoipa::path(get, path = "/api/v1/instances/{id}/diff", params(("id" = String, Path), TwoWindows),
    responses((status = 200, body = DiffAnswer), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError)))]
pub(crate) async fn instance_diff(
    State(app): State<App>,
    OfInstance(target): OfInstance,
    Query(windows): Query<TwoWindows>,
) -> Result<Json<DiffAnswer>, ApiError> {
    diff(&app, windows, Whose::Instance(target)).await
}

async fn diff(app: &App, windows: TwoWindows, whose: Whose) -> Result<Json<DiffAnswer>, ApiError> {
    let (a, b) = ((windows.a_from, windows.a_to), (windows.b_from, windows.b_to));
    check(a.0, a.1)?;
    check(b.0, b.1)?;
    let samples = app.samples.clone();
    blocking(move || changes(&*samples, a, b, &whose)).await.map(Json)
}

fn changes(
    samples: &dyn Samples,
    a: (Millis, Millis),
    b: (Millis, Millis),
    whose: &Whose,
) -> Result<DiffAnswer, ApiError> {
    let before = means(samples, a, whose)?;
    let after = means(samples, b, whose)?;
    let ids: Vec<StackId> = before.keys().chain(after.keys()).copied().collect::<HashSet<_>>().into_iter().collect();
    let stacks = samples.stacks(&ids)?;
    let mean = |means: &HashMap<StackId, f64>, id| means.get(id).copied().unwrap_or(0.0);
    let known =
        ids.iter().zip(&stacks).filter_map(|(id, stack)| Some((stack.as_ref()?, mean(&before, id), mean(&after, id))));
    Ok(DiffAnswer { a, b, root: tree(known) })
}

/// The mean of each stack's goroutines over a window, summed over runs: the mean over all instances
/// that were there at one time.
fn means(
    samples: &dyn Samples,
    (from, to): (Millis, Millis),
    whose: &Whose,
) -> Result<HashMap<StackId, f64>, ApiError> {
    let generations = whose.runs(samples, from)?;
    if generations.is_empty() {
        return Ok(HashMap::new());
    }
    let query = store::Query { from, to, generations: generations.keys().copied().collect(), stacks: Vec::new() };
    let series = samples.series(&query)?;
    // Runs of one instance that followed each other share its scrapes.
    let mut scrapes: HashMap<TargetId, HashSet<Millis>> = HashMap::new();
    for one in &series {
        if let Some(generation) = generations.get(&one.generation) {
            scrapes.entry(generation.target).or_default().extend(one.points.iter().map(|(at, _)| *at));
        }
    }
    let mut means: HashMap<StackId, f64> = HashMap::new();
    for Series { generation, stack, points } in &series {
        let Some(generation) = generations.get(generation) else { continue };
        let all = scrapes.get(&generation.target).map_or(1, HashSet::len).max(1);
        let sum: f64 = points.iter().map(|(_, count)| f64::from(*count)).sum();
        #[expect(clippy::cast_precision_loss, reason = "a number of scrapes")]
        let mean = sum / all as f64;
        *means.entry(*stack).or_default() += mean;
    }
    Ok(means)
}
