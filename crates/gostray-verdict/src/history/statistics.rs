//! Statistics that outliers, ties and gaps do not mislead.

/// The middle of values; 0 where there are none.
pub(super) fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let (middle, is_odd) = (values.len() / 2, values.len() % 2 == 1);
    let (lower, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if is_odd {
        return *upper;
    }
    let below = lower.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(below, *upper)
}

/// The median of how far values are from their median.
pub(super) fn deviation(values: &[f64]) -> f64 {
    let middle = median(&mut values.to_vec());
    median(&mut values.iter().map(|value| (value - middle).abs()).collect::<Vec<_>>())
}

/// The slope of points: the median of those between any two (Theil–Sen); 0 for fewer than two points.
pub(super) fn slope(points: &[(f64, f64)]) -> f64 {
    let mut slopes = Vec::with_capacity(points.len() * points.len() / 2);
    for (at, (x1, y1)) in points.iter().enumerate() {
        for (x2, y2) in &points[at + 1..] {
            if x2 > x1 {
                slopes.push((y2 - y1) / (x2 - x1));
            }
        }
    }
    median(&mut slopes)
}

/// How surely values rise (Mann–Kendall): a standard normal where they do not, with the variance corrected for
/// ties.
pub(super) fn trend(values: &[f64]) -> f64 {
    let n = values.len();
    if n < 3 {
        return 0.0;
    }
    let mut s = 0_i64;
    for (at, earlier) in values.iter().enumerate() {
        for later in &values[at + 1..] {
            s += match later.total_cmp(earlier) {
                std::cmp::Ordering::Greater => 1,
                std::cmp::Ordering::Less => -1,
                std::cmp::Ordering::Equal => 0,
            };
        }
    }
    let term = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "a number of buckets")]
    let ties: f64 = sorted.chunk_by(|a, b| a == b).map(|tied| term(tied.len() as f64)).sum();
    #[expect(clippy::cast_precision_loss, reason = "a number of buckets")]
    let variance = (term(n as f64) - ties) / 18.0;
    if variance <= 0.0 || s == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most the square of a number of buckets")]
    let s = s as f64;
    (s - s.signum()) / variance.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn the_middle() {
        assert!(near(median(&mut [3.0, 1.0, 2.0]), 2.0));
        assert!(near(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5));
        assert!(near(median(&mut []), 0.0));
        assert!(near(deviation(&[1.0, 2.0, 3.0, 4.0, 100.0]), 1.0));
    }

    #[test]
    fn an_outlier_does_not_bend_a_slope() {
        let line: Vec<_> = (0..10).map(|x| (f64::from(x), 2.0 * f64::from(x))).collect();
        assert!(near(slope(&line), 2.0));
        let mut bent = line;
        bent[9].1 = 1_000.0;
        assert!(near(slope(&bent), 2.0));
        assert!(near(slope(&[(1.0, 1.0)]), 0.0));
    }

    #[test]
    fn a_trend_by_hand() {
        // n = 5, all rising: S = 10, variance = 5·4·15/18 = 16.67, Z = 9/4.0825
        assert!(near(trend(&[1.0, 2.0, 3.0, 4.0, 5.0]), 9.0 / (300.0_f64 / 18.0).sqrt()));
        assert!(near(trend(&[5.0, 4.0, 3.0, 2.0, 1.0]), -9.0 / (300.0_f64 / 18.0).sqrt()));
        // Ties: one pair, term(2) = 18; S = 9
        assert!(near(trend(&[1.0, 2.0, 2.0, 4.0, 5.0]), 8.0 / ((300.0 - 18.0) / 18.0_f64).sqrt()));
        assert!(near(trend(&[7.0; 20]), 0.0));
        assert!(near(trend(&[1.0, 2.0]), 0.0));
    }
}
