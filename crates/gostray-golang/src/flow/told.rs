//! Calls of well-known packages that never return, by their names: the source of a package may be missing, or end by a
//! variable that anybody could set.

use crate::ast::{ExprId, ExprKind};
use crate::flow::Ending;
use crate::name::Name;
use crate::package::{FileId, World};
use crate::types::{FileTypes, FuncName, Object};

const ZEROLOG: [&str; 2] = ["github.com/rs/zerolog", "github.com/rs/zerolog/log"];

/// How a function, or a method, of a package ends, as its documentation says.
pub(super) fn of_name(path: &str, name: &str) -> Option<Ending> {
    Some(match (without_version(path), name) {
        ("github.com/stretchr/testify/require", "Fail" | "Failf" | "FailNow" | "FailNowf")
        | ("github.com/stretchr/testify/assert", "FailNow" | "FailNowf") => Ending::Goexit,
        ("github.com/onsi/ginkgo", "Fail" | "Skip" | "AbortSuite")
        | ("github.com/sirupsen/logrus", "Panic" | "Panicf" | "Panicln" | "PanicFn")
        | ("go.uber.org/zap", "Panic" | "Panicf" | "Panicln" | "Panicw") => Ending::Panic,
        ("github.com/sirupsen/logrus", "Fatal" | "Fatalf" | "Fatalln" | "FatalFn" | "Exit")
        | ("go.uber.org/zap", "Fatal" | "Fatalf" | "Fatalln" | "Fatalw")
        | (
            "k8s.io/klog" | "github.com/golang/glog",
            "Fatal" | "Fatalf" | "Fatalln" | "FatalDepth" | "FatalDepthf" | "Exit" | "Exitf" | "Exitln" | "ExitDepth"
            | "ExitDepthf",
        ) => Ending::Process,
        _ => return None,
    })
}

/// The path of a module without the major version at its end.
fn without_version(path: &str) -> &str {
    match path.rsplit_once("/v") {
        Some((before, version)) if version.bytes().all(|digit| digit.is_ascii_digit()) => before,
        _ => path,
    }
}

/// How a call ends of which the names are all that is known.
pub(super) fn of_names(world: &World, types: &FileTypes, call: ExprId, file: FileId) -> Option<Ending> {
    let ast = &world.file(file).file.ast;
    let ExprKind::Call { function, arguments, .. } = ast[call].kind else { return None };
    let callee = ast.unparen(function);
    match ast[callee].kind {
        // What is imported by `.` from a package that is missing.
        ExprKind::Ident(name) if !types.objects.contains_key(&callee) => {
            let imports = world.file(file).imports.iter().filter(|import| import.name.is_some_and(|own| own == "."));
            imports.into_iter().find_map(|import| of_name(import.path.as_str(), name.as_str()))
        }
        ExprKind::Selector { x, selected } => {
            let name = ast.name(selected)?;
            if matches!(name.as_str(), "Msg" | "Msgf" | "MsgFunc" | "Send") {
                return of_event(world, types, x, file);
            }
            if types.objects.contains_key(&selected) || types.selections.contains_key(&callee) {
                return None;
            }
            match (package_of(world, types, x, file), name.as_str()) {
                (Some(path), name) => of_name(path.as_str(), name),
                // What is not known is a method of a package that is missing: loggers, and what tests ask.
                (None, "Fatal" | "Fatalf" | "Fatalln" | "Fatalw") if !arguments.is_empty() => Some(Ending::Process),
                (None, "FailNow") => Some(Ending::Goexit),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `log.Fatal().Err(err)`, an event of zerolog that ends what it is sent by.
fn of_event(world: &World, types: &FileTypes, event: ExprId, file: FileId) -> Option<Ending> {
    let ast = &world.file(file).file.ast;
    let mut at = ast.unparen(event);
    while let ExprKind::Call { function, arguments, .. } = ast[at].kind {
        let callee = ast.unparen(function);
        let ExprKind::Selector { x, selected } = ast[callee].kind else { return None };
        let ending = match ast.name(selected)?.as_str() {
            "Fatal" if arguments.is_empty() => Ending::Process,
            "Panic" if arguments.is_empty() => Ending::Panic,
            _ => {
                at = ast.unparen(x);
                continue;
            }
        };
        let is_of_zerolog = match types.objects.get(&selected) {
            Some(Object::Func(function)) => {
                FuncName::of(world, *function).is_some_and(|name| ZEROLOG.contains(&name.package.as_str()))
            }
            Some(_) => false,
            None if types.selections.contains_key(&callee) => false,
            // Where its source is missing, nothing is known of a logger of it.
            None => package_of(world, types, x, file).is_none_or(|path| ZEROLOG.contains(&path.as_str())),
        };
        return is_of_zerolog.then_some(ending);
    }
    None
}

/// The path of the package that an identifier means.
fn package_of(world: &World, types: &FileTypes, expr: ExprId, file: FileId) -> Option<Name> {
    let source = world.file(file);
    let name = source.file.ast.name(expr)?;
    match types.objects.get(&expr) {
        Some(Object::Package(Some(package))) => return Some(world.package(*package).path),
        Some(Object::Package(None)) | None => {}
        Some(_) => return None,
    }
    let imports = || source.imports.iter();
    let is_called = |path: &str| without_version(path).rsplit('/').next() == Some(name.as_str());
    let said = imports().find(|import| import.name == Some(name));
    let import = said.or_else(|| imports().find(|import| import.name.is_none() && is_called(import.path.as_str())));
    import.map(|import| import.path)
}
