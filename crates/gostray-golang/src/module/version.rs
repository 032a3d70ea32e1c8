//! Versions of modules: which is newer.

use std::cmp::Ordering;

/// Compares two semantic versions, as `golang.org/x/mod/semver` does. What is none is oldest.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let parse = |version: &str| -> Option<([u64; 3], Option<String>)> {
        let rest = version.strip_prefix('v')?;
        let rest = rest.split('+').next()?;
        let (numbers, before) = match rest.split_once('-') {
            Some((numbers, before)) => (numbers, Some(before.to_owned())),
            None => (rest, None),
        };
        let mut parsed = [0; 3];
        for (place, number) in parsed.iter_mut().zip(numbers.split('.')) {
            *place = number.parse().ok()?;
        }
        Some((parsed, before))
    };
    match (parse(left), parse(right)) {
        (Some((left, left_before)), Some((right, right_before))) => {
            left.cmp(&right).then_with(|| match (left_before, right_before) {
                (None, None) => Ordering::Equal,
                // A version is newer than all that were before it.
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(left), Some(right)) => before(&left, &right),
            })
        }
        (left, right) => left.is_some().cmp(&right.is_some()),
    }
}

fn before(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, _) => Ordering::Less,
            (_, None) => Ordering::Greater,
            (Some(left), Some(right)) => match (left.parse::<u64>(), right.parse::<u64>()) {
                (Ok(left), Ok(right)) => left.cmp(&right),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => left.cmp(right),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// A path or version as folders of the module cache are named: `!x` for `X`.
pub(super) fn escape(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for character in path.chars() {
        if character.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(character.to_ascii_lowercase());
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_versions_come_later() {
        let rising = [
            "",
            "v0.0.0-20200101000000-abcdefabcdef",
            "v0.1.0",
            "v1.0.0-alpha",
            "v1.0.0-alpha.1",
            "v1.0.0-rc.2",
            "v1.0.0-rc.10",
            "v1.0.0",
            "v1.2.0",
            "v1.10.0",
            "v2.0.0+incompatible",
        ];
        for pair in rising.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
        assert_eq!(escape("github.com/BurntSushi/toml"), "github.com/!burnt!sushi/toml");
    }
}
