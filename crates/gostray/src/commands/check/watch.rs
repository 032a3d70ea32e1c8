//! `gostray check --watch`: looks again whenever the source changes.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use notify_debouncer_mini::notify::RecursiveMode;
use notify_debouncer_mini::{DebounceEventResult, new_debouncer};

use crate::exit::Exit;
use crate::output;

/// An editor that saves touches a file several times.
const SETTLED: Duration = Duration::from_millis(100);

/// Runs once, and again after each change under a folder. What goes wrong in a run is said, and is no end.
pub(super) fn run(folder: &Path, mut once: impl FnMut() -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let (sender, changes) = mpsc::channel::<DebounceEventResult>();
    let can_not = || format!("can't watch {}; without --watch it can be checked", folder.display());
    let mut watcher = new_debouncer(SETTLED, sender).with_context(can_not)?;
    // What changes during a run is seen after it.
    watcher.watcher().watch(folder, RecursiveMode::Recursive).with_context(can_not)?;
    loop {
        match once() {
            Ok(_) => {}
            Err(error) if output::is_broken_pipe(&error) => return Ok(Exit::Clean),
            Err(error) => anstream::eprintln!("error: {error:#}"),
        }
        anstream::eprintln!("watching {}; Ctrl-C ends it", folder.display());
        loop {
            match changes.recv() {
                Ok(Ok(events)) if events.iter().any(|event| matters(&event.path)) => break,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error).with_context(can_not),
                Err(mpsc::RecvError) => bail!("{} is no longer watched", folder.display()),
            }
        }
    }
}

/// Is a file one that findings depend on?
fn matters(path: &Path) -> bool {
    let is_go = path.extension().is_some_and(|extension| extension == "go");
    let name = path.file_name().and_then(|name| name.to_str());
    is_go || matches!(name, Some("go.mod" | "go.work" | "modules.txt" | "gostray.toml"))
}
