//! Why an input could not be read as a goroutine profile.

use std::io;

/// Why an input could not be read as a goroutine profile; the messages say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The input is empty.
    #[error("the input is empty: no goroutine profile in it")]
    Empty,
    /// The source of the bytes failed.
    #[error("can't read the input: {0}")]
    Io(#[source] io::Error),
    /// The gzip stream ends early or is damaged.
    #[error("the gzip stream is damaged or cut off ({0}): fetch the profile again")]
    Gzip(String),
    /// More than the limit after decompression.
    #[error("the input is larger than {} MiB after decompression: not a goroutine profile that Go writes", limit >> 20)]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// A web page, such as a login form or an error page of a proxy.
    #[error("the input is a web page{}, not a profile: check the address and the credentials", title.as_ref().map(|t| format!(" ({t:?})")).unwrap_or_default())]
    Html {
        /// The page's title.
        title: Option<String>,
    },
    /// Another profile of the Go runtime.
    #[error("this is a {name} profile: gostray reads goroutine and goroutineleak profiles (/debug/pprof/goroutine)")]
    WrongProfile {
        /// The profile's name: `heap`, `cpu`, …
        name: String,
    },
    /// Something else.
    #[error(
        "this is no goroutine profile, traceback or log with tracebacks ({what}): save one with `curl -o goroutines.pb.gz http://HOST:PORT/debug/pprof/goroutine`"
    )]
    NotAProfile {
        /// What it looks like.
        what: String,
    },
    /// It looks like a profile but breaks the format.
    #[error("the profile is damaged: {what}: fetch it again")]
    Malformed {
        /// Where and how.
        what: String,
    },
}

impl ProfileError {
    /// Errors of our own readers travel through [`io::Error`]; takes them out again.
    pub(crate) fn from_io(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => Self::Io(error),
        }
    }
}
