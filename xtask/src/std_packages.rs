//! The list of the standard library's packages: the union of what all supported releases have.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, ensure};

use crate::checkout;
use crate::releases::{RELEASES, toolchain};

pub(crate) fn run() -> anyhow::Result<()> {
    let mut packages = BTreeSet::new();
    for version in RELEASES {
        let listed = toolchain(version)?.command().args(["list", "std"]).output()?;
        ensure!(listed.status.success(), "Go {version}: {}", String::from_utf8_lossy(&listed.stderr));
        packages.extend(String::from_utf8(listed.stdout)?.lines().map(str::to_owned));
    }
    // A set of strings is in the order of their bytes, which the look-up relies on.
    let text: String = packages.iter().map(|package| format!("{package}\n")).collect();
    let file = checkout().join("crates/gostray-model/src/std_packages.txt");
    fs::write(&file, text).with_context(|| format!("can't write {}", file.display()))
}
