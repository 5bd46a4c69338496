//! Cuts Chinese text by the jieba dictionary, with its hidden Markov model for words that the dictionary lacks.

use std::{ops::Range, sync::OnceLock};

use jieba_rs::Jieba;
use unicode_segmentation::UnicodeSegmentation;

use super::{LanguagePack, Script, Tokenizer};
use crate::text::normalise::{Quotes, is_han, normalise};

/// The dictionary, loaded when the first text comes and shared by the whole process (it takes about half a second).
fn jieba() -> &'static Jieba {
    static JIEBA: OnceLock<Jieba> = OnceLock::new();
    JIEBA.get_or_init(Jieba::new)
}

/// See [`Language::Chinese`](super::Language::Chinese).
#[derive(Debug)]
pub(super) struct Chinese;

impl Tokenizer for Chinese {
    fn each_token(&self, text: &str, take: &mut dyn FnMut(&str)) {
        let mut normal = String::new();
        normalise(text, Quotes::Kept, &mut normal);
        let mut rest = normal.as_str();
        // jieba knows letters only, so it would cut a family of emoji into its members.
        while let Some((at, _)) = rest.char_indices().find(|&(_, letter)| is_pictograph(letter)) {
            cut(&rest[..at], take);
            let cluster = rest[at..].graphemes(true).next().unwrap_or_default();
            take(cluster);
            rest = &rest[at + cluster.len()..];
        }
        cut(rest, take);
    }

    fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let place = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
        let words = jieba().cut(text, true).into_iter().map(|token| token.word);
        let words = words.filter(|word| word.chars().any(char::is_alphanumeric));
        words.map(|word| place(word)..place(word) + word.len()).collect()
    }
}

impl LanguagePack for Chinese {
    fn title(&self) -> &'static str {
        "Chinese"
    }

    /// A Han letter says about as much as three Latin ones, so Chinese with many foreign names in it is still
    /// Chinese, and English that quotes a Chinese word is still English.
    fn script(&self) -> Option<Script> {
        Some(Script { is_own: is_han, share: 0.2 })
    }

    #[cfg(feature = "built-in-vectors")]
    fn built_in_vectors(&self) -> &'static [u8] {
        // A constant would lie in the program once for each place that uses it.
        static BYTES: &[u8] = include_bytes!("../../../assets/vectors-zh.safetensors.zst");
        BYTES
    }
}

fn cut(text: &str, take: &mut dyn FnMut(&str)) {
    if text.is_empty() {
        return;
    }
    let is_blank = |word: &str| word.chars().all(|c| c.is_whitespace() || c.is_control());
    jieba().cut(text, true).into_iter().filter(|t| !is_blank(t.word)).for_each(|t| take(t.word));
}

/// Whether a letter may begin an emoji: symbols and dingbats, and the pictographs of the upper planes.
fn is_pictograph(letter: char) -> bool {
    matches!(letter, '\u{2600}'..='\u{27bf}' | '\u{2b05}'..='\u{2b55}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokenize(text: &str) -> Vec<String> {
        Chinese.tokenize(text)
    }

    #[test]
    fn words_signs_latin_and_emoji() {
        assert_eq!(
            tokenize("酒店环境不错，服务也很好。"),
            ["酒店", "环境", "不错", ",", "服务", "也", "很", "好", "。"]
        );
        assert_eq!(tokenize("  ＷＩＦＩ 很快\n"), ["wifi", "很快"]);
        assert_eq!(tokenize("好👨‍👩‍👧👍🏽吃"), ["好", "👨‍👩‍👧", "👍🏽", "吃"]);
        assert!(tokenize("").is_empty());
        assert!(tokenize(" \t\r\n　").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_gives_tokens_without_blanks(text in any::<String>()) {
            for token in tokenize(&text) {
                prop_assert!(!token.trim().is_empty());
            }
        }
    }
}
