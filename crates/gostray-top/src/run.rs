//! The terminal, the thread that takes snapshots, and the loop between them.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use gostray_model::Snapshot;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::state::{Ask, State};
use crate::view;

/// Of the time at most one part in so many is spent on taking snapshots.
const SHARE: u32 = 20;
/// Between looks at the keys.
const TICK: Duration = Duration::from_millis(50);

/// What to show, and how often.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the source is called.
    pub name: String,
    /// Between snapshots.
    pub interval: Duration,
    /// The source can prove.
    pub can_prove: bool,
}

/// How a snapshot is taken: with proofs, if that is asked for.
pub type Take = Box<dyn FnMut(bool) -> Result<Snapshot, String> + Send>;

/// Shows the goroutines of a source until the user has seen enough.
///
/// # Errors
/// If there is no terminal, or it fails. That a snapshot can't be taken is shown.
pub fn run(options: &Options, take: Take) -> io::Result<()> {
    let (asks, snapshots) = watch(options.interval, take);
    let mut state = State::new(&options.name, options.can_prove);
    let mut terminal = ratatui::try_init()?;
    let result = (|| {
        loop {
            terminal.draw(|frame| view::draw(frame, &state))?;
            if event::poll(TICK)? {
                if let Event::Key(key) = event::read()?
                    && key.kind != KeyEventKind::Release
                {
                    match state.press(key) {
                        Ask::Quit => return Ok(()),
                        Ask::Prove => drop(asks.send(true)),
                        Ask::Refresh => drop(asks.send(false)),
                        Ask::Nothing => {}
                    }
                }
                continue;
            }
            for taken in snapshots.try_iter() {
                match taken {
                    Ok(snapshot) => state.take(snapshot, Instant::now()),
                    Err(why) => state.message = Some(why),
                }
            }
        }
    })();
    ratatui::try_restore()?;
    result
}

type Taken = Result<Snapshot, String>;

/// A thread that takes snapshots: every so often, and when it is asked to. It ends when nobody hears it any more.
fn watch(interval: Duration, mut take: Take) -> (Sender<bool>, mpsc::Receiver<Taken>) {
    let (ask, asked) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut prove = false;
        loop {
            let start = Instant::now();
            if tell.send(take(prove)).is_err() {
                return;
            }
            // The source and this machine have other things to do.
            let pause = interval.max(start.elapsed() * SHARE);
            prove = match asked.recv_timeout(pause) {
                Ok(prove) => prove,
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => return,
            };
        }
    });
    (ask, told)
}
