//! Locks and conditions.

pub(super) mod cond_no_signal;
pub(super) mod lock_across_channel;
pub(super) mod lock_order;
pub(super) mod missing_unlock;
pub(super) mod recursive_lock;
