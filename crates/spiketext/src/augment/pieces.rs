//! A text as words and what stands between them, and how it is put together again with words left out or exchanged.
//!
//! The text itself is kept: what is not changed stays to the letter, blanks, quotes and tokenisation (`it 's n't`)
//! included. Where a word goes, what stood on its two sides becomes one: a blank of two, a comma of two, no brackets
//! around nothing.

use std::{borrow::Cow, ops::Range};

use crate::text::{Tokenizer, fold};

/// Endings of words that stand alone in text that is cut already, and words that begin with an apostrophe.
const CLITICS: [&str; 12] = ["s", "re", "ve", "ll", "d", "m", "em", "n", "til", "tis", "twas", "cause"];

/// Names of brackets in the Penn Treebank, between hyphens.
const BRACKETS: [&str; 6] = ["lrb", "rrb", "lsb", "rsb", "lcb", "rcb"];

/// What opens, and what closes it.
const PAIRS: [(&str, &str); 14] = [
    ("(", ")"),
    ("[", "]"),
    ("{", "}"),
    ("\"", "\""),
    ("“", "”"),
    ("‘", "’"),
    ("'", "'"),
    ("``", "''"),
    ("（", "）"),
    ("《", "》"),
    ("【", "】"),
    ("「", "」"),
    ("*", "*"),
    ("-lrb-", "-rrb-"),
];

/// Signs between two words that went, up to so many bytes; of more, those before the second word go too.
const MOST_SIGNS: usize = 16;

/// A text and where its words stand.
#[derive(Debug)]
pub(super) struct Cut<'a> {
    text: &'a str,
    words: Vec<Range<usize>>,
    /// Whether blanks stand between words.
    pub(super) spaced: bool,
}

/// What becomes of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// It stays.
    Keep,
    /// It goes.
    Drop,
    /// Another one stands in its place.
    With(String),
}

impl<'a> Cut<'a> {
    /// Cuts `text`.
    pub(super) fn of(text: &'a str, tokenizer: &dyn Tokenizer) -> Self {
        let (mut words, spaced) = (tokenizer.spans(text), tokenizer.cuts_at_white_space());
        if spaced {
            words.retain_mut(|span| {
                let word = &text[span.clone()];
                let (before, after) = (&text[..span.start], &text[span.end..]);
                let is = |list: &[&str]| word.len() < 6 && list.iter().any(|one| one.eq_ignore_ascii_case(word));
                if before.ends_with('-') && after.starts_with('-') && is(&BRACKETS) {
                    return false;
                }
                let outside = before.strip_suffix(['\'', '’']);
                if outside.is_some_and(|o| o.is_empty() || o.ends_with(char::is_whitespace)) && is(&CLITICS) {
                    span.start = outside.map_or(span.start, str::len);
                }
                true
            });
        }
        Self { text, words, spaced }
    }

