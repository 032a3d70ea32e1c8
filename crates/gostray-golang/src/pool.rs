//! Threads with room for deeply nested code.

use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Room that is only taken when it is used: code is as deep as whoever wrote, or generated, it liked.
const STACK: usize = 512 << 20;

/// The threads on which source is read and looked at: one a processor.
///
/// # Panics
///
/// If the system gives no threads at all.
#[must_use]
#[expect(clippy::panic, reason = "without threads nothing works")]
pub fn pool() -> &'static ThreadPool {
    static POOL: LazyLock<ThreadPool> = LazyLock::new(|| {
        let pool = ThreadPoolBuilder::new().stack_size(STACK).thread_name(|at| format!("golang-{at}")).build();
        pool.unwrap_or_else(|error| panic!("no threads: {error}"))
    });
    &POOL
}
