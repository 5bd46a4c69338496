//! Properties of the variants, each way alone and all together.

use std::collections::HashSet;

use proptest::prelude::*;
use rayon::prelude::*;

use super::*;
use crate::{text::fold, vectors};

const ENGLISH: [&str; 4] = [
    "A warm and funny film, but it drags a bit.",
    "A dull and loud film -- it never ends.",
    "it 's a warm story , and it does n't drag .",
    "The story is warm; the acting is not.",
];
const CHINESE: [&str; 3] =
    ["酒店房间很干净，但是服务员态度很差。", "酒店位置很方便，服务员态度不错！", "味道很好，送餐很快"];

fn only(way: Way) -> Options {
    Options { ways: Ways::default().with(way), ..Options::default() }
}

fn augmenter(options: Options, language: Language, texts: &[&str]) -> Augmenter {
    let mut counter = FrameCounter::default();
    texts.iter().for_each(|text| counter.add(text, language.tokenizer()));
    let near = Neighbours::new(&vectors::built_in(language).unwrap(), options.nearest);
    Augmenter::new(options, language, Some(counter.finish()), Some(near)).unwrap()
}

fn words(text: &str, language: Language) -> Vec<String> {
    Cut::of(text, language.tokenizer()).folded().into_iter().map(std::borrow::Cow::into_owned).collect()
}

/// Whether `part` is what is left of `whole` when some are left out.
fn is_left_of(part: &[String], whole: &[String]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|word| rest.any(|other| other == word))
}

#[test]
fn masks_leave_words_out_and_change_none() {
    for (language, texts) in [(Language::English, &ENGLISH[..]), (Language::Chinese, &CHINESE)] {
        let augmenter = augmenter(Options { mask: 0.3, ..only(Way::Mask) }, language, texts);
        for text in texts {
            let variants = augmenter.variants(text);
            assert_eq!(variants.len(), 10);
            assert!(variants.iter().any(|variant| variant.ways.has(Way::Mask) && variant.text.len() < text.len()));
            for variant in variants.iter().filter(|_| language == Language::English) {
                assert!(is_left_of(&words(&variant.text, language), &words(text, language)), "{variant:?}");
                assert_eq!(variant.ways.has(Way::Mask), variant.text != *text, "{variant:?}");
            }
            for variant in variants {
                // Words may be cut otherwise beside others; letters are letters.
                let letters = |text: &str| -> Vec<String> {
                    text.chars().filter(|c| c.is_alphanumeric()).map(String::from).collect()
                };
                assert!(is_left_of(&letters(&variant.text), &letters(text)), "{variant:?}");
            }
        }
    }
}

#[test]
fn replacements_come_from_the_frames_of_the_texts() {
    let texts = ["a warm film", "a dull film", "a loud film", "a warm noise", "a dull noise"];
    let augmenter = augmenter(Options { replace: 1.0, times: 40, ..only(Way::Replace) }, Language::English, &texts);
    let made: HashSet<String> = augmenter.variants("A Warm film").into_iter().map(|variant| variant.text).collect();
    // Nothing else begins a text, ends one behind "warm" but "noise", or stands between a and film.
    let all = ["A Dull noise", "A Loud noise"].map(str::to_owned);
    assert_eq!(made, HashSet::from(all));
}

#[test]
fn neighbours_are_near_and_of_the_same_case() {
    for (language, text) in [(Language::English, "A Dreadful film"), (Language::Chinese, "房间很干净")] {
        let options = Options { neighbour: 1.0, times: 30, least_cosine: 0.5, ..only(Way::Neighbour) };
        let augmenter = augmenter(options, language, &[]);
        let near = Neighbours::new(&vectors::built_in(language).unwrap(), 10);
        let cut = Cut::of(text, language.tokenizer());
        let allowed = near.of(cut.word(1), 10, 0.5);
        assert!(!allowed.is_empty());
        for variant in augmenter.variants(text) {
            assert!(variant.ways.has(Way::Neighbour) && variant.text != text);
            assert!(allowed.iter().any(|word| variant.text.contains(word)), "{variant:?}: {allowed:?}");
            assert!(!variant.text.contains(' ') || language == Language::English);
        }
    }
}

#[test]
fn samples_are_runs_of_the_text() {
    for (language, texts) in [(Language::English, &ENGLISH[..]), (Language::Chinese, &CHINESE)] {
        let augmenter = augmenter(Options { sample: 1.0, times: 50, ..only(Way::Sample) }, language, &[]);
        for text in texts {
            let (variants, length) = (augmenter.variants(text), words(text, language).len());
            for variant in &variants {
                assert!(text.contains(&variant.text) && variant.text.len() < text.len(), "{variant:?}");
                assert!(variant.run.is_some_and(|run| (1..length).contains(&run)), "{variant:?}");
            }
            let lengths: HashSet<_> = variants.iter().map(|variant| variant.run).collect();
            assert!(lengths.len() > length / 2, "{lengths:?}");
        }
    }
}