    /// How many words there are.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// A word as it stands.
    pub(super) fn word(&self, at: usize) -> &'a str {
        &self.text[self.words[at].clone()]
    }

    /// What stands before a word; of the number behind the last, what follows it.
    pub(super) fn gap(&self, at: usize) -> &'a str {
        let begin = if at == 0 { 0 } else { self.words[at - 1].end };
        &self.text[begin..self.words.get(at).map_or(self.text.len(), |word| word.start)]
    }

    /// The text from the first of `words` to the last.
    pub(super) fn slice(&self, words: Range<usize>) -> &'a str {
        if words.is_empty() {
            return "";
        }
        &self.text[self.words[words.start].start..self.words[words.end - 1].end]
    }

    /// The words in the spelling that tables have.
    pub(super) fn folded(&self) -> Vec<Cow<'a, str>> {
        (0..self.len()).map(|at| fold(self.word(at))).collect()
    }

    /// What a word stands between: on each side the nearest sign or else the next word, as `folded` has it; nothing
    /// at the ends.
    pub(super) fn frame<'b>(&self, at: usize, folded: &'b [Cow<'a, str>]) -> (Cow<'b, str>, Cow<'b, str>) {
        let sign = |letter: Option<char>| {
            letter.map(|letter| Cow::Owned(fold(letter.encode_utf8(&mut [0; 4])).into_owned()))
        };
        let neighbour = |at: Option<usize>| Cow::Borrowed(at.and_then(|at| folded.get(at)).map_or("", |word| word));
        let before = sign(self.gap(at).trim().chars().next_back());
        let after = sign(self.gap(at + 1).trim().chars().next());
        (before.unwrap_or_else(|| neighbour(at.checked_sub(1))), after.unwrap_or_else(|| neighbour(Some(at + 1))))
    }

    /// The words of a range with `edits` (one for each word of the text), and what stands between them: of all words,
    /// also what stands around them.
    pub(super) fn written(&self, words: Range<usize>, edits: &[Edit]) -> String {
        let whole = words == (0..self.len());
        let mut out = String::with_capacity(self.slice(words.clone()).len() + 16);
        let mut gap = Cow::Borrowed(if whole { self.gap(0) } else { "" });
        let (mut begun, mut dropped) = (false, false);
        for at in words.clone() {
            let after = if whole || at + 1 < words.end { self.gap(at + 1) } else { "" };
            let word = match &edits[at] {
                Edit::Keep => self.word(at),
                Edit::With(other) => other,
                Edit::Drop => {
                    dropped = true;
                    gap = merged(gap, after);
                    continue;
                }
            };
            match begun || !dropped {
                true => out.push_str(&gap),
                // Nothing begins with the comma behind a word that went.
                false => out.push_str(gap.trim_start_matches(|c: char| c.is_whitespace() || strength(c).is_some())),
            }
            out.push_str(word);
            (gap, begun, dropped) = (Cow::Borrowed(after), true, false);
        }
        match dropped {
            false => out.push_str(&gap),
            true => out.push_str(gap.trim_end_matches(|c: char| c.is_whitespace() || strength(c) == Some(1))),
        }
        out.trim().to_owned()
    }
}

/// How strongly a sign divides: 1 within a sentence, 2 at its end; none for other signs.
pub(super) fn strength(sign: char) -> Option<u8> {
    match sign {
        ',' | ';' | ':' | '-' | '–' | '—' | '、' | '，' | '；' | '：' | '~' | '～' => Some(1),
        '.' | '!' | '?' | '…' | '。' | '！' | '？' => Some(2),
        _ => None,
    }
}

