//! The names of gostray's own metrics, and what they say: for `/metrics`, rules and dashboard alike.

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// It only grows.
    pub is_counter: bool,
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, help, is_counter: false }
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, help, is_counter: true }
}

/// `1`, with the version as a label.
pub const BUILD_INFO: Metric = gauge("gostray_build_info", "Which gostray this is; always 1.");
/// Targets.
pub const TARGETS: Metric = gauge("gostray_targets", "Targets by job, and whether they answered last time.");
/// Scrapes.
pub const SCRAPES: Metric = counter("gostray_scrapes_total", "Scrapes, answered or not.");
/// Failed scrapes.
pub const FAILED_SCRAPES: Metric = counter("gostray_scrapes_failed_total", "Scrapes that were not answered.");
/// Lateness.
pub const LATE: Metric =
    gauge("gostray_scrape_late_seconds_max", "How much later than planned the latest target was last asked.");
/// Duration.
pub const DURATION: Metric =
    gauge("gostray_scrape_duration_seconds_max", "How long the slowest target took to answer last.");
/// Goroutines.
pub const GOROUTINES: Metric = gauge("gostray_goroutines", "Goroutines of a service, over all instances.");
/// Instances.
pub const INSTANCES: Metric =
    gauge("gostray_instances", "Instances of a service, and whether they answered last time.");
/// Open leaks.
pub const LEAKS: Metric =
    gauge("gostray_leaks", "Leaks of a service by verdict and state; resolved ones are left out.");
/// Goroutines of a leak.
pub const LEAK_GOROUTINES: Metric =
    gauge("gostray_leak_goroutines", "Goroutines of an open leak, over all instances; the largest leaks only.");
/// Growth of a leak.
pub const LEAK_GROWTH: Metric = gauge(
    "gostray_leak_growth_per_second",
    "How many more goroutines an open leak gets each second; the largest leaks only.",
);
/// Bytes of a leak.
pub const LEAK_BYTES: Metric =
    gauge("gostray_leak_bytes", "Memory that an open leak keeps, estimated; the largest leaks only.");
/// Samples.
pub const SAMPLES: Metric = counter("gostray_samples_total", "Samples kept: counts of one stack in one scrape.");
/// Size of the store.
pub const STORE_BYTES: Metric = gauge("gostray_store_bytes", "Bytes of the store on disk.");
/// Errors of the store.
pub const STORE_ERRORS: Metric =
    counter("gostray_store_errors_total", "How often the store could not be read or written.");
/// Of `/probe`.
pub const PROBE_UP: Metric = gauge("gostray_probe_up", "The target answered last time.");
/// Of `/probe`.
pub const PROBE_GOROUTINES: Metric =
    gauge("gostray_probe_goroutines", "Goroutines of the target by what they wait for.");
/// Of `/probe`.
pub const PROBE_LEAKED: Metric =
    gauge("gostray_probe_leak_goroutines", "Goroutines of the target that are of an open leak, by verdict.");

/// All of them.
pub const ALL: &[Metric] = &[
    BUILD_INFO,
    TARGETS,
    SCRAPES,
    FAILED_SCRAPES,
    LATE,
    DURATION,
    GOROUTINES,
    INSTANCES,
    LEAKS,
    LEAK_GOROUTINES,
    LEAK_GROWTH,
    LEAK_BYTES,
    SAMPLES,
    STORE_BYTES,
    STORE_ERRORS,
    PROBE_UP,
    PROBE_GOROUTINES,
    PROBE_LEAKED,
];
