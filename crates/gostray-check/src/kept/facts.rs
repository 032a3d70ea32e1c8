//! What is known of a folder without looking for leaks.

use std::collections::BTreeSet;
use std::path::Path;

use gostray_golang::Name;
use gostray_golang::ast::DeclKind;
use gostray_golang::flow::{Ending, ending_of};
use gostray_golang::package::{Digest, Digester, Endings, FileStamp, Stamp, World, go_files};
use gostray_golang::types::{FuncId, FuncName};
use serde::{Deserialize, Serialize};

use crate::background::Background;
use crate::suppress::{Suppression, suppressions};

/// What is known of a folder without looking for leaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// All that is in it.
    pub(crate) content: Digest,
    /// What others see of it.
    pub(crate) declarations: Digest,
    /// What its packages import, and its tests beyond that.
    pub(crate) imports: BTreeSet<String>,
    pub(crate) imports_of_tests: BTreeSet<String>,
    /// Its functions that never return: the type that they are methods of, their name, how they end.
    pub(crate) endings: Vec<(Option<String>, String, Ending)>,
    pub(crate) packages: usize,
    pub(crate) files: usize,
    pub(crate) lines: usize,
    pub(crate) suppressions: Vec<Suppression>,
    /// What the configuration says is meant to live on.
    pub(crate) background: Background,
    /// Could all of it be read, and parsed? If not, it is read again, as there is something to be said of it.
    pub(crate) is_clean: bool,
}

impl Facts {
    /// Those of a folder that is worked on; its endings are not looked for.
    pub(crate) fn of(world: &World, folder: usize, tests: bool, background: &[FuncName]) -> Self {
        let packages = world.packages_of(folder);
        let mut content = Digester::default();
        for file in world.stamps(folder).unwrap_or_default() {
            content.text(&file.name);
            content.digest(file.digest);
        }
        let mut declarations = Digester::default();
        let mut facts = Self {
            content: content.finish(),
            declarations: Digest::default(),
            imports: BTreeSet::new(),
            imports_of_tests: BTreeSet::new(),
            endings: Vec::new(),
            packages: packages.len(),
            files: 0,
            lines: 0,
            suppressions: Vec::new(),
            background: Background::of(world, folder, background),
            is_clean: world.is_clean(folder),
        };
        for file in packages.iter().flat_map(|id| &world.package(*id).files) {
            declarations.text(&file.path.to_string_lossy());
            file.declarations(&mut declarations);
            let imports = if file.is_test { &mut facts.imports_of_tests } else { &mut facts.imports };
            let named =
                file.imports.iter().filter(|import| import.path != "C" && !import.name.is_some_and(Name::is_blank));
            imports.extend(named.map(|import| import.path.to_string()));
            facts.files += 1;
            facts.lines += file.lines().count();
            if tests || !file.is_test {
                facts.suppressions.extend(suppressions(file));
            }
        }
        facts.declarations = declarations.finish();
        facts
    }

    /// How its functions end, as the front end takes it.
    pub(crate) fn told(&self) -> Endings {
        let name = |text: &String| Name::new(text);
        self.endings.iter().map(|(of, own, ending)| ((of.as_ref().map(name), name(own)), *ending)).collect()
    }

    /// Of what matters to those who import it.
    pub(crate) fn seen(&self, path: &Path) -> Digest {
        let mut digest = Digester::default();
        digest.text(&path.to_string_lossy());
        digest.digest(self.declarations);
        for (of, name, ending) in &self.endings {
            digest.text(&format!("{of:?} {name} {ending:?}"));
        }
        digest.finish()
    }

    pub(crate) fn all_imports(&self) -> impl Iterator<Item = &String> {
        self.imports.iter().chain(&self.imports_of_tests)
    }
}

/// The functions of a folder that never return, by name.
pub(crate) fn endings_of(world: &World, folder: usize) -> Vec<(Option<String>, String, Ending)> {
    let mut endings = Vec::new();
    let mut known = BTreeSet::new();
    for package in world.packages_of(folder) {
        for (file, source) in world.package(package).files() {
            for decl in &source.file.decls {
                let DeclKind::Func(_) = source.file.ast[*decl].kind else { continue };
                let function = FuncId { file, decl: *decl };
                let Some(name) = FuncName::of(world, function) else { continue };
                let name = (name.receiver.map(|of| of.to_string()), name.name.to_string());
                // Of two with one name the first counts.
                if known.insert(name.clone())
                    && let Some(ending) = ending_of(world, function)
                {
                    endings.push((name.0, name.1, ending));
                }
            }
        }
    }
    endings.sort_unstable();
    endings
}

/// The files of a folder as they are now, if they are what they were: by what is said of them, or by what is in them.
pub(crate) fn is_same(folder: &Path, before: &[FileStamp], world: &World, tests: bool) -> Option<Vec<FileStamp>> {
    let names = go_files(folder, tests).ok()?;
    if names.len() != before.len() {
        return None;
    }
    let same = names.into_iter().zip(before).map(|(name, before)| {
        if name != before.name {
            return None;
        }
        if !world.context.allows_name(&name) {
            return Some(before.clone());
        }
        let path = folder.join(&name);
        let stamp = Stamp::of(&std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?);
        if stamp.is_same(&before.stamp) {
            return Some(before.clone());
        }
        let digest = Digest::of(&std::fs::read(&path).ok()?);
        (digest == before.digest).then_some(FileStamp { name, stamp, digest })
    });
    same.collect()
}
