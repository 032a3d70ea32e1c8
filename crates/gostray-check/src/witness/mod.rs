//! A test that witnesses a leak: it calls the function that leaks, with values made up for its parameters, and looks
//! which goroutines are left. It fails before a fix and passes after it, or the fix has no witness.
//!
//! # Shape
//!
//! | module | subject |
//! |---|---|
//! | `targets` | which functions are called |
//! | `text` | the text of the test |
//! | `go` | what of it is the same for all: values by type, calls, the judge |
//! | `outcome` | what it says of fixes |
//!
//! The text only names functions and types of the package. Values for parameters are made by the test when it runs,
//! by reflection: there the types are whole, those of other modules, too, and none has to be written down.

mod outcome;
mod targets;
mod text;

use std::path::{Path, PathBuf};

use gostray_golang::Bodies;
use gostray_golang::build::Context;
use gostray_golang::package::{FolderFiles, Reading, SourceFile, go_files};

use crate::finding::Finding;

pub use outcome::{Left, Witness, Witnessed};

/// The name of the test in it.
pub const WITNESS: &str = "TestGostrayWitness";

/// A test of a package that is not there, to be laid over its folder.
#[derive(Debug, Clone)]
pub struct WitnessTest {
    /// The folder of the package.
    pub folder: PathBuf,
    /// Its files: name and text.
    pub files: Vec<(String, String)>,
    /// Tests that are there, which are to be out of the way: what they declare, and what they do before all tests, is
    /// none of this one.
    pub hidden: Vec<String>,
    /// The functions that it can call, the likeliest first.
    pub targets: Vec<String>,
    /// How often a function is called with the same arguments: a lock that is kept shows at the next call.
    pub calls: u32,
    /// Are goroutines looked for that wait for a lock? Those hold up the clock of a bubble.
    pub is_of_lock: bool,
}

/// The test for a finding.
///
/// # Errors
/// Why there can be none, in words.
pub fn witness_test(finding: &Finding, context: &Context) -> Result<WitnessTest, String> {
    let folder = finding.place.file.parent().unwrap_or(Path::new("."));
    let reading = Reading { tests: false, bodies: Bodies::Parse, stamps: false };
    let package = FolderFiles::read(folder, context, reading).package;
    let targets = targets::of(finding, &package);
    if targets.is_empty() {
        let is_test = finding.place.file.to_string_lossy().ends_with("_test.go");
        return Err(if is_test { "it is in a test" } else { "it is in no function that can be called" }.to_owned());
    }
    let name = package.first().map(SourceFile::package_name).map_or("main", gostray_golang::Name::as_str);
    let hidden = go_files(folder, true).map_err(|error| error.to_string())?;
    let is_of_lock = finding.rule.code.starts_with("GS2");
    Ok(WitnessTest {
        folder: folder.to_owned(),
        files: text::files(name, &package, &targets),
        hidden: hidden.into_iter().filter(|name| name.ends_with("_test.go")).collect(),
        targets: targets.into_iter().map(|target| target.expression).collect(),
        calls: if is_of_lock { 2 } else { 1 },
        is_of_lock,
    })
}
