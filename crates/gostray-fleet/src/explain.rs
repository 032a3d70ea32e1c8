//! The cause of a leak in the source, where the configuration says where that is.
//!
//! `gostray explain` reads the source in a process of its own, one at a time: what it needs in memory and time is nobody
//! else's. It is given the goroutines that were kept as evidence, and what it said is remembered until there is newer
//! evidence. Only folders of the configuration are read, never a path that a target names.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Mutex, watch};

use crate::config::Source;

/// How long it may take.
const LONGEST: Duration = Duration::from_secs(180);
/// Bytes of an explanation.
const MAX_TEXT: u64 = 1 << 20;
/// The exit code of gostray where there is nothing to look at.
const NOTHING: i32 = 4;
/// So many explanations are remembered.
const MAX_KNOWN: usize = 200;

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// The configuration does not say where the source is.
    #[error("nothing is known of the source of {0}: name its folder under `sources` in the configuration")]
    NoSource(String),
    /// It can't be run, or took too long.
    #[error("gostray explain: {0}")]
    Failed(String),
}

/// What was asked about.
pub struct Question {
    /// The leak.
    pub leak: String,
    /// Its service.
    pub service: String,
    /// The function that is blocked.
    pub function: String,
    /// Which evidence it is.
    pub evidence: i64,
    /// The goroutines: a profile.
    pub profile: Vec<u8>,
}

/// Asks `gostray explain`.
pub struct Explainer {
    /// The gostray program.
    program: Option<PathBuf>,
    sources: watch::Receiver<Vec<Source>>,
    /// What was said of a leak, and of which evidence.
    known: Mutex<HashMap<String, (i64, PathBuf, String)>>,
}

impl Explainer {
    /// Explains with `program`, from these sources, which may change.
    #[must_use]
    pub fn new(program: Option<PathBuf>, sources: watch::Receiver<Vec<Source>>) -> Self {
        Self { program, sources, known: Mutex::default() }
    }

    /// Is it known where the source of a service is?
    #[must_use]
    pub fn has_source(&self, service: &str) -> bool {
        self.program.is_some() && Source::of(&self.sources.borrow(), service).is_some()
    }

    /// What causes a leak, as `gostray explain` says it in a terminal.
    ///
    /// # Errors
    /// If there is no source, or it can't be told.
    pub async fn explain(&self, question: &Question) -> Result<String, ExplainError> {
        let folder = Source::of(&self.sources.borrow(), &question.service).map(|source| source.folder.clone());
        let (Some(program), Some(folder)) = (&self.program, folder) else {
            return Err(ExplainError::NoSource(question.service.clone()));
        };
        // Held meanwhile: one at a time.
        let mut known = self.known.lock().await;
        if let Some((evidence, of, text)) = known.get(&question.leak)
            && (*evidence, of) == (question.evidence, &folder)
        {
            return Ok(text.clone());
        }
        let focus = format!("^{}$", regex::escape(&question.function));
        let mut command = tokio::process::Command::new(program);
        command.args(["explain", "-", "--all", "--exit-zero", "--color", "never", "--focus", &focus, "--source"]);
        command.arg(&folder);
        let text = tokio::time::timeout(LONGEST, run(command, &question.profile))
            .await
            .map_err(|_| ExplainError::Failed(format!("no answer within {} s", LONGEST.as_secs())))??;
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(question.leak.clone(), (question.evidence, folder, text.clone()));
        Ok(text)
    }
}

/// Runs a command with an input, and gives what it writes.
async fn run(mut command: tokio::process::Command, input: &[u8]) -> Result<String, ExplainError> {
    let failed = |error: std::io::Error| ExplainError::Failed(error.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let (mut text, mut complaint) = (String::new(), String::new());
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    if let (Some(mut stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) {
        let write = async move {
            // It may end before it has read everything; then it says why.
            let _ = stdin.write_all(input).await;
        };
        let (mut stdout, mut stderr) = (stdout.take(MAX_TEXT), stderr.take(MAX_TEXT));
        let (_, read, said) =
            tokio::join!(write, stdout.read_to_string(&mut text), stderr.read_to_string(&mut complaint));
        read.and(said).map_err(failed)?;
    }
    let status = child.wait().await.map_err(failed)?;
    if status.success() {
        return Ok(text);
    }
    if status.code() == Some(NOTHING) {
        return Err(ExplainError::Failed("what is kept as evidence has no goroutine in that function".to_owned()));
    }
    let line = complaint.lines().rev().find(|line| line.contains("error")).unwrap_or("it failed");
    Err(ExplainError::Failed(line.trim_start_matches("error:").trim().to_owned()))
}
