//! A text as an attack sees it: words that can be replaced, and everything else, which stays.

use std::{collections::BTreeMap, ops::Range};

use spiketext::text::Language;

/// A text cut into words and what stands between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    text: String,
    spans: Vec<Range<usize>>,
}

impl Words {
    /// Cuts a text as it is written ([`Tokenizer::spans`](spiketext::text::Tokenizer::spans)).
    #[must_use]
    pub fn of(language: Language, text: &str) -> Self {
        Self { text: text.to_owned(), spans: language.tokenizer().spans(text) }
    }

    /// How many words there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// A word as it was written.
    ///
    /// # Panics
    /// If there is no such word.
    #[must_use]
    pub fn word(&self, place: usize) -> &str {
        &self.text[self.spans[place].clone()]
    }

    /// The text as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text with each word as `shown` shows it.
    #[must_use]
    pub fn marked(&self, shown: impl Fn(usize, &str) -> String) -> String {
        let mut out = String::new();
        let mut at = 0;
        for (place, span) in self.spans.iter().enumerate() {
            out.push_str(&self.text[at..span.start]);
            out.push_str(&shown(place, self.word(place)));
            at = span.end;
        }
        out.push_str(&self.text[at..]);
        out
    }
}

/// A text with some of its words replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft<'a> {
    words: &'a Words,
    changes: BTreeMap<usize, String>,
}

impl<'a> Draft<'a> {
    /// The text as it was written.
    #[must_use]
    pub fn new(words: &'a Words) -> Self {
        Self { words, changes: BTreeMap::new() }
    }

    /// The text that it is a draft of.
    #[must_use]
    pub fn original(&self) -> &'a Words {
        self.words
    }

    /// A word as it is now.
    ///
    /// # Panics
    /// If there is no such word.
    #[must_use]
    pub fn word(&self, place: usize) -> &str {
        self.changes.get(&place).map_or_else(|| self.words.word(place), String::as_str)
    }

    /// The words that were replaced, with what stands there now.
    #[must_use]
    pub fn changes(&self) -> &BTreeMap<usize, String> {
        &self.changes
    }

    /// This draft with another word at `place`; with the original one, the place counts as never touched.
    #[must_use]
    pub fn with(&self, place: usize, word: &str) -> Self {
        let mut other = self.clone();
        if word == self.words.word(place) {
            other.changes.remove(&place);
        } else {
            other.changes.insert(place, word.to_owned());
        }
        other
    }

    /// The share of the words that were replaced.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.changes.len() as f64 / self.words.len().max(1) as f64
    }

    /// The draft as text.
    #[must_use]
    pub fn text(&self) -> String {
        self.written(|place| Some(self.word(place)))
    }

    /// The draft as text without the word at `place` and one space beside it: the one before it or, of the first
    /// word, the one behind.
    #[must_use]
    pub fn text_without(&self, place: usize) -> String {
        self.written(|other| (other != place).then(|| self.word(other)))
    }

    /// The draft as text, and where in it each word stands.
    #[must_use]
    pub fn text_with_spans(&self) -> (String, Vec<Range<usize>>) {
        let (mut text, mut spans) = (String::with_capacity(self.words.text.len() + 16), Vec::new());
        let mut at = 0;
        for (place, span) in self.words.spans.iter().enumerate() {
            text.push_str(&self.words.text[at..span.start]);
            let start = text.len();
            text.push_str(self.word(place));
            spans.push(start..text.len());
            at = span.end;
        }
        text.push_str(&self.words.text[at..]);
        (text, spans)
    }

    fn written<'b>(&'b self, word: impl Fn(usize) -> Option<&'b str>) -> String {
        let text = &self.words.text;
        let mut out = String::with_capacity(text.len() + 16);
        let mut at = 0;
        for (place, span) in self.words.spans.iter().enumerate() {
            out.push_str(&text[at..span.start]);
            at = span.end;
            match word(place) {
                Some(word) => out.push_str(word),
                None if place == 0 => at += usize::from(text[at..].starts_with(' ')),
                None => {
                    if out.ends_with(' ') {
                        out.pop();
                    }
                }
            }
        }
        out.push_str(&text[at..]);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_change_and_the_rest_stays() {
        let words = Words::of(Language::English, "  A good film, isn't it?\n");
        assert_eq!((0..words.len()).map(|i| words.word(i)).collect::<Vec<_>>(), ["A", "good", "film", "isn't", "it"]);
        let draft = Draft::new(&words).with(1, "fine").with(3, "is");
        assert_eq!(draft.text(), "  A fine film, is it?\n");
        assert_eq!((draft.word(1), draft.word(2), draft.changes().len()), ("fine", "film", 2));
        assert!((draft.share() - 0.4).abs() < 1e-9);
        let (text, spans) = draft.text_with_spans();
        assert_eq!(text, draft.text());
        assert_eq!(spans.into_iter().map(|span| &text[span]).collect::<Vec<_>>(), ["A", "fine", "film", "is", "it"]);
        assert_eq!(draft.with(1, "good").with(3, "isn't"), Draft::new(&words));
    }

    #[test]
    fn a_word_goes_with_one_space() {
        let words = Words::of(Language::English, "A good film, isn't it?");
        let draft = Draft::new(&words);
        assert_eq!(draft.text_without(0), "good film, isn't it?");
        assert_eq!(draft.text_without(2), "A good, isn't it?");
        assert_eq!(draft.text_without(4), "A good film, isn't?");
        let one = Words::of(Language::English, "film");
        assert_eq!(Draft::new(&one).text_without(0), "");
    }

    #[test]
    fn chinese_has_words_without_spaces() {
        let words = Words::of(Language::Chinese, "房间很干净，😀 早餐一般！");
        assert_eq!(
            (0..words.len()).map(|i| words.word(i)).collect::<Vec<_>>(),
            ["房间", "很", "干净", "早餐", "一般"]
        );
        assert_eq!(Draft::new(&words).with(2, "脏").text(), "房间很脏，😀 早餐一般！");
        assert_eq!(Draft::new(&words).text_without(0), "很干净，😀 早餐一般！");
    }

    proptest! {
        #[test]
        fn a_draft_without_changes_is_the_text(text in "\\PC*") {
            for language in Language::ALL {
                let words = Words::of(language, &text);
                prop_assert_eq!(Draft::new(&words).text(), text.clone());
                for place in 0..words.len() {
                    let shorter = Draft::new(&words).text_without(place);
                    let least = (text.len() - words.word(place).len()).saturating_sub(1);
                    prop_assert!(shorter.len() >= least && shorter.len() < text.len());
                }
            }
        }
    }
}
