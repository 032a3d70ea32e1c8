//! What lies in folders beside well-kept source: it is handled, and said.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::path::Path;

use gostray_golang::build::Context;
use gostray_golang::module::{Places, Workspace};
use gostray_golang::package::{Note, World, folders};

/// The world of a module with these files, its packages loaded.
fn world(root: &Path, files: &[(&str, &[u8])]) -> World {
    fs::write(root.join("go.mod"), "module example.com/odd\n\ngo 1.27\n").unwrap();
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    load(root)
}

fn load(root: &Path) -> World {
    let workspace = Workspace::of(root, Places::find()).unwrap();
    let (folders, unread) = folders(&workspace, root, &["./...".to_owned()]).unwrap();
    assert_eq!(unread, []);
    let mut world = World::new(workspace, Context::default());
    world.load(&folders, true, &|| {});
    world
}

/// The notes, without the folder.
fn notes(world: &World, root: &Path) -> Vec<String> {
    let notes = world.notes().into_iter().map(|note| match note {
        Note::MissingPackage(path) => format!("missing {path}"),
        Note::Unread(path, why) => format!("{}: {why}", path.strip_prefix(root).unwrap().display()),
    });
    notes.collect()
}

#[test]
fn marks_and_line_ends_of_other_systems_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let text = b"\xef\xbb\xbfpackage odd\r\n\r\nfunc f() {\r\n\tprintln(`a\r\nb`)\r\n}\r\n";
    let world = world(folder.path(), &[("odd.go", text)]);
    assert_eq!(notes(&world, folder.path()), [""; 0]);
    let (_, file) = world.loaded().next().unwrap().files().next().unwrap();
    assert_eq!(file.errors, []);
    assert_eq!(file.lines().position(file.file.package).line, 1);
}

#[test]
fn bytes_that_are_no_text_are_errors_with_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let text = b"package odd\n\nvar a = \"\xff\"\nvar b = 1 \x00\nfunc f() {}\n";
    let world = world(folder.path(), &[("odd.go", text)]);
    let (_, file) = world.loaded().next().unwrap().files().next().unwrap();
    let said: Vec<_> =
        file.errors.iter().map(|error| (file.lines().position(error.at).line, error.message.as_str())).collect();
    assert_eq!(
        said,
        [(3, "illegal UTF-8 encoding"), (4, "expected ';', found 'ILLEGAL'"), (4, "illegal character NUL")]
    );
    assert_eq!(file.file.decls.len(), 3);
}

#[test]
fn a_file_of_a_hundred_megabytes_is_left_out_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path(), &[("a.go", b"package odd\n")]);
    assert_eq!(notes(&world, folder.path()), [""; 0]);
    fs::File::create(folder.path().join("huge.go")).unwrap().set_len(100 << 20).unwrap();
    assert_eq!(notes(&load(folder.path()), folder.path()), ["huge.go: 100 MiB are too much for a source file"]);
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_or_back_end() {
    let folder = tempfile::tempdir().unwrap();
    world(folder.path(), &[("a/a.go", b"package a\n")]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("a/back")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("a/nowhere.go")).unwrap();
    std::os::unix::fs::symlink("self.go", folder.path().join("a/self.go")).unwrap();
    let world = load(folder.path());
    assert_eq!(
        notes(&world, folder.path()),
        [
            "a/nowhere.go: No such file or directory (os error 2)",
            "a/self.go: Too many levels of symbolic links (os error 40)"
        ]
    );
    assert_eq!(world.size().0, 1);
}

#[cfg(target_os = "linux")]
#[test]
fn pipes_and_folders_that_are_called_like_files_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    world(folder.path(), &[("a.go", b"package odd\n"), ("b.go/b.go", b"package b\n")]);
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe.go")).status().unwrap();
    assert!(made.success());
    let world = load(folder.path());
    assert_eq!(notes(&world, folder.path()), [""; 0]);
    assert_eq!(world.size(), (2, 2));
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_is_said() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    world(folder.path(), &[("a.go", b"package odd\n"), ("secret.go", b"package odd\n")]);
    let secret = folder.path().join("secret.go");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&secret).is_ok() {
        eprintln!("SKIPPED: whoever runs this may read everything");
        return;
    }
    assert_eq!(notes(&load(folder.path()), folder.path()), ["secret.go: Permission denied (os error 13)"]);
}

#[test]
fn a_missing_package_is_named_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = b"package odd\n\nimport \"example.org/gone\"\n\nvar A = gone.X\n";
    let other = b"package odd\n\nimport \"example.org/gone\"\n\nvar B = gone.Y()\n";
    let world = world(folder.path(), &[("a.go", text), ("b.go", other)]);
    for (id, _) in world.loaded().next().unwrap().files() {
        let _ = world.types_of(id);
    }
    assert_eq!(notes(&world, folder.path()), ["missing example.org/gone"]);
}
