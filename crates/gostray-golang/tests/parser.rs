//! The parser on what nobody would write: there is a tree, and nothing is lost that is whole.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use gostray_golang::ast::{DeclKind, Walk};

use gostray_golang::{Bodies, Parsed, Span, parse};
use proptest::prelude::*;

/// The names of the functions of a file.
fn functions(parsed: &Parsed) -> Vec<String> {
    let ast = &parsed.file.ast;
    let names = parsed.file.decls.iter().filter_map(|decl| match ast[*decl].kind {
        DeclKind::Func(function) => ast.name(function.name).map(|name| name.to_string()),
        _ => None,
    });
    names.collect()
}

fn parsed(text: &str) -> Parsed {
    parse(text.as_bytes(), Bodies::Parse)
}

#[test]
fn a_missing_brace_costs_one_function() {
    for text in [
        "package p\n\nfunc a() {\n\tif x {\n}\n\nfunc b() {\n\tx()\n}\n\nfunc c() {}\n",
        "package p\n\nfunc a() {\n\tx(\n}\n\nfunc b() {\n\tx()\n}\n\nfunc c() {}\n",
        "package p\n\nfunc a() {\n\tx()\n}}\n\nfunc b() {\n\tx()\n}\n\nfunc c() {}\n",
        "package p\n\nfunc a() {\n\tselect {\n\tcase <-\n\nfunc b() {\n\tx()\n}\n\nfunc c() {}\n",
        "package p\n\nfunc a() {\n\tx := []int{1, 2\n}\n\nfunc b() {\n\tx()\n}\n\nfunc c() {}\n",
    ] {
        let parsed = parsed(text);
        assert!(!parsed.errors.is_empty(), "{text}");
        assert_eq!(functions(&parsed), ["a", "b", "c"], "{text}");
    }
}

#[test]
fn odd_bytes_are_said_and_survived() {
    for (text, at) in [
        (&b""[..], Some(0)),
        (b"\xef\xbb\xbfpackage p\n", None),
        (b"package p\n\x00func a() {}\n", Some(10)),
        (b"package p\r\n\r\nfunc a() {}\r\n", None),
        (b"package p\n\nvar s = \"\xff\"\n", Some(20)),
        (b"\xff\xfep\x00a\x00", Some(0)),
        (b"package p\n\nvar s = `never closed\n", Some(19)),
        (b"package p\n\n/* never closed\n", Some(11)),
    ] {
        let parsed = parse(text, Bodies::Parse);
        assert_eq!(parsed.errors.first().map(|error| error.at), at, "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn deep_nesting_ends_in_an_error() {
    let deep = format!("package p\n\nvar x = {}1{}\n", "(".repeat(100_000), ")".repeat(100_000));
    // Threads that parse have room for it.
    let thread = std::thread::Builder::new().stack_size(512 << 20);
    let errors = thread.spawn(move || parsed(&deep).errors.len()).unwrap().join().unwrap();
    assert!(errors > 0);
}

/// Where declarations lie.
fn spans(parsed: &Parsed) -> Vec<Span> {
    parsed.file.decls.iter().map(|decl| parsed.file.ast[*decl].span).collect()
}

#[test]
fn a_file_without_its_bodies_declares_the_same() {
    let braces = [
        "if x { y() }",
        "return `}`[0]",
        "return `\n}\n\\`",
        r#"x("}", "\"}", "\\", "{")"#,
        r"x('}', '\'', '\\', '{')",
        "x() // }\n",
        "x() /* } \n */",
        "x() /**/ /***/ /* / } */",
        "x(y / z, func() { /* { */ }) // {\n",
        "// it's \"one\n",
    ];
    for body in braces {
        let text =
            format!("package p\n\nfunc a() {{ {body} }}\n\nfunc (t T) b() {{}}\n\nvar c = func() {{ {body} }}\n");
        let (whole, skipped) = (parsed(&text), parse(text.as_bytes(), Bodies::Skip));
        assert_eq!((functions(&whole), spans(&whole)), (functions(&skipped), spans(&skipped)), "{text}");
        assert_eq!((whole.errors.len(), skipped.errors.len()), (0, 0), "{text}: {:?}", whole.errors);
    }
}

#[test]
fn a_body_without_end_is_an_error_also_where_bodies_are_skipped() {
    for body in ["{", "\"", "'", "`", "/*", "/", "\"\\", "'\\", "\"\\\n}", "{ }"] {
        let text = format!("package p\n\nfunc a() {{ {body}");
        assert!(!parse(text.as_bytes(), Bodies::Skip).errors.is_empty(), "{text}");
    }
}

/// Words of the language, in any order.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "func",
        "x",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "if",
        "for",
        "range",
        "select",
        "case",
        "default",
        "switch",
        ":",
        ":=",
        "=",
        ",",
        ";",
        "\n",
        "go",
        "defer",
        "return",
        "chan",
        "<-",
        "map",
        "struct",
        "interface",
        "type",
        "var",
        "const",
        "1",
        "\"s\"",
        "'c'",
        "...",
        ".",
        "*",
        "&",
        "|",
        "~",
        "+",
        "else",
        "break",
        "goto",
        "package",
        "import",
        "`raw`",
        "/* c */",
        "// c\n",
        "\nfunc",
    ]);
    prop::collection::vec(word, 0..80).prop_map(|words| format!("package p\n{}", words.join(" ")))
}

proptest! {
    #[test]
    fn any_words_give_a_tree_within_the_file(text in words()) {
        let parsed = parsed(&text);
        let end = u32::try_from(text.len()).unwrap();
        parsed.file.walk(&mut |node, _| {
            let span = parsed.file.ast.span_of(node);
            assert!(span.start <= end + 1 && span.end <= end + 1, "{span:?} of {end}");
            Walk::Into
        });
    }
}
