//! Attacks on classifiers that are simple enough to know what must come out.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use spiketext::{
    score::{Scorer, Substitution},
    seed::{Purpose, stream},
    target::Target,
    text::Language,
    vectors::{self, Neighbours, Selection},
};
use spiketext_attack::{
    Attack, AttackRecipe, Attempt, Ending, Needs, Protocol, Ranking, Resources, Search, Subject, Summary,
    limits::Limits,
    resources::MOST_NEIGHBOURS,
    search::{Beam, Swarm, UNKNOWN},
    transformation::{Transformation, characters::Edit, chinese::Characters, synonyms::WordNet},
    trial,
    words::Words,
};

/// Adds up the weights of the words it knows: the more, the more probable class 1.
#[derive(Clone, Default)]
struct Toy {
    weights: BTreeMap<String, f32>,
    bias: f32,
    asked: Vec<String>,
    labels: Vec<String>,
    /// Whether it shows its weights.
    open: bool,
}

impl Toy {
    fn new(weights: &[(&str, f32)], bias: f32) -> Self {
        let weights = weights.iter().map(|&(word, weight)| (word.to_owned(), weight)).collect();
        Self { weights, bias, asked: Vec::new(), labels: vec!["bad".into(), "good".into()], open: true }
    }
}

impl Scorer for Toy {
    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn begin(&mut self, _: u64) {
        self.asked.clear();
    }

    fn score(&mut self, texts: &[String]) -> Vec<Vec<f32>> {
        self.asked.extend_from_slice(texts);
        let of = |text: &String| {
            let words = text.split(|letter: char| !letter.is_alphanumeric());
            let sum: f32 = words.filter_map(|word| self.weights.get(word)).sum::<f32>() + self.bias;
            let good = 1.0 / (1.0 + (-sum).exp());
            vec![1.0 - good, good]
        };
        texts.iter().map(of).collect()
    }

    fn first_order(&mut self, text: &str, target: &Target, substitutions: &[Substitution]) -> Option<Vec<f32>> {
        let weight = |word: &str| self.weights.get(word).copied().unwrap_or_default();
        let way = if target.is_met_by(1) { -1.0 } else { 1.0 };
        let gain = |e: &Substitution| way * (weight(&e.to) - weight(&text[e.span.clone()]));
        self.open.then(|| substitutions.iter().map(gain).collect())
    }
}

fn attack<'a>(ranking: Ranking, transformations: Vec<Transformation<'a>>) -> Attack<'a> {
    Attack { search: Search::Greedy(ranking), transformations, limits: Limits::default() }
}

fn run(attack: &Attack<'_>, toy: &mut Toy, text: &str, label: usize) -> Attempt {
    let language = spiketext::text::detect_language([text]);
    attack.run(toy, &Words::of(language, text), Target::of(label), &mut stream(3, Purpose::Attack, 0, 0))
}

/// Vectors by hand: `good`, `fine` and `great` lie together, `bad` and `poor` elsewhere.
fn neighbours(folder: &Path) -> Neighbours {
    let file = folder.join("vectors.txt");
    let text =
        "good 1 0 0\nfine 0.9 0.1 0\ngreat 0.8 0.3 0\nbad 0 1 0\npoor 0.1 0.9 0\nfilm 0 0 1\nmovie 0.1 0 0.9\n";
    std::fs::write(&file, text).expect("written");
    Neighbours::new(&vectors::read(&file, &Selection::everything()).expect("vectors"), MOST_NEIGHBOURS)
}

#[test]
fn the_word_that_matters_most_is_tried_first_and_every_text_counts() {
    let mut toy = Toy::new(&[("good", 2.0), ("fine", 0.5)], -1.0);
    let typos = attack(Ranking::Unknown, vec![Transformation::Edit(Edit::Delete)]);
    let got = run(&typos, &mut toy, "a fine and good film", 1);
    assert_eq!(got.ending, Ending::Succeeded);
    assert_eq!((got.changes.len(), got.changes[0].place, got.changes[0].from.as_str()), (1, 3, "good"));
    // The text, five words in turn unknown, one substitution.
    assert_eq!(got.queries, 7);
    assert_eq!(toy.asked.len(), 7);
    assert_eq!(toy.asked[1], format!("{UNKNOWN} fine and good film"));
    assert_eq!(toy.asked[6], got.text);
    assert!(got.before > 0.5 && got.after < 0.5);

    let by_deleting = attack(Ranking::Delete, vec![Transformation::Edit(Edit::Delete)]);
    toy.begin(0);
    let got = run(&by_deleting, &mut toy, "a fine and good film", 1);
    assert_eq!((toy.asked[1].as_str(), toy.asked[5].as_str()), ("fine and good film", "a fine and good"));
    assert_eq!(got.changes[0].place, 3);
}

