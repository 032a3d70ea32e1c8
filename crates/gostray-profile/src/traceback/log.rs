//! Tracebacks inside logs: what a logger, a container runtime or `go test -json` puts around every
//! line of them.

use memchr::memmem;
use serde_json::Value;

use super::header;

/// What stands around the lines of the traceback that is being read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// Nothing.
    #[default]
    None,
    /// So many space-separated words, of which those without a digit are the same on every line:
    /// `2026-11-25T10:00:00.1Z stderr F `, `Nov 25 10:00:00 host shop[12]: `, `web-1  | `.
    Words(Vec<Box<[u8]>>),
    /// One JSON object a line, the text in this field: `{"log":"…\n"}`, `{"Action":"output","Output":"…"}`.
    Json(Vec<String>),
}

/// A goroutine header found in a line of a log.
pub(super) struct Found<'a> {
    pub(super) wrapping: Wrapping,
    pub(super) text: std::borrow::Cow<'a, [u8]>,
}

/// Looks for a goroutine header behind the beginning of a line.
pub(super) fn find_header(line: &[u8]) -> Option<Found<'_>> {
    let mut at = memmem::find(line, b"goroutine ").filter(|at| *at > 0)?;
    if line.first() == Some(&b'{')
        && let Ok(value) = serde_json::from_slice::<Value>(line)
    {
        let mut path = Vec::new();
        let text = find_text(&value, &mut path)?;
        return Some(Found { wrapping: Wrapping::Json(path), text: text.as_bytes().to_vec().into() });
    }
    loop {
        if line[at - 1] == b' ' && is_header(&line[at..]) {
            let words = line[..at - 1].split(|b| *b == b' ').map(Into::into).collect();
            return Some(Found { wrapping: Wrapping::Words(words), text: (&line[at..]).into() });
        }
        at += 1 + memmem::find(&line[at + 1..], b"goroutine ")?;
    }
}

fn is_header(line: &[u8]) -> bool {
    header::split(line).is_some_and(|parts| header::parse_detail(parts.detail).is_some())
}

/// The first string in a JSON value that holds a goroutine header, and the path to it.
fn find_text<'a>(value: &'a Value, path: &mut Vec<String>) -> Option<&'a str> {
    match value {
        Value::String(text) => text.lines().any(|l| is_header(l.as_bytes())).then_some(text),
        Value::Object(map) => map.iter().find_map(|(key, value)| {
            path.push(key.clone());
            let found = find_text(value, path);
            if found.is_none() {
                path.pop();
            }
            found
        }),
        _ => None,
    }
}

impl Wrapping {
    /// The text of a line of the same log; `None` if the line is wrapped in another way.
    pub(super) fn unwrap<'a>(&self, line: &'a [u8]) -> Option<std::borrow::Cow<'a, [u8]>> {
        match self {
            Self::None => Some(line.into()),
            Self::Words(words) => {
                let mut rest = line;
                for (at, expected) in words.iter().enumerate() {
                    let (word, after) = match memchr::memchr(b' ', rest) {
                        Some(space) => (&rest[..space], &rest[space + 1..]),
                        // An empty line may have lost the space behind its last word.
                        None if at + 1 == words.len() => (rest, &rest[rest.len()..]),
                        None => return None,
                    };
                    if *word != **expected && !(has_digit(word) && has_digit(expected)) {
                        return None;
                    }
                    rest = after;
                }
                Some(rest.into())
            }
            Self::Json(path) => {
                let value: Value = serde_json::from_slice(line).ok()?;
                let text = path.iter().try_fold(&value, |value, key| value.get(key))?.as_str()?;
                Some(text.as_bytes().to_vec().into())
            }
        }
    }
}

fn has_digit(word: &[u8]) -> bool {
    word.iter().any(u8::is_ascii_digit)
}
