//! Contexts and timers.

pub(super) mod context_dropped;
pub(super) mod iter_pull;
pub(super) mod lost_cancel;
pub(super) mod ticker_loop;
