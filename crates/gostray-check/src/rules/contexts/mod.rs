//! Contexts and timers.

pub(super) mod after_func;
pub(super) mod after_in_loop;
pub(super) mod context_dropped;
pub(super) mod context_ignored;
pub(super) mod iter_pull;
pub(super) mod lost_cancel;
pub(super) mod signal_notify;
pub(super) mod ticker_loop;
