//! The Go releases that fixtures and tables are made with: the last-but-some patch of every minor
//! release that can be fetched and still runs.

use anyhow::anyhow;
use gostray_toolchain::{Request, Toolchain, Version};

/// One release of every minor version that is supported, the oldest first.
pub(crate) const RELEASES: [Version; 7] = [
    Version { minor: 21, patch: 13 },
    Version { minor: 22, patch: 10 },
    Version { minor: 23, patch: 9 },
    Version { minor: 24, patch: 11 },
    Version { minor: 25, patch: 5 },
    Version { minor: 26, patch: 6 },
    Version { minor: 27, patch: 3 },
];

/// Releases from before `go` could fetch others. It can fetch these nevertheless, and gostray reads
/// their dumps; tables are made without them.
pub(crate) const OLD_RELEASES: [Version; 3] =
    [Version { minor: 18, patch: 10 }, Version { minor: 19, patch: 13 }, Version { minor: 20, patch: 14 }];

/// Finds or fetches one.
pub(crate) fn toolchain(version: Version) -> anyhow::Result<Toolchain> {
    #[expect(clippy::print_stderr, reason = "a developer waits and wants to know what for")]
    let mut progress = |step: &str| eprintln!("{step}");
    Toolchain::find(Request::Exactly(version), &mut progress).map_err(|error| anyhow!("{error}"))
}
