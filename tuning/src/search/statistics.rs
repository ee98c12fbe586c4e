//! Means, spreads and Student's t, for a handful of runs.

/// The arithmetic mean; not a number of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The middle value; of an even number the mean of the two in the middle.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => f64::NAN,
        (count, half) if count % 2 == 1 => sorted[half],
        (_, half) => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

/// The standard deviation of a sample; infinite of fewer than two, of which nothing is known.
pub(super) fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::INFINITY;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

#[expect(clippy::approx_constant, reason = "2.718 is a value of the table, and not e")]
/// The 99th percentile of Student's t by degrees of freedom, 1 to 15 (any table of it); beyond, the last, which is larger.
const T_99: [f64; 15] =
    [31.821, 6.965, 4.541, 3.747, 3.365, 3.143, 2.998, 2.896, 2.821, 2.764, 2.718, 2.681, 2.650, 2.624, 2.602];

/// What the mean of all such samples is above, 99 times in 100; minus infinity of fewer than two.
pub(super) fn lower_bound(values: &[f64]) -> f64 {
    match values.len().checked_sub(2) {
        None => f64::NEG_INFINITY,
        Some(at) => {
            let t = T_99.get(at).or(T_99.last()).copied().unwrap_or(f64::INFINITY);
            mean(values) - t * deviation(values) / (values.len() as f64).sqrt()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_known_from_a_book() {
        // 2, 4, 4, 4, 5, 5, 7, 9: mean 5, sum of squares 32.
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert!((mean(&values) - 5.0).abs() < 1e-12 && (deviation(&values) - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert!((median(&values) - 4.5).abs() < 1e-12);
        let bound = 5.0 - 2.998 * (32.0_f64 / 7.0).sqrt() / 8.0_f64.sqrt();
        assert!((lower_bound(&values) - bound).abs() < 1e-9);
        assert_eq!(lower_bound(&[1.0]), f64::NEG_INFINITY);
    }
}
