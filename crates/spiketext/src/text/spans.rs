//! Where words stand in a text as it is written, for those who replace them and leave the rest alone.

use std::ops::Range;

/// Part of a word, but neither at its beginning nor at its end.
const INNER: [char; 5] = ['\'', '-', '_', '*', '@'];

/// The words of a text with spaces between words: runs of letters and digits, with what [`INNER`] holds between them.
pub(super) fn between_spaces(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut begin = None;
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        if letter.is_alphanumeric() || INNER.contains(&letter) {
            begin.get_or_insert(at);
        } else if let Some(begin) = begin.take() {
            let run = &text[begin..at];
            let word = run.trim_start_matches(INNER);
            let begin = begin + run.len() - word.len();
            let word = word.trim_end_matches(INNER);
            if !word.is_empty() {
                spans.push(begin..begin + word.len());
            }
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<&str> {
        between_spaces(text).into_iter().map(|span| &text[span]).collect()
    }

    #[test]
    fn words_are_without_the_punctuation_around_them() {
        assert_eq!(
            words("Don't -- \"mother-in-law\" (f**k) a@b.c, 3.5!"),
            ["Don't", "mother-in-law", "f**k", "a@b", "c", "3", "5"]
        );
        assert_eq!(words("'' -- … 😀"), Vec::<&str>::new());
        assert_eq!(words(""), Vec::<&str>::new());
        assert_eq!(words("naïve Ünïcode 世界"), ["naïve", "Ünïcode", "世界"]);
    }

    proptest! {
        #[test]
        fn spans_are_in_order_and_between_letters(text in "\\PC*") {
            let spans = between_spaces(&text);
            prop_assert!(spans.windows(2).all(|pair| pair[0].end < pair[1].start));
            for span in spans {
                let word = &text[span];
                let ends = [word.chars().next(), word.chars().next_back()];
                prop_assert!(ends.iter().all(|letter| letter.is_some_and(char::is_alphanumeric)), "{}", word);
            }
        }
    }
}
