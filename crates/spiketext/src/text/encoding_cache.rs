//! Word numbers of texts that are much like texts before, such as an attack makes.
//!
//! English is cut at white space whatever stands on its two sides, but for one thing: whether a full stop belongs to
//! the word before it can depend on what follows in the text (nothing at all, a digit, or anything else). So the
//! words of a piece between white space are known by the piece and by what follows it, and are found once
//! ([`Tokenizer::cuts_at_white_space`]). Chinese has no such pieces.

use std::collections::HashMap;

use rayon::prelude::*;

use super::{
    FEW_TEXTS, Tokenizer, Vocabulary,
    normalise::{Quotes, normalise},
};

/// The most memory for pieces.
const PIECE_BYTES: usize = 4 << 20;

/// Cuts texts and numbers their words; remembers pieces of texts that it met. What it remembers changes no result.
#[derive(Debug)]
pub(crate) struct EncodingCache<'a> {
    tokenizer: &'static dyn Tokenizer,
    vocabulary: &'a Vocabulary,
    /// The most bytes to remember before all is forgotten.
    most: usize,
    bytes: usize,
    number_of: HashMap<Box<str>, u32>,
    pieces: Vec<Piece>,
}

/// What comes after a piece, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    Digit,
    Other,
}

/// A stretch of text without white space of ASCII.
#[derive(Debug)]
struct Piece {
    /// What it is to the piece before it; nothing where it is blank.
    itself: Next,
    /// Word numbers for each [`Next`]; one list where it makes no difference.
    words: Vec<Vec<u32>>,
}

impl<'a> EncodingCache<'a> {
    /// Remembers nothing yet.
    pub(crate) fn new(tokenizer: &'static dyn Tokenizer, vocabulary: &'a Vocabulary) -> Self {
        Self { tokenizer, vocabulary, most: PIECE_BYTES, bytes: 0, number_of: HashMap::new(), pieces: Vec::new() }
    }

    /// The word numbers of texts: those of their tokens by [`Vocabulary::encode`].
    pub(crate) fn words_of_all(&mut self, texts: &[String]) -> Vec<Vec<u32>> {
        if self.tokenizer.cuts_at_white_space() || texts.len() < FEW_TEXTS {
            texts.iter().map(|text| self.words(text)).collect()
        } else {
            texts.par_iter().map(|text| self.cut(text)).collect()
        }
    }

    /// The word numbers of a text.
    fn words(&mut self, text: &str) -> Vec<u32> {
        if !self.tokenizer.cuts_at_white_space() {
            return self.cut(text);
        }
        if self.bytes > self.most {
            (self.bytes, self.number_of, self.pieces) = Default::default();
        }
        let numbers: Vec<u32> = text.split_ascii_whitespace().map(|piece| self.number(piece)).collect();
        // From the last on, what follows each.
        let mut next = Next::Nothing;
        let mut nexts = vec![Next::Nothing; numbers.len()];
        for (own, &number) in nexts.iter_mut().zip(&numbers).rev() {
            *own = next;
            match self.pieces[number as usize].itself {
                Next::Nothing => {}
                itself => next = itself,
            }
        }
        let mut words = Vec::with_capacity(numbers.len() + numbers.len() / 4);
        for (number, next) in numbers.into_iter().zip(nexts) {
            let lists = &self.pieces[number as usize].words;
            words.extend_from_slice(&lists[(next as usize).min(lists.len() - 1)]);
        }
        words
    }

    fn number(&mut self, piece: &str) -> u32 {
        if let Some(&number) = self.number_of.get(piece) {
            return number;
        }
        let known = self.piece(piece);
        let number = self.pieces.len() as u32;
        let words: usize = known.words.iter().map(Vec::len).sum();
        // With what the table, the lists and their allocations take, roughly.
        self.bytes += piece.len() + words * size_of::<u32>() + 160;
        self.pieces.push(known);
        self.number_of.insert(piece.into(), number);
        number
    }

    fn piece(&self, piece: &str) -> Piece {
        let mut normal = String::new();
        normalise(piece, Quotes::Straight, &mut normal);
        let itself = match normal.trim_start().chars().next() {
            None => Next::Nothing,
            Some(first) if first.is_ascii_digit() => Next::Digit,
            Some(_) => Next::Other,
        };
        if !normal.contains('.') {
            return Piece { itself, words: vec![self.cut(piece)] };
        }
        let before = |next: &str| {
            let mut tokens = self.tokenizer.tokenize(&format!("{piece} {next}"));
            // The token of `next`.
            tokens.pop();
            self.encode(&tokens)
        };
        Piece { itself, words: vec![self.cut(piece), before("0"), before("a")] }
    }

    fn cut(&self, text: &str) -> Vec<u32> {
        self.encode(&self.tokenizer.tokenize(text))
    }

    fn encode(&self, tokens: &[String]) -> Vec<u32> {
        let mut words = Vec::with_capacity(tokens.len());
        self.vocabulary.encode(tokens, &mut words);
        words
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::Language;

    fn vocabulary() -> Vocabulary {
        let words =
            ["a", "a.", ".", "no", "no.", "mr.", "u.s.", "b", "b.", "1", "0", "'", "'s", "n't", "é", "中", "..."];
        Vocabulary::from_words(words.iter().map(|&word| word.to_owned()).collect()).expect("words")
    }

    #[test]
    fn a_full_stop_goes_with_what_follows() {
        let vocabulary = vocabulary();
        let mut pieces = EncodingCache::new(Language::English.tokenizer(), &vocabulary);
        let mut words = |text: &str| -> Vec<String> {
            let numbers = pieces.words(text);
            numbers.into_iter().map(|id| vocabulary.word(id).unwrap_or("?").to_owned()).collect()
        };
        assert_eq!(words("b. no. b."), ["b.", "no", ".", "b", "."]);
        assert_eq!(words("no. 1 b. \u{200b} "), ["no.", "1", "b", "."]);
        assert_eq!(words("no. \u{200b} 0"), ["no.", "0"]);
        assert_eq!(words("no. \u{200b} b"), ["no", ".", "b"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// Whatever was remembered, words are those of the whole text.
        #[test]
        fn words_are_those_of_the_whole_text(
            texts in prop::collection::vec(prop_oneof![
                any::<String>(),
                "[ab no.10's\\-&:é中\u{301} \
                 \\t\\n\u{a0}\u{200b}\u{fe0f}\u{200d}\u{20e3}\u{604}…\u{1}mru\\\\/*wcom]{0,24}",
                "((a|b|no|mr|u\\.s|1|0|x)(\\.|,|'s|n't|\u{301}|…|\\.\\.)?[ \u{a0}\u{200b}\\n\u{b}]{1,2}){0,8}",
            ], 1..6),
            most in prop::sample::select(vec![0usize, 600, 1 << 20]),
            language in prop::sample::select(Language::ALL.to_vec()),
        ) {
            let (vocabulary, tokenizer) = (vocabulary(), language.tokenizer());
            let mut pieces = EncodingCache { most, ..EncodingCache::new(tokenizer, &vocabulary) };
            for text in texts.iter().chain(&texts) {
                let mut want = Vec::new();
                vocabulary.encode(&tokenizer.tokenize(text), &mut want);
                prop_assert_eq!(pieces.words(text), want, "{:?}", text);
            }
        }
    }
}
