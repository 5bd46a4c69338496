//! Which part of a data set a text belongs to: by a hash of the text, so that duplicates never straddle two parts.
//!
//! The hash is SHA-256 of the text in its [`canonical_form`], its first eight bytes as a big-endian number; modulo
//! ten, 0 to 7 is training, 8 development, 9 test. It depends on the text alone: not on its line, its file or a seed.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use crate::target::Target;

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Texts that weights are fitted to.
    Train,
    /// Texts that choices are made on.
    Development,
    /// Texts that are looked at once, at the end.
    Test,
}

impl Split {
    /// The three parts in their order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Development, Self::Test];

    /// The part that `name` stands for in a `split` column or as a folder, in any case; `None` for other words.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name.trim().to_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "dev" | "development" | "val" | "valid" | "validation" => Some(Self::Development),
            "test" | "testing" => Some(Self::Test),
            _ => None,
        }
    }

    /// The part in one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Development => "development",
            Self::Test => "test",
        }
    }
}

/// How a data set came by its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitRule {
    /// All three parts were given (official files, a `split` column, folders).
    Official,
    /// Some parts were given; the missing ones were taken from the training texts by hash.
    Partial,
    /// 80/10/10 by hash; of a class with few texts at least one in each part, where it has three.
    Hash,
}

impl std::fmt::Display for SplitRule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Official => "official",
            Self::Partial => "partly given, the rest by hash of the text",
            Self::Hash => "about 80/10/10 by hash of the text, each class in each part",
        })
    }
}

/// `text` without what should not tell two texts apart: NFKC, lower case, no white space.
#[must_use]
pub fn canonical_form(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).filter(|c| !c.is_whitespace()).collect()
}

