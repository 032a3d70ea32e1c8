//! Strings as Go's `%q` prints them, and the label sets made of them.

use gostray_model::Labels;

/// A label set: `{"key":"value", "key":"value"}`; `None` if it isn't one.
pub(super) fn labels(text: &[u8]) -> Option<Labels> {
    let mut rest = text.trim_ascii().strip_prefix(b"{")?;
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_ascii_start();
        if let Some(end) = rest.strip_prefix(b"}") {
            return end.is_empty().then_some(labels);
        }
        if !labels.is_empty() {
            rest = rest.strip_prefix(b",")?.trim_ascii_start();
        }
        let (key, after) = quoted(rest)?;
        let (value, after) = quoted(after.strip_prefix(b":")?)?;
        labels.push((key, value));
        rest = after;
    }
}

/// A quoted string at the start of `text`, and what follows it.
fn quoted(text: &[u8]) -> Option<(Box<str>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut bytes = Vec::new();
    loop {
        let special = memchr::memchr2(b'"', b'\\', rest)?;
        bytes.extend_from_slice(&rest[..special]);
        let is_end = rest[special] == b'"';
        rest = &rest[special + 1..];
        if is_end {
            return Some((String::from_utf8_lossy(&bytes).into(), rest));
        }
        rest = escape(rest, &mut bytes)?;
    }
}

/// What stands behind a backslash; returns what follows it.
fn escape<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (kind, rest) = text.split_first()?;
    let byte = match kind {
        b'a' => 7,
        b'b' => 8,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 11,
        b'f' => 12,
        b'r' => b'\r',
        b'"' | b'\\' => *kind,
        // A byte that is no UTF-8.
        b'x' => {
            let (value, rest) = hex(rest, 2)?;
            out.push(u8::try_from(value).ok()?);
            return Some(rest);
        }
        b'u' | b'U' => {
            let (value, rest) = hex(rest, if *kind == b'u' { 4 } else { 8 })?;
            let mut buffer = [0; 4];
            out.extend_from_slice(char::from_u32(value)?.encode_utf8(&mut buffer).as_bytes());
            return Some(rest);
        }
        _ => return None,
    };
    out.push(byte);
    Some(rest)
}

fn hex(text: &[u8], digits: usize) -> Option<(u32, &[u8])> {
    let (number, rest) = text.split_at_checked(digits)?;
    let number = std::str::from_utf8(number).ok()?;
    // from_str_radix takes a sign.
    let value = number.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(number, 16).ok())??;
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_quotes() {
        let set = labels(br#"{"a":"1", "user id":"x\"y\\ \t\x00\u00a0\U0001f600, }"}"#).unwrap();
        let set: Vec<(&str, &str)> = set.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(set, [("a", "1"), ("user id", "x\"y\\ \t\0\u{a0}\u{1f600}, }")]);
        assert_eq!(labels(b"{}"), Some(Labels::new()));
        assert_eq!(&*labels(br#"{"k":"\xff"}"#).unwrap()[0].1, "\u{fffd}");
        for broken in
            ["", "{", r#"{"a"}"#, r#"{"a":"b" "c":"d"}"#, r#"{"a":"b"} x"#, r#"{"a":"\q"}"#, r#"{"a":"\x+1"}"#]
        {
            assert_eq!(labels(broken.as_bytes()), None, "{broken}");
        }
    }
}
