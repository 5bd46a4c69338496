//! Whether texts are in the language that a list of words is of: by how many of their words are on it.
//!
//! Short words say little: `die`, `la` and `me` are words of many languages. Of words of four Latin letters and more,
//! the built-in English list has 97 to 98 of 100 running ones in reviews, 92 in this project's documents, 88 in Rust
//! source and 72 in the messages of a kernel, but 38 in Portuguese, 32 in Spanish, 23 in French, 9 in German and Dutch
//! and none in Russian or Korean. The Chinese list has 89 of 100 words in reviews, 78 in traditional characters, and
//! 16 in Japanese.

use std::path::Path;

use crate::{
    Result,
    text::{LEAST_LANGUAGE_SHARE, Language, Vocabulary, candidate_words},
    vectors::built_in,
};

/// So many words must be counted before anything can be said.
const LEAST_WORDS: u64 = 20;

/// Letters by which languages can be told apart.
struct Script {
    name: &'static str,
    /// A language that is written in them, and its abbreviation.
    example: &'static str,
    code: &'static str,
    is_own: fn(char) -> bool,
}

const fn script(name: &'static str, example: &'static str, code: &'static str, is_own: fn(char) -> bool) -> Script {
    Script { name, example, code, is_own }
}

/// Chinese characters, which are of several languages, are in none of them.
const SCRIPTS: [Script; 9] = [
    script("Latin", "German", "de", |letter| letter < '\u{370}' || ('\u{1e00}'..'\u{1f00}').contains(&letter)),
    script("Greek", "Greek", "el", |letter| matches!(letter, '\u{370}'..'\u{400}' | '\u{1f00}'..'\u{2000}')),
    script("Cyrillic", "Russian", "ru", |letter| ('\u{400}'..'\u{530}').contains(&letter)),
    script("Hebrew", "Hebrew", "he", |letter| ('\u{590}'..'\u{600}').contains(&letter)),
    script("Arabic", "Arabic", "ar", |letter| ('\u{600}'..'\u{780}').contains(&letter)),
    script("Indian", "Hindi", "hi", |letter| ('\u{900}'..'\u{e00}').contains(&letter)),
    script("Thai", "Thai", "th", |letter| ('\u{e00}'..'\u{e80}').contains(&letter)),
    script("Japanese", "Japanese", "ja", |letter| ('\u{3040}'..'\u{3100}').contains(&letter)),
    script("Korean", "Korean", "ko", |letter| ('\u{ac00}'..'\u{d7b0}').contains(&letter)),
];

/// The scripts of languages that do not put blanks between words.
const WITHOUT_BLANKS: [&str; 2] = ["Thai", "Japanese"];

/// How many of the words of texts a list of words has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Familiarity {
    /// Words that were counted: tokens of letters alone, in Latin script those of four and more.
    pub words: u64,
    /// Those of them that are on the list.
    pub known: u64,
    /// Letters of each of [`SCRIPTS`].
    letters: [u64; SCRIPTS.len()],
}

impl Familiarity {
    /// So many texts are looked at; more say the same.
    pub const MOST_TEXTS: usize = 20_000;

    /// That of texts, given as their tokens, with the words of `list`.
    #[must_use]
    pub fn of(list: &Vocabulary, texts: &[Vec<String>]) -> Self {
        Self::counted(list, texts.iter().take(Self::MOST_TEXTS).flatten().map(|token| (token.as_str(), 1)))
    }