/// The stable hash of the text in its [`canonical_form`].
#[must_use]
pub fn text_hash(text: &str) -> u64 {
    let digest = Sha256::digest(canonical_form(text).as_bytes());
    digest.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// The part of a data set that `text` falls into.
///
/// ```
/// use spiketext::data::{Split, split_of};
/// assert_eq!(split_of("Good film"), split_of(" good  film\n"));
/// ```
#[must_use]
pub fn split_of(text: &str) -> Split {
    split_of_hash(text_hash(text))
}

fn split_of_hash(hash: u64) -> Split {
    match hash % 10 {
        8 => Split::Development,
        9 => Split::Test,
        _ => Split::Train,
    }
}

/// Divides texts, each given by (hash, class), between training and the parts in `wanted`, about a tenth each.
///
/// The rule is [`split_of`]. A class that this leaves out of a part is cut instead: its different texts in the order
/// of their hashes, the first tenth (at least one) to test, the next to development, the rest to training; a class of
/// two texts gives one to the emptier part, a class of one stays in training. So tiny files can be used, and other
/// classes keep their assignment. Equal texts always go together. `None` where a part would still be empty.
fn divide(texts: &[(u64, usize)], wanted: &[Split]) -> Option<Vec<Split>> {
    // Equal texts with different labels count for the first class, so that they have one place.
    let mut different = texts.to_vec();
    different.sort_unstable();
    different.dedup_by_key(|text| text.0);
    let mut classes: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for &(hash, class) in &different {
        classes.entry(class).or_default().push(hash);
    }
    let by_hash = |hash: u64| match split_of_hash(hash) {
        part if wanted.contains(&part) => part,
        _ => Split::Train,
    };
    let mut assignment = Assignment::of(different.into_iter().map(|(hash, _)| hash).collect());
    for hashes in classes.values() {
        let covered = |part: Split| hashes.iter().any(|&hash| by_hash(hash) == part);
        if covered(Split::Train) && wanted.iter().all(|&part| covered(part)) {
            hashes.iter().for_each(|&hash| assignment.put(hash, by_hash(hash)));
        } else {
            cut(hashes, wanted, &mut assignment);
        }
    }
    drop(classes);
    // A class whose every text also stands under another class may have missed training.
    let mut untrained: BTreeMap<usize, Option<u64>> = BTreeMap::new();
    for &(hash, class) in texts {
        let least = untrained.entry(class).or_insert(Some(hash));
        let trained = assignment.part(hash) == Split::Train;
        *least = if trained { None } else { least.map(|other| other.min(hash)) };
    }
    for least in untrained.into_values().flatten() {
        assignment.put(least, Split::Train);
    }
    let divided: Vec<Split> = texts.iter().map(|&(hash, _)| assignment.part(hash)).collect();
    let filled = |part| divided.contains(&part);
    (filled(Split::Train) && wanted.iter().all(|&part| filled(part))).then_some(divided)
}

/// [`divide`] for texts of several classes, each given by its hash and the class that decides, with all its classes
/// in `sets`: a class that would have no training text, since other classes decided for all that have it, gets the
/// one of the least hash. `None` also where that would leave a part empty.
fn divide_sets(texts: &[(u64, usize)], sets: &[&[usize]], wanted: &[Split]) -> Option<Vec<Split>> {
    let mut parts = divide(texts, wanted)?;
    let mut texts_of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (text, set) in sets.iter().enumerate() {
        set.iter().for_each(|&class| texts_of.entry(class).or_default().push(text));
    }
    for texts_of_class in texts_of.values() {
        if texts_of_class.iter().any(|&text| parts[text] == Split::Train) {
            continue;
        }
        let least = texts_of_class.iter().map(|&text| texts[text].0).min();
        for (part, _) in parts.iter_mut().zip(texts).filter(|(_, text)| Some(text.0) == least) {
            *part = Split::Train;
        }
    }
    wanted.iter().all(|part| parts.contains(part)).then_some(parts)
}

/// [`divide`] for examples, each given by the hash of its text and its target. Of several classes the rarest of `counts`
/// decides: a part that lacks it lacks more than one that lacks another.
pub(super) fn divide_examples(
    examples: &[(u64, &Target)],
    counts: &[usize],
    multi_label: bool,
    wanted: &[Split],
) -> Option<Vec<Split>> {
    let rarest =
        |target: &Target| target.classes().iter().copied().min_by_key(|&class| counts[class]).unwrap_or(counts.len());
    let keys: Vec<(u64, usize)> = examples.iter().map(|&(hash, target)| (hash, rarest(target))).collect();
    if !multi_label {
        return divide(&keys, wanted);
    }
    let sets: Vec<&[usize]> = examples.iter().map(|(_, target)| target.classes()).collect();
    divide_sets(&keys, &sets, wanted)
}

/// Where each different text goes, and how many went to each part.
struct Assignment {
    /// In order, each once.
    hashes: Vec<u64>,
    parts: Vec<Split>,
    counts: [usize; 3],
}

impl Assignment {
    /// Of texts that have no place yet.
    fn of(hashes: Vec<u64>) -> Self {
        Self { parts: vec![Split::Train; hashes.len()], hashes, counts: [0; 3] }
    }

    fn place(&self, hash: u64) -> usize {
        self.hashes.binary_search(&hash).expect("one of the texts that are divided")
    }

    fn part(&self, hash: u64) -> Split {
        self.parts[self.place(hash)]
    }

    fn put(&mut self, hash: u64, part: Split) {
        let place = self.place(hash);
        self.parts[place] = part;
        self.counts[part as usize] += 1;
    }
}

/// Cuts the different texts of one class, in the order of their hashes, into the `wanted` parts and training.
fn cut(hashes: &[u64], wanted: &[Split], assignment: &mut Assignment) {
    let tenth = ((hashes.len() + 5) / 10).max(1);
    let mut parts = wanted.to_vec();
    parts.sort_by_key(|&part| (assignment.counts[part as usize], std::cmp::Reverse(part)));
    let mut rest = hashes;
    for part in parts {
        // One text at least stays for training.
        let (head, tail) = rest.split_at(tenth.min(rest.len() - 1));
        head.iter().for_each(|&hash| assignment.put(hash, part));
        rest = tail;
    }
    rest.iter().for_each(|&hash| assignment.put(hash, Split::Train));
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const BOTH: [Split; 2] = [Split::Development, Split::Test];

    /// Python: `int.from_bytes(sha256("".join(normalize("NFKC", t).lower().split()).encode()).digest()[:8], "big")`.
    #[test]
    fn hashes_never_change() {
        assert_eq!(text_hash("simplistic , silly and tedious . "), GOLDEN_ENGLISH);
        assert_eq!(text_hash("很快，好吃，味道足，量大"), GOLDEN_CHINESE);
    }
    const GOLDEN_ENGLISH: u64 = 18_169_853_045_692_674_744;
    const GOLDEN_CHINESE: u64 = 17_388_776_657_862_964_387;

    #[test]
    fn folding_joins_width_case_and_space_but_not_words() {
        assert_eq!(canonical_form("ＡＢＣ　Straße\u{a0}ﬁn"), "abcstraßefin");
        assert_ne!(canonical_form("good"), canonical_form("god"));
    }

    #[test]
    fn many_texts_fall_eighty_ten_ten() {
        let mut counts = [0; 3];
        for number in 0..10_000 {
            counts[split_of(&format!("text {number}")) as usize] += 1;
        }
        assert!((7_850..8_150).contains(&counts[0]), "{counts:?}");
        assert!((900..1_100).contains(&counts[1]) && (900..1_100).contains(&counts[2]), "{counts:?}");
    }

    fn counted(texts: &[(u64, usize)], wanted: &[Split]) -> Option<BTreeMap<(Split, usize), usize>> {
        let parts = divide(texts, wanted)?;
        let mut counts = BTreeMap::new();
        for (part, text) in parts.iter().zip(texts) {
            *counts.entry((*part, text.1)).or_default() += 1;
        }
        Some(counts)
    }

    #[test]
    fn twenty_texts_that_all_hash_to_training_still_fill_every_part_with_every_class() {
        let texts: Vec<(u64, usize)> = (0..20).map(|n| (n * 10, n as usize % 2)).collect();
        let counts = counted(&texts, &BOTH).unwrap();
        for class in [0, 1] {
            assert_eq!(counts[&(Split::Train, class)], 8);
            assert_eq!(counts[&(Split::Development, class)], 1);
            assert_eq!(counts[&(Split::Test, class)], 1);
        }
    }

    #[test]
    fn two_classes_of_two_texts_can_be_split_but_not_of_one() {
        assert_eq!(counted(&[(1, 0), (2, 0), (3, 1), (4, 1)], &BOTH).unwrap().len(), 4);
        assert!(divide(&[(1, 0), (2, 1)], &BOTH).is_none());
        assert!(divide(&[], &BOTH).is_none());
        assert!(divide(&[(1, 0), (2, 0), (3, 1)], &[Split::Development]).is_some());
    }

    #[test]
    fn a_rare_class_does_not_move_the_others() {
        let common: Vec<(u64, usize)> = (0..100).map(|n| (n, 0)).collect();
        let mut texts = common.clone();
        texts.extend([(1_000, 1), (1_010, 1), (1_020, 1)]);
        let parts = divide(&texts, &BOTH).unwrap();
        for (text, part) in common.iter().zip(&parts) {
            assert_eq!(*part, split_of_hash(text.0));
        }
        assert_eq!(parts[100..].iter().collect::<std::collections::HashSet<_>>().len(), 3);
    }

    #[test]
    fn a_class_that_never_decides_is_trained_all_the_same() {
        // Class 2 stands only beside 0, whose texts are few and all go to other parts but one.
        let mut texts: Vec<(u64, usize)> = (0..40).map(|n| (n, 1)).collect();
        texts.extend([(108, 0), (109, 0), (110, 0)]);
        let plain = divide(&texts, &BOTH).unwrap();
        let mut sets: Vec<&[usize]> = vec![&[1]; 40];
        sets.extend([&[0, 2][..], &[0], &[0]]);
        assert_eq!(plain[40], Split::Development, "else nothing is shown");
        let parts = divide_sets(&texts, &sets, &BOTH).unwrap();
        assert_eq!(parts[40], Split::Train);
        assert_eq!((&parts[..40], &parts[41..]), (&plain[..40], &plain[41..]), "all else stays");
    }

    proptest! {
        #[test]
        fn every_class_of_a_set_is_trained_and_equal_texts_stay_together(
            texts in proptest::collection::vec((0u64..40, proptest::collection::btree_set(0usize..6, 0..4)), 0..60),
        ) {
            let rarest = |set: &std::collections::BTreeSet<usize>| set.first().copied().unwrap_or(6);
            let keys: Vec<(u64, usize)> = texts.iter().map(|(hash, set)| (*hash, rarest(set))).collect();
            let sets: Vec<Vec<usize>> = texts.iter().map(|(_, set)| set.iter().copied().collect()).collect();
            let sets: Vec<&[usize]> = sets.iter().map(Vec::as_slice).collect();
            let Some(parts) = divide_sets(&keys, &sets, &BOTH) else { return Ok(()) };
            let mut of = HashMap::new();
            for (part, key) in parts.iter().zip(&keys) {
                prop_assert_eq!(*of.entry(key.0).or_insert(*part), *part);
            }
            for class in sets.iter().copied().flatten() {
                let trained = sets.iter().zip(&parts).any(|(set, part)| set.contains(class) && *part == Split::Train);
                prop_assert!(trained, "{}", class);
            }
            prop_assert!(Split::ALL.iter().all(|part| parts.contains(part)));
        }

        #[test]
        fn divided_texts_never_straddle_and_every_class_is_trained(
            texts in proptest::collection::vec((0u64..40, 0usize..3), 0..60),
            both in any::<bool>(),
        ) {
            let wanted = if both { &BOTH[..] } else { &BOTH[..1] };
            if let Some(parts) = divide(&texts, wanted) {
                let mut assignment = HashMap::new();
                for (part, text) in parts.iter().zip(&texts) {
                    prop_assert_eq!(*assignment.entry(text.0).or_insert(*part), *part);
                }
                for text in &texts {
                    let trained = texts.iter().zip(&parts).any(|(t, p)| t.1 == text.1 && *p == Split::Train);
                    prop_assert!(trained);
                }
            } else {
                let different: std::collections::HashSet<u64> = texts.iter().map(|t| t.0).collect();
                let labelled: std::collections::HashSet<(u64, usize)> = texts.iter().copied().collect();
                let contradicted = labelled.len() > different.len();
                prop_assert!(contradicted || different.len() < 10, "{} different texts are enough", different.len());
            }
        }
    }
}