#[test]
fn what_does_not_hurt_is_not_kept() {
    // Neither word alone is enough; the third changes nothing.
    let mut toy = Toy::new(&[("good", 2.0), ("fine", 1.5)], -0.5);
    let typos = attack(Ranking::Delete, vec![Transformation::Edit(Edit::Swap)]);
    let got = run(&typos, &mut toy, "good fine film", 1);
    assert_eq!(got.ending, Ending::Succeeded);
    assert_eq!(got.changes.iter().map(|change| change.place).collect::<Vec<_>>(), [0, 1]);
    assert!(got.text.ends_with(" film"));
}

#[test]
fn classifiers_that_always_err_or_never_move_are_told_apart() {
    let typos = attack(Ranking::Unknown, vec![Transformation::Edit(Edit::Swap), Transformation::Edit(Edit::Insert)]);
    let mut wrong = Toy::new(&[], -1.0);
    let got = run(&typos, &mut wrong, "a good film", 1);
    assert_eq!((got.ending, got.queries, got.text.as_str()), (Ending::Skipped, 1, "a good film"));
    let mut rock = Toy::new(&[], 1.0);
    let got = run(&typos, &mut rock, "a good film", 1);
    assert_eq!((got.ending, got.text.as_str(), got.changes.len()), (Ending::Failed, "a good film", 0));
    assert!((got.before - got.after).abs() < 1e-7);
}

#[test]
fn texts_without_words_chinese_and_emoji_are_attacked_or_left_in_peace() {
    let typos =
        attack(Ranking::Unknown, vec![Transformation::Edit(Edit::Swap), Transformation::Edit(Edit::LookAlike)]);
    let mut rock = Toy::new(&[], 1.0);
    for (text, words) in [("", 0), ("  \n", 0), ("😀😀 …!", 0), ("good", 1), ("房间很干净，😀 早餐一般！", 5)]
    {
        let got = run(&typos, &mut rock, text, 1);
        assert_eq!((got.ending, got.words, got.text.as_str()), (Ending::Failed, words, text));
    }
    let mut toy = Toy::new(&[("房间很干净", 2.0)], -1.0);
    let got = run(&typos, &mut toy, "房间很干净，😀 早餐一般！", 1);
    // The toy reads a clause as one word; jieba cuts it, and two letters of a word change places.
    assert_eq!(got.ending, Ending::Succeeded);
    assert!(got.text.ends_with("，😀 早餐一般！") && got.changes.len() == 1, "{}", got.text);
}

#[test]
fn neighbours_are_tried_all_at_once_and_the_worst_is_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let near = neighbours(folder.path());
    let of = Transformation::Neighbours { of: &near, most: 2, least: 0.5 };
    let mut toy = Toy::new(&[("good", 2.0), ("fine", 1.9), ("great", 0.9)], -1.0);
    let got = run(&attack(Ranking::Delete, vec![of]), &mut toy, "good film", 1);
    assert_eq!((got.ending, got.text.as_str()), (Ending::Succeeded, "great film"));
    // The text, two words left out, two neighbours of `good`.
    assert_eq!(got.queries, 5);
}

#[test]
fn weighted_saliency_prefers_a_word_that_has_a_good_substitution() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let near = neighbours(folder.path());
    let of = Transformation::Neighbours { of: &near, most: 1, least: 0.5 };
    // `film` matters a little less than `good`, but the neighbour of `good` is as good.
    let mut toy = Toy::new(&[("good", 1.5), ("fine", 1.5), ("film", 1.4), ("movie", 0.0)], -2.0);
    let got = run(&attack(Ranking::WeightedSaliency, vec![of]), &mut toy, "good film", 1);
    assert_eq!((got.ending, got.text.as_str()), (Ending::Succeeded, "good movie"));
    // The text, two words unknown, one substitution of each, and the one that was made.
    assert_eq!(got.queries, 6);
    let mut toy = Toy::new(&[("good", 1.5), ("fine", 1.5), ("film", 1.4), ("movie", 0.0)], -2.0);
    let got = run(&attack(Ranking::Unknown, vec![of]), &mut toy, "good film", 1);
    assert_eq!((got.queries, got.text.as_str()), (5, "good movie"));
}

