//! What `gostray.toml` says is meant to live as long as the process: as `//gostray:background` does in the source.

use std::path::PathBuf;

use gostray_golang::ast::{Body, DeclKind};
use gostray_golang::package::World;
use gostray_golang::types::{FuncId, FuncName};
use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Place};

/// The rules about goroutines that never end.
pub(crate) const RULES: [&str; 7] = ["GS108", "GS112", "GS115", "GS116", "GS118", "GS404", "GS601"];

/// The functions of a folder that are named.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Background {
    /// File, and where the body begins and ends.
    functions: Vec<(PathBuf, u32, u32)>,
    /// Names that are of a package of the folder, and no function of it.
    pub(crate) unknown: Vec<String>,
}

impl Background {
    pub(crate) fn of(world: &World, folder: usize, names: &[FuncName]) -> Self {
        let mut own = Self::default();
        for name in names {
            let of_name: Vec<_> = world.packages_of(folder).into_iter().collect();
            let files: Vec<_> = of_name
                .into_iter()
                .filter(|id| world.package(*id).path == name.package)
                .flat_map(|id| world.package(id).files())
                .collect();
            let before = own.functions.len();
            for (file, source) in &files {
                for decl in &source.file.decls {
                    let DeclKind::Func(function) = &source.file.ast[*decl].kind else { continue };
                    let Body::Block(block) = function.body else { continue };
                    if FuncName::of(world, FuncId { file: *file, decl: *decl }).as_ref() == Some(name) {
                        let span = source.file.ast[block].span;
                        own.functions.push((source.path.clone(), span.start, span.end));
                    }
                }
            }
            // Of packages that are not looked at nothing is known.
            if own.functions.len() == before && !files.is_empty() {
                own.unknown.push(text(name));
            }
        }
        own
    }

    /// Is a finding about a goroutine that runs one of them, or is started by it?
    pub(crate) fn covers(&self, finding: &Finding) -> bool {
        let is_in = |place: &Place| {
            let is_in =
                |(file, start, end): &(PathBuf, u32, u32)| *file == place.file && (*start..*end).contains(&place.start);
            self.functions.iter().any(is_in)
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