/// What stands between two words when the word between `before` and `after` goes.
fn merged<'a>(before: Cow<'a, str>, after: &'a str) -> Cow<'a, str> {
    let (ahead, behind) = (before.trim(), after.trim());
    if behind.is_empty() {
        return if before.is_empty() { Cow::Borrowed(after) } else { before };
    }
    if ahead.is_empty() {
        let first = after.chars().next();
        let binds = first.is_some_and(|c| {
            c.is_whitespace() || strength(c).is_some() || PAIRS.iter().any(|pair| pair.1.starts_with(c))
        });
        return if binds { Cow::Borrowed(after) } else { before + after };
    }
    if let Some(pair) = PAIRS.iter().find(|pair| ahead.ends_with(pair.0) && behind.starts_with(pair.1)) {
        let head = &before.trim_end()[..before.trim_end().len() - pair.0.len()];
        let tail = &after.trim_start()[pair.1.len()..];
        let blank = head.ends_with(char::is_whitespace) && tail.starts_with(char::is_whitespace);
        return Cow::Owned(if blank { head.to_owned() + tail.trim_start() } else { head.to_owned() + tail });
    }
    let divides = |signs: &str| {
        let strengths = signs.chars().filter(|c| !c.is_whitespace()).map(strength);
        strengths.collect::<Option<Vec<u8>>>().and_then(|all| all.into_iter().max())
    };
    match (divides(ahead), divides(behind)) {
        (Some(ahead), Some(behind)) if behind > ahead => Cow::Borrowed(after),
        (Some(_), Some(_)) => before,
        _ if ahead.len() + behind.len() > MOST_SIGNS => before,
        _ => Cow::Owned(before.trim_end().to_owned() + after),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::Language;

    fn english(text: &str) -> Cut<'_> {
        Cut::of(text, Language::English.tokenizer())
    }

    fn words<'a>(cut: &Cut<'a>) -> Vec<&'a str> {
        (0..cut.len()).map(|at| cut.word(at)).collect()
    }

    /// The text without the words that are named.
    fn without(text: &str, gone: &[&str], language: Language) -> String {
        let cut = Cut::of(text, language.tokenizer());
        let edits: Vec<Edit> =
            words(&cut).iter().map(|word| if gone.contains(word) { Edit::Drop } else { Edit::Keep }).collect();
        cut.written(0..cut.len(), &edits)
    }

    #[test]
    fn words_of_text_that_is_cut_already_are_its_tokens() {
        assert_eq!(
            words(&english("it 's n't -lrb- 1999 -rrb- , the kids ' film . 'em")),
            ["it", "'s", "n't", "1999", "the", "kids", "film", "'em"]
        );
        assert_eq!(words(&english("It's a \"well-made\" film's end.")), ["It's", "a", "well-made", "film's", "end"]);
        let chinese = Cut::of("房间很干净，服务好！", Language::Chinese.tokenizer());
        assert_eq!(words(&chinese), ["房间", "很", "干净", "服务", "好"]);
    }

    #[test]
    fn a_text_without_a_word_reads_as_one() {
        let cases = [
            ("a good, warm film.", "good", "a, warm film."),
            ("fine, good, warm", "good", "fine, warm"),
            ("fine , good , warm", "good", "fine , warm"),
            ("a (good) film", "good", "a film"),
            ("a -lrb- good -rrb- film", "good", "a film"),
            ("good, warm film.", "good", "warm film."),
            ("Not a film, good.", "good", "Not a film."),
            ("warm, good", "good", "warm"),
            ("a film is good !", "good", "a film is !"),
            ("it  is\ngood", "is", "it  good"),
            ("\"good\" film", "good", "film"),
            ("so (good film)", "good", "so (film)"),
            ("it 's good", "'s", "it good"),
        ];
        for (text, gone, left) in cases {
            assert_eq!(without(text, &[gone], Language::English), left, "{text}");
        }
        for (text, gone, left) in [
            ("房间很干净，服务好！", "很", "房间干净，服务好！"),
            ("房间，干净，服务好！", "干净", "房间，服务好！"),
            ("味道（不错）", "不错", "味道"),
        ] {
            assert_eq!(without(text, &[gone], Language::Chinese), left, "{text}");
        }
        assert_eq!(without("a b", &["a", "b"], Language::English), "");
    }

    #[test]
    fn frames_are_of_words_and_signs() {
        let cut = english("The film, (Slow) but");
        let folded = cut.folded();
        let frame = |at| {
            let (before, after) = cut.frame(at, &folded);
            (before.into_owned(), after.into_owned())
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!([0, 1, 2, 3].map(frame), [pair("", "film"), pair("the", ","), pair("(", ")"), pair(")", "")]);
    }

    proptest! {
        #[test]
        fn a_text_that_is_not_changed_is_the_text(
            text in "([a-c]{1,2}|[ ,.()\"'\u{0}\n-]|很|好|，){0,30}",
            language in prop::sample::select(Language::ALL.to_vec()),
        ) {
            let cut = Cut::of(&text, language.tokenizer());
            prop_assert_eq!(cut.written(0..cut.len(), &vec![Edit::Keep; cut.len()]), text.trim());
        }

        #[test]
        fn what_is_left_are_the_words_that_stay(
            text in any::<String>(),
            gone in prop::collection::vec(any::<bool>(), 40),
        ) {
            let cut = english(&text);
            let edits: Vec<Edit> =
                (0..cut.len()).map(|at| if gone[at % 40] { Edit::Drop } else { Edit::Keep }).collect();
            let left = cut.written(0..cut.len(), &edits);
            let mut rest = left.as_str();
            for at in (0..cut.len()).filter(|&at| edits[at] == Edit::Keep) {
                let place = rest.find(cut.word(at));
                prop_assert!(place.is_some(), "{:?} of {:?}", cut.word(at), left);
                rest = &rest[place.unwrap_or(0) + cut.word(at).len()..];
            }
        }
    }
}