#[test]
fn blind_changes_are_kept_whatever_they_do() {
    let attack = Attack { search: Search::Blind, ..attack(Ranking::Unknown, vec![Transformation::Edit(Edit::Swap)]) };
    let mut rock = Toy::new(&[], 1.0);
    let got = run(&attack, &mut rock, "some words that say nothing", 1);
    assert_eq!((got.ending, got.changes.len(), got.queries), (Ending::Failed, 5, 6));
}

#[test]
fn recipes_ask_for_what_they_need() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let none = Resources::default();
    for recipe in AttackRecipe::ALL {
        for protocol in [Protocol::Published, Protocol::SpikingPaper { share: 0.1 }] {
            let needy = recipe.needs(protocol) != Needs::default();
            let errors = Language::ALL.map(|language| recipe.build(protocol, language, &none).is_err());
            assert!(errors.contains(&needy) && (!needy || errors == [true, true]), "{recipe:?} {protocol:?}");
            let all = Needs { neighbours: true, synonyms: true, masked: true, characters: true };
            assert_eq!(recipe.needs(protocol).and(all), all);
        }
        assert_eq!(AttackRecipe::named(recipe.name()), Some(recipe));
    }
    assert_eq!(AttackRecipe::named("nothing"), None);
    let resources = Resources { neighbours: Some(Arc::new(neighbours(folder.path()))), ..Resources::default() };
    // A tenth of twelve words is two, rounded up; the vectors say that film and movie are alike.
    let paper = Protocol::SpikingPaper { share: 0.1 };
    let attack = AttackRecipe::TextFooler.build(paper, Language::English, &resources).expect("an attack");
    let mut rock = Toy::new(&[("film", 0.1)], 3.0);
    let got = run(&attack, &mut rock, "film film film film film film film film film film film film", 1);
    assert_eq!((got.ending, got.changes.len()), (Ending::Failed, 2));
    let error = AttackRecipe::Pwws.build(Protocol::Published, Language::Chinese, &resources).err().expect("refused");
    assert!(error.to_string().contains("en"), "{error}");
    let error =
        AttackRecipe::Homophones.build(Protocol::Published, Language::English, &resources).err().expect("refused");
    assert!(error.to_string().contains("zh"), "{error}");
}

#[test]
fn a_swarm_finds_what_no_single_step_finds() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let near = neighbours(folder.path());
    let of = Transformation::Neighbours { of: &near, most: 1, least: 0.5 };
    let attack = |swarm, limits| Attack { search: Search::Swarm(swarm), transformations: vec![of], limits };
    // Every substitution hurts a little; only both together do it.
    let mut toy = Toy::new(&[("good", 1.5), ("fine", 0.6), ("film", 1.0), ("movie", 0.2)], -1.0);
    let got = run(&attack(Swarm::published(), Limits::default()), &mut toy, "good film", 1);
    assert_eq!((got.ending, got.text.as_str()), (Ending::Succeeded, "fine movie"));
    // Each distinct text is asked for once, and all are counted.
    let mut asked = toy.asked.clone();
    asked.sort_unstable();
    asked.dedup();
    assert!(asked.len() == toy.asked.len() && got.queries > asked.len() as u64, "{} {}", asked.len(), got.queries);

    let one = Limits { words: Some(1), ..Limits::default() };
    let got = run(&attack(Swarm::published(), one), &mut toy, "good film", 1);
    assert_eq!((got.ending, got.changes.len()), (Ending::Failed, 1));
    let few = Swarm { particles: 3, rounds: 2, ..Swarm::published() };
    let mut rock = Toy::new(&[], 1.0);
    for text in ["", "good", "words without neighbours"] {
        assert_eq!(run(&attack(few, Limits::default()), &mut rock, text, 1).ending, Ending::Failed, "{text}");
    }
}

