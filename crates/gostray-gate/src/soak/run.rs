//! The phases of a load test.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gostray_model::{Signature, Snapshot, groups};
use gostray_verdict::{EvidenceKind, Judged, Judgement, Policy, Verdict, judge, known};
use reqwest::Url;

use super::estimate::Rate;
use super::load::{Answers, Load, drive};
use super::outcome::{EndpointOutcome, Growth, Outcome, Phase};
use super::request::Request;
use super::target::{Target, TargetError};

/// An endpoint is driven in so many rounds, of which the first warms up.
const ROUNDS: usize = 5;
/// Less than this part of what an endpoint alone would leave, when all are driven together, is a pool.
const LEVELLED_OFF: f64 = 0.5;
/// Less than this part of what came is left at the end: it ends by itself, only later.
const ENDS_LATER: f64 = 0.1;

/// How it is driven.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where paths are asked for.
    pub base: Url,
    /// Requests a second, whatever the answers do.
    pub rate: f64,
    /// For so long each endpoint is driven.
    pub duration: Duration,
    /// So many requests under way at most.
    pub concurrency: usize,
    /// So long an answer may take.
    pub timeout: Duration,
    /// So long the service may take to come to rest.
    pub drain: Duration,
    /// Let clients hang up, too.
    pub hang_up: bool,
}

/// What is being done.
#[derive(Debug, Clone)]
pub struct Progress<'a> {
    /// The phase.
    pub phase: &'a str,
    /// Which of how many.
    pub number: (usize, usize),
    /// Requests that were sent in it.
    pub sent: u64,
    /// Goroutines at the last look.
    pub goroutines: u64,
}

/// Why there could be no load test.
#[derive(Debug, thiserror::Error)]
pub enum SoakError {
    /// The goroutines can't be seen.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A request can't be sent anywhere.
    #[error("{path}: {why}")]
    Url {
        /// Its path.
        path: String,
        /// Why not.
        why: String,
    },
}

/// Drives the service, and says what it leaves behind. `stop` ends it early: what is known by then is told.
///
/// # Errors
/// If the goroutines can't be seen at the start. What happens to the service later is part of the outcome.
pub async fn soak(
    target: &Target,
    requests: &[Request],
    options: &Options,
    stop: impl Future<Output = ()>,
    progress: &mut dyn FnMut(&Progress<'_>),
) -> Result<Outcome, SoakError> {
    let urls: Vec<(&Request, Url)> = requests
        .iter()
        .map(|request| {
            let why = |error: url::ParseError| SoakError::Url { path: request.path.clone(), why: error.to_string() };
            Ok((request, options.base.join(&request.path).map_err(why)?))
        })
        .collect::<Result<_, SoakError>>()?;
    let phases = requests.len() * if options.hang_up { 2 } else { 1 } + 3;
    let mut run = Run {
        target,
        options,
        progress,
        start: Instant::now(),
        number: (0, phases),
        phase: String::new(),
        sent: 0,
        goroutines: 0,
        outcome: Outcome { rate: options.rate, ..Outcome::default() },
        before: Counts::new(),
        drives: Vec::new(),
    };
    run.baseline().await?;
    tokio::select! {
        result = run.drive_all(&urls) => if let Err(why) = result {
            run.outcome.failed = Some(why);
        },
        () = stop => run.outcome.interrupted = true,
    }
    run.verdict().await;
    Ok(run.outcome)
}

/// Goroutines by what they are.
type Counts = BTreeMap<Signature, i64>;

fn counts(snapshot: &Snapshot) -> Counts {
    let mut counts = Counts::new();
    for group in groups(snapshot) {
        // Proven ones are groups of their own.
        *counts.entry(group.signature).or_default() += i64::try_from(group.count).unwrap_or(i64::MAX);
    }
    counts
}

/// Requests that were driven in rounds, and what became more in each.
struct Drive {
    /// The endpoint; none for all of them together.
    endpoint: Option<usize>,
    hangs_up: bool,
    answers: Answers,
    rounds: Vec<(Counts, u64)>,
}

impl Drive {
    /// The rounds after the first, with how many goroutines of a kind became more.
    fn of(&self, signature: Signature) -> Vec<(i64, u64)> {
        self.rounds.iter().skip(1).map(|(more, sent)| (more.get(&signature).copied().unwrap_or(0), *sent)).collect()
    }

    fn all(&self, signature: Signature) -> i64 {
        self.rounds.iter().map(|(more, _)| more.get(&signature).copied().unwrap_or(0)).sum()
    }
}

struct Run<'a> {
    target: &'a Target,
    options: &'a Options,
    progress: &'a mut dyn FnMut(&Progress<'_>),
    start: Instant,
    number: (usize, usize),
    phase: String,
    sent: u64,
    goroutines: u64,
    outcome: Outcome,
    before: Counts,
    drives: Vec<Drive>,
}

