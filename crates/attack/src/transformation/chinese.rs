//! Chinese characters that sound or look like others: what a typing error or an evasion puts in their place.
//!
//! Two characters sound alike if they have a reading (Mandarin, tones aside) in common. They look alike if their
//! codes of the input method Wubi 86, which spells a character by its parts, have three keys or more and differ in
//! exactly one: 清, 情 and 请 do, which share their right half.

use std::collections::{BTreeMap, HashMap};

use inputx_wubi::WubiDict;
use pinyin::ToPinyinMulti;

/// The least keys of a code that is compared.
const LEAST_KEYS: usize = 3;

/// Characters that are alike, the most frequent first.
pub struct Characters {
    /// Characters by how frequent they are.
    rank: HashMap<char, usize>,
    by_sound: HashMap<&'static str, Vec<char>>,
    codes: HashMap<char, String>,
    /// By a code with one key left out, and which.
    by_shape: HashMap<(usize, String), Vec<char>>,
}

/// In which way characters are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alike {
    /// By sound.
    Sound,
    /// By shape.
    Shape,
}

impl Characters {
    /// The characters of words, which come in the order of their frequency (those of a file of word vectors, say).
    #[must_use]
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut rank: HashMap<char, usize> = HashMap::new();
        let mut order = Vec::new();
        for letter in words.into_iter().flat_map(str::chars) {
            if letter.to_pinyin_multi().is_some() && !rank.contains_key(&letter) {
                rank.insert(letter, order.len());
                order.push(letter);
            }
        }
        let mut codes: HashMap<char, String> = HashMap::new();
        for (code, word, ..) in WubiDict::embedded().all_entries() {
            let mut letters = word.chars();
            // Of a character with short codes besides, the longest tells most.
            if let (Some(letter), None) = (letters.next(), letters.next())
                && rank.contains_key(&letter)
                && codes.get(&letter).is_none_or(|known| (known.len(), &code) < (code.len(), known))
            {
                codes.insert(letter, code);
            }
        }
        let (mut by_sound, mut by_shape) = (HashMap::<_, Vec<char>>::new(), HashMap::<_, Vec<char>>::new());
        for &letter in &order {
            for sound in sounds(letter) {
                by_sound.entry(sound).or_default().push(letter);
            }
            for key in codes.get(&letter).into_iter().flat_map(|code| with_gaps(code)) {
                by_shape.entry(key).or_default().push(letter);
            }
        }
        Self { rank, by_sound, codes, by_shape }
    }

    /// Up to `most` characters that are like `letter`, the most frequent first.
    #[must_use]
    pub fn like(&self, letter: char, alike: Alike, most: usize) -> Vec<char> {
        let lists: Vec<&Vec<char>> = match alike {
            Alike::Sound => sounds(letter).into_iter().filter_map(|sound| self.by_sound.get(sound)).collect(),
            Alike::Shape => {
                let code = self.codes.get(&letter);
                code.into_iter().flat_map(|code| with_gaps(code)).filter_map(|key| self.by_shape.get(&key)).collect()
            }
        };
        let found: BTreeMap<usize, char> = lists
            .into_iter()
            .flatten()
            .filter(|&&other| other != letter)
            .map(|other| (self.rank[other], *other))
            .collect();
        found.into_values().take(most).collect()
    }

    /// A word with one of its characters replaced by one like it, up to `most` for each.
    #[must_use]
    pub fn words(&self, word: &str, alike: Alike, most: usize) -> Vec<String> {
        let mut words = Vec::new();
        for (at, letter) in word.char_indices() {
            for other in self.like(letter, alike, most) {
                words.push(format!("{}{other}{}", &word[..at], &word[at + letter.len_utf8()..]));
            }
        }
        words
    }
}

/// The readings of a character without tones, each once.
fn sounds(letter: char) -> Vec<&'static str> {
    let mut sounds: Vec<&'static str> =
        letter.to_pinyin_multi().into_iter().flatten().map(pinyin::Pinyin::plain).collect();
    sounds.sort_unstable();
    sounds.dedup();
    sounds
}

/// A code with each key left out in turn.
fn with_gaps(code: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let keys = if code.len() >= LEAST_KEYS { code.len() } else { 0 };
    (0..keys).map(move |gap| {
        let kept: String = code.char_indices().map(|(at, key)| if at == gap { '?' } else { key }).collect();
        (gap, kept)
    })
}

#[cfg(test)]
mod tests {
    use spiketext::{text::Language, vectors};

    use super::*;

    #[test]
    fn characters_that_sound_alike_are_found_whatever_the_tone() {
        let characters = Characters::of(["他们", "她", "它", "塔", "good", "行"]);
        assert_eq!(characters.like('他', Alike::Sound, 9), ['她', '它', '塔']);
        assert_eq!(characters.like('他', Alike::Sound, 2), ['她', '它']);
        assert_eq!(characters.words("他们", Alike::Sound, 1), ["她们"]);
        assert!(characters.like('g', Alike::Sound, 9).is_empty());
        assert!(characters.words("", Alike::Sound, 9).is_empty());
        // A character with two readings sounds like those of both.
        let characters = Characters::of(["行", "航", "形"]);
        assert_eq!(characters.like('行', Alike::Sound, 9), ['航', '形']);
    }

    #[test]
    fn characters_that_share_most_parts_look_alike() {
        let characters = Characters::of(["清", "情", "请", "晴", "一", "房间", "睛"]);
        assert_eq!(characters.like('清', Alike::Shape, 9), ['情', '请', '晴', '睛']);
        assert_eq!(characters.like('一', Alike::Shape, 9), []);
        assert_eq!(characters.words("心情", Alike::Shape, 1), ["心清"]);
        assert!(characters.like('😀', Alike::Shape, 9).is_empty());
    }

    #[test]
    fn most_frequent_characters_have_company() {
        let vectors = vectors::built_in(Language::Chinese).expect("built in");
        let characters = Characters::of(vectors.words.words());
        let with = |alike| {
            let text = "房间干净服务态度很好早餐一般交通方便价格便宜位置设施";
            text.chars().filter(|&letter| !characters.like(letter, alike, 1).is_empty()).count()
        };
        assert!(
            with(Alike::Sound) >= 24 && with(Alike::Shape) >= 14,
            "{} {}",
            with(Alike::Sound),
            with(Alike::Shape)
        );
    }
}