#[test]
fn a_beam_follows_the_gradient_and_changes_few_words() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let near = neighbours(folder.path());
    let of = Transformation::Neighbours { of: &near, most: 9, least: -1.0 };
    let attack = |beam| Attack { search: Search::Beam(beam), transformations: vec![of], limits: Limits::default() };
    let weights = [("good", 1.5), ("fine", 0.6), ("film", 1.0), ("movie", 0.2), ("bad", -0.3), ("great", 2.0)];
    let mut toy = Toy::new(&weights, -0.8);
    let got = run(&attack(Beam { width: 1, rounds: 2 }), &mut toy, "good film", 1);
    // `bad` and then any of the neighbours of `film` would do; the gradient finds the worst at once.
    assert_eq!((got.ending, got.queries, got.changes.len()), (Ending::Succeeded, 2, 1));
    assert_eq!(got.text, "bad film");
    let mut toy = Toy::new(&weights, 0.2);
    let got = run(&attack(Beam { width: 2, rounds: 2 }), &mut toy, "good film", 1);
    assert_eq!((got.ending, got.changes.len()), (Ending::Succeeded, 2));
    let got = run(&attack(Beam { width: 2, rounds: 1 }), &mut toy, "good film", 1);
    assert_eq!((got.ending, got.changes.len()), (Ending::Failed, 1));
    // A closed box has no gradient; nothing is tried that the gradient says would help.
    let mut closed = Toy { open: false, ..toy.clone() };
    assert_eq!(run(&attack(Beam::published()), &mut closed, "good film", 1).ending, Ending::Succeeded);
    let mut rock = Toy::new(&[], 1.0);
    let got = run(&attack(Beam::published()), &mut rock, "good film", 1);
    assert_eq!((got.ending, got.queries), (Ending::Failed, 1));
}

#[test]
fn chinese_characters_are_replaced_by_their_likes() {
    let resources = Resources {
        characters: Some(Characters::of(["房间", "干净", "静", "早餐", "建", "见", "情", "清"])),
        ..Resources::default()
    };
    let attack =
        AttackRecipe::Homophones.build(Protocol::Published, Language::Chinese, &resources).expect("an attack");
    let mut toy = Toy::new(&[("房间很干净", 2.0)], -1.0);
    let got = run(&attack, &mut toy, "房间很干净，😀 早餐一般！", 1);
    assert_eq!(got.ending, Ending::Succeeded);
    assert!(["房见很干净", "房建很干净", "房间很干静"].iter().any(|text| got.text.starts_with(text)), "{}", got.text);
    let attack =
        AttackRecipe::LookAlikes.build(Protocol::Published, Language::Chinese, &resources).expect("an attack");
    let got = run(&attack, &mut Toy::new(&[("心情", 2.0)], -1.0), "心情", 1);
    assert_eq!((got.ending, got.text.as_str()), (Ending::Succeeded, "心清"));
}

#[test]
fn many_texts_give_the_same_records_on_any_number_of_threads() {
    let nothing = Resources::default();
    let attack =
        AttackRecipe::DeepWordBug.build(Protocol::Published, Language::English, &nothing).expect("needs nothing");
    let toy = Toy::new(&[("good", 1.2), ("fine", 1.1), ("dull", -2.0)], -0.5);
    let texts = ["a good film", "a fine, good film", "dull", "good fine dull", "fine fine fine"];
    let subjects: Vec<Subject> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| Subject { index, text: (*text).into(), target: Target::of(1) })
        .collect();
    let judge = |_: &mut dyn Scorer, text: &str| {
        let p = toy.clone().score(&[text.to_owned()]);
        if p[0][1] > 0.5 { vec![0, 1] } else { vec![1, 0] }
    };
    let all = |subjects: &[Subject], threads: usize| {
        let mut records = Vec::new();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let done = pool.install(|| {
            trial::run(&attack, Language::English, subjects, 5, || Box::new(toy.clone()), judge, &mut |record| {
                records.push(record);
                Ok::<(), ()>(())
            })
        });
        done.expect("content");
        records
    };
    let records = all(&subjects, 1);
    assert_eq!(records, all(&subjects, 3));
    // A text's record does not depend on those before it.
    assert_eq!(records[3..], all(&subjects[3..], 2));
    let summary = Summary::of(&records);
    assert_eq!((summary.texts, summary.skipped, summary.succeeded + summary.failed), (5, 2, 3));
    assert!((summary.accuracy - 60.0).abs() < 1e-9 && (summary.judged_accuracy - 60.0).abs() < 1e-9);
    assert_eq!(summary.accuracy_under_attack, summary.judged_accuracy_under_attack);
    let stopped =
        trial::run(&attack, Language::English, &subjects, 5, || Box::new(toy.clone()), judge, &mut |record| {
            if record.index == 2 { Err("enough") } else { Ok(()) }
        });
    assert_eq!(stopped, Err("enough"));
    assert_eq!(Summary::of(&[]), Summary::default());
}

