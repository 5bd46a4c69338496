//! What may be said of the difference between two networks: intervals, tests, and the word for it.
//!
//! Networks are compared on the same test texts (paired), over several seeds. Two things vary then: which texts a
//! test part happens to have, and what a seed makes of a network. The bootstrap draws both.

use std::collections::BTreeMap;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use statrs::distribution::{Binomial, ContinuousCDF, Discrete, DiscreteCDF, StudentsT};

/// Points of accuracy within which two networks are as good as one another.
pub const AS_GOOD: f64 = 0.5;

/// Draws of a bootstrap.
const DRAWS: usize = 10_000;

/// What is said to be so has at most this probability to be found where it is not so.
pub const LEVEL: f64 = 0.05;

/// Half the width of the interval, at 95 %, of the mean of `count` values of this sample deviation (Student's t);
/// none for fewer than two.
#[must_use]
pub fn student_interval(deviation: f64, count: usize) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, (count.checked_sub(1)?) as f64).ok()?;
    Some(distribution.inverse_cdf(1.0 - LEVEL / 2.0) * deviation / (count as f64).sqrt())
}

/// The probability, two-sided, that of texts that only one of two networks takes rightly so unequal a share falls to
/// one of them by chance: McNemar's test, exact.
#[must_use]
pub fn mcnemar(only_first: u64, only_second: u64) -> f64 {
    let (less, all) = (only_first.min(only_second), only_first + only_second);
    Binomial::new(0.5, all).map_or(1.0, |chance| (2.0 * chance.cdf(less)).min(1.0))
}

/// One probability for tests of one question on several samples that may depend on one another in any way: twice
/// their median (Rüger 1978). None for no tests.
#[must_use]
pub fn twice_the_median(mut probabilities: Vec<f64>) -> Option<f64> {
    probabilities.sort_by(f64::total_cmp);
    // Half of them, rounded up, are at most this.
    let median = probabilities.get(probabilities.len().div_ceil(2).checked_sub(1)?)?;
    Some((2.0 * median).min(1.0))
}

/// The probabilities of a family of tests, corrected so that each may be held against [`LEVEL`] (Holm 1979).
#[must_use]
pub fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let mut corrected = vec![0.0; probabilities.len()];
    let mut least = 0.0f64;
    for (rank, &test) in order.iter().enumerate() {
        least = least.max((probabilities[test] * (probabilities.len() - rank) as f64).min(1.0));
        corrected[test] = least;
    }
    corrected
}

/// Which texts two networks of one seed took rightly, in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// For each text 1 if only the first network was right, -1 if only the second was.
    differences: Vec<i8>,
}

impl Pair {
    /// Of networks that were `first` and `second` right.
    ///
    /// # Panics
    /// If they are not of the same texts.
    #[must_use]
    pub fn of(first: &[bool], second: &[bool]) -> Self {
        assert_eq!(first.len(), second.len(), "pairs of answers: texts");
        Self { differences: first.iter().zip(second).map(|(&a, &b)| i8::from(a) - i8::from(b)).collect() }
    }

    fn texts(&self) -> usize {
        self.differences.len()
    }

    /// How its texts are drawn.
    fn draws(&self) -> TextDraws {
        let differ = (0..self.texts()).filter(|&text| self.differences[text] != 0).collect();
        TextDraws::of(differ, self.texts())
    }

    /// Texts that only the first, and only the second, took rightly.
    #[must_use]
    pub fn discordant(&self) -> [u64; 2] {
        [1, -1].map(|which| self.differences.iter().filter(|&&difference| difference == which).count() as u64)
    }
}

/// Draws of as many texts as there are, each as likely as the others, of which only some matter.
struct TextDraws {
    /// Those.
    texts: Vec<usize>,
    /// The probability that at most so many of the texts drawn are among them.
    at_most: Vec<f64>,
}

