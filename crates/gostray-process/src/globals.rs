//! Variables of the runtime in a binary without symbols: the code of a function that uses one refers
//! to it, and its shape tells it from the others that the function uses.

use crate::error::ProcessError;
use crate::image::Image;
use crate::layout::Layout;
use crate::memory::{Memory, word};

/// No runtime function that is looked into is longer.
const MAX_CODE: u64 = 64 << 10;
/// No process has more goroutines, dead ones that wait to be used again included.
const MAX_GOROUTINES: u64 = 1 << 28;
/// No heap has more spans.
pub(crate) const MAX_SPANS: u64 = 1 << 28;
/// No release has more wait reasons.
const MAX_REASONS: usize = 128;

/// Where the runtime keeps its list of all goroutines.
pub(crate) struct Globals {
    /// The address of the variable `runtime.allgs`.
    pub(crate) allgs: u64,
    /// The texts of the wait reasons, by number.
    pub(crate) wait_reasons: Vec<String>,
}

impl Globals {
    pub(crate) fn find(memory: &dyn Memory, image: &Image) -> Result<Self, String> {
        let variables = image.modules.first().map(|module| module.variables.clone()).unwrap_or_default();
        let allgs = targets(memory, image, "runtime.allgadd")?
            .into_iter()
            .filter(|address| variables.contains(address))
            .find(|address| is_list_of_goroutines(memory, &image.layout, *address))
            .ok_or("the list of goroutines is not where runtime.allgadd looks for it")?;
        let wait_reasons = targets(memory, image, "runtime.waitReason.String")?
            .into_iter()
            .find_map(|address| wait_reasons(memory, address))
            .ok_or("the wait reasons are not where runtime.waitReason.String looks for them")?;
        Ok(Self { allgs, wait_reasons })
    }
}

/// What only the proof needs, besides.
pub(crate) struct HeapGlobals {
    /// The address of the variable `runtime.mheap_`.
    pub(crate) heap: u64,
    /// Variables of which some are lists of finalizers that wait to be run.
    pub(crate) finalizers: Vec<u64>,
    /// Addresses of which one is `runtime.gcCleanups` (Go 1.25 and later).
    pub(crate) cleanups: Vec<u64>,
    /// Variables of which one is the list of chunks of the runtime's own memory.
    pub(crate) chunks: Vec<u64>,
}

impl HeapGlobals {
    pub(crate) fn find(memory: &dyn Memory, image: &Image) -> Result<Self, String> {
        let layout = &image.layout;
        let variables = image.modules.first().map(|module| module.variables.clone()).unwrap_or_default();
        let among = |name: &str| -> Result<Vec<u64>, String> {
            Ok(targets(memory, image, name)?.into_iter().filter(|address| variables.contains(address)).collect())
        };
        let heap = among("runtime.mallocinit")?
            .into_iter()
            .find(|address| is_heap(memory, layout, *address))
            .ok_or("the heap is not where runtime.mallocinit looks for it")?;
        let finalizers = among("runtime.queuefinalizer")?;
        // A program that never adds a cleanup is linked without what runs them.
        let has_cleanups = layout.get("runtime.cleanupQueue.all").is_some()
            && image.modules.first().is_some_and(|m| m.functions.by_name("runtime.runCleanups").is_some());
        let cleanups = if has_cleanups { among("runtime.runCleanups")? } else { Vec::new() };
        let chunks = among("runtime.persistentalloc1")?;
        Ok(Self { heap, finalizers, cleanups, chunks })
    }
}

/// A heap whose first spans begin at pages.
fn is_heap(memory: &dyn Memory, layout: &Layout, address: u64) -> bool {
    let Ok(slice) = memory.bytes(address.saturating_add(layout.at("runtime.mheap.allspans")), 24) else { return false };
    let (data, len, capacity) = (word(&slice, 0), word(&slice, 8), word(&slice, 16));
    if len == 0 || len > capacity || capacity > MAX_SPANS || data % 8 != 0 {
        return false;
    }
    memory.bytes(data, 8 * len.min(16)).is_ok_and(|spans| {
        spans.chunks_exact(8).all(|span| {
            memory
                .u64(word(span, 0).wrapping_add(layout.at("runtime.mspan.startAddr")))
                .is_ok_and(|start| start != 0 && start % crate::heap::PAGE == 0)
        })
    })
}

