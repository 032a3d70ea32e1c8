//! Go's regular expressions and templates, as relabelling uses them, by those of Rust.

use regex::{Captures, Regex};

/// What a value must match from beginning to end; `.` also matches line breaks, as in Prometheus.
///
/// # Errors
/// If it is no regular expression.
pub(super) fn anchored(pattern: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?s:{})$", for_rust(pattern))).map_err(|error| error.to_string())
}

/// What Go and Rust read differently: `\d`, `\w`, `\s` and `\b` are of ASCII in Go; a brace that repeats nothing and a
/// bracket within a class are themselves; `\Q…\E` quotes.
fn for_rust(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    // Within a class: so many of its characters were read.
    let mut class: Option<usize> = None;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let taken = match (c, class) {
            ('\\', _) => {
                class = class.map(|read| read + 1);
                escape(after, class.is_some(), &mut out) + 1
            }
            ('[', None) => {
                class = Some(0);
                let head = if after.starts_with('^') { "[^" } else { "[" };
                out.push_str(head);
                head.len()
            }
            // The first bracket of a class is itself.
            (']', Some(read)) if read > 0 => {
                class = None;
                out.push(c);
                1
            }
            ('[', Some(_)) if after.starts_with(':') && after.contains(":]") => {
                let end = after.find(":]").unwrap_or_default() + 3;
                class = Some(1);
                out.push_str(&rest[..end]);
                end
            }
            // Rust has operators of classes, which Go has not: `[`, `&&`, `--`, `~~`.
            ('[' | ']' | '&' | '~', Some(read)) => {
                class = Some(read + 1);
                out.push('\\');
                out.push(c);
                1
            }
            ('-', Some(0)) if after.starts_with('-') => {
                class = Some(1);
                out.push_str("\\-");
                1
            }
            // The end of a range.
            ('-', Some(read)) if after.starts_with('-') => {
                class = Some(read + 2);
                out.push_str("-\\-");
                2
            }
            ('{', None) if !repeats(after) => {
                out.push_str("\\{");
                1
            }
            _ => {
                class = class.map(|read| read + 1);
                out.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    out
}

/// Writes what stands after a backslash; gives how many bytes of it were read.
fn escape(after: &str, in_class: bool, out: &mut String) -> usize {
    let Some(c) = after.chars().next() else {
        out.push('\\');
        return 0;
    };
    let ascii = match c {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        's' => r"[\t\n\f\r ]",
        'S' => r"[^\t\n\f\r ]",
        'b' if !in_class => r"(?-u:\b)",
        'Q' => {
            let quoted = &after[1..];
            let (quoted, read) = quoted.find("\\E").map_or((quoted, after.len()), |end| (&quoted[..end], end + 3));
            out.push_str(&regex::escape(quoted));
            return read;
        }
        _ => {
            out.push('\\');
            out.push(c);
            return c.len_utf8();
        }
    };
    out.push_str(ascii);
    1
}

/// Does a brace say how often something is repeated?
fn repeats(after: &str) -> bool {
    let Some((count, _)) = after.split_once('}') else { return false };
    let (least, most) = count.split_once(',').unwrap_or((count, ""));
    !least.is_empty() && [least, most].iter().all(|n| n.bytes().all(|b| b.is_ascii_digit()))
}

/// Writes a template with what its groups matched, as Go's `Regexp.Expand`.
pub(super) fn expand(template: &str, found: &Captures<'_>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = name(rest) {
            out.push_str(group(name, found));
            rest = after;
        } else {
            // What is no name is text.
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

/// The name at the beginning, `name` or `{name}`, and what follows it.
fn name(text: &str) -> Option<(&str, &str)> {
    let (inner, is_braced) = text.strip_prefix('{').map_or((text, false), |inner| (inner, true));
    let end = inner.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(inner.len());
    let after = &inner[end..];
    match is_braced {
        _ if end == 0 => None,
        true => Some((&inner[..end], after.strip_prefix('}')?)),
        false => Some((&inner[..end], after)),
    }
}

fn group<'a>(name: &str, found: &'a Captures<'_>) -> &'a str {
    let is_number = name.bytes().all(|b| b.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    let matched = if is_number { name.parse().ok().and_then(|at| found.get(at)) } else { found.name(name) };
    matched.map_or("", |matched| matched.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_reads_differently_is_read_as_go_does() {
        for (pattern, matches, does_not) in [
            (r"\d+", "42", "٤٢"),
            (r"[\w-]+", "a-b_1", "é"),
            (r"a\sb", "a b", "a\u{a0}b"),
            (r"[[]x]", "[x]", "x"),
            (r"[]a]+", "a]", "b"),
            (r"[^]a]", "b", "]"),
            (r"[a&&b]+", "a&b", "c"),
            (r"[+--]+", "+,-", "a"),
            (r"{x}", "{x}", "x"),
            (r"a{2}", "aa", "a{2}"),
            (r"a{,2}", "a{,2}", "aa"),
            (r"\Qa.b\E.", "a.bc", "axbc"),
            (r"[[:alpha:]]+", "ab", "1"),
            (r"a.b", "a\nb", "ab"),
        ] {
            let regex = anchored(pattern).expect(pattern);
            assert!(regex.is_match(matches), "{pattern} and {matches}: {regex}");
            assert!(!regex.is_match(does_not), "{pattern} and {does_not}: {regex}");
        }
        for wrong in ["(", "[a", "a**b(", r"\"] {
            assert!(anchored(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn templates_are_those_of_go() {
        let regex = anchored("(?P<first>f)(o+)(x)?").expect("a regular expression");
        let found = regex.captures("foo").expect("it matches");
        for (template, text) in [
            ("$1-$2", "f-oo"),
            ("${1}a$first", "faf"),
            ("$1a", ""),
            ("$3$9", ""),
            ("$$1", "$1"),
            ("$-$", "$-$"),
            ("${1", "${1"),
            ("${a-b}", "${a-b}"),
            ("$01", ""),
            ("$0", "foo"),
        ] {
            assert_eq!(expand(template, &found), text, "{template}");
        }
    }
}