impl TextDraws {
    fn of(texts: Vec<usize>, all: usize) -> Self {
        let share = texts.len() as f64 / all as f64;
        let at_most = Binomial::new(share, all as u64).map_or_else(
            |_| vec![1.0],
            |chance| {
                let each = (0..=all as u64).map(|count| chance.pmf(count));
                each.scan(0.0, |sum, probability| {
                    *sum += probability;
                    Some(*sum)
                })
                .collect()
            },
        );
        Self { texts, at_most }
    }

    /// Draws once, and adds `value` of each that matters, by its place among them.
    fn sum(&self, random: &mut ChaCha8Rng, value: impl Fn(usize) -> i32) -> i64 {
        let chance = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let count = self.at_most.partition_point(|&at_most| at_most <= chance).min(self.at_most.len() - 1);
        (0..count).map(|_| i64::from(value(below(random, self.texts.len())))).sum()
    }
}

/// The deviation of the mean of seeds that were tested on texts of their own, beyond what those texts make, as a share.
fn between_seeds(seeds: &[Pair]) -> f64 {
    let count = seeds.len() as f64;
    if seeds.len() < 2 {
        return 0.0;
    }
    let moments = |pair: &Pair| {
        let texts = pair.texts() as f64;
        let mean = pair.differences.iter().map(|&one| f64::from(one)).sum::<f64>() / texts;
        let squares = pair.differences.iter().map(|&one| f64::from(one).powi(2)).sum::<f64>() / texts;
        (mean, (squares - mean * mean) / texts)
    };
    let moments: Vec<(f64, f64)> = seeds.iter().map(moments).collect();
    let mean = moments.iter().map(|(mean, _)| mean).sum::<f64>() / count;
    let between = moments.iter().map(|(own, _)| (own - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let within = moments.iter().map(|(_, within)| within).sum::<f64>() / count;
    ((between - within).max(0.0) / count).sqrt()
}

/// A number of the normal distribution (Box and Muller 1958).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let mut uniform = || ((random.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let (radius, angle) = ((-2.0 * uniform().ln()).sqrt(), std::f64::consts::TAU * uniform());
    radius * angle.cos()
}

/// The difference of two networks' accuracies, in points, first minus second: what the bootstrap drew.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The mean over seeds and texts.
    pub mean: f64,
    /// In order.
    draws: Vec<f64>,
}

impl Difference {
    /// From a pair for each seed. None where there are no texts.
    ///
    /// Texts that are the same for all seeds (`same_texts`) are drawn once for all, and n - 1 of n seeds: with n the
    /// interval of a few would be too narrow (Rao and Wu 1988). Where each seed has texts of its own, the spread between
    /// seeds holds that of the texts already: texts are drawn for each seed, and what seeds differ by beyond that is added
    /// as normal noise of variance `max(0, S^2 - W) / n`, S^2 between the means of the seeds, W the mean within them.
    #[must_use]
    pub fn of(seeds: &[Pair], same_texts: bool) -> Option<Self> {
        let texts = seeds.first()?.differences.len();
        if seeds.iter().any(|pair| pair.differences.is_empty())
            || same_texts && !seeds.iter().all(|pair| pair.differences.len() == texts)
        {
            return None;
        }
        let mean_of =
            |pair: &Pair| pair.differences.iter().map(|&one| f64::from(one)).sum::<f64>() / pair.texts() as f64;
        let mean = 100.0 * seeds.iter().map(mean_of).sum::<f64>() / seeds.len() as f64;
        // The same for the same comparison, whatever else a report holds.
        let mut random = ChaCha8Rng::seed_from_u64(20);
        let drawn_seeds = (seeds.len() - 1).max(1);
        // Texts on which no seed's networks differ change nothing but how many of the others are drawn.
        let differ = |&text: &usize| seeds.iter().any(|pair| pair.differences[text] != 0);
        let (of_all, of_each) = match same_texts {
            true => (Some(TextDraws::of((0..texts).filter(differ).collect(), texts)), Vec::new()),
            false => (None, seeds.iter().map(Pair::draws).collect()),
        };
        // Texts on which the seeds answered alike have one sum, whichever seeds are drawn.
        let mut alike: BTreeMap<Vec<i8>, usize> = BTreeMap::new();
        let kind_of = |&text: &usize| {
            let key: Vec<i8> = seeds.iter().map(|pair| pair.differences[text]).collect();
            let next = alike.len();
            *alike.entry(key).or_insert(next)
        };
        let kinds: Vec<usize> = of_all.as_ref().map_or_else(Vec::new, |all| all.texts.iter().map(kind_of).collect());
        let mut sums = vec![0i32; alike.len()];
        let beyond = if same_texts { 0.0 } else { between_seeds(seeds) };
        let mut draws = Vec::with_capacity(DRAWS);
        for _ in 0..DRAWS {
            let share = match &of_all {
                Some(all) => {
                    sums.fill(0);
                    for _ in 0..drawn_seeds {
                        let seed = below(&mut random, seeds.len());
                        alike.iter().for_each(|(differences, &kind)| sums[kind] += i32::from(differences[seed]));
                    }
                    let sum = all.sum(&mut random, |at| sums[kinds[at]]) as f64;
                    sum / texts as f64 / drawn_seeds as f64
                }
                None => {
                    let mut total = 0.0;
                    for (own, pair) in of_each.iter().zip(seeds) {
                        let sum = own.sum(&mut random, |at| i32::from(pair.differences[own.texts[at]]));
                        total += sum as f64 / pair.texts() as f64;
                    }
                    (total / seeds.len() as f64 + beyond * normal(&mut random)).clamp(-1.0, 1.0)
                }
            };
            draws.push(100.0 * share);
        }
        draws.sort_by(f64::total_cmp);
        Some(Self { mean, draws })
    }

