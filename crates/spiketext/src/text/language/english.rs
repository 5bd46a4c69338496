//! Cuts English text, and text of other languages with spaces, in the manner of the Penn Treebank.
//!
//! Words, numbers, clitics (`film's` is `film` `'s`, `can't` is `ca` `n't`), abbreviations with their full stop,
//! addresses of the web, runs of one sign (`...`, `!!!`, `--`) and emoji are a token each. Words joined by a hyphen
//! or a slash stay whole: whether their parts are better known is for the vocabulary to say. Text that is already cut
//! comes through as it is.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::{LanguagePack, Script, Tokenizer};
use crate::text::{
    normalise::{Quotes, is_han, normalise},
    spans,
};

/// Endings that are words of their own, longest first where one ends like another.
const CLITICS: [&str; 7] = ["n't", "'re", "'ve", "'ll", "'s", "'d", "'m"];

/// Words that begin with an apostrophe, without it.
const APOSTROPHE_WORDS: [&str; 15] =
    ["s", "re", "ve", "ll", "d", "m", "t", "em", "n", "til", "tis", "twas", "cause", "bout", "cos"];

/// Abbreviations that keep their full stop, besides single letters (`j.`) and acronyms (`u.s.`).
const ABBREVIATIONS: [&str; 23] = [
    "mr", "mrs", "ms", "dr", "jr", "sr", "st", "vs", "etc", "prof", "rev", "gen", "sen", "rep", "gov", "capt", "lt",
    "sgt", "inc", "corp", "ltd", "bros", "messrs",
];

/// Brackets as the Penn Treebank spells them.
const BRACKETS: [&str; 6] = ["-lrb-", "-rrb-", "-lsb-", "-rsb-", "-lcb-", "-rcb-"];

/// Ends of domain names after which a full stop inside a word is no end of a sentence.
const DOMAINS: [&str; 5] = ["com", "net", "org", "edu", "gov"];

/// See [`Language::English`](super::Language::English).
#[derive(Debug)]
pub(super) struct English;

impl Tokenizer for English {
    fn each_token(&self, text: &str, take: &mut dyn FnMut(&str)) {
        let mut normal = String::new();
        normalise(text, Quotes::Straight, &mut normal);
        let mut scanner = Scanner { text: &normal, bytes: normal.as_bytes(), take };
        let mut at = 0;
        while at < normal.len() {
            at = scanner.token(at);
        }
    }

    fn spans(&self, text: &str) -> Vec<Range<usize>> {
        spans::between_spaces(text)
    }

    fn cuts_at_white_space(&self) -> bool {
        true
    }
}

impl LanguagePack for English {
    fn title(&self) -> &'static str {
        "English"
    }

    fn script(&self) -> Option<Script> {
        None
    }

    #[cfg(feature = "built-in-vectors")]
    fn built_in_vectors(&self) -> &'static [u8] {
        // A constant would lie in the program once for each place that uses it.
        static BYTES: &[u8] = include_bytes!("../../../assets/vectors-en.safetensors.zst");
        BYTES
    }
}

/// Text in its normal spelling, and who takes its tokens. Positions are byte offsets on letter borders.
struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    take: &'a mut dyn FnMut(&str),
}

