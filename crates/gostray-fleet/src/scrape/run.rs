//! A task for each target, and what they find.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use crate::scrape::ask::{Answer, Ask, AskError, Asker};
use crate::scrape::rhythm::Rhythm;
use crate::target::Target;
use crate::{Millis, TargetId};

/// So many targets are asked at one time.
const AT_ONCE: usize = 256;

/// What came of a question.
#[derive(Debug)]
pub struct Outcome {
    /// To whom.
    pub target: Arc<Target>,
    /// What was asked.
    pub ask: Ask,
    /// When it was asked.
    pub at: Millis,
    /// How much later than it should have been, in milliseconds.
    pub late: Millis,
    /// The answer.
    pub answer: Result<Answer, AskError>,
}

/// Asks all targets.
pub struct Scraper {
    asker: Arc<Asker>,
    at_once: Arc<Semaphore>,
    outcomes: mpsc::Sender<Outcome>,
    tasks: HashMap<TargetId, Running>,
    /// How much faster than in life time goes by.
    time_scale: f64,
}

struct Running {
    target: Arc<Target>,
    /// How many goroutines it had last.
    goroutines: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scraper {
    /// Nothing is asked before there are targets. Outcomes wait when their receiver is slow, and then
    /// so do questions. Where time goes by `time_scale` times faster than in life, they are asked that much more often; how
    /// long an answer may take does not change.
    #[must_use]
    pub fn new(asker: Asker, outcomes: mpsc::Sender<Outcome>, time_scale: f64) -> Self {
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        Self { asker: Arc::new(asker), at_once, outcomes, tasks: HashMap::new(), time_scale }
    }

    /// From now on these are the targets. Those that stay go on undisturbed.
    pub fn set(&mut self, targets: &[Arc<Target>]) {
        let mut tasks = HashMap::with_capacity(targets.len());
        for target in targets {
            let id = target.id();
            let running = match self.tasks.remove(&id) {
                Some(running) if running.target == *target => running,
                known => self.start(id, target, known.is_none()),
            };
            tasks.insert(id, running);
        }
        // What is left is dropped, and its tasks with it.
        self.tasks = tasks;
    }

    /// Asks a target something dear, once.
    pub fn ask(&self, id: TargetId, ask: Ask) {
        let Some(running) = self.tasks.get(&id) else { return };
        let (asker, outcomes, at_once) = (self.asker.clone(), self.outcomes.clone(), self.at_once.clone());
        let (target, before) = (running.target.clone(), running.goroutines.load(Ordering::Relaxed));
        tokio::spawn(async move {
            let Ok(_permit) = at_once.acquire().await else { return };
            let at = now();
            let answer = asker.ask(&target, ask, before, None).await;
            // The receiver is gone only when all ends.
            let _ = outcomes.send(Outcome { target, ask, at, late: 0, answer }).await;
        });
    }

    /// Asks a target for a snapshot that somebody waits for.
    ///
    /// # Errors
    /// If there is no answer. `None` if there is no such target.
    pub fn snapshot(&self, id: TargetId) -> Option<impl Future<Output = Result<Answer, AskError>> + Send + use<>> {
        let running = self.tasks.get(&id)?;
        let (asker, target) = (self.asker.clone(), running.target.clone());
        let before = running.goroutines.load(Ordering::Relaxed);
        Some(async move {
            match asker.ask(&target, Ask::Ids, before, None).await {
                // Too many for ids, or not allowed: counts are better than nothing.
                Err(AskError::TooMany { .. } | AskError::NotAllowed(_)) => {
                    asker.ask(&target, Ask::Counts, before, None).await
                }
                answer => answer,
            }
        })
    }

    fn start(&self, id: TargetId, target: &Arc<Target>, is_new: bool) -> Running {
        let goroutines = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(keep_asking(Keep {
            asker: self.asker.clone(),
            at_once: self.at_once.clone(),
            outcomes: self.outcomes.clone(),
            rhythm: Rhythm::new(id, target.interval.div_f64(self.time_scale)),
            target: target.clone(),
            goroutines: goroutines.clone(),
            // A handful of new targets is asked at once: somebody may be watching.
            at_once_first: is_new && self.tasks.len() < 32,
        }));
        Running { target: target.clone(), goroutines, task }
    }
}

struct Keep {
    asker: Arc<Asker>,
    at_once: Arc<Semaphore>,
    outcomes: mpsc::Sender<Outcome>,
    rhythm: Rhythm,
    target: Arc<Target>,
    goroutines: Arc<AtomicU64>,
    at_once_first: bool,
}

async fn keep_asking(keep: Keep) {
    let mut due = if keep.at_once_first { now() } else { keep.rhythm.next(now(), 0) };
    loop {
        let wait = u64::try_from(due - now()).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let Ok(permit) = keep.at_once.acquire().await else { return };
        let at = now();
        let before = keep.goroutines.load(Ordering::Relaxed);
        let answer = keep.asker.ask(&keep.target, Ask::Counts, before, None).await;
        drop(permit);
        match &answer {
            Ok(answer) => keep.goroutines.store(answer.snapshot.goroutines(), Ordering::Relaxed),
            Err(AskError::TooMany { goroutines, .. }) => keep.goroutines.store(*goroutines, Ordering::Relaxed),
            Err(_) => {}
        }
        let late = (at - due).max(0);
        let outcome = Outcome { target: keep.target.clone(), ask: Ask::Counts, at, late, answer };
        if keep.outcomes.send(outcome).await.is_err() {
            return;
        }
        due = keep.rhythm.next(now().max(due), keep.goroutines.load(Ordering::Relaxed));
    }
}

/// The time.
#[must_use]
pub(crate) fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

/// Keeps the scraper's targets as discovery has them, until discovery ends.
pub async fn follow(scraper: &tokio::sync::Mutex<Scraper>, mut targets: watch::Receiver<Vec<Arc<Target>>>) {
    loop {
        let current = targets.borrow_and_update().clone();
        scraper.lock().await.set(&current);
        if targets.changed().await.is_err() {
            return;
        }
    }
}
