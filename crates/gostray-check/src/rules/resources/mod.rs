//! Resources that own goroutines, or keep those of others.

pub(super) mod body_not_closed;
pub(super) mod client_without_timeout;
pub(super) mod resource_not_closed;
mod table;
