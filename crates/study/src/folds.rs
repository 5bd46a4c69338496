//! Which texts a cell trains on, chooses on and is measured on, where no official split says so: splits by hash, and
//! cross-validation, which divides texts that are nowhere test texts so that each is held back once.
//!
//! ```text
//! texts in ten hands    0    1    2    3    4    5    6    7    8    9
//! split s               test texts: hand s       development texts: hand 5 + s       training texts: all others
//! cross-validation      not there (n splits: 0 to n - 1)   texts n to 9, dealt anew to its folds
//! ```
//!
//! So what cross-validation chooses has seen no test text of any split. Of a data set with an official split,
//! cross-validation has the training and development texts.
//!
//! Texts are dealt class by class in the order of a hash of theirs, so that folds have all classes alike; equal texts
//! (of one [`spiketext::data::canonical_form`]) go together. A class of one or two texts is never held back. Of what is
//! left beside a fold a tenth, dealt likewise, makes the choices of training, as a development part does.

use std::collections::{BTreeMap, HashMap, HashSet};

use spiketext::{
    Error, Result,
    data::{Dataset, Example, Split, SplitRule, text_hash},
};

use crate::cell::Fold;

/// The share of the development texts among those that are not held back: one of so many.
const DEVELOPMENT: usize = 10;

/// Hands of texts that splits are made of.
const HANDS: usize = 10;

/// The order in which texts are taken where few of them are to be labelled.
const FEW: u64 = 4;

/// Most splits by hash: half of the texts are left for cross-validation.
pub const MOST_SPLITS: u64 = 5;

/// Fewest and most folds.
const FOLDS: std::ops::RangeInclusive<usize> = 2..=100;

/// Whether there can be so many folds.
///
/// # Errors
/// If there are fewer than 2 or more than 100.
pub fn check(folds: usize) -> Result<()> {
    if FOLDS.contains(&folds) {
        return Ok(());
    }
    let expected = format!("{} to {} folds", FOLDS.start(), FOLDS.end());
    Err(Error::invalid("cross-validation", expected, folds.to_string()))
}

/// `dataset` with the texts of a fold in the place of its test texts, and the other training and development texts in
/// that of both.
///
/// # Errors
/// If a part would have no texts.
pub fn held_back(dataset: &Dataset, fold: Fold) -> Result<Dataset> {
    let examples: Vec<&Example> = dataset.train.iter().chain(&dataset.development).collect();
    let keys: Vec<(u64, usize)> =
        examples.iter().map(|example| (text_hash(&example.text), first_class(example))).collect();
    let held = deal(&keys, fold.of, 1);
    let is_held = |hash: &u64| held.get(hash) == Some(&(fold.number - 1));
    let rest: Vec<(u64, usize)> = keys.iter().filter(|(hash, _)| !is_held(hash)).copied().collect();
    let chosen_on = deal(&rest, DEVELOPMENT, 2);
    let part_of = |hash: &u64| match chosen_on.get(hash) {
        _ if is_held(hash) => Split::Test,
        Some(0) => Split::Development,
        _ => Split::Train,
    };
    let part = |wanted: Split| -> Vec<Example> {
        let own = examples.iter().zip(&keys).filter(|(_, (hash, _))| part_of(hash) == wanted);
        own.map(|(example, _)| (*example).clone()).collect()
    };
    let [train, development, test] = Split::ALL.map(part);
    for (texts, name) in [(&train, "training"), (&development, "development"), (&test, "held-back")] {
        if texts.is_empty() {
            let expected = format!("{name} texts in fold {} of {} of {}", fold.number, fold.of, dataset.name);
            return Err(Error::invalid("cross-validation", expected, format!("none of {}", examples.len())));
        }
    }
    Ok(Dataset { train, development, test, rule: SplitRule::Hash, ..dataset.clone() })
}

/// `dataset`, which came by its parts by hash, in split `number` of at most [`MOST_SPLITS`].
///
/// # Errors
/// If a part would have no texts.
pub fn in_split(dataset: &Dataset, number: u64) -> Result<Dataset> {
    let number = number as usize;
    let parts = of_hands(dataset, |hand| match hand {
        Some(hand) if hand == number => Split::Test,
        Some(hand) if hand == HANDS / 2 + number => Split::Development,
        _ => Split::Train,
    });
    for (part, name) in [&parts.train, &parts.development, &parts.test].into_iter().zip(Split::ALL) {
        if part.is_empty() {
            let expected = format!("{} texts in split {number} of {}", name.name(), dataset.name);
            return Err(Error::invalid("split by hash", expected, "none"));
        }
    }
    Ok(parts)
}

