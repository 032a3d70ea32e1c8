//! What the page promises: it is whole without a script, text of strangers stays text, and it never gets too large.

use std::path::Path;

use gostray_check::{Account, Edit, Finding, Fix, Place, RULES, Safety, Step, Tier, Waiting, Waker};
use gostray_explain::{Cause, Explanation, Places, Verified};
use gostray_model::{
    Age, Fact, Frame, LabelsId, NoteKind, Record, Snapshot, Stack, StackId, Status, StatusId, TargetKind, groups,
};
use gostray_verdict::{Judged, Policy, judge_all};

use crate::{Detail, ExplainFormat, ExplainReport, Report};

/// What would get out of any context if it were not escaped.
const HOSTILE: &str = "x\"'></title></style></script></textarea>--><img src=x onerror=alert(1)>\u{202e}\u{1b}[31m";
/// The elements that pages are made of.
const ELEMENTS: &str = "html head meta title style body header main section nav h1 h2 h3 h4 p div span b code a dl dt dd \
                        footer table thead tbody tr th td ul ol li details summary pre label input svg rect text script";

fn frame(snapshot: &mut Snapshot, function: &str, file: &str, line: u32) -> gostray_model::FrameId {
    snapshot.tables.add_frame(Frame { function: function.into(), file: file.into(), line })
}

fn add(snapshot: &mut Snapshot, id: u64, stack: StackId, status: StatusId, labels: LabelsId) {
    snapshot.records.push(Record { id, creator_id: 1, count: 1, age: Age::UNKNOWN, stack, status, labels });
}

fn judged(snapshot: &Snapshot) -> Vec<Judged> {
    judge_all(snapshot, groups(snapshot), &Policy::default())
}

