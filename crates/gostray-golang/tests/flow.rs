//! Control flow of a written set of functions, as people read it.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::path::Path;

use gostray_golang::ast::{Body, DeclKind};
use gostray_golang::build::Context;
use gostray_golang::flow::{Graph, ends};
use gostray_golang::module::{Places, Workspace};
use gostray_golang::package::World;
use gostray_toolchain::{Request, Toolchain};

/// The graphs of the functions of a file.
fn graphs(name: &str) -> String {
    let root = Toolchain::find(Request::Any, &mut |_| {}).unwrap().root().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flow");
    let places = Places { root: Some(root), cache: None };
    let workspace = Workspace::of(&folder, places).unwrap();
    let mut world =
        World::new(workspace, Context { system: "linux".into(), architecture: "amd64".into(), ..Context::default() });
    let loaded = world.load(&[folder], true, &|| {});
    let package = world.package(loaded[0]);
    let (id, source) = package.files().find(|(_, file)| file.path.ends_with(name)).unwrap();
    let types = world.types_of(id);
    let ast = &source.file.ast;
    let mut text = String::new();
    for decl in &source.file.decls {
        let DeclKind::Func(function) = ast[*decl].kind else { continue };
        let Body::Block(body) = function.body else { continue };
        let graph = Graph::of(ast, body, &|call| ends(&world, &types, call, id));
        text += &format!("{}\n{}\n", source.text(ast[*decl].span), graph.text(source));
    }
    text
}

#[test]
fn branches() {
    insta::assert_snapshot!(graphs("branches.go"));
}

#[test]
fn loops() {
    insta::assert_snapshot!(graphs("loops.go"));
}

#[test]
fn channels() {
    insta::assert_snapshot!(graphs("channels.go"));
}

#[test]
fn endings() {
    insta::assert_snapshot!(graphs("endings.go"));
}
