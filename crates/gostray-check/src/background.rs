//! What `gostray.toml` says is meant to live as long as the process: as `//gostray:background` does in the source.

use std::path::Path;

use gostray_golang::package::PackageId;
use gostray_golang::types::FuncName;

use crate::finding::{Finding, Place};
use crate::program::{Body, Program};

/// The rules about goroutines that never end.
pub(crate) const RULES: [&str; 7] = ["GS108", "GS112", "GS115", "GS116", "GS118", "GS404", "GS601"];

/// The functions that are named.
pub(crate) struct Background<'p> {
    places: Vec<(&'p Path, u32, u32)>,
    /// Names that are no function of the packages that are looked at.
    pub(crate) unknown: Vec<String>,
}

impl<'p> Background<'p> {
    pub(crate) fn of(program: &'p Program<'p>, packages: &[PackageId], names: &[FuncName]) -> Self {
        let mut places = Vec::new();
        let mut unknown: Vec<FuncName> = Vec::new();
        for name in names {
            let of_name = packages.iter().filter(|id| program.package(**id).path == name.package);
            let files: Vec<_> = of_name.flat_map(|id| program.package(*id).files()).map(|(id, _)| id).collect();
            let is_it = |body: &Body<'_>| {
                body.declaration().is_some_and(|own| FuncName::of(program.world, own).as_ref() == Some(name))
            };
            let bodies = files.iter().flat_map(|file| program.bodies(*file));
            let found: Vec<_> = bodies
                .filter(is_it)
                .map(|body| {
                    let span = body.ast()[body.function().block].span;
                    (body.source.path.as_path(), span.start, span.end)
                })
                .collect();
            // Of packages that are not looked at nothing is known.
            if found.is_empty() && !files.is_empty() {
                unknown.push(*name);
            }
            places.extend(found);
        }
        Self { places, unknown: unknown.iter().map(text).collect() }
    }

    /// Is a finding about a goroutine that runs one of them, or is started by it?
    pub(crate) fn covers(&self, finding: &Finding) -> bool {
        let is_in = |place: &Place| {
            self.places.iter().any(|(file, start, end)| *file == place.file && (*start..*end).contains(&place.start))
        };
        let mut places = std::iter::once(&finding.place).chain(&finding.spawned_at).chain(&finding.blocks_at);
        RULES.contains(&finding.rule.code) && places.any(is_in)
    }
}

/// As it is written in the configuration.
fn text(name: &FuncName) -> String {
    let (package, own) = (name.package.as_str(), name.name.as_str());
    match name.receiver {
        Some(receiver) => format!("{package}.(*{}).{own}", receiver.as_str()),
        None => format!("{package}.{own}"),
    }
}
