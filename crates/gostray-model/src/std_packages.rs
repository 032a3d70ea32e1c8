//! Which import paths belong to Go's standard library.

/// One import path a line, sorted; the union of Go 1.21 to 1.27. Made by `cargo xtask std-packages`.
const PACKAGES: &str = include_str!("std_packages.txt");

/// Is this import path a package of the standard library (of any Go release from 1.21 to 1.27)?
///
/// `main` is not. A guess from the shape of the path would take a module named `shop/internal`
/// for the standard library, so it is a list.
#[must_use]
pub fn is_std_package(path: &str) -> bool {
    static SORTED: std::sync::LazyLock<Vec<&'static str>> = std::sync::LazyLock::new(|| PACKAGES.lines().collect());
    // Go 1.23 and older keep some internal packages of the runtime below runtime/internal.
    SORTED.binary_search(&path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_standard_library_and_nothing_else() {
        for path in ["runtime", "net/http", "internal/poll", "runtime/internal/atomic", "encoding/json", "iter"] {
            assert!(is_std_package(path), "{path}");
        }
        for path in ["main", "example.com/net/http", "shop/internal/poll", "net/httpx", "golang.org/x/net", ""] {
            assert!(!is_std_package(path), "{path}");
        }
    }
}
