//! The line that begins a goroutine in a traceback.
//!
//! ```text
//! goroutine ID[ gp=0x… m=(nil|N mp=0x…)] [STATUS[ (leaked)][ (scan)][ (durable)][, N minutes]
//!   [, locked to thread][, synctest bubble N][ labels:{"k": "v"}]][ {k: v, "k 2": "v"}]:
//! ```

use std::borrow::Cow;

use gostray_model::{Labels, Status};

/// What a header says.
#[cfg(test)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u64,
    pub(super) status: Status,
    pub(super) minutes: Option<u64>,
    pub(super) labels: Labels,
}

/// Where the parts of a header line are; cheap enough for every line that might be one.
pub(super) struct Parts<'a> {
    pub(super) id: u64,
    /// Everything behind the first `[`: status, age and labels; two headers with the same detail
    /// differ in nothing but the goroutine.
    pub(super) detail: &'a [u8],
}

/// Splits a header line; `None` if it isn't one.
pub(super) fn split(line: &[u8]) -> Option<Parts<'_>> {
    let rest = line.strip_prefix(b"goroutine ")?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut id = 0u64;
    for digit in &rest[..digits] {
        id = id.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    let rest = &rest[digits..];
    if digits == 0 || !line.ends_with(b":") {
        return None;
    }
    let detail = match rest.strip_prefix(b" [") {
        Some(detail) => detail,
        // Crashes add addresses: ` gp=0xc000002380 m=0 mp=0x5a1b20 [`.
        None => {
            let open = memchr::memchr(b'[', rest).filter(|_| rest.starts_with(b" gp="))?;
            &rest[open + 1..]
        }
    };
    Some(Parts { id, detail })
}

/// Reads the status, age and labels of [`Parts::detail`]; `None` if it breaks the grammar.
pub(super) fn parse_detail(detail: &[u8]) -> Option<(Status, Option<u64>, Labels)> {
    let detail = String::from_utf8_lossy(detail);
    let detail = detail.strip_suffix(':')?;
    let end = detail.find(']')?;
    // Go 1.26 prints labels inside the brackets, and their values may contain brackets.
    let (status, labels) = match detail.find(" labels:{") {
        Some(at) if at < end => (&detail[..at], parse_labels(detail[at + " labels:".len()..].strip_suffix(']')?)?),
        _ => {
            let labels = match &detail[end + 1..] {
                "" => Labels::new(),
                rest => parse_labels(rest.strip_prefix(' ')?)?,
            };
            (&detail[..end], labels)
        }
    };
    let mut parts = status.split(", ");
    let mut found = parse_reason(parts.next()?);
    let mut minutes = None;
    for part in parts {
        let number = |prefix: &str, suffix: &str| -> Option<u64> {
            part.strip_prefix(prefix)?.strip_suffix(suffix)?.parse().ok()
        };
        if let Some(n) = number("", " minutes") {
            minutes = Some(n);
        } else if part == "locked to thread" {
            found.locked_to_thread = true;
        } else if let Some(n) = number("synctest bubble ", "").or_else(|| number("synctest group ", "")) {
            found.bubble = Some(n);
        } else {
            // Something a later Go release adds: keep it rather than lose the goroutine.
            found.reason = Cow::Owned(format!("{}, {part}", found.reason));
        }
    }
    Some((found, minutes, labels))
}

/// Parses a whole header line.
#[cfg(test)]
pub(super) fn parse(line: &[u8]) -> Option<Header> {
    let parts = split(line)?;
    let (status, minutes, labels) = parse_detail(parts.detail)?;
    Some(Header { id: parts.id, status, minutes, labels })
}

/// `chan receive (durable)`, `select (no cases) (leaked)`, …
fn parse_reason(mut text: &str) -> Status {
    let mut status = Status::default();
    loop {
        let flag = if let Some(rest) = text.strip_suffix(" (leaked)") {
            text = rest;
            &mut status.leaked
        } else if let Some(rest) = text.strip_suffix(" (scan)") {
            text = rest;
            &mut status.scan
        } else if let Some(rest) = text.strip_suffix(" (durable)").or_else(|| text.strip_suffix(" (synctest)")) {
            text = rest;
            &mut status.durable
        } else {
            break;
        };
        *flag = true;
    }
    status.reason = Cow::Owned(text.to_owned());
    status
}

/// `{k: v, "k 2": "v, }"}`; simple words are unquoted from Go 1.27 on.
fn parse_labels(text: &str) -> Option<Labels> {
    let mut rest = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut labels = Labels::new();
    while !rest.is_empty() {
        let (key, after) = parse_word(rest, ':')?;
        let (value, after) = parse_word(after.strip_prefix(": ")?, ',')?;
        labels.push((key.into(), value.into()));
        rest = match after.strip_prefix(", ") {
            Some(next) if !next.is_empty() => next,
            None if after.is_empty() => after,
            _ => return None,
        };
    }
    Some(labels)
}