impl Scanner<'_> {
    /// Takes what begins at `at`; gives where the next token may begin.
    fn token(&mut self, at: usize) -> usize {
        let first = self.bytes[at];
        match first {
            b' ' | 0..=31 | 127 => at + 1,
            b'a'..=b'z' | b'0'..=b'9' => self.word(at),
            128.. => self.foreign(at),
            b'\'' => self.apostrophe(at),
            b'-' => match BRACKETS.iter().find(|b| self.text[at..].starts_with(**b) && !self.is_word(at + b.len())) {
                Some(bracket) => self.push(at, at + bracket.len()),
                None => self.run(at),
            },
            b'\\' if matches!(self.byte(at + 1), b'/' | b'*') => {
                // The Treebank's escapes of slash and star; `\*\*\*` is three stars.
                let mut end = at + 2;
                while self.bytes.get(end..end + 2) == Some(&self.bytes[at..at + 2]) {
                    end += 2;
                }
                self.push(at, end)
            }
            b'(' | b')' | b'[' | b']' | b'{' | b'}' => self.push(at, at + 1),
            _ => self.run(at),
        }
    }

    /// A word or a symbol that begins with a letter beyond ASCII.
    fn foreign(&mut self, at: usize) -> usize {
        let Some(letter) = self.text[at..].chars().next() else { return self.text.len() };
        if is_han(letter) {
            self.push(at, at + letter.len_utf8())
        } else if letter.is_alphanumeric() {
            self.word(at)
        } else if letter.is_whitespace() || letter.is_control() {
            at + letter.len_utf8()
        } else {
            let cluster = self.text[at..].graphemes(true).next().unwrap_or_default();
            // A sign that binds to what follows (U+0604, an Arabic number mark) must not take a space or a word
            // along.
            let ends = |c: char| c.is_whitespace() || c.is_control() || c.is_alphanumeric();
            let end = cluster.char_indices().skip(1).find(|&(_, c)| ends(c)).map_or(cluster.len(), |(end, _)| end);
            self.push(at, at + end)
        }
    }

    /// One sign, as often as it follows itself.
    fn run(&mut self, at: usize) -> usize {
        let length = self.bytes[at..].iter().take_while(|&&byte| byte == self.bytes[at]).count();
        self.push(at, at + length)
    }

    /// A clitic on its own (`'s`), a clipped word (`'em`), a decade (`'90s`), or just the sign.
    fn apostrophe(&mut self, at: usize) -> usize {
        let rest = &self.bytes[at + 1..];
        if let [b'0'..=b'9', b'0'..=b'9', ..] = rest {
            let end = at + 3 + usize::from(self.byte(at + 3) == b's');
            if !self.is_word(end) {
                return self.push(at, end);
            }
        }
        let letters = rest.iter().take(6).take_while(|byte| byte.is_ascii_lowercase()).count();
        let end = at + 1 + letters;
        if letters > 0 && !self.is_word(end) && APOSTROPHE_WORDS.contains(&&self.text[at + 1..end]) {
            // Rock 'n' roll.
            let closed = &self.text[at + 1..end] == "n" && self.byte(end) == b'\'' && !self.is_word(end + 1);
            return self.push(at, end + usize::from(closed));
        }
        self.run(at)
    }

    /// A word, a number or an address, with its clitics and, after an abbreviation, its full stop.
    fn word(&mut self, at: usize) -> usize {
        if let Some(end) = self.address(at) {
            return self.push(at, end);
        }
        let (mut end, mut has_apostrophe) = (at, false);
        let mut segment = at;
        loop {
            let byte = self.byte(end);
            if byte.is_ascii_alphanumeric() {
                end += 1;
            } else if byte >= 128 {
                match self.text[end..].chars().next() {
                    Some(letter) if continues_word(letter) => end += letter.len_utf8(),
                    _ => break,
                }
            } else if let Some(width) = self.joiner(segment, end) {
                has_apostrophe |= self.bytes[end..end + width].contains(&b'\'');
                end += width;
                segment = end;
            } else {
                break;
            }
        }
        if has_apostrophe {
            self.push_with_clitics(at, end)
        } else {
            self.push(at, end + usize::from(self.is_abbreviation(at, end)))
        }
    }

    /// The length of the sign at `at` that joins the letters since `segment` with those after it into one word;
    /// `None` where the word ends.
    fn joiner(&self, segment: usize, at: usize) -> Option<usize> {
        let (before, next) = (self.byte(at.wrapping_sub(1)), self.byte(at + 1));
        let joined = match self.byte(at) {
            b'-' if next == b'\'' => return self.byte(at + 2).is_ascii_digit().then_some(2),
            b'\\' if next == b'/' => return self.is_word(at + 2).then_some(2),
            b'-' | b'\'' | b'_' | b'/' => self.is_word(at + 1),
            b':' => before.is_ascii_digit() && next.is_ascii_digit(),
            b',' => before.is_ascii_digit() && self.ascii_length(at + 1, 4) == 3 && self.digits(at + 1, 3) == 3,
            b'&' => at - segment <= 2 && (1..=2).contains(&self.ascii_length(at + 1, 3)),
            b'.' => {
                let after = self.ascii_length(at + 1, 4);
                (before.is_ascii_digit() && next.is_ascii_digit())
                    || (at - segment == 1 && after == 1 && next.is_ascii_lowercase())
                    || DOMAINS.contains(&&self.text[at + 1..at + 1 + after])
            }
            _ => false,
        };
        joined.then_some(1)
    }

    /// The end of the web address that begins at `at`, if one does. Signs at its end belong to the sentence.
    fn address(&self, at: usize) -> Option<usize> {
        let rest = &self.text[at..];
        let prefix = ["http://", "https://", "www."].into_iter().find(|prefix| rest.starts_with(prefix))?;
        if !self.byte(at + prefix.len()).is_ascii_alphanumeric() {
            return None;
        }
        let length = rest.bytes().take_while(u8::is_ascii_graphic).count();
        Some(at + rest[..length].trim_end_matches(|c: char| c.is_ascii_punctuation() && c != '/').len())
    }

    /// Whether the word in `at..end` is followed by a full stop that belongs to it.
    fn is_abbreviation(&self, at: usize, end: usize) -> bool {
        if self.byte(end) != b'.' || self.byte(end + 1) == b'.' || self.is_word(end + 1) {
            return false;
        }
        match &self.bytes[at..end] {
            // "So do I." and a full stop that ends the text are no initials.
            [letter] => {
                letter.is_ascii_lowercase() && *letter != b'i' && !self.text[end + 1..].trim_start().is_empty()
            }
            b"no" => self.text[end + 1..].trim_start().starts_with(|c: char| c.is_ascii_digit()),
            [first, b'.', .., last] | [first, b'.', last] if first.is_ascii_lowercase() => {
                last.is_ascii_lowercase() && self.bytes[end - 2] == b'.'
            }
            _ => ABBREVIATIONS.contains(&&self.text[at..end]),
        }
    }

    /// Cuts clitics off the end of the word in `at..end` as long as letters remain before them.
    fn push_with_clitics(&mut self, at: usize, end: usize) -> usize {
        let mut cuts = vec![end];
        let mut stem = end;
        while let Some(clitic) = CLITICS.iter().find(|clitic| self.text[at..stem].ends_with(**clitic)) {
            let cut = stem - clitic.len();
            if cut == at || !(self.bytes[cut - 1].is_ascii_alphanumeric() || self.bytes[cut - 1] >= 128) {
                break;
            }
            cuts.push(cut);
            stem = cut;
        }
        let mut start = at;
        for &cut in cuts.iter().rev() {
            start = self.push(start, cut);
        }
        end
    }

    fn push(&mut self, start: usize, end: usize) -> usize {
        (self.take)(&self.text[start..end]);
        end
    }

    /// The byte at `at`; 0, which is no part of a token, beyond the text.
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// Whether a word could begin at `at`.
    fn is_word(&self, at: usize) -> bool {
        match self.byte(at) {
            byte if byte < 128 => byte.is_ascii_alphanumeric(),
            _ => self.text[at..].chars().next().is_some_and(|c| c.is_alphanumeric() && !is_han(c)),
        }
    }

    /// How many letters or digits of ASCII follow, counted up to `limit`; 0 where a letter beyond ASCII is among
    /// them.
    fn ascii_length(&self, at: usize, limit: usize) -> usize {
        let length = self.bytes[at..].iter().take(limit).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if self.byte(at + length) >= 128 && self.text[at + length..].chars().next().is_some_and(continues_word) {
            return 0;
        }
        length
    }

    fn digits(&self, at: usize, limit: usize) -> usize {
        self.bytes[at..].iter().take(limit).take_while(|byte| byte.is_ascii_digit()).count()
    }
}

