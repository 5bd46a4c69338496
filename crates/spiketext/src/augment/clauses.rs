//! Clauses: a text cut at the signs that divide it and before conjunctions. Each clause of more than three words is a
//! text, and so is the text without one of them.
//!
//! Tang et al. (2019) sample runs of words; a clause is a run that was meant as one, and mostly has one opinion.

use rand_chacha::rand_core::Rng;

use super::pieces::{Cut, Edit, strength};
use crate::seed::shuffle;

/// A clause, and what is left without one, has more words than this.
const FEW_WORDS: usize = 3;

/// English words that a clause begins with.
const CONJUNCTIONS: [&str; 14] = [
    "but", "though", "although", "while", "whereas", "because", "unless", "until", "if", "when", "however",
    "despite", "except", "nor",
];

/// Chinese words that a clause begins with.
const CHINESE_CONJUNCTIONS: [&str; 16] = [
    "但是", "但", "不过", "虽然", "因为", "所以", "然而", "可是", "而且", "如果", "只是", "尽管", "由于", "因此",
    "虽说", "并且",
];

/// A clause: its words, and how many conjunctions it begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Clause {
    begin: usize,
    end: usize,
    conjunctions: usize,
}

/// The texts that are clauses, each as it stands in the text, and the text without one, for so many of them at most
/// (drawn, all alike): a long text would become as many long texts as it has clauses.
pub(super) fn clauses(cut: &Cut<'_>, most_without: usize, rng: &mut impl Rng) -> Vec<String> {
    let clauses = found(cut);
    if clauses.len() < 2 {
        return Vec::new();
    }
    let bodies = clauses.iter().map(|clause| clause.begin + clause.conjunctions..clause.end);
    let mut texts: Vec<String> =
        bodies.filter(|words| words.len() > FEW_WORDS).map(|words| cut.slice(words).to_owned()).collect();
    let mut gone: Vec<usize> = (0..clauses.len()).collect();
    if gone.len() > most_without {
        shuffle(rng, &mut gone);
        gone.truncate(most_without);
        gone.sort_unstable();
    }
    texts.extend(gone.into_iter().filter_map(|gone| without(cut, &clauses, gone)));
    texts
}

/// The text without a clause.
fn without(cut: &Cut<'_>, clauses: &[Clause], gone: usize) -> Option<String> {
    let clause = clauses[gone];
    // What comes first needs no `but`.
    let next = clauses.get(1).filter(|_| gone == 0).map_or(0, |next| next.conjunctions);
    let end = clause.end + next;
    if cut.len() - (end - clause.begin) <= FEW_WORDS {
        return None;
    }
    let mut edits = vec![Edit::Keep; cut.len()];
    edits[clause.begin..end].fill(Edit::Drop);
    Some(cut.written(0..cut.len(), &edits))
}

/// The clauses in their order; they have all words of the text.
fn found(cut: &Cut<'_>) -> Vec<Clause> {
    let conjunction = |at: usize| {
        let word = cut.word(at);
        match cut.spaced {
            true => CONJUNCTIONS.iter().any(|one| one.eq_ignore_ascii_case(word)),
            false => CHINESE_CONJUNCTIONS.contains(&word),
        }
    };
    let mut clauses: Vec<Clause> = Vec::new();
    for at in 0..cut.len() {
        match clauses.last_mut() {
            Some(last) if !divides(cut, at) => {
                let begins = at - last.begin == last.conjunctions && conjunction(at);
                if begins {
                    last.conjunctions += 1;
                } else if conjunction(at) {
                    clauses.push(Clause { begin: at, end: at + 1, conjunctions: 1 });
                    continue;
                }
                last.end = at + 1;
            }
            _ => clauses.push(Clause { begin: at, end: at + 1, conjunctions: usize::from(conjunction(at)) }),
        }
    }
    clauses
}

/// Whether what stands before a word divides the text.
fn divides(cut: &Cut<'_>, at: usize) -> bool {
    let gap = cut.gap(at);
    if gap.contains('\n') {
        return true;
    }
    let signs = gap.trim();
    if !cut.spaced {
        // `、` stands between the things of a list, and 11:34 is one thing.
        let is_number = |word: &str| word.chars().all(|c| c.is_ascii_digit());
        if is_number(cut.word(at)) && is_number(cut.word(at - 1)) {
            return false;
        }
        return signs.chars().any(|sign| strength(sign).is_some() && !matches!(sign, '、' | '-' | '.'));
    }
    let breaks = gap.contains(char::is_whitespace);
    // After mr. and j. goes on what was begun; 3.5 and well-made have no blank.
    let abbreviates = signs == "." && !gap.starts_with(char::is_whitespace) && cut.word(at - 1).chars().count() <= 2;
    let dashes = signs.contains("--") || signs.contains(['–', '—']);
    let hyphen = signs.chars().all(|sign| sign == '-') && !dashes;
    (breaks || dashes) && !abbreviates && !hyphen && signs.chars().any(|sign| strength(sign).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        seed::{Purpose, stream},
        text::Language,
    };

    fn clauses_of(text: &str, language: Language, most: usize) -> Vec<String> {
        clauses(&Cut::of(text, language.tokenizer()), most, &mut stream(0, Purpose::Augment, 0, 0))
    }

    #[test]
    fn english_is_cut_at_signs_and_conjunctions() {
        assert_eq!(
            clauses_of("A warm and funny film, but Mr. Bean drags it out.", Language::English, 10),
            ["A warm and funny film", "Mr. Bean drags it out", "Mr. Bean drags it out.", "A warm and funny film."]
        );
        assert_eq!(
            clauses_of("it 's a fine film though it drags a bit -- really .", Language::English, 10),
            [
                "it 's a fine film",
                "it drags a bit",
                "it drags a bit -- really .",
                "it 's a fine film -- really .",
                "it 's a fine film though it drags a bit ."
            ]
        );
        assert!(clauses_of("a 3.5 star well-made film", Language::English, 10).is_empty());
        assert!(clauses_of("", Language::English, 10).is_empty());
    }

    #[test]
    fn chinese_is_cut_at_signs_and_conjunctions() {
        assert_eq!(
            clauses_of("酒店房间很干净，但是服务员的态度很差。", Language::Chinese, 10),
            ["酒店房间很干净", "服务员的态度很差", "服务员的态度很差。", "酒店房间很干净。"]
        );
        for text in ["苹果、香蕉、梨都好", "商家11:34确定订单以后才送"] {
            assert!(clauses_of(text, Language::Chinese, 10).is_empty(), "{text}");
        }
    }

    #[test]
    fn clauses_stand_in_the_text_and_few_are_left_out() {
        let text: String = (0..50).map(|n| format!("this is the clause {n}, ")).collect();
        let found = clauses_of(&text, Language::English, 4);
        assert_eq!(found.len(), 54);
        assert!(found[..50].iter().all(|clause| text.contains(clause.as_str())));
        assert!(found[50..].iter().all(|rest| rest.matches("clause").count() == 49), "{:?}", &found[50..]);
    }
}
