//! gostray's developer commands: fixtures, generated tables, benchmarks.
fn main() {}
