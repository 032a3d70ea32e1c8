//! A source file.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::ast::{DeclKind, File, SpecId, SpecKind};
use crate::name::Name;
use crate::parser::{Bodies, parse};
use crate::source::{Lines, Span, SyntaxError};
use crate::token::Token;

/// An import of a file.
#[derive(Debug, Clone, Copy)]
pub struct Import {
    /// How it is called here, if it is said: `.` and `_` are possible.
    pub name: Option<Name>,
    /// What is imported.
    pub path: Name,
    /// Where.
    pub spec: SpecId,
}

/// A file of a package, parsed.
#[derive(Debug)]
pub struct SourceFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its text.
    pub source: Vec<u8>,
    /// Its tree.
    pub file: File,
    /// What is wrong with it.
    pub errors: Vec<SyntaxError>,
    /// What it imports.
    pub imports: Vec<Import>,
    /// Does its name end in `_test.go`?
    pub is_test: bool,
    /// Does it say that it was generated?
    pub is_generated: bool,
    lines: OnceLock<Lines>,
}

impl SourceFile {
    /// Parses a file.
    #[must_use]
    pub fn new(path: PathBuf, source: Vec<u8>, bodies: Bodies) -> Self {
        let parsed = parse(&source, bodies);
        let imports = imports(&parsed.file, &source);
        let is_test = path.file_name().is_some_and(|name| name.to_string_lossy().ends_with("_test.go"));
        let is_generated = is_generated(&parsed.file, &source);
        Self {
            path,
            source,
            file: parsed.file,
            errors: parsed.errors,
            imports,
            is_test,
            is_generated,
            lines: OnceLock::new(),
        }
    }

    /// Where its lines begin.
    pub fn lines(&self) -> &Lines {
        self.lines.get_or_init(|| Lines::new(&self.source))
    }

    /// The text of a span.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.source.get(span.range()).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// The name of its package.
    #[must_use]
    pub fn package_name(&self) -> Name {
        self.file.ast.name(self.file.name).unwrap_or_else(|| Name::new("_"))
    }
}

fn imports(file: &File, source: &[u8]) -> Vec<Import> {
    let ast = &file.ast;
    let mut imports = Vec::new();
    for decl in &file.decls {
        let DeclKind::Gen(of) = ast[*decl].kind else { continue };
        if of.keyword != Token::Import {
            continue;
        }
        for spec in ast.list(of.specs) {
            let SpecKind::Import { name, path } = ast[spec].kind else { continue };
            let text = std::str::from_utf8(&source[ast[path].span.range()]).unwrap_or_default();
            let path = Name::new(text.trim_matches(['"', '`']));
            imports.push(Import { name: name.and_then(|name| ast.name(name)), path, spec });
        }
    }
    imports
}

/// `// Code generated … DO NOT EDIT.`, before the package clause, as Go's tools look for it.
fn is_generated(file: &File, source: &[u8]) -> bool {
    let before = file.comments.iter().take_while(|span| span.start < file.package);
    before.filter_map(|span| std::str::from_utf8(&source[span.range()]).ok()).any(|text| {
        let mut lines = text.lines().map(|line| line.trim_end_matches('\r'));
        lines.any(|line| line.starts_with("// Code generated ") && line.ends_with(" DO NOT EDIT."))
    })
}
