//! The Go processes of this machine.

use std::collections::BTreeMap;

use crate::config::StaticConfig;

/// Looks for them once.
pub(super) fn find() -> Vec<StaticConfig> {
    let own = std::process::id();
    gostray_process::processes()
        .into_iter()
        .filter(|process| process.pid != own)
        .map(|process| {
            let module = process.build.module.clone();
            let service =
                module.rsplit('/').find(|part| !part.is_empty() && !is_version(part)).unwrap_or("process").to_owned();
            let labels = BTreeMap::from([
                ("__pid__".to_owned(), process.pid.to_string()),
                ("__meta_process_module".to_owned(), module),
                ("instance".to_owned(), format!("pid:{}", process.pid)),
                ("service_name".to_owned(), service),
            ]);
            StaticConfig { targets: vec![format!("pid:{}", process.pid)], labels }
        })
        .collect()
}

/// `v2` at the end of a module's path.
fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()))
}