/// A quoted string, or everything up to `end`.
fn parse_word(text: &str, end: char) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let at = text.find(end).unwrap_or(text.len());
        return Some((text[..at].to_owned(), &text[at..]));
    };
    let mut bytes = Vec::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((String::from_utf8_lossy(&bytes).into_owned(), &quoted[at + 1..])),
            '\\' => {
                let (_, escape) = chars.next()?;
                let hex = |chars: &mut std::str::CharIndices<'_>, n: usize| {
                    let digits: String = chars.by_ref().take(n).map(|(_, c)| c).collect();
                    (digits.len() == n).then(|| u32::from_str_radix(&digits, 16).ok()).flatten()
                };
                match escape {
                    'n' => bytes.push(b'\n'),
                    'r' => bytes.push(b'\r'),
                    't' => bytes.push(b'\t'),
                    'x' => bytes.push(u8::try_from(hex(&mut chars, 2)?).ok()?),
                    'u' => push_char(&mut bytes, hex(&mut chars, 4)?),
                    'U' => push_char(&mut bytes, hex(&mut chars, 8)?),
                    other => push_char(&mut bytes, other.into()),
                }
            }
            c => push_char(&mut bytes, c.into()),
        }
    }
    None
}

fn push_char(bytes: &mut Vec<u8>, code: u32) {
    let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(line: &str) -> Status {
        parse(line.as_bytes()).unwrap_or_else(|| panic!("not a header: {line}")).status
    }

    #[test]
    fn reads_every_form_of_go_1_18_to_1_27() {
        let plain = parse(b"goroutine 7 [running]:").unwrap();
        assert_eq!((plain.id, plain.minutes, plain.labels.len()), (7, None, 0));
        assert_eq!(status("goroutine 7 [chan receive (nil chan), 12 minutes]:").reason, "chan receive (nil chan)");
        assert_eq!(parse(b"goroutine 7 [select, 12 minutes, locked to thread]:").unwrap().minutes, Some(12));
        assert!(status("goroutine 1 [syscall, locked to thread]:").locked_to_thread);
        let leaked = status("goroutine 34 [select (no cases) (leaked)]:");
        assert!(leaked.leaked && leaked.reason == "select (no cases)");
        let durable = status("goroutine 34 [chan receive (durable), 3 minutes, synctest bubble 12]:");
        assert!(durable.durable && durable.bubble == Some(12));
        let group = status("goroutine 34 [synctest.Wait (synctest), synctest group 12]:");
        assert!(group.durable && group.bubble == Some(12) && group.reason == "synctest.Wait");
        assert!(status("goroutine 3 [GC worker (idle) (scan)]:").scan);
        assert_eq!(status("goroutine 2 gp=0xc000002a80 m=nil [force gc (idle)]:").reason, "force gc (idle)");
        assert_eq!(status("goroutine 1 gp=0xc0000021c0 m=0 mp=0x553d20 [running]:").reason, "running");
        assert_eq!(status("goroutine 9 [???]:").reason, "???");
        assert_eq!(status("goroutine 9 [select, 2 minutes, on fire]:").reason, "select, on fire");
    }

    #[test]
    fn reads_labels_on_either_side_of_the_bracket() {
        let labels = |line: &str| parse(line.as_bytes()).unwrap_or_else(|| panic!("not a header: {line}")).labels;
        assert_eq!(
            labels("goroutine 7 [select] {a: b, c: d.e/f_g}:"),
            [("a".into(), "b".into()), ("c".into(), "d.e/f_g".into())]
        );
        assert_eq!(
            labels(r#"goroutine 7 [select, 3 minutes] {"k 2": "v]:, \"}\n\u00e9\x41", "": ""}:"#),
            [("k 2".into(), "v]:, \"}\n\u{e9}A".into()), ("".into(), "".into())]
        );
        assert_eq!(labels(r#"goroutine 7 [chan send, 2 minutes labels:{"a": "[x]", "b": "y"}]:"#)[0].1.as_ref(), "[x]");
        assert_eq!(parse(br#"goroutine 7 [chan send, 2 minutes labels:{"a": "[x]"}]:"#).unwrap().minutes, Some(2));
    }

    #[test]
    fn refuses_what_is_no_header() {
        for line in [
            "goroutine 7 [select]",
            "goroutine [select]:",
            "goroutine x [select]:",
            "goroutine 99999999999999999999 [select]:",
            "goroutine 7 is stuck [select]:",
            "goroutine 7 [select",
            r#"goroutine 7 [select] {"a: b}:"#,
            "goroutine running on other thread; stack unavailable",
            "goroutine profile: total 3",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}
