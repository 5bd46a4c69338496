//! Texts that are held out, and whether another text is one of them in other clothes: in another tokenisation, with a few
//! words changed, as part of a longer text, or a large part of it alone.
//!
//! Texts are compared letter by letter, without blanks, punctuation, case, accents and the treebank's names of brackets,
//! by their runs of eight letters (of four, where letters are words): *shingles* (Broder 1997). What is the same in both is
//! looked up in an index of the shingles of all texts that are held out, so that a text costs as much as it is long.

use std::collections::{HashMap, HashSet};

use unicode_normalization::UnicodeNormalization;

use crate::text::is_han;

/// Letters of a shingle of an alphabet.
const LETTERS: usize = 8;

/// Those where each letter is a word or a part of one.
const HAN_LETTERS: usize = 4;

/// From so many shingles on, one text within the other is enough.
const LONG: usize = 20;

/// The share of a text's shingles that makes another one near.
const NEAR: f64 = 0.6;

/// The share of a text's own shingles in one that is held out which makes it a part of that.
const PART: f64 = 0.9;

/// How a text is one that is held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The same letters in the same order.
    Same,
    /// Most of both is the same.
    Near,
    /// Most of the text that is held out stands in it.
    Holds,
    /// Most of it stands in the text that is held out.
    Part,
}

/// Texts that are held out.
#[derive(Clone, Debug, Default)]
pub struct HeldOut {
    /// Places of texts by all of their letters.
    whole: HashMap<String, u32>,
    /// Different shingles of each text.
    sizes: Vec<u32>,
    /// Places of the texts that have a shingle.
    texts: HashMap<u64, Vec<u32>>,
}

impl HeldOut {
    /// Of `texts`, whose places [`Self::find`] gives.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut held = Self::default();
        for (text, place) in texts.into_iter().zip(0..) {
            let letters = letters(text);
            let shingles = shingles(&letters);
            held.sizes.push(shingles.len() as u32);
            for shingle in shingles {
                held.texts.entry(shingle).or_default().push(place);
            }
            if !letters.is_empty() {
                held.whole.entry(letters).or_insert(place);
            }
        }
        held
    }

    /// The place of the text that `text` is, and how; the likest of several.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<(usize, Likeness)> {
        let letters = letters(text);
        if let Some(&place) = self.whole.get(&letters) {
            return Some((place as usize, Likeness::Same));
        }
        let own = shingles(&letters);
        let mut shared: HashMap<u32, u32> = HashMap::new();
        for place in own.iter().filter_map(|shingle| self.texts.get(shingle)).flatten() {
            *shared.entry(*place).or_default() += 1;
        }
        let likeness = |place: u32, shared: u32| {
            let (theirs, own) = (self.sizes[place as usize] as usize, own.len());
            let (of_theirs, of_own) = (f64::from(shared) / theirs as f64, f64::from(shared) / own as f64);
            if of_theirs >= NEAR && of_own >= NEAR {
                Some(Likeness::Near)
            } else if of_theirs >= NEAR && theirs >= LONG {
                Some(Likeness::Holds)
            } else if of_own >= PART && own >= LONG {
                Some(Likeness::Part)
            } else {
                None
            }
        };
        let found = shared.iter().filter_map(|(&place, &shared)| Some((place, shared, likeness(place, shared)?)));
        let (place, _, likeness) = found.max_by_key(|&(place, shared, _)| (shared, std::cmp::Reverse(place)))?;
        Some((place as usize, likeness))
    }
}

/// The letters and digits of a text, without case and accents.
fn letters(text: &str) -> String {
    let lower: String = text.nfkd().flat_map(char::to_lowercase).collect();
    let plain = ["-lrb-", "-rrb-", "-lsb-", "-rsb-"].iter().fold(lower, |text, name| text.replace(name, " "));
    plain.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Hashes of the different shingles of a text's letters; of a text that is shorter than one, of all of it.
fn shingles(letters: &str) -> HashSet<u64> {
    let letters: Vec<char> = letters.chars().collect();
    if letters.is_empty() {
        return HashSet::new();
    }
    let han = letters.iter().filter(|&&c| is_han(c)).count();
    let width = if 2 * han >= letters.len() { HAN_LETTERS } else { LETTERS };
    letters.windows(width.min(letters.len())).map(hash).collect()
}

/// FNV-1a over the letters (Fowler, Noll and Vo), mixed so that neighbours are far apart.
fn hash(letters: &[char]) -> u64 {
    let sum = letters.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, &c| {
        (hash ^ u64::from(u32::from(c))).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (sum ^ (sum >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REVIEW: &str = "the film 's biggest problem -lrb- and there is more than one -rrb- is that it does n't know what it wants to be .";

    fn found(text: &str) -> Option<Likeness> {
        HeldOut::new(["another text that has nothing to do with it at all", REVIEW, "味道不错"])
            .find(text)
            .map(|(_, likeness)| likeness)
    }

    #[test]
    fn another_tokenisation_is_the_same_text() {
        let other = "The film\u{2019}s biggest problem (and there is more than one) is that it doesn\u{2019}t know what it wants to be";
        assert_eq!(found(other), Some(Likeness::Same));
        assert_eq!(HeldOut::new([REVIEW]).find(other), Some((0, Likeness::Same)));
        assert_eq!(found("味道 不错 ！"), Some(Likeness::Same));
    }

    #[test]
    fn a_few_other_words_are_near() {
        assert_eq!(found(&REVIEW.replace("biggest", "one real")), Some(Likeness::Near));
        assert_eq!(found(&REVIEW.replace(" to be", "")), Some(Likeness::Near));
    }

    #[test]
    fn a_text_within_a_longer_one_is_found_and_a_part_alone_too() {
        let long = format!("{} {REVIEW} {}", "words before it ".repeat(9), "and words behind it ".repeat(9));
        assert_eq!(found(&long), Some(Likeness::Holds));
        assert_eq!(found("the film's biggest problem and there is more than one"), Some(Likeness::Part));
    }

    #[test]
    fn what_is_common_is_nobodys() {
        assert_eq!(found("the film's biggest problem"), None, "short parts are said by many");
        assert_eq!(found("味道不错，送得也很快，下次还来"), None, "a short text within another is not it");
        assert_eq!(found("a fine film that knows what it wants to be"), None);
        for nothing in ["", " . !", "\0"] {
            assert_eq!(found(nothing), None, "{nothing:?}");
        }
        assert_eq!(HeldOut::new([""]).find(""), None);
    }

    #[test]
    fn accents_and_width_do_not_hide_a_text() {
        let held = HeldOut::new(["a cliche of a melodrama , naive and gauche , that takes itself for art"]);
        let other = "A cliché of a melodrama, naïve and gauche, that takes itself for ａｒｔ";
        assert_eq!(held.find(other), Some((0, Likeness::Same)));
    }
}
