//! Which files are built: by their names, by their constraints, for an operating system, an
//! architecture and tags. The rules are those of `go/build`.

mod constraint;
mod systems;

pub use constraint::Constraint;

use systems::{ARCHITECTURES, SYSTEMS, UNIX};

/// What code is built for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// `GOOS`
    pub system: String,
    /// `GOARCH`
    pub architecture: String,
    /// Is cgo used?
    pub cgo: bool,
    /// The tags of `-tags`.
    pub tags: Vec<String>,
    /// The minor version of the Go release: the 27 of Go 1.27.
    pub minor: u32,
}

/// What of the runtime is switched on unless one says otherwise, and since which release (up to which).
const EXPERIMENTS: [(&str, u32, u32); 12] = [
    ("regabiwrappers", 17, u32::MAX),
    ("regabiargs", 17, u32::MAX),
    ("coverageredesign", 20, 24),
    ("aliastypeparams", 24, 24),
    ("swissmap", 24, 25),
    ("spinbitmutex", 24, 25),
    ("synchashtriemap", 24, 25),
    ("dwarf5", 25, u32::MAX),
    ("greenteagc", 26, u32::MAX),
    ("randomizedheapbase64", 26, u32::MAX),
    ("jsonv2", 27, u32::MAX),
    ("sizespecializedmalloc", 27, u32::MAX),
];

impl Default for Context {
    /// That of this machine, with the newest Go that gostray knows.
    fn default() -> Self {
        let system = match std::env::consts::OS {
            "macos" => "darwin",
            other => other,
        };
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            other => other,
        };
        Self {
            system: system.to_owned(),
            architecture: architecture.to_owned(),
            cgo: true,
            tags: Vec::new(),
            minor: 27,
        }
    }
}

impl Context {
    /// Does a tag hold?
    #[must_use]
    pub fn has(&self, tag: &str) -> bool {
        if tag == self.system || tag == self.architecture || tag == "gc" || tag == "cgo" && self.cgo {
            return true;
        }
        let implied = match self.system.as_str() {
            "android" => "linux",
            "illumos" => "solaris",
            "ios" => "darwin",
            _ => "",
        };
        if tag == implied || tag == "unix" && UNIX.contains(&self.system.as_str()) {
            return true;
        }
        if let Some(minor) = tag.strip_prefix("go1.").and_then(|minor| minor.parse::<u32>().ok()) {
            return (1..=self.minor).contains(&minor);
        }
        if let Some(experiment) = tag.strip_prefix("goexperiment.") {
            return EXPERIMENTS
                .iter()
                .any(|(name, from, to)| *name == experiment && (*from..=*to).contains(&self.minor));
        }
        let level = match self.architecture.as_str() {
            "amd64" => "amd64.v1",
            "arm64" => "arm64.v8.0",
            _ => "",
        };
        tag == level || self.tags.iter().any(|own| own == tag)
    }

    /// Does the name of a file let it be built: `x_linux_arm64.go`?
    #[must_use]
    pub fn allows_name(&self, name: &str) -> bool {
        let stem = name.split('.').next().unwrap_or_default();
        let Some((_, rest)) = stem.split_once('_') else { return true };
        let mut parts: Vec<&str> = rest.split('_').collect();
        if parts.last() == Some(&"test") {
            parts.pop();
        }
        let is_system = |part: &str| SYSTEMS.contains(&part);
        let is_architecture = |part: &str| ARCHITECTURES.contains(&part);
        match parts.as_slice() {
            [.., system, architecture] if is_system(system) && is_architecture(architecture) => {
                self.has(system) && self.has(architecture)
            }
            [.., last] if is_system(last) || is_architecture(last) => self.has(last),
            _ => true,
        }
    }

    /// Do the constraints before the package clause let a file be built? What can't be read doesn't.
    #[must_use]
    pub fn allows_text(&self, source: &[u8]) -> bool {
        let Some(header) = Header::of(source) else { return false };
        if let Some(line) = header.go_build {
            return Constraint::parse(&line).is_some_and(|constraint| constraint.holds(&|tag| self.has(tag)));
        }
        header.plus_build.iter().all(|line| {
            Constraint::parse_plus_build(line).is_none_or(|constraint| constraint.holds(&|tag| self.has(tag)))
        })
    }
}

/// The constraints at the start of a file.
#[derive(Debug, Default)]
struct Header {
    go_build: Option<String>,
    plus_build: Vec<String>,
}

impl Header {
    /// `None` if there is more than one `//go:build`.
    fn of(source: &[u8]) -> Option<Self> {
        let mut header = Self::default();
        // Lines of the old form count only before a blank line before the code.
        let (mut pending, mut has_ended, mut in_comment) = (Vec::new(), false, false);
        'lines: for line in source.split(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            let mut line = line.trim();
            if line.is_empty() && !has_ended {
                header.plus_build.append(&mut pending);
                continue;
            }
            if !line.starts_with("//") {
                has_ended = true;
            }
            if !in_comment && let Some(rest) = line.strip_prefix("//go:build") {
                if rest.is_empty() || rest.starts_with(char::is_whitespace) {
                    if header.go_build.is_some() {
                        return None;
                    }
                    header.go_build = Some(rest.trim().to_owned());
                }
            } else if !has_ended
                && let Some(rest) = line.strip_prefix("//").map(str::trim_start).and_then(|l| l.strip_prefix("+build"))
                && (rest.is_empty() || rest.starts_with(char::is_whitespace))
            {
                pending.push(rest.trim().to_owned());
            }
            while !line.is_empty() {
                if in_comment {
                    let Some((_, rest)) = line.split_once("*/") else { continue 'lines };
                    in_comment = false;
                    line = rest.trim();
                } else if line.starts_with("//") {
                    continue 'lines;
                } else if let Some(rest) = line.strip_prefix("/*") {
                    in_comment = true;
                    line = rest.trim();
                } else {
                    break 'lines;
                }
            }
        }
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linux() -> Context {
        Context {
            system: "linux".into(),
            architecture: "amd64".into(),
            cgo: false,
            tags: vec!["mine".into()],
            minor: 24,
        }
    }

    #[test]
    fn names() {
        for name in ["x.go", "x_linux.go", "x_linux_amd64.go", "x_amd64_test.go", "linux.go", "x_unix.go", "a_b_c.go"] {
            assert!(linux().allows_name(name), "{name}");
        }
        for name in ["x_windows.go", "x_linux_arm64.go", "x_darwin_test.go", "x_arm64.go", "_windows.go", "x_js.v2.go"]
        {
            assert!(!linux().allows_name(name), "{name}");
        }
    }

    #[test]
    fn constraints() {
        for text in [
            "package p",
            "//go:build linux\npackage p",
            "// Copyright\n\n//go:build unix && !cgo && (mine || other) && go1.24\n\npackage p",
            "/* x */\n//go:build gc\npackage p",
            "// +build linux darwin\n// +build !windows\n\npackage p",
            "// +build windows\npackage p",
            "package p\n//go:build windows",
            "/*\n//go:build windows\n*/\npackage p",
        ] {
            assert!(linux().allows_text(text.as_bytes()), "{text}");
        }
        for text in [
            "//go:build windows\npackage p",
            "//go:build go1.25\npackage p",
            "//go:build linux\n//go:build linux\npackage p",
            "//go:build linux &&\npackage p",
            "// +build linux,arm64\n\npackage p",
            "// +build linux\n// +build cgo\n\npackage p",
            "//go:build ignore\n// +build linux\n\npackage p",
        ] {
            assert!(!linux().allows_text(text.as_bytes()), "{text}");
        }
    }
}