    /// The mean of differences on data sets that have nothing to do with one another. None for none.
    #[must_use]
    pub fn mean_of(sets: &[Self]) -> Option<Self> {
        let count = sets.len() as f64;
        if sets.is_empty() {
            return None;
        }
        let mut random = ChaCha8Rng::seed_from_u64(21);
        let mut draw = || sets.iter().map(|set| set.draws[below(&mut random, set.draws.len())]).sum::<f64>() / count;
        let mut draws: Vec<f64> = (0..DRAWS).map(|_| draw()).collect();
        draws.sort_by(f64::total_cmp);
        Some(Self { mean: sets.iter().map(|set| set.mean).sum::<f64>() / count, draws })
    }

    /// Between which values it lies with this probability, by the draws.
    #[must_use]
    pub fn interval(&self, probability: f64) -> [f64; 2] {
        let tail = (1.0 - probability) / 2.0;
        [tail, 1.0 - tail].map(|share| self.quantile(share))
    }

    /// As NumPy takes quantiles: straight between neighbours.
    fn quantile(&self, share: f64) -> f64 {
        let at = share * (self.draws.len() - 1) as f64;
        let (low, high) = (self.draws[at.floor() as usize], self.draws[at.ceil() as usize]);
        low + (high - low) * at.fract()
    }

    /// The probability, two-sided, of a difference so large by chance, by the draws.
    #[must_use]
    pub fn probability(&self) -> f64 {
        let beyond = |beyond: fn(&f64) -> bool| self.draws.iter().filter(|draw| beyond(draw)).count();
        let fewer = beyond(|draw| *draw <= 0.0).min(beyond(|draw| *draw >= 0.0));
        (2.0 * (fewer + 1) as f64 / (self.draws.len() + 1) as f64).min(1.0)
    }

    /// What may be said of it. `corrected` is the probability of so large a difference by chance, corrected for the
    /// other comparisons of its family.
    #[must_use]
    pub fn verdict(&self, corrected: f64) -> Verdict {
        let [low, high] = self.interval(1.0 - LEVEL);
        // Two one-sided tests at 5 % are the interval at 90 %.
        let [lower, higher] = self.interval(1.0 - 2.0 * LEVEL);
        match (corrected <= LEVEL, -AS_GOOD < lower && higher < AS_GOOD) {
            (true, false) if low > 0.0 => Verdict::Better,
            (true, false) if high < 0.0 => Verdict::Worse,
            (_, true) => Verdict::AsGood,
            _ => Verdict::Open,
        }
    }
}

