//! Wait groups and errgroups.

pub(super) mod errgroup_misuse;
pub(super) mod wg_add_inside;
pub(super) mod wg_mismatch;
pub(super) mod wg_wait_in_loop;
