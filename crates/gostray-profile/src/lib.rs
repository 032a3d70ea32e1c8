//! The Go runtime's own formats ⇄ [`Snapshot`]: the `goroutine` and `goroutineleak` profiles as
//! `debug=0` (protobuf), `debug=1` (counts as text) and `debug=2` (tracebacks), and the tracebacks
//! that crashes, `SIGQUIT` and `go test` time-outs leave in logs. Go 1.18 to 1.27.
//!
//! # Shape
//! [`read`] takes any of them from any [`Read`]; the format is found from the bytes ([`detect`]).
//! Text is streamed: a dump is never held in memory, only what [`gostray_model::Tables`] interns
//! and 40 bytes a goroutine. Every reader is bounded by [`Limits`]. Nothing is dropped silently:
//! what can't be read is counted and becomes a note of kind
//! [`NoteKind::Missing`](gostray_model::NoteKind::Missing), and with it the snapshot is incomplete.
//!
//! | module | format |
//! |---|---|
//! | [`mod@detect`] | which of them it is |
//! | `gzip` | bounded inflation |
//! | `pprof` | `debug=0`, read and written |
//! | `counts` | `debug=1` |
//! | `traceback` | `debug=2`, crashes, logs, read and written |
#![warn(missing_docs)]

mod counts;
pub mod detect;
mod error;
mod gzip;
mod lines;
mod pprof;
mod traceback;

use std::io::Read;

use gostray_model::Snapshot;

pub use detect::Format;
pub use error::ProfileError;
pub use pprof::write as write_pprof;
pub use traceback::write as write_traceback;

/// Which profile of the runtime it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileKind {
    /// All goroutines.
    Goroutine,
    /// Those that the runtime proved leaked (`goroutineleak`, Go 1.26 and later).
    GoroutineLeak,
}

/// A profile that was read.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its goroutines; its target and time as far as the format has them.
    pub snapshot: Snapshot,
    /// Which profile it is. A traceback (`debug=2`) of either kind lists all goroutines and is
    /// [`ProfileKind::Goroutine`]; the leaked ones carry the mark.
    pub kind: ProfileKind,
    /// The format it was in.
    pub format: Format,
}

/// Bounds on what a reader takes from an untrusted source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes after decompression, for compressed input and for protobuf (default 64 MiB).
    pub inflated: u64,
    /// Goroutine records (default 4 million; 40 bytes each).
    pub records: usize,
    /// Distinct frames, and distinct stacks (default 1 million each).
    pub distinct: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { inflated: 64 << 20, records: 4_000_000, distinct: 1_000_000 }
    }
}

/// Reads a profile, a traceback or a log with tracebacks, whatever its format.
///
/// # Errors
/// If the input can't be read, is none of the formats, holds no goroutine, or breaks a limit that
/// leaves nothing useful.
pub fn read(input: impl Read, limits: &Limits) -> Result<Profile, ProfileError> {
    let mut input = detect::Peeked::new(input)?;
    match detect::detect(input.head())? {
        detect::Detected::Gzip => {
            let mut input = detect::Peeked::new(gzip::Inflate::new(input, limits.inflated))?;
            match detect::detect(input.head())? {
                detect::Detected::Gzip => Err(ProfileError::NotAProfile { what: "gzip within gzip".into() }),
                detect::Detected::Plain(format) => read_plain(format, &mut input, limits),
            }
        }
        detect::Detected::Plain(format) => read_plain(format, &mut input, limits),
    }
}

fn read_plain(format: Format, input: &mut dyn Read, limits: &Limits) -> Result<Profile, ProfileError> {
    match format {
        Format::Pprof => {
            let mut data = Vec::new();
            input.take(limits.inflated + 1).read_to_end(&mut data).map_err(ProfileError::from_io)?;
            if data.len() as u64 > limits.inflated {
                return Err(ProfileError::TooLarge { limit: limits.inflated });
            }
            pprof::read(&data, limits)
        }
        Format::Counts => counts::read(input, limits),
        Format::Traceback => traceback::read(input, limits),
    }
}
