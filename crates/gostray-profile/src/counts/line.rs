//! The grammar of single lines.

use gostray_model::Frame;

/// The most return addresses of one stack that are kept; the runtime writes 1024 at most.
const MAX_PCS: usize = 4096;

/// The first line: `NAME profile: total N`.
pub(super) fn head(line: &[u8]) -> Option<(&str, Option<u64>)> {
    let (name, rest) = std::str::from_utf8(line).ok()?.split_once(" profile: ")?;
    Some((name, rest.strip_prefix("total ").and_then(|total| total.trim().parse().ok())))
}

/// The first line of a stack: `COUNT @ 0xpc 0xpc …`. Fills `pcs` and returns the count.
pub(super) fn count(line: &[u8], pcs: &mut Vec<u64>) -> Option<u32> {
    let at = memchr::memchr(b'@', line)?;
    let count = std::str::from_utf8(&line[..at]).ok()?.trim().parse().ok().filter(|count| *count > 0)?;
    pcs.clear();
    for word in line[at + 1..].split(|b| *b == b' ').filter(|word| !word.is_empty()).take(MAX_PCS) {
        pcs.push(address(word)?);
    }
    Some(count)
}

/// `0x4ee6fa`.
fn address(word: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(word).ok()?.strip_prefix("0x")?;
    u64::from_str_radix(digits, 16).ok()
}

/// Is it a frame line with nothing but an address? At the end of a file that is one cut short.
pub(super) fn is_bare_address(line: &[u8]) -> bool {
    line.strip_prefix(b"#\t").is_some_and(|text| !text.contains(&b'\t'))
}

/// A frame of a stack.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FrameLine {
    /// The address of the call: one less than the return address.
    pub(super) address: u64,
    pub(super) frame: Frame,
}

/// `#\t0x4ee6f9\tmain.sender+0x19\t\t/src/main.go:14`, with as many tabs as align the columns of
/// the stack; the text behind the first tab is given. Code without symbols has only an address.
pub(super) fn frame(text: &[u8]) -> Option<FrameLine> {
    let mut cells = text.splitn(2, |b| *b == b'\t');
    let address_text = cells.next()?;
    let address = address(address_text)?;
    let Some(rest) = cells.next() else {
        let function = String::from_utf8_lossy(address_text).into();
        return Some(FrameLine { address, frame: Frame { function, file: Box::default(), line: 0 } });
    };
    let rest = rest.trim_ascii();
    let tab = memchr::memchr(b'\t', rest)?;
    // The name of an instantiated function may hold a plus of its own.
    let function = &rest[..memchr::memmem::rfind(&rest[..tab], b"+0x")?];
    let place = rest[tab..].trim_ascii_start();
    let colon = memchr::memrchr(b':', place)?;
    let line = std::str::from_utf8(&place[colon + 1..]).ok()?.parse().ok()?;
    let frame = Frame {
        function: String::from_utf8_lossy(function).into(),
        file: String::from_utf8_lossy(&place[..colon]).into(),
        line,
    };
    Some(FrameLine { address, frame })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_kind_of_line() {
        assert_eq!(head(b"goroutine profile: total 12"), Some(("goroutine", Some(12))));
        assert_eq!(head(b"goroutine profile: totals"), Some(("goroutine", None)));
        let mut pcs = Vec::new();
        assert_eq!(count(b"3 @ 0x10 0x2f", &mut pcs), Some(3));
        assert_eq!(pcs, [0x10, 0x2f]);
        assert_eq!(count(b"1 @", &mut pcs), Some(1));
        assert!(pcs.is_empty());
        for broken in ["0 @ 0x1", "-1 @ 0x1", "x @ 0x1", "1 @ 12", "1 0x1", "99999999999 @ 0x1"] {
            assert_eq!(count(broken.as_bytes(), &mut pcs), None, "{broken}");
        }
    }

    #[test]
    fn reads_frames_with_any_names() {
        for (text, address, function, file, line) in [
            ("0x4ee6f9\tmain.sender+0x19\t\t\t/a b/c:d.go:14", 0x4e_e6f9, "main.sender", "/a b/c:d.go", 14),
            ("0x1f\tm.g[+0x1].f+0x2\tC:/x.go:1", 0x1f, "m.g[+0x1].f", "C:/x.go", 1),
            ("0x7f00", 0x7f00, "0x7f00", "", 0),
        ] {
            let frame_line = frame(text.as_bytes()).unwrap();
            assert_eq!(frame_line.address, address);
            assert_eq!(frame_line.frame, Frame { function: function.into(), file: file.into(), line });
        }
        for broken in ["", "main.f", "0x1\t", "0x1\tmain.f+0x1", "0x1\tmain.f\t/f.go:1", "0x1\tmain.f+0x1\t/f.go:x"] {
            assert_eq!(frame(broken.as_bytes()), None, "{broken}");
        }
    }
}