/// A dictionary of a few synsets in the format of WordNet 3.0 (wndb(5WN)).
fn dictionary(folder: &Path) {
    // Part of speech, its letter, synsets, irregular forms.
    type Part<'a> = (&'a str, char, &'a [&'a [&'a str]], &'a str);
    let parts: [Part<'_>; 4] = [
        (
            "noun",
            'n',
            &[&["film", "movie", "moving_picture"], &["man", "adult_male"], &["mouse"]],
            "mice mouse\nmen man\n",
        ),
        ("verb", 'v', &[&["film", "shoot"], &["run", "Race"]], "ran run\n"),
        ("adj", 'a', &[&["good", "fine(p)"], &["big", "large"]], "better good\n"),
        ("adv", 'r', &[&["well", "good"]], ""),
    ];
    for (name, letter, synsets, exceptions) in parts {
        let mut data = String::from("  1 made by hand\n");
        let mut index: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for words in synsets {
            let offset = data.len();
            let listed: String = words.iter().map(|word| format!("{word} 0 ")).collect();
            let frames = if letter == 'v' { "00 " } else { "" };
            data += &format!("{offset:08} 03 {letter} {:02x} {listed}000 {frames}| by hand  \n", words.len());
            for word in *words {
                let lemma = word.split('(').next().unwrap_or_default().to_lowercase();
                index.entry(lemma).or_default().push(offset);
            }
        }
        let mut lines = String::from("  1 made by hand\n");
        for (lemma, offsets) in index {
            let listed: String = offsets.iter().map(|offset| format!("{offset:08} ")).collect();
            lines += &format!("{lemma} {letter} {n} 0 {n} 0 {listed} \n", n = offsets.len());
        }
        std::fs::write(folder.join(format!("data.{name}")), data).expect("written");
        std::fs::write(folder.join(format!("index.{name}")), lines).expect("written");
        std::fs::write(folder.join(format!("{name}.exc")), exceptions).expect("written");
    }
}

#[test]
fn synonyms_are_found_through_the_base_forms_of_a_word() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    dictionary(folder.path());
    let words = WordNet::load(folder.path()).expect("a dictionary");
    for (word, synonyms) in [
        ("film", &["movie", "shoot"][..]),
        // Base forms come with their own word, which is another one then.
        ("Films", &["film", "movie", "shoot"]),
        ("filming", &["film", "shoot"]),
        ("ran", &["Race", "run"]),
        ("mice", &["mouse"]),
        ("men", &["man"]),
        ("bigger", &[]),
        ("larger", &["big", "large"]),
        ("good", &["fine", "well"]),
        ("better", &["fine", "good"]),
        ("falls", &[]),
        ("", &[]),
        ("好", &[]),
    ] {
        assert_eq!(words.of(word), synonyms, "{word}");
    }
    std::fs::remove_file(folder.path().join("data.adv")).expect("removed");
    let error = WordNet::load(folder.path()).err().expect("incomplete").to_string();
    assert!(error.contains("data.adv"), "{error}");
    std::fs::write(folder.path().join("data.adv"), "00000001 what is this\n").expect("written");
    let error = WordNet::load(folder.path()).err().map(|error| error.to_string());
    assert!(error.is_none_or(|error| error.contains("WordNet")));
}

proptest::proptest! {
    /// A damaged dictionary is refused or read, and asked without a panic.
    #[test]
    fn damaged_dictionaries_do_no_harm(
        file in 0usize..12,
        at in 0.0f64..1.0,
        byte in proptest::prelude::any::<u8>(),
        cut in proptest::prelude::any::<bool>(),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        dictionary(folder.path());
        let names: Vec<String> = ["noun", "verb", "adj", "adv"]
            .iter()
            .flat_map(|part| [format!("data.{part}"), format!("index.{part}"), format!("{part}.exc")])
            .collect();
        let path = folder.path().join(&names[file]);
        let mut bytes = std::fs::read(&path).expect("written before");
        if !bytes.is_empty() {
            let place = (at * bytes.len() as f64) as usize;
            if cut { bytes.truncate(place) } else { bytes[place] = byte }
        }
        std::fs::write(&path, bytes).expect("written");
        if let Ok(words) = WordNet::load(folder.path()) {
            for word in ["film", "better", "mice", "racing", ""] {
                let _ = words.of(word);
            }
        }
    }
}