    /// That of texts, given as their tokens and how often each of them occurs, with the words of `list`.
    #[must_use]
    pub fn counted<'t>(list: &Vocabulary, tokens: impl IntoIterator<Item = (&'t str, u64)>) -> Self {
        let mut found = Self { words: 0, known: 0, letters: [0; SCRIPTS.len()] };
        for (token, count) in tokens.into_iter().filter(|(token, _)| token.chars().all(char::is_alphabetic)) {
            let is_latin = token.chars().all(SCRIPTS[0].is_own);
            for letter in token.chars() {
                let script = SCRIPTS.iter().position(|script| (script.is_own)(letter));
                script.into_iter().for_each(|script| found.letters[script] += count);
            }
            if !is_latin || token.chars().nth(3).is_some() {
                found.words += count;
                found.known += count * u64::from(candidate_words(token).any(|word| list.id(word).is_some()));
            }
        }
        found
    }

    /// That of texts with the built-in words of `language`, in which they were cut into tokens.
    ///
    /// # Errors
    /// None in a program that was built whole.
    pub fn with_built_in(language: Language, texts: &[Vec<String>]) -> Result<Self> {
        Ok(Self::of(&built_in(language)?.words, texts))
    }

    /// The same for tokens with how often each of them occurs.
    ///
    /// # Errors
    /// None in a program that was built whole.
    pub fn counted_with_built_in<'t>(
        language: Language,
        tokens: impl IntoIterator<Item = (&'t str, u64)>,
    ) -> Result<Self> {
        Ok(Self::counted(&built_in(language)?.words, tokens))
    }

    /// The share of the words that are known; none where there are too few to tell.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.words >= LEAST_WORDS).then(|| self.known as f64 / self.words as f64)
    }

    /// What to say of texts that were cut in `language` and are in another one: how that was found, and what helps.
    #[must_use]
    pub fn told_of_language(&self, language: Language) -> Option<String> {
        let share = self.share().filter(|&share| share < LEAST_LANGUAGE_SHARE)?;
        let most = (0..SCRIPTS.len()).max_by_key(|&script| (self.letters[script], SCRIPTS.len() - script))?;
        if self.letters[most] == 0 {
            return Some(format!(
                "the texts are not in {} as the built-in vectors know it: {:.0} % of their words are in them. Vectors of \
                 such texts help: --vectors FILE",
                language.title(),
                100.0 * share,
            ));
        }
        let Script { name: script, example, code, .. } = SCRIPTS[most];
        if WITHOUT_BLANKS.contains(&script) {
            return Some(format!(
                "the texts seem to be in no language that this program can cut into words: {:.0} % of their words are {} \
                 ({script} letters, mostly), and languages without blanks between words are not supported, but for \
                 Chinese",
                100.0 * share,
                language.title(),
            ));
        }
        Some(format!(
            "the texts seem to be in no language that the built-in vectors know: {:.0} % of their words are {} \
             ({script} letters, mostly). Vectors of their language help, such as fastText's, for {example} --vectors \
             cc.{code}.300.vec.gz; --language {} says that words are to be cut as in English, and that all is \
             well",
            100.0 * share,
            language.title(),
            Language::English,
        ))
    }

    /// What to say of texts most of whose words have no vector in the `file`.
    #[must_use]
    pub fn told_of_file(&self, file: &Path) -> Option<String> {
        let share = self.share().filter(|&share| share < LEAST_LANGUAGE_SHARE)?;
        Some(format!(
            "only {:.0} % of the words of the texts have a vector in {}: is it of their language?",
            100.0 * share,
            file.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn familiarity(language: Language, text: &str) -> Familiarity {
        let texts: Vec<Vec<String>> = text.lines().map(|line| language.tokenizer().tokenize(line)).collect();
        Familiarity::with_built_in(language, &texts).expect("built in")
    }

    #[test]
    fn other_languages_are_told_by_their_words() {
        for (text, told) in [
            (
                "La chambre était propre et le petit déjeuner vraiment excellent.\nMalheureusement le repas était froid \
                 et le serveur très désagréable.\nLe film est beaucoup trop long et on ne comprend pas l'histoire.\nUn \
                 livre merveilleux que je vais offrir à tous mes amis.",
                "Latin letters",
            ),
            (
                "La habitación estaba limpia y el desayuno era realmente excelente.\nPor desgracia la comida estaba fría \
                 y el camarero fue muy antipático.\nLa película es demasiado larga y no se entiende la historia.\nUn \
                 libro maravilloso que voy a regalar a todos mis amigos.",
                "Latin letters",
            ),
            (
                "O quarto estava limpo e o café da manhã era realmente excelente.\nInfelizmente a comida estava fria e o \
                 garçom foi muito antipático.\nO filme é longo demais e não se entende a história.\nUm livro \
                 maravilhoso que vou dar a todos os meus amigos.",
                "Latin letters",
            ),
            (
                "방이 깨끗하고 아침 식사가 정말 훌륭했습니다.\n안타깝게도 음식은 차갑고 종업원은 불친절했습니다.\n영화가 너무 \
                 길고 이야기를 이해할 수 없습니다.\n친구들에게 선물할 훌륭한 책입니다.",
                "cc.ko.300",
            ),
            (
                "كانت الغرفة نظيفة وكان الإفطار ممتازا حقا\nللأسف كان الطعام باردا والنادل غير ودود\nالفيلم طويل جدا ولا \
                 يمكن فهم القصة\nكتاب رائع سأهديه لجميع أصدقائي",
                "cc.ar.300",
            ),
        ] {
            let note = familiarity(Language::English, text).told_of_language(Language::English).expect(told);
            assert!(note.contains(told) && note.contains("--vectors cc."), "{note}");
        }
    }

    #[test]
    fn english_and_chinese_are_what_they_are() {
        let english = "the room was spotless and breakfast was a delight\nsadly the waiter ignored us for the whole \
                       evening\nits battery hardly lasts until lunch and nobody answers my letters\nan overlong film \
                       with a muddled story that nobody could follow";
        let found = familiarity(Language::English, english);
        assert!(found.share().is_some_and(|share| share > 0.9), "{found:?}");
        let traditional = "房間非常乾淨,早餐也很好吃,下次還會再來。\n可惜飯菜是涼的,服務員的態度也不好。\n\
                           手機用了三個星期就壞了,寫信也沒有人回答。";
        let found = familiarity(Language::Chinese, traditional);
        assert!(found.told_of_language(Language::Chinese).is_none() && found.words > 20, "{found:?}");
    }

    /// Chinese characters are of no script that is told apart.
    #[test]
    fn chinese_of_old_is_not_taken_for_german() {
        let classical = "學而時習之，不亦說乎？\n有朋自遠方來，不亦樂乎？\n人不知而不慍，不亦君子乎？\n其為人也孝弟，而好犯上者，\
                         鮮矣；不好犯上，而好作亂者，未之有也。\n君子務本，本立而道生。孝弟也者，其為仁之本與！";
        let found = familiarity(Language::Chinese, classical);
        if let Some(note) = found.told_of_language(Language::Chinese) {
            assert!(!note.contains("Latin") && note.contains("--vectors FILE"), "{note}");
        }
        let none = Familiarity { words: 100, known: 10, letters: [0; SCRIPTS.len()] };
        let note = none.told_of_language(Language::Chinese).expect("another language");
        assert!(note.contains("10 % of their words") && !note.contains("Latin"), "{note}");
    }

    #[test]
    fn too_few_words_tell_nothing() {
        let found = familiarity(Language::English, "Zimmer sauber, Bedienung freundlich");
        assert_eq!((found.words, found.share()), (4, None));
        assert_eq!(found.told_of_language(Language::English), None);
        assert_eq!(familiarity(Language::English, "").share(), None);
    }
}
