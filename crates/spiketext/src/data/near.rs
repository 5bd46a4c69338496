//! Texts that are held out, and whether another text is one of them in other clothes: in another tokenisation, with a few
//! words changed, as part of a longer text, or a large part of it alone.
//!
//! Texts are compared letter by letter, without blanks, punctuation, case, accents, mark-up and the treebank's names of
//! brackets (texts that have no letter, such as emoji alone: sign by sign), by their runs of eight letters (of three, where letters are words): *shingles* (Broder 1997). What is the same in both is
//! looked up in an index of the shingles of all texts that are held out, so that a text costs as much as it is long.

use std::collections::{HashMap, HashSet};

use unicode_normalization::UnicodeNormalization;

use super::mark_up::without_mark_up;
use crate::text::is_han;

/// Letters of a shingle of an alphabet.
const LETTERS: usize = 8;

/// Those where each letter is a word or a part of one.
const HAN_LETTERS: usize = 3;

/// From so many letters on, one text within the other is enough; shorter ones are what many say.
const LONG: usize = 17;

/// The same where each letter is a word or a part of one.
const LONG_HAN: usize = 9;

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
    /// Different shingles of each text, and whether it is long.
    sizes: Vec<(u32, bool)>,
    /// Places of the texts that have a shingle.
    texts: HashMap<u64, Vec<u32>>,
}

impl HeldOut {
    /// Of `texts`, whose places [`Self::find`] gives.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut held = Self::default();
        for (text, place) in texts.into_iter().zip(0..) {
            let letters = letters(text);
            let (shingles, is_long) = shingles(&letters);
            held.sizes.push((shingles.len() as u32, is_long));
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
        let (own, is_long) = shingles(&letters);
        let mut shared: HashMap<u32, u32> = HashMap::new();
        for place in own.iter().filter_map(|shingle| self.texts.get(shingle)).flatten() {
            *shared.entry(*place).or_default() += 1;
        }
        let likeness = |place: u32, shared: u32| {
            let (theirs, they_are_long) = self.sizes[place as usize];
            let (of_theirs, of_own) = (f64::from(shared) / f64::from(theirs), f64::from(shared) / own.len() as f64);
            if of_theirs >= NEAR && of_own >= NEAR {
                Some(Likeness::Near)
            } else if of_theirs >= NEAR && they_are_long {
                Some(Likeness::Holds)
            } else if of_own >= PART && is_long {
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

/// The letters and digits of a text, without case and accents; of a text that has none all signs but blanks.
fn letters(text: &str) -> String {
    let lower: String = without_mark_up(text).nfkd().flat_map(char::to_lowercase).collect();
    let plain = ["-lrb-", "-rrb-", "-lsb-", "-rsb-"].iter().fold(lower, |text, name| text.replace(name, " "));
    let letters: String = plain.chars().filter(|c| c.is_alphanumeric()).collect();
    if letters.is_empty() { plain.chars().filter(|&c| is_sign(c)).collect() } else { letters }
}

/// Whether a character can be seen: no blank, and nothing that joins others or says how they are drawn.
fn is_sign(c: char) -> bool {
    let is_joint =
        matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}');
    !c.is_whitespace() && !c.is_control() && !is_joint
}

/// Hashes of the different shingles of a text's letters, of all of it where it is shorter than one; and whether it is long.
fn shingles(letters: &str) -> (HashSet<u64>, bool) {
    let letters: Vec<char> = letters.chars().collect();
    if letters.is_empty() {
        return (HashSet::new(), false);
    }
    let han = letters.iter().filter(|&&c| is_han(c)).count();
    let (width, long) = if 2 * han >= letters.len() { (HAN_LETTERS, LONG_HAN) } else { (LETTERS, LONG) };
    (letters.windows(width.min(letters.len())).map(hash).collect(), letters.len() >= long)
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
        let before = "We drove for hours through rain and fog to reach the cinema before it closed its doors. ";
        let behind = " Afterwards everybody wanted soup, bread and a long sleep, and nobody spoke on the way home.";
        let long = format!("{before}{REVIEW}{behind}");
        assert_eq!(found(&long), Some(Likeness::Holds));
        assert_eq!(found("the film's biggest problem and there is more than one"), Some(Likeness::Part));
    }

    #[test]
    fn what_is_common_is_nobodys() {
        assert_eq!(found("biggest problem"), None, "short parts are said by many");
        assert_eq!(found("味道不错，送得也很快，下次还来"), None, "a short text within another is not it");
        assert_eq!(found("a fine film that knows what it wants to be"), None);
        for nothing in ["", " . !", "\0"] {
            assert_eq!(found(nothing), None, "{nothing:?}");
        }
        assert_eq!(HeldOut::new([""]).find(""), None);
    }

    #[test]
    fn chinese_texts_are_long_sooner() {
        let held = HeldOut::new(["送餐太慢了而且味道很一般"]);
        assert_eq!(held.find("送餐太慢了，而且味道很一般，下次不会再来了，大家不要点"), Some((0, Likeness::Holds)));
        assert_eq!(held.find("送餐太慢了而且味道还一般"), Some((0, Likeness::Near)));
        assert_eq!(held.find("味道不错送餐也很快"), None);
    }

    #[test]
    fn mark_up_is_no_letter() {
        let held = HeldOut::new(["the room was cold & loud , and nobody came to mend the heating"]);
        for other in [
            "the&nbsp;room&#32;was cold &amp; loud, and nobody came to mend the heating",
            "<p>The room was <b>cold</b> &amp; loud,<br />and nobody came to mend the heating</p>",
        ] {
            assert_eq!(held.find(other), Some((0, Likeness::Same)), "{other}");
        }
    }

    #[test]
    fn entities_that_stand_for_letters_hide_nothing() {
        let held = HeldOut::new(["a fine café in a small town by the sea", "酒店的早餐很好吃", "cold & loud"]);
        for (other, place) in [
            ("&#97; fine caf&eacute; in &#x61; small town by the s&#101;a", 0),
            ("&amp;#97; fine caf&eacute in a small town by the sea", 0),
            ("&#37202;店的早餐&#24456;好吃", 1),
            ("&#99;&#111;&#108;&#100; &amp; loud", 2),
        ] {
            assert_eq!(held.find(other).map(|found| found.0), Some(place), "{other}");
        }
        assert_eq!(held.find("&#37202;店的早餐很好吃"), Some((1, Likeness::Same)));
    }

    #[test]
    fn texts_without_letters_are_found_by_their_signs() {
        let held = HeldOut::new(["😀 😀!", "...", "", "❤\u{fe0f}"]);
        for (other, place) in
            [("😀😀 !", Some(0)), ("…", Some(1)), ("❤", Some(3)), ("😀!", None), ("?", None), (" ", None)]
        {
            assert_eq!(held.find(other).map(|found| found.0), place, "{other}");
        }
        assert_eq!(held.find("fine 😀 😀!"), None);
    }

    #[test]
    fn accents_and_width_do_not_hide_a_text() {
        let held = HeldOut::new(["a cliche of a melodrama , naive and gauche , that takes itself for art"]);
        let other = "A cliché of a melodrama, naïve and gauche, that takes itself for ａｒｔ";
        assert_eq!(held.find(other), Some((0, Likeness::Same)));
    }
}
