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
}
