//! The terminal, the thread that takes snapshots, and the loop between them.

use std::io;
use std::sync::mpsc::{self, Sender};
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
    let (ask, snapshots) = taker(take);
    let mut state = State::new(&options.name, options.can_prove);
    let mut terminal = ratatui::try_init()?;
    let result = (|| {
        let mut asked = Some(Instant::now());
        let mut next = Instant::now();
        // The thread is there as long as we are.
        let _ = ask.send(false);
        terminal.draw(|frame| view::draw(frame, &state))?;
        loop {
            let mut has_changed = false;
            if event::poll(TICK)? {
                has_changed = true;
                if let Event::Key(key) = event::read()?
                    && key.kind != KeyEventKind::Release
                {
                    match state.press(key) {
                        Ask::Quit => return Ok(()),
                        Ask::Prove => {
                            asked = Some(Instant::now());
                            let _ = ask.send(true);
                        }
                        Ask::Refresh => next = Instant::now(),
                        Ask::Nothing => {}
                    }
                }
            }
            for taken in snapshots.try_iter() {
                has_changed = true;
                match taken {
                    Ok(snapshot) => state.take(snapshot, Instant::now()),
                    Err(why) => state.message = Some(why),
                }
                // All that it cost, here and in the thread: this machine has other things to do.
                let cost = asked.take().map_or(Duration::ZERO, |asked| asked.elapsed());
                next = Instant::now() + options.interval.max(cost * SHARE);
            }
            if asked.is_none() && Instant::now() >= next {
                asked = Some(Instant::now());
                let _ = ask.send(false);
            }
            if has_changed {
                terminal.draw(|frame| view::draw(frame, &state))?;
            }
        }
    })();
    ratatui::try_restore()?;
    result
}

type Taken = Result<Snapshot, String>;

/// A thread that takes a snapshot when it is asked to, with proofs or without. It ends when nobody asks any more.
fn taker(mut take: Take) -> (Sender<bool>, mpsc::Receiver<Taken>) {
    let (ask, asked) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for prove in asked {
            if tell.send(take(prove)).is_err() {
                return;
            }
        }
    });
    (ask, told)
}
