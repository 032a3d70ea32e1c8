//! Runs the test that witnesses a fix: on the code without it, where it has to fail, and on the code with it, where it
//! has to pass. It calls functions of the user's with arguments that nobody chose.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use gostray_check::{Left, WITNESS, Witness, WitnessTest, Witnessed};
use gostray_toolchain::Toolchain;
use serde::Deserialize;
use tempfile::TempDir;

use super::bounded;
use super::overlay::Overlay;

/// A test with all that it needs is built in this time.
const BUILD: Duration = Duration::from_secs(300);
/// No further call is tried after this time.
const SEARCH: Duration = Duration::from_secs(90);
/// A call by the clock of a bubble takes none of ours.
const VIRTUAL: Duration = Duration::from_secs(5);
/// By the real one it takes as long as the test waits for the call and for what it leaves, at most, and some more.
const REAL: Duration = Duration::from_secs(4);
/// From this release on there are bubbles.
const BUBBLES: u32 = 25;

/// The texts of files without a fix, and with it; what is not among them is as it lies on the disk.
pub(crate) struct Sides {
    pub(crate) before: Vec<(PathBuf, Vec<u8>)>,
    pub(crate) after: Vec<(PathBuf, Vec<u8>)>,
}

/// Looks for a call that witnesses a fix.
pub(crate) fn witness(
    go: &Toolchain,
    test: &Result<WitnessTest, String>,
    sides: &Sides,
    tags: &[String],
) -> anyhow::Result<Witnessed> {
    let test = match test {
        Ok(test) => test,
        Err(why) => return Ok(Witnessed::Not(why.clone())),
    };
    let (before, after) = (Binary::build(go, test, &sides.before, tags)?, Binary::build(go, test, &sides.after, tags)?);
    match (before, after) {
        (Ok(before), Ok(after)) => search(go, test, &before, &after),
        (Err(why), _) | (_, Err(why)) => Ok(Witnessed::Not(format!("the generated test does not compile: {why}"))),
    }
}

/// Tries the calls one by one, until one is a witness.
fn search(go: &Toolchain, test: &WitnessTest, before: &Binary, after: &Binary) -> anyhow::Result<Witnessed> {
    let start = Instant::now();
    let mut tried = Tried::default();
    for target in 0..test.targets.len() {
        // A bubble's clock stands while something waits for a lock, or for the network.
        let mut is_virtual = go.version().minor >= BUBBLES && !test.is_of_lock;
        let mut stuck = 0;
        let (mut case, mut cases) = (0, 1);
        while case < cases {
            if start.elapsed() > SEARCH {
                return Ok(Witnessed::Not(tried.why(true)));
            }
            let mut order = Order { target, case, calls: test.calls, runs: 1, is_virtual };
            let mut outcome = before.run(&order)?;
            if is_virtual && (outcome.need_real || !outcome.has_ended) {
                stuck += u32::from(!outcome.has_ended);
                is_virtual = stuck < 2;
                order.is_virtual = false;
                outcome = before.run(&order)?;
            }
            case += 1;
            cases = outcome.cases;
            tried.add(&outcome);
            if outcome.has_ended
                && outcome.leaked > 0
                && let Some(witness) = confirm(&order, before, after)?
            {
                return Ok(Witnessed::By(witness));
            }
        }
    }
    Ok(Witnessed::Not(tried.why(false)))
}

/// A leak that comes and goes must not make a witness by chance: without the fix it is seen again and again, with it
/// not once.
fn confirm(order: &Order, before: &Binary, after: &Binary) -> anyhow::Result<Option<Witness>> {
    let (runs_before, wanted, runs_after) = if order.is_virtual { (20, 10, 20) } else { (3, 3, 6) };
    let without = before.run(&Order { runs: runs_before, ..*order })?;
    if !without.has_ended || without.leaked < wanted {
        return Ok(None);
    }
    let with = after.run(&Order { runs: runs_after, ..*order })?;
    let is_clean = with.has_ended && with.runs == runs_after && with.leaked == 0 && with.busy == 0;
    // What panics has not got as far.
    let is_clean = is_clean && (with.panicked == 0 || without.panicked == without.runs);
    Ok(is_clean.then_some(Witness {
        call: without.call,
        runs: (without.runs, with.runs),
        leaked: without.leaked,
        left: without.left,
    }))
}

/// What was tried in vain.
#[derive(Debug, Default)]
struct Tried {
    calls: u32,
    leaking: u32,
    /// Those that crashed, or did not come to an end.
    crashed: u32,
    unknown: BTreeSet<String>,
}

impl Tried {
    fn add(&mut self, outcome: &Outcome) {
        self.calls += 1;
        self.leaking += u32::from(outcome.has_ended && outcome.leaked > 0);
        self.crashed += u32::from(!outcome.has_ended);
        self.unknown.extend(outcome.unknown.iter().cloned());
    }

