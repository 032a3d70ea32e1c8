//! Packages and their files beside `go list`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::ensure;
use gostray_golang::Bodies;
use gostray_golang::build::Context;
use gostray_golang::module::{Places, Workspace};
use gostray_golang::package::{FolderFiles, Reading, SourceFile, folders};
use gostray_toolchain::Toolchain;

use crate::oracle::{corpus, newest, output};

/// What is built for: system, architecture, a tag, whether cgo is used.
const CONTEXTS: [(&str, &str, &str, bool); 3] = [
    ("linux", "amd64", "", true),
    ("windows", "arm64", "", false),
    ("linux", "amd64", "race,integration,purego,netgo", true),
];
/// Differences are shown up to here.
const SHOWN: usize = 20;

/// The files of a package: built, tests, external tests, ignored.
type Files = [Vec<String>; 3];

pub(crate) fn run(args: &corpus::Args) -> anyhow::Result<()> {
    let go = newest()?;
    let mut different = 0;
    println!("{:<50} {:<40} {:>8} {:>9}", "", "built for", "packages", "different");
    for (name, folder) in args.folders(&go)? {
        if !folder.join("go.mod").is_file() {
            eprintln!("{name}: LEFT OUT: no module");
            continue;
        }
        for (system, architecture, tags, cgo) in CONTEXTS {
            let theirs = theirs(&go, &folder, (system, architecture, tags, cgo))?;
            let context = Context {
                system: system.to_owned(),
                architecture: architecture.to_owned(),
                cgo,
                tags: tags.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
                minor: 27,
            };
            let ours = ours(&folder, &context)?;
            let mut count = 0;
            for path in theirs.keys().chain(ours.keys().filter(|path| !theirs.contains_key(*path))) {
                if theirs.get(path) != ours.get(path) {
                    count += 1;
                    if count <= SHOWN {
                        eprintln!("{path}: go list {:?}, here {:?}", theirs.get(path), ours.get(path));
                    }
                }
            }
            println!("{name:<50} {:<40} {:>8} {count:>9}", format!("{system}/{architecture} {tags}"), theirs.len());
            different += count;
        }
    }
    ensure!(different == 0, "{different} packages differ");
    Ok(())
}

fn theirs(
    go: &Toolchain,
    folder: &Path,
    (system, architecture, tags, cgo): (&str, &str, &str, bool),
) -> anyhow::Result<BTreeMap<String, Files>> {
    let mut command = go.command();
    command.current_dir(folder).env("GOOS", system).env("GOARCH", architecture).env("GOFLAGS", "-mod=mod");
    command.env("CGO_ENABLED", if cgo { "1" } else { "0" }).env("GOWORK", "off");
    let fields = "-json=ImportPath,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,InvalidGoFiles";
    let text = output(command.args(["list", "-e", "-find", "-tags", tags, fields, "./..."]))?;
    let mut packages = BTreeMap::new();
    for package in serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>() {
        let package = package?;
        let list = |key: &str| -> Vec<String> {
            let names = package[key].as_array().into_iter().flatten();
            names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
        };
        let mut built = list("GoFiles");
        built.extend(list("CgoFiles"));
        built.sort();
        let files = [built, list("TestGoFiles"), list("XTestGoFiles")];
        let is_empty = files.iter().all(Vec::is_empty);
        if !is_empty {
            packages.insert(package["ImportPath"].as_str().unwrap_or_default().to_owned(), files);
        }
    }
    Ok(packages)
}

fn ours(folder: &Path, context: &Context) -> anyhow::Result<BTreeMap<String, Files>> {
    let workspace = Workspace::of(folder, Places::find())?;
    let (folders, _) = folders(&workspace, folder, &["./...".to_owned()])?;
    let mut packages = BTreeMap::new();
    for folder in folders {
        let files = FolderFiles::read(&folder, context, Reading { tests: true, bodies: Bodies::Skip, stamps: false });
        let name = |file: &SourceFile| file.path.file_name().map(|name| name.to_string_lossy().into_owned());
        let (tests, built): (Vec<&SourceFile>, Vec<&SourceFile>) = files.package.iter().partition(|file| file.is_test);
        let names = |files: &[&SourceFile]| files.iter().filter_map(|file| name(file)).collect::<Vec<_>>();
        let files = [names(&built), names(&tests), names(&files.external.iter().collect::<Vec<_>>())];
        if files.iter().all(Vec::is_empty) {
            continue;
        }
        let path = workspace.import_path(&folder).unwrap_or_default();
        let path = path.strip_prefix("std/").map(str::to_owned).unwrap_or(path);
        packages.insert(path, files);
    }
    Ok(packages)
}
