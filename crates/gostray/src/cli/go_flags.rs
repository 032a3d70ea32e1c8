//! Flags as those who are used to `go` write them.

use std::ffi::OsString;

/// Go's own flags have one dash; takes the ones we share.
pub(crate) fn go_flags(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.collect();
    let command = args.iter().skip(1).find_map(|arg| arg.to_str().filter(|arg| !arg.starts_with('-')));
    if command == Some("test") {
        return go_test_flags(args);
    }
    let json = if command == Some("ps") { "--json" } else { "--format=json" };
    for arg in &mut args {
        match arg.to_str() {
            Some("-json") => *arg = json.into(),
            Some(flag @ ("-focus" | "-ignore" | "-help" | "-version" | "-tags" | "-tests")) => {
                *arg = format!("-{flag}").into();
            }
            Some(flag) if ["-focus=", "-ignore=", "-tags=", "-tests="].iter().any(|own| flag.starts_with(own)) => {
                *arg = format!("-{flag}").into();
            }
            _ => {}
        }
    }
    args
}

/// Flags of `go test` without a value.
const GO_TEST_SWITCHES: [&str; 17] = [
    "-a",
    "-asan",
    "-benchmem",
    "-cover",
    "-failfast",
    "-fullpath",
    "-json",
    "-linkshared",
    "-modcacherw",
    "-msan",
    "-n",
    "-race",
    "-short",
    "-trimpath",
    "-v",
    "-work",
    "-x",
];

/// Who is used to `go test` writes its flags before the packages, too: they go where they belong.
fn go_test_flags(args: Vec<OsString>) -> Vec<OsString> {
    let (mut ours, mut flags) = (Vec::new(), Vec::new());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let text = arg.to_str().unwrap_or_default();
        let is_ours = !text.starts_with('-') || text.starts_with("--") || matches!(text, "-" | "-C" | "-o" | "-h");
        match text {
            "--" => {
                flags.extend(args);
                break;
            }
            "-args" => {
                flags.push(arg);
                flags.extend(args);
                break;
            }
            "-C" | "-o" => {
                ours.push(arg);
                ours.extend(args.next());
            }
            "-help" | "-version" => ours.push(format!("-{text}").into()),
            _ if is_ours => ours.push(arg),
            _ => {
                let has_value = !text.contains('=') && !GO_TEST_SWITCHES.contains(&text);
                flags.push(arg);
                flags.extend(if has_value { args.next() } else { None });
            }
        }
    }
    if !flags.is_empty() {
        ours.push("--".into());
        ours.extend(flags);
    }
    ours
}
