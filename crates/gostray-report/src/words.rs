//! Numbers, times and places as people read them.

use std::time::Duration;

use gostray_model::{Frame, FunctionName, NoteKind, Snapshot};

/// `12,481`.
#[must_use]
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `+1,200`, `-3`, `~` for no change.
pub(crate) fn delta(n: i64) -> String {
    match n {
        0 => "~".to_owned(),
        n if n > 0 => format!("+{}", number(n.unsigned_abs())),
        n => format!("-{}", number(n.unsigned_abs())),
    }
}

/// `45s`, `12m`, `3h12m`, `6d4h`.
#[must_use]
pub fn duration(d: Duration) -> String {
    let secs = d.as_secs();
    let two = |big: u64, b: &str, small: u64, s: &str| {
        if small == 0 { format!("{big}{b}") } else { format!("{big}{b}{small}{s}") }
    };
    match secs {
        0..60 => format!("{secs}s"),
        60..3600 => format!("{}m", secs / 60),
        3600..86_400 => two(secs / 3600, "h", secs % 3600 / 60, "m"),
        _ => two(secs / 86_400, "d", secs % 86_400 / 3600, "h"),
    }
}

/// `1 goroutine`, `2 goroutines`.
pub(crate) fn count(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(n), if n == 1 { "" } else { "s" })
}

/// `512 B`, `2.3 kB`, `1.5 MB`: as `go tool pprof` writes sizes.
pub(crate) fn bytes(n: u64) -> String {
    let units = [("GB", 1u64 << 30), ("MB", 1 << 20), ("kB", 1 << 10)];
    match units.iter().find(|(_, size)| n >= *size) {
        // A tenth is exact enough.
        Some((unit, size)) => format!("{}.{} {unit}", n / size, n % size * 10 / size),
        None => format!("{n} B"),
    }
}

/// The function with the last element of its package.
pub(crate) fn function(frame: Option<&Frame>) -> String {
    frame.map_or_else(|| "?".to_owned(), |f| FunctionName::new(&f.function).short())
}

/// `search.go:41`.
pub(crate) fn short_place(frame: &Frame) -> String {
    let base = frame.file.rsplit(['/', '\\']).next().unwrap_or(&frame.file);
    if base.is_empty() { String::new() } else { format!("{base}:{}", frame.line) }
}

/// `/src/shop/search.go:41`; relative to the working directory where it lies below it.
pub(crate) fn place(frame: &Frame) -> String {
    if frame.file.is_empty() {
        return String::new();
    }
    let below = std::env::current_dir().ok().and_then(|dir| {
        std::path::Path::new(&*frame.file).strip_prefix(dir).ok().map(|path| path.display().to_string())
    });
    format!("{}:{}", below.as_deref().unwrap_or(&frame.file), frame.line)
}

/// Is there anything that a reader should know before trusting the snapshot?
pub(crate) fn caveats(snapshot: &Snapshot) -> impl Iterator<Item = (&'static str, &str)> {
    snapshot.notes.iter().filter_map(|note| match note.kind {
        NoteKind::Missing => Some(("incomplete", note.text.as_str())),
        NoteKind::Warning => Some(("warning", note.text.as_str())),
        NoteKind::Source => None,
    })
}

/// Text from a target (labels, names) must not move the cursor or colour the terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1200, -3].map(delta), ["~", "+1,200", "-3"]);
        assert_eq!(
            [0, 59, 60, 3599, 3600, 3720, 86_400, 540_000].map(|s| duration(Duration::from_secs(s))),
            ["0s", "59s", "1m", "59m", "1h", "1h2m", "1d", "6d6h"]
        );
        assert_eq!(printable("a\u{1b}[31mb\n"), "a\\u{1b}[31mb\\n");
    }
}
