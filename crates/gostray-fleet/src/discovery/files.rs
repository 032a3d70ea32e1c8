//! Targets in files, as `file_sd_configs` names them.

use std::path::{Path, PathBuf};

use crate::config::StaticConfig;
use crate::discovery::fetch::MAX_LIST;
use crate::discovery::mechanism::{Given, of_before};

const FILE: &str = "__meta_filepath";

/// Reads all files that match, sorted. Of one that can't be read the last good list stays, as in Prometheus.
pub(super) fn read(patterns: &[PathBuf], last: &[StaticConfig]) -> Given {
    let mut given = Given::default();
    let mut groups = Vec::new();
    for pattern in patterns {
        match matching(pattern) {
            Ok(paths) => {
                for path in paths {
                    match one(&path) {
                        Ok(own) => groups.extend(own.unwrap_or_default()),
                        Err(why) => {
                            groups.extend(of_before(last, FILE, &path.display().to_string()));
                            given.errors.push(format!("{}: {why}", path.display()));
                        }
                    }
                }
            }
            Err(why) => given.errors.push(why),
        }
    }
    given.groups = Some(groups);
    given
}

/// The targets of a file; none if there is no such file.
fn one(path: &Path) -> Result<Option<Vec<StaticConfig>>, String> {
    let size = match std::fs::metadata(path) {
        Ok(about) => about.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if size > MAX_LIST as u64 {
        return Err("it is larger than 32 MiB".to_owned());
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let mut groups: Vec<StaticConfig> = if is_json {
        serde_json::from_str(&text).map_err(|error| error.to_string())?
    } else if text.trim().is_empty() {
        Vec::new()
    } else {
        serde_saphyr::from_str(&text).map_err(|error| error.to_string())?
    };
    for group in &mut groups {
        group.labels.insert(FILE.to_owned(), path.display().to_string());
    }
    Ok(Some(groups))
}

/// The files that a path with `*` in its last part names.
fn matching(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !name.contains('*') {
        return Ok(vec![pattern.to_owned()]);
    }
    let expression = name.split('*').map(regex::escape).collect::<Vec<_>>().join(".*");
    let expression = regex::Regex::new(&format!("^{expression}$")).map_err(|error| error.to_string())?;
    let folder = pattern.parent().unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| expression.is_match(name)))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_keeps_its_last_targets_and_the_others_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
        let patterns = [folder.path().join("*.json"), folder.path().join("b.yml")];
        let targets = |given: &Given| -> Vec<String> {
            given.groups.iter().flatten().flat_map(|group| group.targets.clone()).collect()
        };
        write("a.json", r#"[{"targets":["a:1"]}]"#);
        write("b.yml", "- targets: [b:1]\n  labels: {replica: 1}\n");
        let first = read(&patterns, &[]);
        assert_eq!((targets(&first), first.errors.len()), (vec!["a:1".to_owned(), "b:1".to_owned()], 0));
        write("a.json", "[{");
        write("b.yml", "- targets: [b:2]\n");
        let second = read(&patterns, first.groups.as_deref().unwrap_or_default());
        assert_eq!(targets(&second), ["a:1", "b:2"]);
        assert!(second.errors[0].contains("a.json"), "{:?}", second.errors);
        std::fs::remove_file(folder.path().join("a.json")).expect("it was there");
        assert_eq!(targets(&read(&patterns, second.groups.as_deref().unwrap_or_default())), ["b:2"]);
    }
}