impl Run<'_> {
    fn enter(&mut self, phase: &str) {
        self.number.0 += 1;
        phase.clone_into(&mut self.phase);
        self.sent = 0;
        let now = self.start.elapsed();
        self.outcome.curve.phases.push(Phase { name: phase.to_owned(), start: now, end: now });
        self.tell();
    }

    fn tell(&mut self) {
        if let Some(phase) = self.outcome.curve.phases.last_mut() {
            phase.end = self.start.elapsed();
        }
        (self.progress)(&Progress {
            phase: &self.phase,
            number: self.number,
            sent: self.sent,
            goroutines: self.goroutines,
        });
    }

    async fn at_rest(&mut self) -> Result<Snapshot, TargetError> {
        let mut seen = Vec::new();
        let start = self.start;
        let snapshot =
            self.target.at_rest(self.options.drain, &mut |count| seen.push((start.elapsed(), count))).await?;
        self.goroutines = seen.last().map_or(0, |(_, count)| *count);
        self.outcome.curve.points.extend(seen);
        self.tell();
        Ok(snapshot)
    }

    async fn baseline(&mut self) -> Result<(), TargetError> {
        self.enter("baseline");
        let snapshot = self.at_rest().await?;
        self.before = counts(&snapshot);
        self.outcome.before = snapshot.goroutines();
        Ok(())
    }

    async fn drive_all(&mut self, urls: &[(&Request, Url)]) -> Result<(), String> {
        for (at, one) in urls.iter().enumerate() {
            self.drive(&one.0.name, Some(at), std::slice::from_ref(one), None).await?;
        }
        for (at, one) in urls.iter().enumerate().filter(|_| self.options.hang_up) {
            let usual = self.drives.get(at).map(|drive| drive.answers.latency().p50).unwrap_or_default();
            // Some hang up before they are heard, most in the middle, some after the answer.
            let patience = (usual * 3 / 2).max(Duration::from_millis(2));
            let name = format!("{} (clients hang up)", one.0.name);
            self.drive(&name, Some(at), std::slice::from_ref(one), Some(patience)).await?;
        }
        self.drive("all together", None, urls, None).await
    }

    async fn drive(
        &mut self,
        name: &str,
        endpoint: Option<usize>,
        urls: &[(&Request, Url)],
        patience: Option<Duration>,
    ) -> Result<(), String> {
        self.enter(name);
        let load =
            Load { rate: self.options.rate, concurrency: self.options.concurrency, timeout: self.options.timeout };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "of rates and times above zero")]
        let all = (self.options.rate * self.options.duration.as_secs_f64()).ceil() as u64;
        // Each endpoint gets as many in each round.
        let each = (all / ROUNDS as u64).max(1).next_multiple_of(urls.len() as u64);
        let before = self.at_rest().await.map_err(|error| error.to_string())?;
        let mut last = counts(&before);
        self.drives.push(Drive {
            endpoint,
            hangs_up: patience.is_some(),
            answers: Answers::default(),
            rounds: Vec::new(),
        });
        for _ in 0..ROUNDS {
            let earlier = self.sent;
            let (mut latest, mut told) = (0, Instant::now());
            let answers = {
                let (progress, phase, number, goroutines) =
                    (&mut *self.progress, &*self.phase, self.number, self.goroutines);
                let mut sent = |count: u64| {
                    latest = count;
                    if told.elapsed() > Duration::from_millis(100) {
                        told = Instant::now();
                        progress(&Progress { phase, number, sent: earlier + count, goroutines });
                    }
                };
                drive(urls, each, &load, patience, &mut sent).await.map_err(|error| error.to_string())?
            };
            self.sent = earlier + latest;
            let sent = answers.sent;
            if let Some(drive) = self.drives.last_mut() {
                drive.answers.join(answers);
            }
            let after = self.at_rest().await.map_err(|error| error.to_string())?;
            let now = counts(&after);
            let mut more = Counts::new();
            for signature in now.keys().chain(last.keys()) {
                let of = |counts: &Counts| counts.get(signature).copied().unwrap_or(0);
                more.insert(*signature, of(&now) - of(&last));
            }
            last = now;
            if let Some(drive) = self.drives.last_mut() {
                drive.rounds.push((more, sent));
                if drive.answers.good() == 0 && drive.answers.hung_up == 0 {
                    // Nothing comes of asking on.
                    break;
                }
            }
        }
        Ok(())
    }

    /// What stayed, when the service had time to end what it may.
    async fn verdict(&mut self) {
        self.enter("drain and proof");
        let last = match self.drained().await {
            Ok(snapshot) => snapshot,
            Err(error) => {
                // It is gone, and with it what could be proven.
                self.outcome.failed.get_or_insert_with(|| error.to_string());
                Snapshot::default()
            }
        };
        self.outcome.after = last.goroutines();
        let now = counts(&last);
        let mixed = self.drives.iter().find(|drive| drive.endpoint.is_none());
        let mut outcomes = Vec::new();
        for drive in self.drives.iter().filter(|drive| drive.endpoint.is_some()) {
            let mut outcome = EndpointOutcome {
                name: self.name_of(drive),
                request: drive.endpoint.unwrap_or(0),
                hangs_up: drive.hangs_up,
                trouble: drive.answers.trouble(),
                answers: drive.answers.clone(),
                ..EndpointOutcome::default()
            };
            let signatures: Vec<Signature> = drive
                .rounds
                .iter()
                .flat_map(|(more, _)| more.keys().copied())
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect();
            for signature in signatures {
                let Some(rate) = Rate::of(&drive.of(signature)) else { continue };
                let came: i64 = self.drives.iter().map(|drive| drive.all(signature)).sum();
                let left =
                    now.get(&signature).copied().unwrap_or(0) - self.before.get(&signature).copied().unwrap_or(0);
                #[expect(clippy::cast_precision_loss, reason = "counts of goroutines are far below 2^52")]
                let stayed = if came > 0 { (left as f64 / came as f64).clamp(0.0, 1.0) } else { 0.0 };
                let goes_on = mixed.is_none_or(|mixed| self.goes_on(signature, mixed));
                if !rate.is_positive() || stayed < ENDS_LATER || !goes_on {
                    outcome.levelled_off += u64::try_from(drive.all(signature)).unwrap_or(0);
                    continue;
                }
                outcome.growths.extend(growth(&last, signature, rate, stayed));
            }
            outcome.growths.sort_by(|a, b| b.rate.mean.total_cmp(&a.rate.mean));
            outcomes.push(outcome);
        }
        self.outcome.mixed = mixed.map(|mixed| mixed.answers.clone()).unwrap_or_default();
        self.outcome.endpoints = outcomes;
        self.outcome.snapshot = last;
    }

    async fn drained(&mut self) -> Result<Snapshot, TargetError> {
        if !self.outcome.interrupted && self.outcome.failed.is_none() {
            // What ends by itself shall have the time for it, whether others are at rest or not.
            let end = Instant::now() + self.options.drain;
            while Instant::now() < end {
                let snapshot = self.target.count().await?;
                self.goroutines = snapshot.goroutines();
                self.outcome.curve.points.push((self.start.elapsed(), self.goroutines));
                self.tell();
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }
        self.target.prove().await
    }

    fn name_of(&self, drive: &Drive) -> String {
        // The phases were entered in the order of the drives, after the baseline.
        let at = self.drives.iter().position(|own| std::ptr::eq(own, drive)).unwrap_or(0);
        self.outcome.curve.phases.get(at + 1).map(|phase| phase.name.clone()).unwrap_or_default()
    }

    /// Did it become more when all were driven together, about as the endpoints alone say that it should?
    fn goes_on(&self, signature: Signature, mixed: &Drive) -> bool {
        let alone = self.drives.iter().filter(|drive| drive.endpoint.is_some() && !drive.hangs_up);
        let rates: Vec<f64> =
            alone.map(|drive| Rate::of(&drive.of(signature)).map_or(0.0, |rate| rate.mean.max(0.0))).collect();
        let rounds = mixed.of(signature);
        if rates.is_empty() || rounds.is_empty() {
            return true;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of goroutines and requests are far below 2^52")]
        let (expected, seen) = (
            rounds.iter().map(|(_, sent)| *sent as f64).sum::<f64>() * rates.iter().sum::<f64>() / rates.len() as f64,
            rounds.iter().map(|(more, _)| *more as f64).sum::<f64>(),
        );
        // It comes only when clients hang up, which they don't when all are driven together.
        expected < 1.0 || seen >= expected * LEVELLED_OFF
    }
}

/// What is there at the end of a kind that became more.
fn growth(last: &Snapshot, signature: Signature, rate: Rate, stayed: f64) -> Option<Growth> {
    let mut groups: Vec<_> = groups(last).into_iter().filter(|group| group.signature == signature).collect();
    let proven = groups.iter().filter(|group| group.leaked).map(|group| group.count).sum();
    // Those that are proven say most.
    groups.sort_by_key(|group| std::cmp::Reverse((group.leaked, group.count)));
    let group = groups.into_iter().next()?;
    let mut judgement = judge(last, &group, &Policy::default());
    if judgement.verdict != Verdict::Proven {
        let detail = format!(
            "{:.2} more with each request, in {} rounds (95 %: {:.2} to {:.2})",
            rate.mean, rate.rounds, rate.low, rate.high
        );
        judgement = Judgement::new(Verdict::Likely, EvidenceKind::Growth, detail);
        if let Some(entry) = known(&last.tables, &group) {
            judgement = judgement.and(EvidenceKind::Known, entry.reason.clone());
        }
    }
    let bytes = group.retained(last).map(|bytes| bytes / group.count.max(1));
    Some(Growth { rate, judged: Judged { group, judgement }, proven, stayed, bytes })
}
