//! Resources that own goroutines, or keep those of others.

pub(super) mod body_not_closed;
pub(super) mod client_without_timeout;
mod ends;
pub(super) mod resource_not_closed;
mod table;

/// A function as the runtime names it.
fn symbol((package, receiver, function): (&str, Option<&str>, &str)) -> String {
    match receiver {
        Some(receiver) => format!("{package}.(*{receiver}).{function}"),
        None => format!("{package}.{function}"),
    }
}
