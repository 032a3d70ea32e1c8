//! What a long step is doing, on standard error, only where a person watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line that says what is going on; nothing where standard error is no terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn start(message: &str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(message.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Does something that writes to the terminal.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    /// Takes it off the screen.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }

    pub(crate) fn say(&self, message: &str) {
        self.0.set_message(message.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