/// `dataset`, which came by its parts by hash, without the texts that are test texts in one of `splits` splits.
#[must_use]
pub fn outside_tests(dataset: &Dataset, splits: u64) -> Dataset {
    let all = of_hands(dataset, |hand| match hand {
        Some(hand) if (hand as u64) < splits => Split::Test,
        _ => Split::Train,
    });
    Dataset { test: Vec::new(), ..all }
}

/// `dataset`, which came by its parts by hash, with the texts that are nowhere test texts in one of `splits` splits to train
/// on, a tenth of them to make choices on, and no test texts: for what is made once and serves all splits.
///
/// # Errors
/// If a part would have no texts.
pub fn untested(dataset: &Dataset, splits: u64) -> Result<Dataset> {
    let outside = outside_tests(dataset, splits);
    let keys: Vec<(u64, usize)> =
        outside.train.iter().map(|example| (text_hash(&example.text), first_class(example))).collect();
    let chosen_on = deal(&keys, DEVELOPMENT, 2);
    let (development, train): (Vec<_>, Vec<_>) =
        outside.train.iter().cloned().zip(&keys).partition(|(_, (hash, _))| chosen_on.get(hash) == Some(&0));
    let texts =
        |part: Vec<(Example, &(u64, usize))>| part.into_iter().map(|(example, _)| example).collect::<Vec<_>>();
    let (train, development) = (texts(train), texts(development));
    if train.is_empty() || development.is_empty() {
        let expected = format!("texts of {} that no split tests", dataset.name);
        return Err(Error::invalid("split by hash", expected, format!("{} only", train.len() + development.len())));
    }
    Ok(Dataset { train, development, ..outside })
}

/// The training texts of `dataset` that stay labelled where only `most` are, and the others: of each class its share, and
/// one at least, in the order of a hash, so that fewer are always among more.
#[must_use]
pub fn few_labelled(dataset: &Dataset, most: usize) -> (Dataset, Vec<Example>) {
    let mut classes: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for example in &dataset.train {
        let hash = text_hash(&example.text);
        if seen.insert(hash) {
            classes.entry(first_class(example)).or_default().push(hash);
        }
    }
    // A class's n-th text of N has the place n / N: classes come in by their shares, each with its first text before all
    // second ones.
    let mut places = Vec::with_capacity(seen.len());
    for hashes in classes.values_mut() {
        hashes.sort_unstable_by_key(|&hash| (mixed(hash, FEW), hash));
        let all = hashes.len() as f64;
        places.extend(hashes.iter().enumerate().map(|(n, &hash)| (n as f64 / all, hash)));
    }
    places.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let kept: HashSet<u64> = places.into_iter().take(most).map(|(_, hash)| hash).collect();
    let (train, others): (Vec<Example>, Vec<Example>) =
        dataset.train.iter().cloned().partition(|example| kept.contains(&text_hash(&example.text)));
    (Dataset { train, ..dataset.clone() }, others)
}

/// All texts of `dataset` in the part that `part_of` the hand they were dealt to says; those of tiny classes were dealt to
/// none.
fn of_hands(dataset: &Dataset, part_of: impl Fn(Option<usize>) -> Split) -> Dataset {
    let examples: Vec<&Example> = Split::ALL.iter().flat_map(|&part| dataset.part(part)).collect();
    let keys: Vec<(u64, usize)> =
        examples.iter().map(|example| (text_hash(&example.text), first_class(example))).collect();
    let hands = deal(&keys, HANDS, 3);
    let part = |wanted: Split| -> Vec<Example> {
        let own = examples.iter().zip(&keys).filter(|(_, (hash, _))| part_of(hands.get(hash).copied()) == wanted);
        own.map(|(example, _)| (*example).clone()).collect()
    };
    let [train, development, test] = Split::ALL.map(part);
    Dataset { train, development, test, rule: SplitRule::Hash, ..dataset.clone() }
}

