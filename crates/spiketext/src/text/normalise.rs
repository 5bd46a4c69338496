//! One spelling of many: compatibility forms (NFKC), lower case, no invisible characters, straight quotes.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Whether a letter is a Han character (Chinese, and the Han letters of Japanese and Korean).
pub(crate) fn is_han(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}' | '〇')
}

/// What becomes of curly quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// They become `'` and `"`, as English word vectors have them.
    Straight,
    /// They stay: Chinese word vectors know them.
    Kept,
}

/// The spelling under which words are looked up: compatibility form, lower case. Words of vector files are folded
/// like the texts, so that `Paris` of a cased file is found by the token `paris` and a full-width comma by a narrow
/// one.
#[must_use]
pub fn fold(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(word);
    }
    let mut folded = String::with_capacity(word.len());
    normalise(word, Quotes::Kept, &mut folded);
    Cow::Owned(folded)
}

/// Appends the normal spelling of `text` to `out`.
///
/// ASCII and the common Han letters are their own compatibility form and join with nothing after them, except an
/// ASCII letter with a mark that follows. So only the stretches between them go through the Unicode tables, which are
/// slow.
pub(super) fn normalise(text: &str, quotes: Quotes, out: &mut String) {
    out.reserve(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let inert = inert_length(rest.as_bytes());
        if inert == rest.len() {
            push_inert(rest, out);
            return;
        }
        let start = match inert.checked_sub(1) {
            Some(last) if rest.as_bytes()[last].is_ascii() => last,
            _ => inert,
        };
        push_inert(&rest[..start], out);
        let tail = &rest[inert..];
        let length = tail.char_indices().find(|&(_, c)| is_inert(c)).map_or(tail.len(), |(at, _)| at);
        push_hard(&rest[start..inert + length], quotes, out);
        rest = &tail[length..];
    }
}

fn is_inert(letter: char) -> bool {
    letter.is_ascii() || matches!(letter, '\u{4e00}'..='\u{9fff}' | '、' | '。')
}

/// How many bytes at the head of valid UTF-8 are inert letters (those of [`is_inert`]).
fn inert_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at..] {
            [first, ..] if first.is_ascii() => at += 1,
            [0xe5..=0xe9, ..] | [0xe4, 0xb8..=0xbf, ..] | [0xe3, 0x80, 0x81 | 0x82, ..] => at += 3,
            _ => return at,
        }
    }
    at
}

fn push_inert(text: &str, out: &mut String) {
    let start = out.len();
    out.push_str(text);
    out[start..].make_ascii_lowercase();
}

fn push_hard(text: &str, quotes: Quotes, out: &mut String) {
    let start = out.len();
    let mut letters = text.chars().peekable();
    let visible = std::iter::from_fn(|| {
        loop {
            let letter = letters.next()?;
            match letter {
                // Soft hyphen, zero-width space, direction marks, word joiner, byte order mark.
                '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' => {}
                '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {}
                // A heart is a heart with or without the sign that asks for colour; inside a sequence the sign stays.
                '\u{fe0e}' | '\u{fe0f}' if !matches!(letters.peek(), Some('\u{200d}' | '\u{20e3}')) => {}
                _ => return Some(letter),
            }
        }
    });
    let straight = quotes == Quotes::Straight;
    // An acute accent typed for an apostrophe, which would come apart as a blank with a mark.
    let typed = visible.map(|letter| if straight && letter == '´' { '\'' } else { letter });
    out.extend(typed.nfkc().flat_map(char::to_lowercase).map(|letter| match letter {
        '⁄' => '/',
        '‘' | '’' | '‛' | 'ʼ' if straight => '\'',
        '“' | '”' | '„' | '‟' if straight => '"',
        _ => letter,
    }));
    // Lower case can leave a letter and a mark that have a form as one letter (J with a caron has none, j has).
    if is_nfkc_quick(out[start..].chars()) != IsNormalized::Yes {
        let composed: String = out[start..].nfkc().collect();
        out.truncate(start);
        out.push_str(&composed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn english(text: &str) -> String {
        let mut out = String::new();
        normalise(text, Quotes::Straight, &mut out);
        out
    }

    #[test]
    fn compatibility_forms_case_quotes_and_invisible_signs() {
        assert_eq!(english("ＦＵＬＬ　Ｗｉｄｔｈ！"), "full width!");
        assert_eq!(english("ﬁlm’s “Best” caf\u{65}\u{301} ½"), "film's \"best\" caf\u{e9} 1/2");
        assert_eq!(english("co\u{ad}op\u{200b} \u{feff}É ❤\u{fe0f}"), "coop é ❤");
        assert_eq!(english("🏳\u{fe0f}\u{200d}🌈"), "🏳\u{fe0f}\u{200d}🌈");
        assert_eq!(english("ŉ"), "'n", "a form that holds a quote");
        assert_eq!(fold("，"), ",");
        assert_eq!(fold("“VISTA”"), "“vista”");
        assert!(matches!(fold("plain"), Cow::Borrowed("plain")));
    }

    proptest! {
        #[test]
        fn the_fast_way_equals_the_plain_one(text in "\\PC{0,40}") {
            // Words without signs that are dropped, mapped or changed by case, so that NFKC alone is the reference.
            let lower: String = text.nfkc().flat_map(char::to_lowercase).nfkc()
                .filter(|c| !matches!(c, '\u{fe0e}' | '\u{fe0f}')).collect();
            let plain: String = lower.nfkc().map(|c| if c == '⁄' { '/' } else { c }).collect();
            let clean: String = text.chars().filter(|c| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
                | '\u{fe0e}' | '\u{fe0f}' | '\u{feff}')).collect();
            if clean == text {
                prop_assert_eq!(fold(&text).into_owned(), plain);
            }
        }

        #[test]
        fn normal_spelling_stays_as_it_is(text in any::<String>()) {
            let once = english(&text);
            prop_assert_eq!(english(&once), once);
        }
    }
}
