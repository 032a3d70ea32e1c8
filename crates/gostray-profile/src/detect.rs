//! Which format it is, from the bytes alone.

use std::io::{self, Read};

use crate::error::ProfileError;

/// How many bytes the decision may look at.
const HEAD: usize = 4096;

/// A format of the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `debug=0`: pprof's protobuf.
    Pprof,
    /// `debug=1`: stacks with their counts, as text.
    Counts,
    /// `debug=2`, a crash, a `go test` time-out, or a log that contains one.
    Traceback,
}

/// What the first bytes show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detected {
    Gzip,
    Plain(Format),
}

/// A reader whose first bytes have been looked at.
pub(crate) struct Peeked<R> {
    head: Vec<u8>,
    at: usize,
    input: R,
}

impl<R: Read> Peeked<R> {
    pub(crate) fn new(mut input: R) -> Result<Self, ProfileError> {
        let mut head = Vec::with_capacity(HEAD);
        input.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(ProfileError::from_io)?;
        Ok(Self { head, at: 0, input })
    }

    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }
}

impl<R: Read> Read for Peeked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.head.len() {
            return self.input.read(buffer);
        }
        let read = (&self.head[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

/// Decides from the first bytes of the input.
pub(crate) fn detect(head: &[u8]) -> Result<Detected, ProfileError> {
    if head.is_empty() {
        return Err(ProfileError::Empty);
    }
    if head.starts_with(&[0x1f, 0x8b]) {
        return Ok(Detected::Gzip);
    }
    if let Some(name) = legacy_profile_name(head) {
        return match name {
            "goroutine" | "goroutineleak" => Ok(Detected::Plain(Format::Counts)),
            _ => Err(ProfileError::WrongProfile { name: name.to_owned() }),
        };
    }
    if is_html(head) {
        return Err(ProfileError::Html { title: html_title(head) });
    }
    if is_text(head) || head.starts_with(b"goroutine ") {
        return Ok(Detected::Plain(Format::Traceback));
    }
    // A Profile message begins with one of its fields 1 to 14; the first one Go writes is
    // period_type (11) or sample_type (1), both length-delimited.
    match head[0] {
        tag if tag & 7 == 2 && (1..=13).contains(&(tag >> 3)) => Ok(Detected::Plain(Format::Pprof)),
        _ => Err(ProfileError::NotAProfile { what: "binary data".into() }),
    }
}

/// `NAME profile: total N`, or `heap profile: 1: 2 [3: 4] @ heap/1048576`, or `--- contention:`.
fn legacy_profile_name(head: &[u8]) -> Option<&str> {
    let line = head.split(|b| *b == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    match line.split_once(" profile: ") {
        Some((name, _)) if !name.is_empty() && !name.contains(' ') => Some(name),
        _ if line.starts_with("--- contention:") => Some("block"),
        _ if line.starts_with("--- mutex:") => Some("mutex"),
        _ => None,
    }
}

fn is_html(head: &[u8]) -> bool {
    let start = head.trim_ascii_start();
    let start = String::from_utf8_lossy(&start[..start.len().min(64)]).to_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html") || start.starts_with("<head")
}

fn html_title(head: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(head);
    let start = text.find("<title>")? + "<title>".len();
    let title = text[start..].split('<').next()?.split_whitespace().collect::<Vec<_>>().join(" ");
    (!title.is_empty()).then(|| title.chars().take(80).collect())
}

/// Text may hold any bytes of names and logs in other encodings, but no more than a few control
/// characters; a protobuf's lengths and varints show within the first bytes.
fn is_text(head: &[u8]) -> bool {
    let control = head.iter().filter(|b| matches!(b, 0..=8 | 14..=26 | 28..=31 | 127)).count();
    control * 100 <= head.len() && !head[..head.len().min(64)].contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_format_or_says_what_it_is() {
        use Detected::{Gzip, Plain};
        for (head, expected) in [
            (&b"\x1f\x8b\x08"[..], Gzip),
            (b"goroutine profile: total 3\n1 @ 0x1\n", Plain(Format::Counts)),
            (b"goroutineleak profile: total 0\n", Plain(Format::Counts)),
            (b"goroutine 1 [running]:\nmain.main()\n", Plain(Format::Traceback)),
            (b"2026/11/25 10:00:00 starting\n", Plain(Format::Traceback)),
            (b"\x5a\x04\x08\x01\x10\x02\x0a\x04\x08\x01\x10\x02", Plain(Format::Pprof)),
            (b"\x0a\x04\x08\x01\x10\x02\x12\x08", Plain(Format::Pprof)),
        ] {
            assert_eq!(detect(head).unwrap(), expected, "{:?}", String::from_utf8_lossy(head));
        }
        for (head, message) in [
            (&b""[..], "empty"),
            (b"heap profile: 1: 2 [3: 4] @ heap/1048576\n", "heap profile"),
            (b"threadcreate profile: total 9\n", "threadcreate profile"),
            (b"--- contention:\ncycles/second=1\n", "block profile"),
            (b"\n<!DOCTYPE html>\n<title>Sign in</title>", "Sign in"),
            (b"\x7fELF\x02\x01\x01\0\0\0\0\0", "binary data"),
        ] {
            let error = detect(head).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