/// A text of several classes is dealt with those of the first; one of none with those of a class of its own.
fn first_class(example: &Example) -> usize {
    example.target.classes().first().copied().unwrap_or(usize::MAX)
}

/// Deals texts, given by hash and class, to so many hands; those of a class of one or two are not dealt. `round` makes
/// another order.
fn deal(texts: &[(u64, usize)], hands: usize, round: u64) -> HashMap<u64, usize> {
    let mut classes: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    let mut seen: HashMap<u64, usize> = HashMap::new();
    for &(hash, class) in texts {
        // Equal texts of two classes are dealt with the first that comes.
        if seen.insert(hash, class).is_none() {
            classes.entry(class).or_default().push(hash);
        }
    }
    let mut dealt = HashMap::new();
    let mut next = 0;
    for hashes in classes.values_mut().filter(|hashes| hashes.len() > 2) {
        hashes.sort_unstable_by_key(|&hash| (mixed(hash, round), hash));
        for &hash in hashes.iter() {
            dealt.insert(hash, next % hands);
            next += 1;
        }
    }
    dealt
}

/// Another number for each number (the finaliser of SplitMix64, Steele, Lea and Flood 2014).
fn mixed(number: u64, round: u64) -> u64 {
    let mut z = number.wrapping_add(round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use spiketext::target::Target;

    use super::*;

    fn example(text: String, class: usize) -> Example {
        Example { text, target: Target::of(class) }
    }

    /// Three classes of 60, 30 and 2 texts, some of them twice, and test texts that nobody may see.
    fn dataset() -> Dataset {
        let mut dataset = spiketext::data::load("reviews-en", None).expect("built in");
        let class = |i: usize| if i % 46 == 45 { 2 } else { usize::from(i % 3 == 2) };
        dataset.train = (0..92).map(|i| example(format!("text {i}"), class(i))).collect();
        dataset.train.extend((0..10).map(|i| example(format!("Text  {i}"), class(i))));
        dataset.development = (100..130).map(|i| example(format!("text {i}"), usize::from(i % 3 == 2))).collect();
        dataset.test = (0..40).map(|i| example(format!("secret {i}"), i % 2)).collect();
        dataset
    }

    fn texts(examples: &[Example]) -> Vec<&str> {
        examples.iter().map(|example| example.text.as_str()).collect()
    }

    #[test]
    fn few_texts_that_stay_labelled_are_of_all_classes_and_among_more() {
        let dataset = dataset();
        let hashes = |examples: &[Example]| -> HashSet<u64> {
            examples.iter().map(|example| text_hash(&example.text)).collect()
        };
        let (few, others) = few_labelled(&dataset, 9);
        let (more, _) = few_labelled(&dataset, 30);
        let of_class = |class| few.train.iter().filter(|example| example.target == Target::of(class)).count();
        assert_eq!(hashes(&few.train).len(), 9);
        assert!(of_class(0) > of_class(1) && of_class(1) > of_class(2) && of_class(2) == 1);
        assert!(hashes(&few.train).is_subset(&hashes(&more.train)));
        assert!(hashes(&few.train).is_disjoint(&hashes(&others)));
        assert_eq!(few.train.len() + others.len(), dataset.train.len());
        assert_eq!(few_labelled(&dataset, 1000).0.train.len(), dataset.train.len());
    }

    #[test]
    fn untested_texts_are_in_no_splits_test_part() {
        let dataset = dataset();
        let hashes = |examples: &[Example]| -> HashSet<u64> {
            examples.iter().map(|example| text_hash(&example.text)).collect()
        };
        let untested = untested(&dataset, 5).expect("half of the texts");
        assert!(untested.test.is_empty() && untested.development.len() * 5 < untested.train.len());
        let own = &hashes(&untested.train) | &hashes(&untested.development);
        assert!(hashes(&untested.train).is_disjoint(&hashes(&untested.development)));
        for split in 0..5 {
            assert!(own.is_disjoint(&hashes(&in_split(&dataset, split).expect("a split").test)), "{split}");
        }
        assert_eq!(own, hashes(&outside_tests(&dataset, 5).train));
    }

    #[test]
    fn each_text_is_held_back_once_and_no_test_text_is_there() {
        let dataset = dataset();
        let mut held = Vec::new();
        for number in 1..=5 {
            let fold = held_back(&dataset, Fold { number, of: 5 }).expect("a fold");
            let parts = [&fold.train, &fold.development, &fold.test].map(|part| texts(part));
            let all: Vec<&str> = parts.concat();
            assert_eq!(all.len(), 132, "each text is in one part");
            assert!(all.iter().all(|text| !text.contains("secret")));
            let forms = |part: &[&str]| -> HashSet<u64> { part.iter().map(|text| text_hash(text)).collect() };
            let forms = parts.each_ref().map(|part| forms(part));
            assert!(
                forms[0].is_disjoint(&forms[1]) && forms[0].is_disjoint(&forms[2]) && forms[1].is_disjoint(&forms[2])
            );
            // A fifth of each class, but for one text; the class of two texts stays in training.
            for (class, most) in [(0, 20), (1, 12), (2, 0)] {
                let count = fold.test.iter().filter(|example| example.target == Target::of(class)).count();
                assert!(count <= most && (class == 2 || count + 6 >= most), "class {class}: {count}");
            }
            assert!((8..=14).contains(&fold.development.len()), "{}", fold.development.len());
            held.extend(parts[2].iter().map(|text| (*text).to_owned()));
        }
        let once: BTreeSet<&String> = held.iter().collect();
        assert_eq!((held.len(), once.len()), (130, 130), "all but the class of two texts");
    }

    #[test]
    fn folds_depend_on_no_test_text_and_on_no_order() {
        let first = dataset();
        let mut second = first.clone();
        second.test.clear();
        second.train.reverse();
        let fold = Fold { number: 2, of: 4 };
        let sorted = |dataset: &Dataset| {
            let fold = held_back(dataset, fold).expect("a fold");
            let sorted = |part: &[Example]| {
                let mut texts: Vec<String> = texts(part).into_iter().map(str::to_owned).collect();
                texts.sort_unstable();
                texts
            };
            [sorted(&fold.train), sorted(&fold.development), sorted(&fold.test)]
        };
        assert_eq!(sorted(&first), sorted(&second));
    }

    #[test]
    fn no_test_text_of_any_split_is_left_for_cross_validation() {
        let mut dataset = dataset();
        // Enough of each class for ten hands; in another order the splits are the same.
        dataset.rule = SplitRule::Hash;
        let hashes = |part: &[Example]| -> BTreeSet<u64> { part.iter().map(|e| text_hash(&e.text)).collect() };
        let all: BTreeSet<u64> = Split::ALL.iter().flat_map(|&part| hashes(dataset.part(part))).collect();
        let chosen_on = hashes(&outside_tests(&dataset, 5).train);
        let mut tested = BTreeSet::new();
        for number in 0..MOST_SPLITS {
            let split = in_split(&dataset, number).expect("a split");
            let parts = Split::ALL.map(|part| hashes(split.part(part)));
            assert_eq!(parts.iter().map(BTreeSet::len).sum::<usize>(), all.len(), "each text is in one part");
            assert!(parts[2].len() * 12 > all.len() && parts[2].len() * 8 < all.len(), "{}", parts[2].len());
            assert!(
                parts[1].is_disjoint(&parts[2]) && parts[2].is_disjoint(&tested) && parts[2].is_disjoint(&chosen_on)
            );
            tested.extend(parts[2].clone());
            let mut reordered = dataset.clone();
            reordered.test.append(&mut reordered.train);
            let again = in_split(&reordered, number).expect("a split");
            assert_eq!(parts, Split::ALL.map(|part| hashes(again.part(part))));
        }
        assert_eq!(tested.union(&chosen_on).count(), all.len());
        assert!(chosen_on.len() * 2 >= all.len());
        let mut small = dataset;
        small.train.truncate(4);
        small.development.clear();
        small.test.clear();
        assert!(in_split(&small, 4).map(|_| ()).expect_err("no texts").to_string().contains("split 4"));
    }

    #[test]
    fn too_few_texts_and_too_many_folds_are_refused() {
        let mut small = dataset();
        small.train.truncate(3);
        small.development.clear();
        let error = held_back(&small, Fold { number: 5, of: 5 }).map(|_| ()).expect_err("no texts").to_string();
        assert!(error.contains("fold 5 of 5"), "{error}");
        assert!(check(1).is_err() && check(101).is_err() && check(5).is_ok());
    }
}
