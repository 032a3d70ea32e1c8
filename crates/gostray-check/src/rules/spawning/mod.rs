//! How goroutines are started.

pub(super) mod handler_spawn;
pub(super) mod infinite_loop;
pub(super) mod test_fatal;
pub(super) mod unbounded_spawn;
