//! Typos: one letter of a word changed, drawn at random among the places where it can be.
//!
//! `Swap`, `Substitute`, `Delete` and `Insert` are those of DeepWordBug (Gao et al. 2018), the others those of
//! TextBugger (Li et al. 2019), which leaves the first and the last letter alone. Which draws there are, and that an
//! insertion never comes last, follows TextAttack 0.3.11, so that success rates can be compared.

use rand_chacha::rand_core::Rng;
use spiketext::seed::below;

/// One change of a word's letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Two letters side by side change places.
    Swap,
    /// A letter becomes another.
    Substitute,
    /// A letter is left out.
    Delete,
    /// A letter is put in.
    Insert,
    /// A space is put in, not before the second letter.
    InsertSpace,
    /// A letter that is neither the first nor the last is left out.
    DeleteInside,
    /// Two letters change places, of which none is the last and the first stays.
    SwapInside,
    /// A letter becomes one that looks like it.
    LookAlike,
}

/// Latin letters and Cyrillic ones that look the same (pairs of "intentional" confusables, Unicode Technical Standard
/// 39).
const LOOK_ALIKE: &str = "aаcсeеiіjјoоpрsѕxхyуAАBВCСEЕHНIІJЈKКMМOОPРSЅTТXХ";

/// The letter that looks like `letter`.
fn look_alike(letter: char) -> Option<char> {
    let mut pairs = LOOK_ALIKE.chars();
    while let (Some(plain), Some(other)) = (pairs.next(), pairs.next()) {
        if plain == letter {
            return Some(other);
        }
    }
    None
}

impl Edit {
    /// The word with the change, if it can have one and is another word then. Letters that are put in are drawn from
    /// both cases of the Latin alphabet.
    #[must_use]
    pub fn of(self, word: &str, rng: &mut impl Rng) -> Option<String> {
        let mut letters: Vec<char> = word.chars().collect();
        let count = letters.len();
        if count <= 1 && self != Self::LookAlike {
            return None;
        }
        match self {
            Self::Swap => {
                let at = place(rng, 0, count - 1)?;
                letters.swap(at, at + 1);
            }
            Self::SwapInside => {
                let at = place(rng, 1, count.saturating_sub(2))?;
                letters.swap(at, at + 1);
            }
            Self::Substitute => {
                let at = place(rng, 0, count)?;
                letters[at] = letter(rng);
            }
            Self::Delete => {
                letters.remove(place(rng, 0, count)?);
            }
            Self::DeleteInside => {
                letters.remove(place(rng, 1, count - 1)?);
            }
            Self::Insert => {
                let at = place(rng, 0, count)?;
                letters.insert(at, letter(rng));
            }
            Self::InsertSpace => {
                letters.insert(place(rng, 1, count - 1)?, ' ');
            }
            Self::LookAlike => {
                let places: Vec<usize> = (0..count).filter(|&at| look_alike(letters[at]).is_some()).collect();
                let at = places[place(rng, 0, places.len())?];
                letters[at] = look_alike(letters[at])?;
            }
        }
        let changed: String = letters.into_iter().collect();
        (changed != word).then_some(changed)
    }
}

/// A place from `first` to before `end`; none where that is empty.
fn place(rng: &mut impl Rng, first: usize, end: usize) -> Option<usize> {
    (first < end).then(|| first + below(rng, end - first))
}

/// A letter of the Latin alphabet, small or capital.
fn letter(rng: &mut impl Rng) -> char {
    let drawn = below(rng, 52) as u8;
    char::from(if drawn < 26 { b'a' + drawn } else { b'A' + drawn - 26 })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use spiketext::seed::{Purpose, stream};

    use super::*;

    /// All that an edit makes of a word.
    fn all(edit: Edit, word: &str) -> BTreeSet<String> {
        let mut rng = stream(1, Purpose::Attack, 0, 0);
        (0..4000).filter_map(|_| edit.of(word, &mut rng)).collect()
    }

    fn set(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_edit_makes_what_it_can_and_no_more() {
        assert_eq!(all(Edit::Swap, "abc"), set(&["bac", "acb"]));
        assert_eq!(all(Edit::SwapInside, "abcde"), set(&["acbde", "abdce"]));
        assert_eq!(all(Edit::Delete, "abc"), set(&["bc", "ac", "ab"]));
        assert_eq!(all(Edit::DeleteInside, "abcd"), set(&["acd", "abd"]));
        assert_eq!(all(Edit::InsertSpace, "abcd"), set(&["a bcd", "ab cd"]));
        assert_eq!(all(Edit::LookAlike, "éa1"), set(&["éа1"]));
        // 52 letters in each of three places, less the letter that was there.
        assert_eq!(all(Edit::Substitute, "abc").len(), 3 * 51);
        // Before each of three letters; a letter beside its like is one word for two places.
        let inserted = all(Edit::Insert, "abc");
        assert!(
            inserted.len() == 3 * 52 - 2 && inserted.iter().all(|word| word.ends_with('c')),
            "{}",
            inserted.len()
        );
    }

    #[test]
    fn words_that_are_too_short_have_no_edit() {
        let edits = [Edit::Swap, Edit::Substitute, Edit::Delete, Edit::Insert, Edit::InsertSpace];
        for edit in edits.into_iter().chain([Edit::DeleteInside, Edit::SwapInside]) {
            assert_eq!(all(edit, ""), set(&[]), "{edit:?}");
            assert_eq!(all(edit, "a"), set(&[]), "{edit:?}");
        }
        assert_eq!(all(Edit::SwapInside, "abc"), set(&[]));
        assert_eq!(all(Edit::DeleteInside, "ab"), set(&[]));
        assert_eq!(all(Edit::Swap, "aa"), set(&[]));
        assert_eq!(all(Edit::LookAlike, "é"), set(&[]));
        assert_eq!(all(Edit::Swap, "好坏"), set(&["坏好"]));
        assert_eq!(all(Edit::LookAlike, "好"), set(&[]));
    }
}