/// Whether a letter beyond ASCII goes on with a word.
fn continues_word(letter: char) -> bool {
    (letter.is_alphanumeric() || is_combining_mark(letter)) && !is_han(letter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokenize(text: &str) -> Vec<String> {
        English.tokenize(text)
    }

    /// Each text, and its tokens joined by spaces.
    fn check(cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            assert_eq!(tokenize(text).join(" "), *expected, "{text}");
        }
    }

    #[test]
    fn clitics() {
        check(&[
            ("The film's good", "the film 's good"),
            ("don't can't won't ain't", "do n't ca n't wo n't ai n't"),
            ("they'll I'm we've you're he'd let's", "they 'll i 'm we 've you 're he 'd let 's"),
            ("couldn't've", "could n't 've"),
            ("It’s ‘fine’", "it 's ' fine '"),
            ("the kids' o'brien d'être y'all", "the kids ' o'brien d'être y'all"),
            ("Rock 'n' roll 'em in the '90s, mid-'90s", "rock 'n' roll 'em in the '90s , mid-'90s"),
            ("'sat'", "' sat '"),
        ]);
    }

    #[test]
    fn text_that_is_cut_comes_through() {
        for text in [
            "does n't film 's -lrb- a -rrb- `` oh '' -- ... it 's , 'd 'll",
            "writer\\/director \\*\\*\\* and\\/or \\/ '70s u.s. mr. e.t. j. k-19 : ol '",
            "a.m. p.m. r&b s&p 24/7 9/11 o'clock film-making 12-year-old 10,000 3.5 10:30 yahoo.com",
        ] {
            check(&[(text, text)]);
        }
    }

    #[test]
    fn numbers_signs_and_stops() {
        check(&[
            ("It cost $5, or 3.5% of 10,000.", "it cost $ 5 , or 3.5 % of 10,000 ."),
            ("Wow!!! Really?!", "wow !!! really ? !"),
            ("end.Next good,bad 1,23", "end . next good , bad 1 , 23"),
            ("wait...what -- no", "wait ... what -- no"),
            ("Mr. Smith of the U.S. met J. K. R.", "mr. smith of the u.s. met j. k. r ."),
            ("So do I. No. No. 5", "so do i . no . no. 5"),
            ("(see [1])", "( see [ 1 ] )"),
            ("at http://a.com/b?c=1, or www.x.org.", "at http://a.com/b?c=1 , or www.x.org ."),
            ("well- -made anti-", "well - - made anti -"),
        ]);
    }

    #[test]
    fn symbols_and_other_scripts() {
        check(&[
            ("good😀😀 👨‍👩‍👧 🇨🇳👍🏽", "good 😀 😀 👨‍👩‍👧 🇨🇳 👍🏽"),
            ("cafe\u{301} naïve ½", "café naïve 1/2"),
            ("the 电影 was", "the 电 影 was"),
            ("no \u{604} 5 \u{604}film", "no \u{604} 5 \u{604} film"),
            ("", ""),
            (" \u{a0}\t\n", ""),
        ]);
    }

    #[test]
    fn long_and_odd_text_is_cut() {
        // Long enough that time beyond the linear would show as a test that does not end.
        for piece in ["a", "'", "'s", "n't", "a.", "\\*", "1,000", "www.", "-'9", "a\u{301}", "\u{200d}", "!? "] {
            let text = piece.repeat(400_000 / piece.len());
            assert!(!tokenize(&text).is_empty() || piece == "\u{200d}");
        }
    }

    proptest! {
        #[test]
        fn tokens_cut_again_are_the_same_tokens(
            text in prop_oneof![any::<String>(), "[a-c's.n't,0-9\\-/&:_ \\\\*éμ中👍!\\u{301}]{0,24}"]
        ) {
            let tokens = tokenize(&text);
            prop_assert!(tokens.iter().all(|t| !t.is_empty() && !t.contains(char::is_whitespace)));
            prop_assert_eq!(tokenize(&tokens.join(" ")), tokens);
        }
    }
}
