//! A snapshot of a process within the limits: by fork, or by stopping it.

use std::time::Duration;

use crate::attached::Attached;
use crate::error::ProcessError;
use crate::globals::HeapGlobals;
use crate::hold::{Hold, HoldError, Limits, can_stop, find_system_call};
use crate::prove::capture::{Capture, Recycled};
use crate::prove::policy::{Method, Options};
use crate::site::Sites;

/// How a process was held up for a snapshot.
pub(crate) struct Held {
    pub(crate) pause: Duration,
    method: Method,
    /// Why it was not done the other way.
    instead: Option<HoldError>,
}

/// Takes a snapshot. `heap_size` is how many bytes will be read at least.
pub(crate) fn take<'m>(
    attached: &'m Attached,
    globals: &HeapGlobals,
    hold: &mut Hold,
    options: &Options,
    heap_size: u64,
    recycled: Recycled,
    sites: &mut Sites<'_>,
) -> Result<(Capture<'m>, Held), ProcessError> {
    let limits = Limits {
        max_pause: options.max_pause,
        max_copy: options.max_copy,
        fork_under_seccomp: options.fork_under_seccomp,
    };
    let mut instead = None;
    if options.method != Method::Stop {
        let instruction = find_system_call(attached.memory(), &attached.memory().mappings()?)?;
        // Only C shares memory in which it may keep the address of something of Go's.
        let shared = attached.uses_c().then(|| attached.memory());
        match hold.fork(instruction, &limits, shared) {
            Ok((copy, held)) => {
                let capture = Capture::read(&copy, attached, globals, Some(&held.threads), sites, recycled);
                // If it was ended before, that is why it could not be read.
                hold.drop_copy()?;
                let capture = capture.map_err(|what| attached.misfit(what))?;
                return Ok((capture, Held { pause: held.pause, method: Method::Fork, instead: None }));
            }
            Err(error) if options.method == Method::Fork || !error.leaves_stopping() => return Err(error.into()),
            Err(error) => instead = Some(error),
        }
    }
    if let Err(error) = can_stop(hold.pid(), heap_size, &limits) {
        // Why it can't be done the better way says more.
        return Err(instead.unwrap_or(error).into());
    }
    let threads = hold.stop(&limits)?;
    let capture = Capture::read(attached.memory(), attached, globals, Some(&threads), sites, recycled);
    let pause = hold.resume()?;
    let capture = capture.map_err(|what| attached.misfit(what))?;
    Ok((capture, Held { pause, method: Method::Stop, instead }))
}

impl Held {
    /// How it was taken, in a sentence.
    pub(crate) fn how(&self, pause: Duration, snapshots: u32) -> String {
        let times = if snapshots == 1 { String::new() } else { format!(", the longest of {snapshots} times") };
        let how = match self.method {
            Method::Stop => "while it was read",
            Method::Auto | Method::Fork => "to fork, and its copy was read",
        };
        let instead = self.instead.as_ref().map(|error| format!(" (no fork: {error})")).unwrap_or_default();
        format!("the process was held up for {:.1} ms {how}{times}{instead}", pause.as_secs_f64() * 1e3)
    }
}
