//! Go's symbol names: package, receiver, closures, and the form that survives a recompilation.

use std::borrow::Cow;

use crate::std_packages::is_std_package;

/// A Go function name as the runtime prints it, e.g. `example.com/shop.(*Server).Fetch.func1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionName<'a> {
    package: &'a str,
    local: &'a str,
}

impl<'a> FunctionName<'a> {
    /// Splits a symbol name. Dots in the last element of an import path are escaped by the linker
    /// (`gopkg.in/yaml%2ev3.Unmarshal`), so the first dot after the last slash ends the package.
    #[must_use]
    pub fn new(symbol: &'a str) -> Self {
        // A slash inside brackets belongs to a type argument: `gen[example.com/x.T]`.
        let path = &symbol[..symbol.find('[').unwrap_or(symbol.len())];
        let base = path.rfind('/').map_or(0, |slash| slash + 1);
        match symbol[base..].find('.') {
            Some(dot) => Self { package: &symbol[..base + dot], local: &symbol[base + dot + 1..] },
            None => Self { package: "", local: symbol },
        }
    }

    /// The import path: `net/http`, `main`, `gopkg.in/yaml.v3`; empty for C and assembly symbols.
    #[must_use]
    pub fn package(&self) -> Cow<'a, str> {
        if self.package.contains('%') { Cow::Owned(unescape(self.package)) } else { Cow::Borrowed(self.package) }
    }

    /// The name within the package: `(*Server).Fetch.func1`.
    #[must_use]
    pub fn local(&self) -> &'a str {
        self.local
    }

    /// Does it belong to Go's standard library?
    #[must_use]
    pub fn is_std(&self) -> bool {
        is_std_package(&self.package())
    }

    /// The name with only the last element of its package, as people read it: `http.(*conn).serve`.
    #[must_use]
    pub fn short(&self) -> String {
        let package = self.package();
        let mut elements = package.rsplit('/');
        let last = elements.next().unwrap_or_default();
        // `example.com/shop/v2` is package shop.
        let is_major = last.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        let last = if is_major { elements.next().unwrap_or(last) } else { last };
        if last.is_empty() { self.local.to_owned() } else { format!("{last}.{}", self.local) }
    }

    /// The name without what a compiler, another closure or another type argument changes:
    ///
    /// * type arguments become `[...]`, as in text dumps (`[go.shape.int]` in pprof's protobuf);
    /// * every closure of a function, however nested, is `f.func`: ordinals move when a closure is
    ///   added, and Go 1.21 counts differently from 1.22;
    /// * a closure of an inlined function is that function's: up to Go 1.26 its symbol is
    ///   `main.caller.helper.func3`, from 1.27 `main.helper.func1`;
    /// * package-level closures are `init.func` (`glob..func1` up to Go 1.20 and in 1.21);
    /// * wrappers made for `go` and `defer` and bound methods (`gowrap1`, `-fm`) are no part of it.
    #[must_use]
    pub fn normalised(&self) -> String {
        let last = self.local.rsplit('.').next().unwrap_or_default();
        if !self.local.contains(['[', '-']) && !is_closure_segment(last) {
            // Most names: nothing to change.
            return self.join(self.local);
        }
        let local = Self::collapse_type_arguments(self.local);
        let mut segments = split_dots(&local);
        let before = segments.len();
        let is_range_body = segments.last().is_some_and(|s| s.contains("-range"));
        while segments.len() > 1 && segments.last().is_some_and(|s| is_closure_segment(s)) {
            segments.pop();
        }
        let is_closure = segments.len() < before || is_range_body;
        let clean =
            |segment: &str| segment.split("-range").next().unwrap_or(segment).trim_end_matches("-fm").to_owned();
        let name = if is_closure {
            let last = clean(segments.pop().unwrap_or_default());
            match segments.pop() {
                Some("glob") if last.is_empty() => "init.func".to_owned(),
                Some(receiver) if receiver.starts_with('(') => format!("{receiver}.{last}.func"),
                _ => format!("{last}.func"),
            }
        } else {
            segments.iter().map(|s| clean(s)).collect::<Vec<_>>().join(".")
        };
        self.join(&name)
    }

    /// `(*T[go.shape.int]).m` → `(*T[...]).m`, as the runtime prints names in tracebacks.
    #[must_use]
    pub fn collapse_type_arguments(name: &str) -> Cow<'_, str> {
        if !name.contains('[') {
            return Cow::Borrowed(name);
        }
        let mut depth = 0usize;
        let mut out = String::with_capacity(name.len());
        for c in name.chars() {
            match c {
                '[' => {
                    if depth == 0 {
                        out.push_str("[...]");
                    }
                    depth += 1;
                }
                ']' if depth > 0 => depth -= 1,
                _ if depth == 0 => out.push(c),
                _ => {}
            }
        }
        Cow::Owned(out)
    }

    /// Puts a name within the package behind the package.
    fn join(&self, local: &str) -> String {
        let package = self.package();
        if package.is_empty() { local.to_owned() } else { [&package, ".", local].concat() }
    }
}

