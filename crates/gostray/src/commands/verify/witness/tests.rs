//! What must not have a witness has none.

use gostray_check::{Edit, Finding, Fix, Place, Safety, Tier, rule, witness_test};
use gostray_golang::Position;
use gostray_golang::build::Context as For;
use gostray_toolchain::{Request, Version};

use super::*;

const LEAKS: &str = "package p

import \"context\"

func ask(ctx context.Context, wanted string) int {
\tanswer := make(chan int)
\tgo func() { answer <- len(wanted) }()
\tselect {
\tcase n := <-answer:
\t\treturn n
\tcase <-ctx.Done():
\t\treturn 0
\t}
}
";
const LOCKS: &str = "package p

import \"sync\"

type account struct {
\tmu      sync.Mutex
\tbalance int
}

func (a *account) take(n int) bool {
\ta.mu.Lock()
\tif n > a.balance {
\t\treturn false
\t}
\ta.balance -= n
\ta.mu.Unlock()
\treturn true
}
";

/// Looks for a witness of a change of a file, whose last function is the one with the leak.
fn of(go: &Toolchain, code: &'static str, before: &str, after: &str) -> Witnessed {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("p.go");
    std::fs::write(path.with_file_name("go.mod"), "module example.com/p\n\ngo 1.21\n").unwrap();
    // It is in the way of nothing, and not run.
    let test = "package p\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(*testing.M) { os.Exit(1) }\n";
    std::fs::write(path.with_file_name("p_test.go"), test).unwrap();
    std::fs::write(&path, before).unwrap();
    let start = u32::try_from(before.rfind("\nfunc ").unwrap() + 6).unwrap();
    let position = Position { line: 1, column: 1 };
    let place = Place { file: path.clone(), start, end: start + 1, position, end_position: position };
    let edits = vec![Edit { file: path.clone(), start, end: start, text: String::new() }];
    let finding = Finding {
        rule: rule(code).unwrap(),
        tier: Tier::Proven,
        place,
        message: String::new(),
        why: String::new(),
        function: String::new(),
        spawned_at: None,
        blocks_at: None,
        path: Vec::new(),
        fix: Some(Fix { safety: Safety::Safe, title: String::new(), edits }),
        fingerprint: String::new(),
        given_by: None,
        is_never_given_back: false,
        live: 0,
    };
    let test = witness_test(&finding, &For::default());
    let sides = Sides { before: Vec::new(), after: vec![(path, after.as_bytes().to_vec())] };
    let witnessed = witness(go, &test, &sides, &[]).unwrap();
    let left: Vec<_> = folder.path().read_dir().unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left.len(), 3, "nothing is left in the folder: {left:?}");
    witnessed
}

fn go() -> Toolchain {
    Toolchain::find(Request::Any, &mut |_| {}).unwrap()
}

fn call(witnessed: &Witnessed) -> &str {
    match witnessed {
        Witnessed::By(witness) => &witness.call,
        Witnessed::Not(why) => panic!("{why}"),
    }
}

fn why(witnessed: &Witnessed) -> &str {
    match witnessed {
        Witnessed::By(witness) => panic!("{witness}"),
        Witnessed::Not(why) => why,
    }
}

#[test]
fn a_fix_that_helps_has_a_witness_and_one_that_does_not_has_none() {
    let helps = LEAKS.replace("make(chan int)", "make(chan int, 1)");
    let found = of(&go(), "GS102", LEAKS, &helps);
    assert_eq!(call(&found), "ask(a context that is cancelled, \"a\")");
    let useless = LEAKS.replace("make(chan int)", "make(chan int, 0)");
    assert!(why(&of(&go(), "GS102", LEAKS, &useless)).ends_with("leave goroutines with the fix, too"));
}

#[test]
fn a_lock_that_is_kept_is_seen_by_the_real_clock() {
    let helps = LOCKS
        .replace("Lock()\n\tif", "Lock()\n\tdefer a.mu.Unlock()\n\tif")
        .replace("\ta.mu.Unlock()\n\treturn", "\treturn");
    let found = of(&go(), "GS202", LOCKS, &helps);
    assert!(call(&found).starts_with("(*account).take("), "{found}");
    let useless = LOCKS.replace("return false", "return n < 0");
    assert!(why(&of(&go(), "GS202", LOCKS, &useless)).ends_with("leave goroutines with the fix, too"));
}

#[test]
fn what_leaves_nothing_has_no_witness() {
    let healthy = "package p\n\nimport \"time\"\n\nfunc slow(n int) int {\n\tresult := make(chan int)\n\t\
        go func() {\n\t\ttime.Sleep(30 * time.Second)\n\t\tresult <- n\n\t}()\n\treturn <-result\n}\n";
    let faster = healthy.replace("30 * time.Second", "time.Second");
    assert!(why(&of(&go(), "GS102", healthy, &faster)).ends_with("none leaves a goroutine"));
}

/// Every second call leaves something, whatever the fix does: a single call before and after it says nothing.
#[test]
fn a_leak_that_comes_and_goes_is_no_witness_of_a_fix_that_does_not_help() {
    let flaky = "package p\n\nimport \"math/rand\"\n\nfunc sometimes() {\n\tc := make(chan int)\n\tgo func() { c <- 1 }()\n\t\
        if rand.Int()%2 == 0 {\n\t\t<-c\n\t}\n}\n";
    let useless = flaky.replace("% 2 == 0", "% 2 == 1");
    match of(&go(), "GS102", flaky, &useless) {
        // The one call that is tried left nothing by chance.
        Witnessed::Not(why) => assert!(!why.is_empty()),
        Witnessed::By(witness) => panic!("{witness}"),
    }
}

/// Before Go 1.25 there is only the real clock.
#[test]
fn an_old_release_does_as_well() {
    let Ok(go) = Toolchain::find(Request::Exactly(Version { minor: 21, patch: 13 }), &mut |_| {}) else { return };
    let helps = LEAKS.replace("make(chan int)", "make(chan int, 1)");
    assert!(call(&of(&go, "GS102", LEAKS, &helps)).starts_with("ask("));
}

/// What no value is known for is said.
#[test]
fn why_there_is_no_witness_is_said() {
    let odd = "package p\n\ntype door interface{ open(door) (door, error) }\n\nfunc enter(d door) {\n\tc := make(chan int)\n\t\
        if _, err := d.open(d); err != nil {\n\t\treturn\n\t}\n\tgo func() { c <- 1 }()\n}\n";
    let fixed = odd.replace("make(chan int)", "make(chan int, 1)");
    assert_eq!(why(&of(&go(), "GS105", odd, &fixed)), "no value is known for p.door");
    let generic = "package p\n\nfunc join[T ~[]byte](t T) {\n\tc := make(chan T)\n\tgo func() { c <- t }()\n}\n";
    let fixed = generic.replace("make(chan T)", "make(chan T, 1)");
    assert!(why(&of(&go(), "GS105", generic, &fixed)).starts_with("the generated test does not compile: "));
}