/// Every address that the code of a function could mean.
fn targets(memory: &dyn Memory, image: &Image, name: &str) -> Result<Vec<u64>, String> {
    let functions = &image.modules.first().ok_or("no module")?.functions;
    let function =
        functions.by_name(name).ok_or_else(|| format!("there is no function {name}: the names are garbled"))?;
    let code = memory
        .bytes(function.entry, function.end.saturating_sub(function.entry).min(MAX_CODE))
        .map_err(|e: ProcessError| e.to_string())?;
    Ok(image.machine.references(&code, function.entry))
}

/// A slice whose first element is the main goroutine.
fn is_list_of_goroutines(memory: &dyn Memory, layout: &Layout, address: u64) -> bool {
    let Ok(slice) = memory.bytes(address, 24) else { return false };
    let (data, len, capacity) = (word(&slice, 0), word(&slice, 8), word(&slice, 16));
    let is_slice = len > 0 && len <= capacity && capacity <= MAX_GOROUTINES && data % 8 == 0;
    is_slice
        && memory
            .u64(data)
            .and_then(|first| memory.u64(first.wrapping_add(layout.at("runtime.g.goid"))))
            .is_ok_and(|goid| goid == 1)
}

/// An array of strings that begins as every release's does.
fn wait_reasons(memory: &dyn Memory, address: u64) -> Option<Vec<String>> {
    let at = |index: usize| memory.go_string(address.checked_add(16 * index as u64)?).ok();
    if !at(0)?.is_empty() || at(1)? != "GC assist marking" || at(2)? != "IO wait" {
        return None;
    }
    let is_reason = |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    Some((0..MAX_REASONS).map_while(|index| at(index).filter(|text| index == 0 || is_reason(text))).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use gostray_toolchain::{Request, Toolchain};
    use object::{Object, ObjectSymbol};

    use super::*;
    use crate::machine::Machine;
    use crate::recorded::Recorded;

    /// What each function must lead to.
    const REFERENCES: &[(&str, &str)] = &[
        ("runtime.allgadd", "runtime.allgs"),
        ("runtime.waitReason.String", "runtime.waitReasonStrings"),
        ("runtime.mallocinit", "runtime.mheap_"),
        ("runtime.queuefinalizer", "runtime.allfin"),
        ("runtime.runCleanups", "runtime.gcCleanups"),
        ("runtime.persistentalloc1", "runtime.persistentChunks"),
    ];

    /// Symbol tables tell where the variables are; the code must lead there without.
    #[test]
    fn code_leads_to_the_variables_on_every_machine() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/lively");
        let folder = tempfile::tempdir().unwrap();
        let releases = ["1.21.13", "1.24.11", "1.27.3"];
        for (release, machine) in releases.iter().flat_map(|r| [(r, Machine::Amd64), (r, Machine::Arm64)]) {
            let toolchain = Toolchain::find(Request::Exactly(release.parse().unwrap()), &mut |_| {}).unwrap();
            let executable = folder.path().join(format!("{release}-{}", machine.name()));
            let mut command = toolchain.command();
            command.current_dir(&source).env("GOARCH", machine.name()).env("GOOS", "linux").env("CGO_ENABLED", "0");
            let built = command.args(["build", "-buildvcs=false", "-o"]).arg(&executable).arg(".").output().unwrap();
            assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
            let file = std::fs::read(&executable).unwrap();
            let recorded = Recorded::of_file(&file);
            let image =
                Image::find(&recorded, &crate::error::Subject::Process(0), &recorded.mappings().unwrap(), &|| None)
                    .unwrap();
            assert_eq!((image.machine, &image.build.go_version[2..]), (machine, *release));
            let object = object::File::parse(&*file).unwrap();
            let address = |name: &str| object.symbols().find(|s| s.name() == Ok(name)).map(|symbol| symbol.address());
            for (function, variable) in REFERENCES {
                let Some(address) = address(variable) else {
                    // Only newer releases have it.
                    assert_eq!(*variable, "runtime.gcCleanups");
                    continue;
                };
                let found = targets(&recorded, &image, function).unwrap();
                assert!(found.contains(&address), "Go {release} {machine:?}: {function} does not lead to {variable}");
            }
            let reasons = targets(&recorded, &image, "runtime.waitReason.String").unwrap();
            let reasons = reasons.into_iter().find_map(|address| wait_reasons(&recorded, address));
            let reasons = reasons.unwrap_or_else(|| panic!("Go {release} {machine:?}: no wait reasons"));
            assert!(reasons.iter().any(|reason| reason == "chan receive"), "{reasons:?}");
        }
    }
}