/// `func1`, `2`, `gowrap1`, `deferwrap3`, and any of them with `-range1`.
fn is_closure_segment(segment: &str) -> bool {
    let segment = segment.split("-range").next().unwrap_or(segment);
    let digits = ["func", "gowrap", "deferwrap"].iter().find_map(|p| segment.strip_prefix(p)).unwrap_or(segment);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Splits at dots outside parentheses and brackets.
fn split_dots(name: &str) -> Vec<&str> {
    let mut depth = 0usize;
    let mut start = 0;
    let mut segments = Vec::new();
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'.' if depth == 0 => {
                segments.push(&name[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    segments.push(&name[start..]);
    segments
}

/// Undoes the linker's `%xx` escapes of import paths.
fn unescape(path: &str) -> String {
    let mut out = Vec::with_capacity(path.len());
    let bytes = path.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| path.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn splits_package_and_name() {
        for (symbol, package, short) in [
            ("main.main", "main", "main.main"),
            ("net/http.(*conn).serve", "net/http", "http.(*conn).serve"),
            ("gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml.v3", "yaml.v3.Unmarshal"),
            ("example.com/shop/v2.(*S).f", "example.com/shop/v2", "shop.(*S).f"),
            ("main.gen[example.com/x.T].func1", "main", "main.gen[example.com/x.T].func1"),
            ("_cgo_panic", "", "_cgo_panic"),
        ] {
            let name = FunctionName::new(symbol);
            assert_eq!(name.package(), package);
            assert_eq!(name.short(), short);
        }
    }

    #[test]
    fn normalises_what_compilers_change() {
        for (symbols, expected) in [
            (
                &["main.(*S).Fetch.func1", "main.(*S).Fetch.func4.1", "main.(*S).Fetch.func2.gowrap1"][..],
                "main.(*S).Fetch.func",
            ),
            (&["main.caller.helper.func3", "main.helper.func1", "main.a.b.helper.func1.2"], "main.helper.func"),
            (&["main.caller.(*T).helper.func3", "main.(*T).helper.func1"], "main.(*T).helper.func"),
            (
                &[
                    "main.glob..func1",
                    "main.init.func1",
                    "main.glob..func1.1",
                    "main.init.func1.1",
                    "main.init.0.func1",
                ],
                "main.init.func",
            ),
            (&["main.gen[go.shape.int].func1", "main.gen[...].func1"], "main.gen[...].func"),
            (&["main.(*G[go.shape.[]uint8]).loop", "main.(*G[...]).loop"], "main.(*G[...]).loop"),
            (&["main.T.loop-fm", "main.T.loop"], "main.T.loop"),
            (&["main.iterate-range1", "main.iterate.func1-range1"], "main.iterate.func"),
            (&["gopkg.in/yaml%2ev3.f.func1"], "gopkg.in/yaml.v3.f.func"),
        ] {
            for symbol in symbols {
                assert_eq!(FunctionName::new(symbol).normalised(), expected, "{symbol}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_name(symbol in "\\PC*") {
            let name = FunctionName::new(&symbol);
            let _ = (name.short(), name.normalised(), name.is_std());
        }

        #[test]
        fn normalising_again_changes_nothing(symbol in "[a-z]{1,5}(/[a-z.]{1,4}){0,2}\\.(\\(\\*[A-Z]\\)\\.)?[a-zA-Z]{1,6}(\\.func[0-9])?") {
            let once = FunctionName::new(&symbol).normalised();
            prop_assert_eq!(FunctionName::new(&once).normalised(), once);
        }
    }
}
