//! From which probability on each class is answered, where a text may have several labels: chosen for each class alone
//! by its F1 on the development texts (Yang 2001, SCut).

use spiketext::target::Target;

/// Where there is nothing to choose by.
const USUAL: f32 = 0.5;

/// The threshold of each class, `[K]`, under which its F1 is best on texts of `probabilities`, `[N, K]`, and `targets`:
/// 1/2 if that is one of those, or else half way between the probabilities on both sides, of equals the one nearest to
/// 1/2. A class of none of the texts has 1/2.
///
/// # Panics
/// If there is not a row of probabilities for each target.
#[must_use]
pub fn best(probabilities: &[f32], targets: &[&Target], classes: usize) -> Vec<f32> {
    assert_eq!(probabilities.len(), targets.len() * classes, "a row of probabilities for each target");
    let of = |class: usize| {
        let texts = targets.iter().enumerate();
        let mut pairs: Vec<(f32, bool)> = texts
            .map(|(text, target)| (probabilities[text * classes + class], target.classes().contains(&class)))
            .collect();
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        best_of(&pairs)
    };
    (0..classes).map(of).collect()
}

/// The same of one class: its probabilities, the largest first, and whether it is right.
fn best_of(pairs: &[(f32, bool)]) -> f32 {
    let all = pairs.iter().filter(|pair| pair.1).count();
    if all == 0 {
        return USUAL;
    }
    let (mut right, mut best, mut threshold) = (0, 0.0, USUAL);
    for (at, &(probability, is_right)) in pairs.iter().enumerate() {
        right += usize::from(is_right);
        let next = pairs.get(at + 1).map(|next| next.0);
        if next == Some(probability) {
            // Equals are answered together.
            continue;
        }
        let f1 = 2.0 * right as f64 / (at + 1 + all) as f64;
        let between = match next {
            Some(next) if next < USUAL && USUAL <= probability => USUAL,
            // Between neighbours there is nothing, and rounding must not reach either wrongly.
            Some(next) => Some(f32::midpoint(probability, next))
                .filter(|&between| next < between && between <= probability)
                .unwrap_or(probability),
            // With all of them answered, nothing is known of what lies below.
            None => probability.min(USUAL),
        };
        let nearer = (between - USUAL).abs() < (threshold - USUAL).abs();
        if f1 > best || f1 == best && nearer {
            (best, threshold) = (f1, between);
        }
    }
    threshold
}

#[cfg(test)]
mod tests {
    use super::*;
    use spiketext::{metrics::LabelCounts, target::reached};

    #[test]
    fn a_threshold_lies_between_what_is_right_and_what_is_not() {
        assert_eq!(best_of(&[(0.9, true), (0.5, true), (0.25, false), (0.1, false)]), USUAL);
        assert_eq!(best_of(&[(0.9, true), (0.75, true), (0.625, false), (0.1, false)]), 0.6875);
        assert_eq!(best_of(&[(0.9, false), (0.5, false)]), USUAL);
        assert_eq!(best_of(&[(0.5, true), (0.25, true)]), 0.25, "the least that was right");
        assert_eq!(best_of(&[(0.75, true), (0.625, true)]), USUAL);
        assert_eq!(best_of(&[(0.7, true), (0.7f32.next_down(), false)]), 0.7, "nothing lies between neighbours");
        // Answering both of the equals is better than neither.
        assert_eq!(best_of(&[(0.75, true), (0.75, false), (0.25, false)]), 0.5);
    }

    /// No other threshold does better: every one that tells two probabilities apart is tried.
    #[test]
    fn no_threshold_is_better() {
        let values = [0.1f32, 0.4, 0.35, 0.8, 0.8, 0.05, 0.6, 0.7, 0.2, 0.9];
        for pattern in 1u32..1 << values.len() {
            let targets: Vec<Target> =
                (0..values.len()).map(|at| Target::several((pattern >> at & 1 == 1).then_some(0))).collect();
            let f1 = |threshold: f32| {
                let answers = values.iter().map(|&value| reached(&[value], &[threshold]));
                LabelCounts::of_sets(1, targets.iter().cloned().zip(answers)).figures(0).f1.unwrap_or(0.0)
            };
            let chosen = best(&values, &targets.iter().collect::<Vec<_>>(), 1)[0];
            let most = values.iter().map(|&value| f1(value)).fold(0.0, f64::max);
            assert!(f1(chosen) >= most, "{pattern:b}: {chosen} has {}, {most} is possible", f1(chosen));
        }
    }
}