    fn why(&self, is_late: bool) -> String {
        let types = || self.unknown.iter().cloned().collect::<Vec<_>>().join(", ");
        let mut why = match self {
            Self { leaking: 1.., .. } => {
                format!("of {} calls that were tried, {} leave goroutines with the fix, too", self.calls, self.leaking)
            }
            _ if !self.unknown.is_empty() => format!("no value is known for {}", types()),
            _ if self.crashed > 0 => {
                format!(
                    "of {} calls that were tried, {} crash or do not end, and no other leaves a goroutine",
                    self.calls, self.crashed
                )
            }
            _ => format!("of {} calls that were tried, none leaves a goroutine", self.calls),
        };
        if is_late {
            why += "; there was no time for more";
        }
        why
    }
}

/// What the test is to do.
#[derive(Debug, Clone, Copy)]
struct Order {
    target: usize,
    case: u32,
    calls: u32,
    runs: u32,
    is_virtual: bool,
}

/// What it says.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Outcome {
    /// It came to its end; otherwise this is what it said before it crashed, or was ended.
    #[serde(skip)]
    has_ended: bool,
    cases: u32,
    call: String,
    #[serde(deserialize_with = "or_empty")]
    unknown: Vec<String>,
    need_real: bool,
    runs: u32,
    leaked: u32,
    busy: u32,
    panicked: u32,
    #[serde(deserialize_with = "or_empty")]
    left: Vec<Left>,
}

/// Go writes `null` for none.
fn or_empty<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The test, built on one side of a fix.
struct Binary {
    folder: TempDir,
}

impl Binary {
    /// Builds it, or says why that can't be.
    fn build(
        go: &Toolchain,
        test: &WitnessTest,
        side: &[(PathBuf, Vec<u8>)],
        tags: &[String],
    ) -> anyhow::Result<Result<Self, String>> {
        let mut overlay = Overlay::new()?;
        for name in &test.hidden {
            overlay.hide(&test.folder.join(name));
        }
        for (name, text) in &test.files {
            overlay.lay(&test.folder.join(name), text.as_bytes())?;
        }
        for (path, text) in side {
            overlay.lay(path, text)?;
        }
        let binary = Self { folder: tempfile::tempdir().context("no folder for temporary files")? };
        let messages = binary.folder.path().join("messages");
        let file = std::fs::File::create(&messages).with_context(|| messages.display().to_string())?;
        let mut command = go.command();
        command
            .current_dir(&test.folder)
            .args(["test", "-c", "-vet=off", "-o"])
            .arg(binary.path())
            .arg(overlay.flag()?);
        if !tags.is_empty() {
            command.arg(format!("-tags={}", tags.join(",")));
        }
        command.arg(".").stdout(Stdio::null()).stderr(file);
        let status = bounded::run(&mut command, BUILD).context("can't run go")?;
        if status.is_some_and(|status| status.success()) && binary.path().is_file() {
            return Ok(Ok(binary));
        }
        let text = std::fs::read_to_string(&messages).unwrap_or_default();
        let line = text.lines().find(|line| !line.starts_with('#')).unwrap_or("it takes too long");
        Ok(Err(line.trim().to_owned()))
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("witness.test")
    }

    /// Runs it once, in a process and an empty folder of its own.
    fn run(&self, order: &Order) -> anyhow::Result<Outcome> {
        let folder = tempfile::tempdir().context("no folder for temporary files")?;
        let result = folder.path().join("result");
        let text = serde_json::json!({
            "Target": order.target, "Case": order.case, "Calls": order.calls, "Runs": order.runs,
            "Virtual": order.is_virtual, "Result": result.display().to_string(),
        });
        // A module that says an old release has timers by the old way, and no bubbles with it.
        let mut settings = std::env::var("GODEBUG").unwrap_or_default();
        settings.extend(["asynctimerchan=0"].iter().flat_map(|own| [",", *own]));
        let mut command = std::process::Command::new(self.path());
        command
            .arg(format!("-test.run=^{WITNESS}$"))
            .current_dir(place(folder.path())?)
            .env("GOSTRAY_WITNESS", text.to_string())
            .env("GODEBUG", settings.trim_start_matches(','))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let limit = if order.is_virtual { VIRTUAL * if order.runs > 1 { 4 } else { 1 } } else { REAL * order.runs };
        let status = bounded::run(&mut command, limit).context("can't run the test")?;
        let mut outcome: Outcome = match std::fs::read(&result) {
            Ok(text) => serde_json::from_slice(&text).context("the test says something else")?,
            Err(_) => Outcome::default(),
        };
        outcome.has_ended = status.is_some_and(|status| status.success());
        Ok(outcome)
    }
}

/// An empty folder in another one.
fn place(folder: &Path) -> anyhow::Result<PathBuf> {
    let place = folder.join("work");
    std::fs::create_dir(&place).with_context(|| place.display().to_string())?;
    Ok(place)
}

#[cfg(test)]
mod tests;