/// What may be said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first is better, beyond chance.
    Better,
    /// The second is.
    Worse,
    /// If there is a difference, it is below [`AS_GOOD`] points.
    AsGood,
    /// Neither.
    Open,
}

impl Verdict {
    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::AsGood => "as good",
            Self::Open => "open",
        }
    }
}

/// A number below `end`, each as likely as the others (Lemire 2019, without the rejection that 64 bits make
/// needless).
fn below(random: &mut ChaCha8Rng, end: usize) -> usize {
    ((u128::from(random.next_u64()) * end as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde::Deserialize;

    use super::*;

    /// See `reference/make_statistics_golden.py`.
    #[derive(Deserialize)]
    struct Golden {
        student: Vec<(f64, usize, f64)>,
        mcnemar: Vec<(u64, u64, f64)>,
        holm: Vec<(Vec<f64>, Vec<f64>)>,
        bootstrap: Vec<(Vec<i8>, [[f64; 2]; 2])>,
    }

    fn golden() -> Golden {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/statistics.json");
        serde_json::from_str(&std::fs::read_to_string(path).expect("goldens")).expect("goldens")
    }

    #[test]
    fn intervals_and_tests_are_those_of_scipy_and_statsmodels() {
        let golden = golden();
        for (deviation, count, half) in golden.student {
            let got = student_interval(deviation, count).expect("two or more");
            assert!((got - half).abs() < 1e-9 * half, "{deviation} {count}: {got} {half}");
        }
        assert_eq!((student_interval(1.0, 1), student_interval(1.0, 0)), (None, None));
        for (first, second, probability) in golden.mcnemar {
            let got = mcnemar(first, second);
            assert!((got - probability).abs() < 1e-12, "{first} {second}: {got} {probability}");
        }
        for (family, corrected) in golden.holm {
            for (got, want) in holm(&family).iter().zip(corrected) {
                assert!((got - want).abs() < 1e-12, "{family:?}: {got} {want}");
            }
        }
    }

    #[test]
    fn the_bootstrap_of_one_seed_is_scipys() {
        for (differences, intervals) in golden().bootstrap {
            let texts = differences.len();
            let found = Difference::of(&[Pair { differences: differences.clone() }], true).expect("texts");
            let mean = 100.0 * differences.iter().map(|&d| f64::from(d)).sum::<f64>() / texts as f64;
            assert!((found.mean - mean).abs() < 1e-9);
            for (level, want) in [0.95, 0.9].into_iter().zip(intervals) {
                for (got, want) in found.interval(level).into_iter().zip(want) {
                    // One text is the least that two quantiles of draws can differ by.
                    assert!((got - want).abs() <= 100.0 / texts as f64 + 1e-9, "{texts} at {level}: {got} {want}");
                }
            }
        }
    }

    /// Two seeds whose texts all say the same: seeds alone vary, and one of two is drawn.
    #[test]
    fn seeds_are_drawn_as_well_as_texts() {
        let seeds = [1, -1].map(|all| Pair { differences: vec![all; 40] });
        for same_texts in [true, false] {
            let found = Difference::of(&seeds, same_texts).expect("texts");
            assert_eq!((found.mean, found.interval(0.95)), (0.0, [-100.0, 100.0]));
            let half = found.draws.iter().filter(|&&draw| draw > 0.0).count() as f64 / DRAWS as f64;
            assert!((half - 0.5).abs() < 0.03, "{half}");
        }
        // Where each seed has texts of its own, the variance is that between the seeds, divided by their number: what texts
        // make is part of it. 3 seeds of means 0, 50 and 100 points.
        let seeds = [0usize, 20, 40]
            .map(|right| Pair { differences: (0..40).map(|text| i8::from(text * 40 / 40 < right)).collect() });
        let found = Difference::of(&seeds, false).expect("texts");
        let variance = found.draws.iter().map(|draw| (draw - 50.0).powi(2)).sum::<f64>() / DRAWS as f64;
        // A fifth of the draws or so end at -100 or 100 points.
        let want = 2500.0 / 3.0;
        assert!((variance / want - 1.0).abs() < 0.15, "{variance} {want}");
        // Seeds that differ by no more than their texts make: the texts' variance alone.
        let alike: Vec<Pair> = (0..3usize)
            .map(|seed| Pair { differences: (0..400).map(|text| i8::from((text + seed) % 4 == 0)).collect() })
            .collect();
        let of_texts = Difference::of(&alike, false).expect("texts");
        let variance = of_texts.draws.iter().map(|draw| (draw - 25.0).powi(2)).sum::<f64>() / DRAWS as f64;
        let want = 2500.0 * 0.75 / 400.0 / 3.0;
        assert!((variance / want - 1.0).abs() < 0.06, "{variance} {want}");
        assert_eq!(found, Difference::of(&seeds, false).expect("the same again"));
        // Seeds that were tested on other texts have as many as their split has.
        let uneven =
            [40, 41, 39].map(|texts| Pair { differences: (0..texts).map(|text| i8::from(text % 4 == 0)).collect() });
        let found = Difference::of(&uneven, false).expect("texts");
        assert!((found.mean - 25.5).abs() < 0.5 && found.interval(0.95)[0] > 5.0, "{found:?}");
        assert_eq!(Difference::of(&uneven, true), None);
        assert_eq!(Difference::of(&[], true), None);
        assert_eq!(Difference::of(&[Pair { differences: vec![] }], true), None);
    }

    #[test]
    fn a_difference_is_called_one_only_beyond_chance() {
        let pair = |only_first: usize, only_second: usize, texts: usize| {
            let difference =
                |text| i8::from(text < only_first) - i8::from((only_first..only_first + only_second).contains(&text));
            Pair { differences: (0..texts).map(difference).collect() }
        };
        let verdict = |pair: Pair| {
            let found = Difference::of(&[pair], true).expect("texts");
            found.verdict(found.probability())
        };
        assert_eq!(verdict(pair(60, 20, 1000)), Verdict::Better);
        assert_eq!(verdict(pair(20, 60, 1000)), Verdict::Worse);
        assert_eq!(verdict(pair(30, 28, 1000)), Verdict::Open);
        assert_eq!(verdict(pair(30, 28, 100_000)), Verdict::AsGood);
        // Certain, and too small to matter.
        assert_eq!(verdict(pair(60, 5, 100_000)), Verdict::AsGood);
        // What one comparison shows, twenty of them do not.
        let found = Difference::of(&[pair(43, 25, 1000)], true).expect("texts");
        assert!(found.probability() < 0.05 && found.verdict(found.probability()) == Verdict::Better);
        assert_eq!(found.verdict(20.0 * found.probability()), Verdict::Open);
        assert_eq!(pair(60, 20, 1000).discordant(), [60, 20]);
    }

    #[test]
    fn means_over_sets_are_surer_than_one_set() {
        let one = Difference::of(&[Pair { differences: (0..400).map(|i| [1, 0, 0, -1, 1][i % 5]).collect() }], true);
        let one = one.expect("texts");
        let mean = Difference::mean_of(&vec![one.clone(); 4]).expect("sets");
        let width = |difference: &Difference| difference.interval(0.95)[1] - difference.interval(0.95)[0];
        assert!((mean.mean - 20.0).abs() < 1e-9 && (width(&mean) / width(&one) - 0.5).abs() < 0.05);
        assert_eq!(Difference::mean_of(&[]), None);
    }

    #[test]
    fn dependent_tests_are_one_by_their_median() {
        assert_eq!(twice_the_median(vec![0.3, 0.01, 0.02]), Some(0.04));
        assert_eq!((twice_the_median(vec![0.9]), twice_the_median(vec![])), (Some(1.0), None));
        assert_eq!(twice_the_median(vec![0.1, 0.2]), Some(0.2));
    }
}
