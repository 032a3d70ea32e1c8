//! Go releases.

use std::fmt;
use std::str::FromStr;

/// The oldest release that is good enough where none is asked for: from 1.21 on `go` can fetch
/// others.
pub(crate) const OLDEST: Version = Version { minor: 21, patch: 0 };
/// The release that is fetched where none is asked for and there is none.
pub(crate) const PINNED: Version = Version { minor: 27, patch: 3 };

/// A Go 1 release: `1.27.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The 27 of 1.27.3.
    pub minor: u32,
    /// The 3 of 1.27.3.
    pub patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}.{}", self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = String;

    /// `1.27.3`, `go1.27.3`, `1.27`, `go1.28rc1` (patch 0), with or without a build suffix.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let err = || format!("{text:?} is no Go version such as 1.27.3");
        let rest = text.strip_prefix("go").unwrap_or(text).strip_prefix("1.").ok_or_else(err)?;
        let number = |part: &str| {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().map_err(|_| err())
        };
        let mut parts = rest.splitn(2, '.');
        let minor = number(parts.next().unwrap_or_default())?;
        let patch = parts.next().map_or(Ok(0), number)?;
        Ok(Self { minor, patch })
    }
}

/// Which Go is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Any release from Go 1.21 on.
    Any,
    /// Just this release.
    Exactly(Version),
}

impl Request {
    pub(crate) fn accepts(self, version: Version) -> bool {
        match self {
            Self::Any => version >= OLDEST,
            Self::Exactly(wanted) => version == wanted,
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => write!(f, "Go {OLDEST} or later"),
            Self::Exactly(version) => write!(f, "Go {version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_prints() {
        for (text, minor, patch) in [
            ("go1.27.3", 27, 3),
            ("1.21", 21, 0),
            ("go1.28rc1", 28, 0),
            ("go1.25.5 X:greenteagc", 25, 5),
            ("go1.26.6-X:nogreenteagc", 26, 6),
        ] {
            assert_eq!(text.parse(), Ok(Version { minor, patch }), "{text}");
        }
        for text in ["", "go2.0", "1", "devel", "1.x"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
