//! What the linker wrote into the binary: Go release, main module, its version.

use crate::error::ProcessError;
use crate::image::search;
use crate::live::Mapping;
use crate::memory::Memory;

const MAGIC: &[u8] = b"\xff Go buildinf:";
/// The flag that says that the strings follow inline (Go 1.18 and later).
const INLINE: u8 = 2;
/// The module information stands between two such marks of 16 bytes.
const MARK: usize = 16;
/// No module information is larger.
const MAX_LEN: u64 = 1 << 20;

/// The build information of a binary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildInfo {
    /// The release: `go1.27.3`, with experiments behind it where there are any.
    pub go_version: String,
    /// The import path of the main package.
    pub path: String,
    /// The main module.
    pub module: String,
    /// The main module's version: `(devel)` where it was built from a checkout.
    pub version: String,
    /// The revision that it was built from, where the build has noted one.
    pub revision: Option<String>,
    /// There were changes beside that revision.
    pub modified: bool,
}

/// Finds it in the mappings of the executable.
pub(crate) fn find(memory: &dyn Memory, mappings: &[Mapping]) -> Result<Option<BuildInfo>, ProcessError> {
    Ok(search(memory, mappings, MAGIC, 16, |address| {
        let header = memory.bytes(address, 32).ok()?;
        if header[15] & INLINE == 0 {
            return None;
        }
        let (version, next) = string(memory, address + 32)?;
        let (modules, _) = string(memory, next)?;
        parse(&version, &modules)
    }))
}

/// Is it there, but with something else for a release? Garble writes `unknown`.
pub(crate) fn is_hidden(memory: &dyn Memory, mappings: &[Mapping]) -> bool {
    let version = search(memory, mappings, MAGIC, 16, |address| {
        let header = memory.bytes(address, 32).ok()?;
        // The magic stands in the code of what reads it, too, with nothing sensible behind it.
        let is_header = header[14] == 8 && header[15] & INLINE != 0;
        is_header.then(|| string(memory, address + 32))?.filter(|(version, _)| !version.is_empty())
    });
    version.is_some()
}

/// Parses the two strings of the section, as far as they are valid.
pub(crate) fn parse(version: &[u8], modules: &[u8]) -> Option<BuildInfo> {
    let go_version = String::from_utf8(version.to_vec()).ok()?;
    if !go_version.starts_with("go1") && !go_version.starts_with("devel") {
        return None;
    }
    let mut info = BuildInfo { go_version, ..BuildInfo::default() };
    let text = modules.get(MARK..modules.len().saturating_sub(MARK)).unwrap_or_default();
    for line in String::from_utf8_lossy(text).lines() {
        let mut fields = line.split('\t');
        match fields.next() {
            Some("path") => info.path = fields.next().unwrap_or_default().to_owned(),
            Some("mod") => {
                info.module = fields.next().unwrap_or_default().to_owned();
                info.version = fields.next().unwrap_or_default().to_owned();
            }
            Some("build") => match fields.next().and_then(|setting| setting.split_once('=')) {
                Some(("vcs.revision", revision)) => info.revision = Some(revision.to_owned()),
                Some(("vcs.modified", modified)) => info.modified = modified == "true",
                _ => {}
            },
            _ => {}
        }
    }
    Some(info)
}

/// A string behind its length, and the address behind it.
fn string(memory: &dyn Memory, address: u64) -> Option<(Vec<u8>, u64)> {
    let (mut len, mut at) = (0u64, address);
    for shift in (0..63).step_by(7) {
        let byte = memory.u8(at).ok()?;
        at += 1;
        len |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (len <= MAX_LEN).then(|| memory.bytes(at, len).ok()).flatten().map(|bytes| (bytes, at + len));
        }
    }
    None
}
