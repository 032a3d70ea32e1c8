//! Frames of a binary → places of a source tree.

use std::path::{Path, PathBuf};

use gostray_golang::ast::DeclKind;
use gostray_golang::{Bodies, Lines, parse};
use gostray_model::{Frame, FunctionName};
use rustc_hash::FxHashMap;

/// A source tree, by the names of its files.
#[derive(Debug)]
pub struct Sources {
    files: FxHashMap<String, Vec<PathBuf>>,
    /// Files below it are meant, where there are several of a name.
    meant: PathBuf,
}

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The file.
    pub file: PathBuf,
    /// The line.
    pub line: u32,
}

/// Why a frame has no place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// There is no such file.
    NoFile(String),
    /// There are several, and none fits better.
    Several(String),
    /// The function of that name is not at that line.
    OtherFunction {
        /// The file.
        file: PathBuf,
        /// The line.
        line: u32,
        /// The function that the binary has there.
        function: String,
    },
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoFile(file) => write!(f, "{file} is not in the source"),
            Self::Several(file) => write!(f, "there are several files like {file}, and none fits better"),
            Self::OtherFunction { file, line, function } => write!(
                f,
                "the source is not that of the binary: {function} is not at line {line} of {}",
                file.display()
            ),
        }
    }
}

impl Sources {
    /// Reads the names of the files in folders of packages. Where there are several of a name, those below `meant` are.
    #[must_use]
    pub fn of(folders: &[PathBuf], meant: &Path) -> Self {
        let mut files: FxHashMap<String, Vec<PathBuf>> = FxHashMap::default();
        for folder in folders {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if let Ok(name) = entry.file_name().into_string()
                    && name.ends_with(".go")
                {
                    files.entry(name).or_default().push(entry.path());
                }
            }
        }
        Self { files, meant: meant.to_owned() }
    }

    /// The place of a frame: in the file whose path ends as that of the frame does, the longer the better.
    ///
    /// # Errors
    /// If there is no such file, or the function is not there.
    pub fn locate(&self, frame: &Frame) -> Result<Located, Misfit> {
        let wanted: Vec<&str> = frame.file.split(['/', '\\']).collect();
        let name = wanted.last().copied().unwrap_or_default();
        let same_end = |path: &Path| {
            let own: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            own.iter().rev().zip(wanted.iter().rev()).take_while(|(a, b)| a == *b).count()
        };
        let all = self.files.get(name).map_or(&[][..], Vec::as_slice);
        let all: Vec<&PathBuf> = all.iter().filter(|path| is_of_module(path, frame)).collect();
        let mut candidates: Vec<&PathBuf> = all.iter().copied().filter(|path| path.starts_with(&self.meant)).collect();
        if candidates.is_empty() {
            candidates = all;
        }
        let best = candidates.iter().map(|path| same_end(path)).max().unwrap_or(0);
        let mut best = candidates.iter().copied().filter(|path| same_end(path) == best);
        let file = match (best.next(), best.next()) {
            (Some(file), None) => file,
            // The function may tell.
            (Some(first), Some(_)) => {
                let all: Vec<&PathBuf> = candidates.iter().copied().filter(|path| has_function(path, frame)).collect();
                match all[..] {
                    [one] => one,
                    [] => first,
                    _ => return Err(Misfit::Several(frame.file.to_string())),
                }
            }
            _ => return Err(Misfit::NoFile(frame.file.to_string())),
        };
        if !has_function(file, frame) {
            return Err(Misfit::OtherFunction {
                file: file.clone(),
                line: frame.line,
                function: FunctionName::new(&frame.function).short(),
            });
        }
        Ok(Located { file: file.clone(), line: frame.line })
    }
}

/// May a file be that of a frame, as far as modules go? A binary names the files of its dependencies by module and
/// version (`…/client/v3@v3.5.8/lease.go`): a `lease.go` of another module is another file.
fn is_of_module(path: &Path, frame: &Frame) -> bool {
    let parts: Vec<&str> = frame.file.split(['/', '\\']).collect();
    let Some(at) = parts.iter().rposition(|part| part.contains("@v")) else { return true };
    let within: PathBuf = parts[at + 1..].iter().collect();
    if !path.ends_with(&within) {
        return false;
    }
    let Some(root) = path.ancestors().nth(within.iter().count()) else { return false };
    if root.file_name().is_some_and(|name| *name == *parts[at]) {
        return true;
    }
    let Ok(text) = std::fs::read_to_string(root.join("go.mod")) else { return false };
    let module = text.lines().find_map(|line| line.trim().strip_prefix("module ")).unwrap_or_default();
    let module = module.split("//").next().unwrap_or_default().trim().trim_matches('"');
    let package = FunctionName::new(&frame.function).package().into_owned();
    // Package main has no path; a fork, or a vendored copy, has another name.
    package == "main" || package.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Does a file have the function of a frame around its line?
fn has_function(path: &Path, frame: &Frame) -> bool {
    let Ok(source) = std::fs::read(path) else { return false };
    let file = parse(&source, Bodies::Skip).file;
    let lines = Lines::new(&source);
    let local = FunctionName::new(&frame.function).local();
    // Names of closures are those of the functions around them; up to Go 1.26 in a chain, when they were inlined.
    let parts: Vec<&str> = local
        .split('.')
        .map(|part| part.trim_matches(['(', ')', '*']))
        .map(|part| part.split('[').next().unwrap_or(part))
        .collect();
    file.decls.iter().any(|decl| {
        let span = file.ast[*decl].span;
        if lines.position(span.start).line > frame.line || frame.line > lines.position(span.end).line {
            return false;
        }
        match file.ast[*decl].kind {
            DeclKind::Func(function) => file.ast.name(function.name).is_some_and(|name| parts.contains(&name.as_str())),
            // A closure that is the value of a variable of the package.
            _ => parts.iter().any(|part| *part == "init" || *part == "glob" || part.starts_with("func")),
        }
    })
}
