//! The text of the test.

use std::fmt::Write as _;

use gostray_golang::package::SourceFile;
use gostray_golang::{Token, tokens};

use crate::witness::targets::{Target, makers, types};

/// What is the same for all, as Go files of a package `witness`.
const SAME: [(&str, &str); 9] = [
    ("main", include_str!("go/main.go")),
    ("call", include_str!("go/call.go")),
    ("goroutines", include_str!("go/goroutines.go")),
    ("values", include_str!("go/values.go")),
    ("simple", include_str!("go/simple.go")),
    ("composite", include_str!("go/composite.go")),
    ("interfaces", include_str!("go/interfaces.go")),
    ("virtual", include_str!("go/virtual.go")),
    ("real", include_str!("go/real.go")),
];

/// So many literals of a kind are tried as arguments.
const MAX_LITERALS: usize = 4;
/// Longer ones are messages.
const MAX_LENGTH: usize = 32;

/// Its files, for a package of this name.
pub(super) fn files(package: &str, sources: &[SourceFile], targets: &[Target]) -> Vec<(String, String)> {
    let clause = format!("package {package}\n");
    let mut files: Vec<(String, String)> = SAME
        .iter()
        .map(|(name, text)| (format!("gostray_{name}_test.go"), text.replacen("package witness\n", &clause, 1)))
        .collect();
    files.push(("gostray_targets_test.go".to_owned(), clause + &of_package(sources, targets)));
    files
}

/// What is of the package.
fn of_package(sources: &[SourceFile], targets: &[Target]) -> String {
    let function = |name: &String| format!("\t{{{name:?}, {name}}},\n");
    let expressions: String = targets.iter().map(|target| function(&target.expression)).collect();
    let makers: String = makers(sources).iter().map(function).collect();
    let mut text = format!(
        "\n// The functions that are called, what makes values for them, and which types there are.\n\n\
         import gostrayReflect \"reflect\"\n\n\
         type gostrayFunction struct {{\n\tname     string\n\tfunction interface{{}}\n}}\n\n\
         var gostrayTargets = []gostrayFunction{{\n{expressions}}}\n\n\
         var gostrayMakers = []gostrayFunction{{\n{makers}}}\n\n\
         var gostrayTypes = []gostrayReflect.Type{{\n"
    );
    for name in types(sources) {
        let _ = writeln!(text, "\tgostrayReflect.TypeOf((*{name})(nil)).Elem(),");
    }
    let (integers, texts) = literals(sources, targets);
    let _ = write!(
        text,
        "}}\n\n// What they compare with.\nvar gostrayIntegers = []int64{{{}}}\n\nvar gostrayTexts = []string{{{}}}\n",
        integers.join(", "),
        texts.join(", ")
    );
    text
}

/// Integers and short strings that the functions mention: what they compare their arguments with is among them.
fn literals(sources: &[SourceFile], targets: &[Target]) -> (Vec<String>, Vec<String>) {
    let (mut integers, mut texts) = (Vec::new(), Vec::new());
    for target in targets {
        let body = &sources[target.file].source[target.span.range()];
        for (token, span) in tokens(body) {
            let Ok(literal) = std::str::from_utf8(&body[span.range()]) else { continue };
            let into = match token {
                Token::Int if !["0", "1", "3"].contains(&literal) && literal.len() < 10 => &mut integers,
                Token::String if literal.len() <= MAX_LENGTH && !literal.contains(['%', ' ', '\n']) => &mut texts,
                _ => continue,
            };
            if into.len() < MAX_LITERALS && !into.iter().any(|known| known == literal) {
                into.push(literal.to_owned());
            }
        }
    }
    (integers, texts)
}