fn page(snapshot: &Snapshot, goroutines: bool) -> String {
    let judged = judged(snapshot);
    let mut out = Vec::new();
    let detail = Detail { goroutines, width: None };
    Report { snapshot, judged: &judged }.write_page(&detail, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Names of elements, as a browser would find them behind style and script.
fn elements(page: &str) -> Vec<String> {
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let (body, _) = rest.split_once("<script>").unwrap();
    let names = [head, body].concat();
    let starts = names.match_indices('<').map(|(at, _)| &names[at + 1..]);
    let name =
        |text: &str| text.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
    starts.filter(|text| !text.starts_with("!doctype html>")).map(name).collect()
}

fn assert_harmless(page: &str) {
    let known: Vec<&str> = ELEMENTS.split_whitespace().collect();
    for element in elements(page) {
        assert!(known.contains(&&*element), "<{element}> in {page}");
    }
    assert_eq!((page.matches("<script>").count(), page.matches("</script>").count()), (1, 1));
    assert_eq!((page.matches("<style>").count(), page.matches("</style>").count()), (1, 1));
    assert!(!page.contains(['\u{202e}', '\u{1b}']), "{page}");
    // The policy allows neither.
    let markup = page.split_once("</style>").unwrap().1.split_once("<script>").unwrap().0;
    assert!(!markup.contains(" style=") && !markup.contains(" onclick="), "{markup}");
}

/// A shop: searches that leak, a worker that another started, a server that is as it should be.
fn shop() -> Snapshot {
    let mut shop = Snapshot::default();
    shop.target.name = "pid:4711".to_owned();
    shop.target.kind = TargetKind::Process;
    shop.target.pid = Some(4711);
    shop.target.go_version = Some("go1.27.3".to_owned());
    shop.target.module = Some("example.com/shop".to_owned());
    shop.target.started_at = Some("2026-11-20T08:00:00Z".parse().unwrap());
    shop.taken_at = Some("2026-11-26T12:30:00Z".parse().unwrap());
    shop.pause = Some(std::time::Duration::from_micros(1_240));
    shop.note(NoteKind::Missing, "2 goroutines were moving and could not be read");
    shop.note(NoteKind::Source, "the memory of the process, by a fork");
    let main = frame(&mut shop, "main.main", "/src/shop/main.go", 12);
    let search = frame(&mut shop, "main.(*shop).search", "/src/shop/search.go", 20);
    let send = frame(&mut shop, "main.(*shop).search.func1", "/src/shop/search.go", 21);
    let pool = frame(&mut shop, "main.pool", "/src/shop/pool.go", 8);
    let worker = frame(&mut shop, "main.pool.func1", "/src/shop/pool.go", 9);
    let accept = frame(&mut shop, "net/http.(*Server).Serve", "/go/src/net/http/server.go", 3300);
    let (leaked, receive, io) = (
        shop.tables.add_status(Status { leaked: true, ..Status::new("chan send") }),
        shop.tables.add_status(Status::new("chan receive")),
        shop.tables.add_status(Status::new("IO wait")),
    );
    let stack = |frames: &[gostray_model::FrameId], created_by| Stack {
        frames: frames.to_vec(),
        created_by,
        ..Stack::default()
    };
    let sends = shop.tables.add_stack(stack(&[send], Some(search)));
    let works = shop.tables.add_stack(stack(&[worker], Some(pool)));
    let pools = shop.tables.add_stack(stack(&[pool], Some(main)));
    let serves = shop.tables.add_stack(stack(&[accept, main], None));
    let labels = shop.tables.add_labels(vec![("route".into(), "/search".into())]);
    for id in 100..220 {
        add(&mut shop, id, sends, leaked, labels);
        shop.facts.insert(id, Fact { proven: true, retained: 2_289, held_by: None });
    }
    for id in 300..304 {
        add(&mut shop, id, works, receive, LabelsId::NONE);
        shop.facts.insert(id, Fact { held_by: Some("global main.jobs → chan".into()), ..Fact::default() });
    }
    add(&mut shop, 7, pools, receive, LabelsId::NONE);
    add(&mut shop, 1, serves, io, LabelsId::NONE);
    shop
}

#[test]
fn all_of_it_is_in_the_markup() {
    let page = page(&shop(), false);
    assert_harmless(&page);
    let (head, rest) = page.split_once("<style>").unwrap();
    assert!(head.contains("default-src 'none'"), "{head}");
    let body = rest.split_once("</style></head>").unwrap().1.split_once("<script>").unwrap().0;
    insta::assert_snapshot!(body.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn every_link_leads_somewhere() {
    let page = page(&shop(), false);
    let links: Vec<&str> = page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(links.len() > 20);
    for link in links {
        assert!(page.contains(&format!(" id=\"{link}\"")), "{link}");
    }
}

#[test]
fn text_of_strangers_stays_text() {
    let mut snapshot = Snapshot::default();
    let hostile = || Some(HOSTILE.to_owned());
    snapshot.target.name = HOSTILE.to_owned();
    (snapshot.target.go_version, snapshot.target.module, snapshot.target.build_id) = (hostile(), hostile(), hostile());
    for kind in [NoteKind::Missing, NoteKind::Warning, NoteKind::Source] {
        snapshot.note(kind, HOSTILE);
    }
    let own = frame(&mut snapshot, HOSTILE, HOSTILE, 1);
    let other = frame(&mut snapshot, &format!("main.{HOSTILE}.func1"), &format!("/{HOSTILE}/a.go"), 2);
    let stack = Stack { frames: vec![other, own], created_by: Some(other), ..Stack::default() };
    let stack = snapshot.tables.add_stack(stack);
    let status = snapshot.tables.add_status(Status { leaked: true, ..Status::new(HOSTILE.to_owned()) });
    let labels = snapshot.tables.add_labels(vec![(HOSTILE.into(), HOSTILE.into())]);
    for id in 1..4 {
        add(&mut snapshot, id, stack, status, labels);
        snapshot.facts.insert(id, Fact { held_by: Some(HOSTILE.into()), ..Fact::default() });
    }
    assert_harmless(&page(&snapshot, true));

    // The same in the source, and in what is said of it.
    let file = std::env::temp_dir().join(format!("gostray-hostile-{}.go", std::process::id()));
    std::fs::write(&file, format!("package main\n\n// {HOSTILE}\nfunc f() {{}}\n")).unwrap();
    let position = |line| gostray_golang::Position { line, column: 1 };
    let place = || Place { file: file.clone(), start: 14, end: 20, position: position(3), end_position: position(3) };
    let finding = Finding {
        rule: &RULES[0],
        tier: Tier::Proven,
        place: place(),
        message: HOSTILE.to_owned(),
        why: HOSTILE.to_owned(),
        function: HOSTILE.to_owned(),
        spawned_at: None,
        blocks_at: None,
        path: vec![Step { place: place(), note: HOSTILE.to_owned() }],
        fix: Some(Fix {
            safety: Safety::Safe,
            title: HOSTILE.to_owned(),
            edits: vec![Edit { file: file.clone(), start: 14, end: 14, text: format!("// {HOSTILE}\n") }],
        }),
        fingerprint: HOSTILE.to_owned(),
        given_by: None,
        is_never_given_back: false,
        live: 0,
    };
    let account = Account {
        waiting: Waiting::Send,
        operand: HOSTILE.to_owned(),
        place: place(),
        made: vec![place()],
        wakers: vec![Waker { place: place(), function: HOSTILE.to_owned(), what: "receives" }],
        takers: Vec::new(),
        is_whole: true,
    };
    let judged = judged(&snapshot);
    for cause in [Cause::Finding(Box::new(finding)), Cause::Accounts(vec![account]), Cause::Unknown(HOSTILE.to_owned())]
    {
        let explanation = Explanation {
            places: Places::default(),
            cause,
            misfits: vec![HOSTILE.to_owned()],
            started_by: Some(HOSTILE.to_owned()),
            verified: Some(Verified::Parses),
        };
        let report = ExplainReport {
            snapshot: &snapshot,
            judged: &judged,
            explanations: &[explanation],
            others: &[],
            base: Path::new("/"),
            notes: &[HOSTILE.to_owned()],
        };
        let mut out = Vec::new();
        report.write(ExplainFormat::Html, &mut out).unwrap();
        assert_harmless(&String::from_utf8(out).unwrap());
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_hundred_thousand_goroutines_are_a_page_that_opens() {
    let mut snapshot = Snapshot::default();
    let creator = frame(&mut snapshot, "example.com/shop/internal/server.(*Server).handle", "/src/server.go", 10);
    let statuses =
        ["chan send", "select", "chan receive"].map(|reason| snapshot.tables.add_status(Status::new(reason)));
    for id in 1..=100_000u64 {
        // Many of some kinds, few of others: a thousand kinds, each with twenty frames.
        let kind = (id * id) % 1_009;
        let name = |depth: u64| {
            format!("example.com/shop/internal/package{}.(*Type{depth}).method{}", kind % 7, kind / (20 - depth))
        };
        let frames =
            (0..20).map(|depth| frame(&mut snapshot, &name(depth), "/src/shop/internal/some/file.go", 7)).collect();
        let stack = snapshot.tables.add_stack(Stack { frames, created_by: Some(creator), ..Stack::default() });
        add(&mut snapshot, id, stack, statuses[id as usize % 3], LabelsId::NONE);
    }
    let page = page(&snapshot, false);
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
    for what in ["groups with", "left out here", "Not drawn, as they are small", "… and", "smaller ones with"] {
        assert!(page.contains(what), "{what}");
    }
    assert_harmless(&page);
}

#[test]
fn functions_that_start_each_other_are_shown_once() {
    let mut snapshot = Snapshot::default();
    let status = snapshot.tables.add_status(Status::new("select"));
    let names = ["main.a", "main.b", "main.c", "main.self"];
    let frames = names.map(|name| frame(&mut snapshot, name, "/src/a.go", 1));
    for (id, (creator, started)) in [(0, 1), (1, 2), (2, 0), (3, 3)].into_iter().enumerate() {
        let created_by = Some(frames[creator]);
        let stack = Stack { frames: vec![frames[started]], created_by, ..Stack::default() };
        let stack = snapshot.tables.add_stack(stack);
        add(&mut snapshot, id as u64 + 1, stack, status, LabelsId::NONE);
    }
    let page = page(&snapshot, false);
    let tree = page.split_once("<ul class=\"tree\">").unwrap().1.split_once("</section>").unwrap().0;
    for name in names {
        assert!(tree.contains(&format!(">{name}<")), "{name}: {tree}");
    }
    assert_eq!(tree.matches("shown above").count(), 2, "{tree}");
}

#[test]
fn where_no_proof_was_looked_for_it_is_said() {
    let mut shop = shop();
    assert!(!page(&shop, false).contains("not looked for"));
    shop.facts.clear();
    shop.records.retain(|record| record.id >= 300);
    assert!(page(&shop, false).contains("Proof was not looked for: <code>gostray prove 4711</code>"));
    shop.target.kind = TargetKind::File;
    assert!(page(&shop, false).contains("only where the runtime’s own leak profile was asked"));
}

#[test]
fn a_page_of_nothing_says_so() {
    let page = page(&Snapshot::default(), true);
    assert!(page.contains("There are no goroutines"), "{page}");
    assert_harmless(&page);
}
