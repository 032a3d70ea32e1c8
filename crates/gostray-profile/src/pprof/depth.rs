//! Which stacks the profile's depth limit cut.
//!
//! The runtime collects at most 32 frames a goroutine up to Go 1.22 and 128 from 1.23 on
//! (`GODEBUG=profstackdepth` raises that to 1024). Nothing in the profile says that a stack was cut:
//! `runtime.goexit`, which ends every whole stack, is left out. So a stack is taken as cut when it
//! is as deep as the limit. It may be a little deeper: a call that was inlined is written with
//! all the calls that it was inlined into.

/// How many frames the calls that the last one was inlined into may add.
const INLINED: usize = 16;

/// The function below the writer of every profile up to Go 1.22.
const WRITER_UP_TO_1_22: &str = "runtime/pprof.runtime_goroutineProfileWithLabels";
/// The same from Go 1.23 on.
const WRITER_FROM_1_23: &str = "runtime.pprof_goroutineProfileWithLabels";

/// Finds the limit that a profile was taken with.
#[derive(Debug, Default)]
pub(super) struct DepthLimit {
    deepest: usize,
    by_writer: Option<usize>,
}

impl DepthLimit {
    /// A profile that only Go 1.23 and later can have written.
    pub(super) fn from_1_23() -> Self {
        Self { deepest: 0, by_writer: Some(128) }
    }

    /// Takes note of a stack's depth in frames.
    pub(super) fn stack(&mut self, depth: usize) {
        self.deepest = self.deepest.max(depth);
    }

    /// Does it still depend on the functions of the profile?
    pub(super) fn is_open(&self) -> bool {
        self.by_writer.is_none() && self.deepest >= 32
    }

    /// Takes note of a function; the profile's own writer tells the release.
    pub(super) fn function(&mut self, function: &str) {
        match function {
            WRITER_UP_TO_1_22 => self.by_writer = Some(32),
            WRITER_FROM_1_23 => self.by_writer = Some(128),
            _ => {}
        }
    }

    /// Was a stack of this depth cut?
    pub(super) fn cuts(&self, depth: usize) -> bool {
        let limit = match self.by_writer {
            Some(32) => 32,
            None if self.deepest < 32 + INLINED => 32,
            _ if self.deepest < 128 + INLINED => 128,
            _ => 1024,
        };
        depth >= limit && depth < limit + INLINED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_follows_from_the_writer_or_the_deepest_stack() {
        for (writer, depths, cut) in [
            ("", &[5usize, 31, 32][..], &[32usize][..]),
            ("", &[32, 64, 129], &[129]),
            ("", &[32, 129, 1024], &[1024]),
            (WRITER_UP_TO_1_22, &[31, 33], &[33]),
            (WRITER_FROM_1_23, &[32, 33], &[]),
            (WRITER_FROM_1_23, &[32, 128], &[128]),
        ] {
            let mut limit = DepthLimit::default();
            limit.function(writer);
            depths.iter().for_each(|depth| limit.stack(*depth));
            let found: Vec<usize> = depths.iter().copied().filter(|depth| limit.cuts(*depth)).collect();
            assert_eq!(found, cut, "{writer} {depths:?}");
        }
    }
}
