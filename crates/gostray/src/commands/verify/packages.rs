//! What the go command says of a package.

use std::path::Path;

use anyhow::Context as _;
use gostray_explain::Verified;
use gostray_toolchain::Toolchain;

use super::overlay::Overlay;

/// Builds and vets the package of a folder, and runs its tests where these are wanted.
pub(crate) fn try_out(
    go: &Toolchain,
    folder: &Path,
    overlay: Option<&Overlay>,
    tests: bool,
) -> anyhow::Result<Verified> {
    let overlay = overlay.map(Overlay::flag).transpose()?;
    let run = |args: &[&str]| {
        go.command().current_dir(folder).args(args).args(&overlay).arg(".").output().context("can't run go")
    };
    if !run(&["build", "-o", "/dev/null"])?.status.success() {
        return Ok(Verified::Fails("go build"));
    }
    if !run(&["vet"])?.status.success() {
        return Ok(Verified::Fails("go vet"));
    }
    if !tests {
        return Ok(Verified::Builds);
    }
    let output = run(&["test", "-count=1"])?;
    Ok(match String::from_utf8_lossy(&output.stdout).contains("[no test files]") {
        _ if !output.status.success() => Verified::Fails("go test"),
        true => Verified::Builds,
        false => Verified::Tested,
    })
}