#[test]
fn clauses_have_one_way() {
    let augmenter = augmenter(only(Way::Cut), Language::English, &[]);
    let made: Vec<String> = augmenter.variants(ENGLISH[0]).into_iter().map(|variant| variant.text).collect();
    assert_eq!(made, ["A warm and funny film", "it drags a bit", "it drags a bit.", "A warm and funny film."]);
}

#[test]
fn variants_depend_on_the_seed_and_the_text_alone() {
    for (language, texts) in [(Language::English, &ENGLISH[..]), (Language::Chinese, &CHINESE)] {
        let first = augmenter(Options::default(), language, texts);
        let all = |augmenter: &Augmenter, texts: &[&str]| -> Vec<Vec<Variant>> {
            texts.par_iter().map(|text| augmenter.variants(text)).collect()
        };
        let want: Vec<Vec<Variant>> = texts.iter().map(|text| first.variants(text)).collect();
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let again = augmenter(Options::default(), language, texts);
            again.prepare(&texts[..1]);
            assert_eq!(pool.install(|| all(&again, texts)), want, "{threads} threads");
        }
        let backwards: Vec<&str> = texts.iter().rev().copied().collect();
        let mut turned = all(&first, &backwards);
        turned.reverse();
        assert_eq!(turned, want);
        let other = augmenter(Options { seed: 1, ..Options::default() }, language, texts);
        assert_ne!(all(&other, texts), want);
    }
}

#[test]
fn one_word_and_none_and_a_megabyte() {
    let augmenter = augmenter(Options { mask: 0.8, ..Options::default() }, Language::English, &ENGLISH);
    assert!(augmenter.variants("warm").iter().all(|variant| !variant.text.is_empty()));
    for text in ["", " \n", "...", "\u{0}\u{1b}[31m", "( ( ( \" \" ) ) )"] {
        assert!(augmenter.variants(text).iter().all(|variant| !variant.text.is_empty()), "{text:?}");
    }
    let chinese = "很好，".repeat(120_000);
    let long = ["a (b. ", "word , ", "word"].map(|part| part.repeat((1 << 20) / part.len()));
    for text in long.iter().chain([&chinese]) {
        let variants = augmenter.variants(text);
        assert!(variants.len() >= 10 && variants.len() < 400_000);
        let bytes: usize = variants.iter().map(|variant| variant.text.len()).sum();
        assert!(bytes <= 24 * text.len(), "{bytes}");
    }
}

#[test]
fn options_that_cannot_be_are_refused() {
    let refused = |options: Options| options.check().unwrap_err().to_string();
    assert!(refused(Options { mask: 1.5, ..Options::default() }).contains("1.5 as p-mask"));
    assert!(refused(Options { sample: f32::NAN, ..Options::default() }).contains("p-sample"));
    assert!(refused(Options { mask: 0.9, ..Options::default() }).contains("of 1 together"));
    assert!(refused(Options { least_cosine: 2.0, ..Options::default() }).contains("cosine"));
    assert!(refused(Options { ways: Ways::default(), ..Options::default() }).contains("one way"));
    assert!(Options { mask: 0.9, ..only(Way::Mask) }.check().is_ok());
    assert!(Augmenter::new(Options::default(), Language::English, None, None).is_err());
    assert_eq!("cut".parse::<Way>().unwrap(), Way::Cut);
    assert!("cute".parse::<Way>().unwrap_err().to_string().contains("mask, replace"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_gives_texts(text in prop_oneof![any::<String>(), "([a-d]{1,3}|[ ,.()\"'\u{0}\n-]|很|好|，|但){0,40}"]) {
        thread_local! {
            static MADE: [Augmenter; 2] = [(Language::English, &ENGLISH[..]), (Language::Chinese, &CHINESE)]
                .map(|(language, texts)| {
                    let options = Options { times: 3, mask: 0.4, ..Options::default() };
                    augmenter(options, language, texts)
                });
        }
        MADE.with(|made| {
            for augmenter in made {
                for variant in augmenter.variants(&text) {
                    prop_assert!(!variant.text.trim().is_empty());
                    prop_assert_eq!(variant.text.trim(), &variant.text);
                    prop_assert!(variant.run != Some(0) && !fold(&variant.text).is_empty());
                }
            }
            Ok(())
        })?;
    }
}
