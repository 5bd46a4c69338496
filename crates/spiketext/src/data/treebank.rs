//! Sentences with their sentiment from the Stanford Sentiment Treebank's files of trees, one tree on each line.
//!
//! `(3 (2 fine) (2 .))` is a sentence of the words `fine` and `.` whose root has class 3. Each node is a phrase of the
//! words below it and has a class of its own.

use std::{collections::HashSet, ops::Range, path::Path};

use super::{lines::shown, split::text_hash};
use crate::{Error, Result};

/// The treebank's classes are 0 (very negative) to this one (very positive); 2 is neutral.
const HIGHEST: u8 = 4;

/// A tree: its leaves, and the phrases that its nodes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence<'a> {
    /// The class of the whole sentence, 0 to 4.
    pub label: u8,
    /// Its words as they stand in the file: in their own case, `(` as `-LRB-`, `/` as `\/`. A word may hold white
    /// space beyond ASCII, as the official files do.
    pub words: Vec<&'a str>,
    /// Every node of the tree in the order in which they open: the whole sentence, then its parts from left to right.
    pub phrases: Vec<Phrase>,
}

/// A node of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// Its class, 0 to 4.
    pub label: u8,
    /// Which words of the sentence lie below it.
    pub words: Range<usize>,
}

/// What an open node holds so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Nothing,
    Word,
    Trees,
}

/// Reads a file of trees; blank lines are passed over. `path` is what errors call it.
///
/// ```
/// let path = std::path::Path::new("trees.txt");
/// let sentences = spiketext::data::treebank::parse(path, "(3 (2 Fine) (2 .))\n")?;
/// assert_eq!((sentences[0].label, &sentences[0].words[..]), (3, &["Fine", "."][..]));
/// # Ok::<(), spiketext::Error>(())
/// ```
///
/// # Errors
/// The first line that is not exactly one tree: a class from 0 to 4 in each node, then one word or at least one tree.
pub fn parse<'a>(path: &Path, text: &'a str) -> Result<Vec<Sentence<'a>>> {
    let mut sentences = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if !line.trim_ascii().is_empty() {
            let sentence =
                tree(line).map_err(|(expected, got)| Error::malformed(path, number as u64 + 1, expected, got))?;
            sentences.push(sentence);
        }
    }
    Ok(sentences)
}

/// Reads one line. Open nodes lie on a stack of our own: no depth of nesting can exhaust the program's.
fn tree(line: &str) -> std::result::Result<Sentence<'_>, (String, String)> {
    let mut rest = line;
    // What each open node holds, and its place among the phrases.
    let mut open: Vec<(Node, usize)> = Vec::new();
    let mut words = Vec::new();
    let mut phrases: Vec<Phrase> = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        let ended = !phrases.is_empty() && open.is_empty();
        let refused = |expected: &str| Err((expected.to_owned(), found(rest)));
        match rest.as_bytes().first() {
            None if ended => break,
            _ if ended => return refused("the end of the line after the tree"),
            None => return refused("a ')' for every '('"),
            Some(b'(') => {
                match open.last_mut() {
                    Some((Node::Word, _)) => return refused("')' after a word"),
                    Some((node, _)) => *node = Node::Trees,
                    None => {}
                }
                rest = rest[1..].trim_ascii_start();
                let (class, after) = atom(rest);
                let class = match class.as_bytes() {
                    [digit @ b'0'..=b'9'] if digit - b'0' <= HIGHEST => digit - b'0',
                    _ => return Err(("a class from 0 to 4 after '('".to_owned(), found(rest))),
                };
                open.push((Node::Nothing, phrases.len()));
                phrases.push(Phrase { label: class, words: words.len()..words.len() });
                rest = after;
            }
            Some(b')') => {
                match open.pop() {
                    Some((Node::Nothing, _)) => return refused("a word or a tree after the class"),
                    Some((_, place)) => phrases[place].words.end = words.len(),
                    None => return refused("a tree"),
                }
                rest = &rest[1..];
            }
            Some(_) => {
                match open.last_mut() {
                    Some((node @ Node::Nothing, _)) => *node = Node::Word,
                    Some((Node::Word, _)) => return refused("')' after a word"),
                    Some((Node::Trees, _)) => return refused("a tree or ')' after a tree"),
                    None => return refused("a tree"),
                }
                let (word, after) = atom(rest);
                words.push(word);
                rest = after;
            }
        }
    }
    match phrases.first().map(|root| root.label) {
        Some(label) => Ok(Sentence { label, words, phrases }),
        None => Err(("a tree".to_owned(), found(rest))),
    }
}

/// The characters of `rest` up to a parenthesis or ASCII white space, and what follows them.
fn atom(rest: &str) -> (&str, &str) {
    let end = rest.find(|c: char| matches!(c, '(' | ')') || c.is_ascii_whitespace());
    rest.split_at(end.unwrap_or(rest.len()))
}

/// The place where a line is wrong, as errors show it.
fn found(rest: &str) -> String {
    match rest {
        "" => "the end of the line".to_owned(),
        _ => format!("'{}'", shown(rest)),
    }
}

/// The lines of the `stsa.fine` files: class and words in lower case, one space between.
#[must_use]
pub fn fine_lines(sentences: &[Sentence]) -> String {
    lines(sentences, Some)
}

/// The lines of the `stsa.binary` files: 0 for classes 0 and 1, 1 for classes 3 and 4, nothing for neutral sentences.
#[must_use]
pub fn binary_lines(sentences: &[Sentence]) -> String {
    lines(sentences, polarity)
}

/// Which classes of the treebank are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// Negative and positive; what is neutral is left out.
    Binary,
    /// All five.
    Fine,
}

impl Grain {
    fn class(self, label: u8) -> Option<u8> {
        match self {
            Self::Binary => polarity(label),
            Self::Fine => Some(label),
        }
    }
}

/// The lines of `stsa.binary.phrases.train` or `stsa.fine.phrases.train`, and how many were left out.
///
/// Every phrase of `sentences` that has a class, in the form of [`binary_lines`] or [`fine_lines`]; each text once under
/// one class, in the order in which they first open. Texts that are one of `others` (sentences that have a class), which
/// are to be labelled later, are left out; equal are those of one [`super::canonical_form`].
#[must_use]
pub fn phrase_lines(sentences: &[Sentence], others: &[Sentence], grain: Grain) -> (String, usize) {
    let held_out: HashSet<u64> =
        lines(others, |label| grain.class(label)).lines().map(|line| text_hash(&line[2..])).collect();
    let (mut out, mut left_out) = (String::new(), 0);
    let mut seen = HashSet::new();
    for sentence in sentences {
        for phrase in &sentence.phrases {
            let Some(class) = grain.class(phrase.label) else { continue };
            let line = line(class, &sentence.words[phrase.words.clone()]);
            if seen.contains(&line) {
                continue;
            }
            if held_out.contains(&text_hash(&line[2..])) {
                left_out += 1;
            } else {
                out.push_str(&line);
            }
            seen.insert(line);
        }
    }
    (out, left_out)
}

/// Negative or positive, or neither.
fn polarity(label: u8) -> Option<u8> {
    (label != 2).then_some(u8::from(label > 2))
}

fn lines(sentences: &[Sentence], class: impl Fn(u8) -> Option<u8>) -> String {
    let mut out = String::new();
    for sentence in sentences {
        if let Some(class) = class(sentence.label) {
            out.push_str(&line(class, &sentence.words));
        }
    }
    out
}

/// A class of one digit and words in lower case.
fn line(class: u8, words: &[&str]) -> String {
    format!("{class} {}\n", words.join(" ").to_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<Sentence<'_>>> {
        parse(Path::new("t.txt"), text)
    }

    #[test]
    fn the_root_gives_the_class_and_the_leaves_the_words() {
        let text = "(3 (2 It) (4 (4 (2 's) (3 fun)) (2 .)))\n\n(0 (2 -LRB-)(1 1\\/2\u{a0}Bad))\r\n( 2 Meh )\n\
                    (4 (3 (2 Good)))";
        let sentences = read(text).unwrap();
        let labels: Vec<u8> = sentences.iter().map(|sentence| sentence.label).collect();
        assert_eq!(labels, [3, 0, 2, 4]);
        assert_eq!(sentences[1].words, ["-LRB-", "1\\/2\u{a0}Bad"]);
        assert_eq!(fine_lines(&sentences), "3 it 's fun .\n0 -lrb- 1\\/2\u{a0}bad\n2 meh\n4 good\n");
        assert_eq!(binary_lines(&sentences), "1 it 's fun .\n0 -lrb- 1\\/2\u{a0}bad\n1 good\n");
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn nodes_are_phrases() {
        let text = "(3 (2 It) (4 (4 (2 's) (3 Fun)) (2 .)))\n(1 (3 fun) (1 (2 ,) (0 BAD)))\n(4 (3 FUN) (1 fun))";
        let sentences = read(text).unwrap();
        let phrases = |sentence: &Sentence| -> Vec<(u8, String)> {
            let of = |phrase: &Phrase| (phrase.label, sentence.words[phrase.words.clone()].join(" "));
            sentence.phrases.iter().map(of).collect()
        };
        let wanted = [(3, "It 's Fun ."), (2, "It"), (4, "'s Fun ."), (4, "'s Fun"), (2, "'s"), (3, "Fun"), (2, ".")];
        assert_eq!(phrases(&sentences[0]), wanted.map(|(label, text)| (label, text.to_owned())));
        // Once under each class, whatever its case.
        let all = "1 it 's fun .\n1 's fun .\n1 's fun\n1 fun\n0 fun , bad\n0 , bad\n0 bad\n1 fun fun\n0 fun\n";
        assert_eq!(phrase_lines(&sentences, &[], Grain::Binary), (all.to_owned(), 0));
        // Sentences that are kept for later are left out, under either class; neutral ones are none of the set.
        let others = read("(0 (2 FUN) (1 ,) (1 bad))\n(1 Fun)\n(2 bad)").unwrap();
        let rest = "1 it 's fun .\n1 's fun .\n1 's fun\n0 , bad\n0 bad\n1 fun fun\n";
        assert_eq!(phrase_lines(&sentences, &others, Grain::Binary), (rest.to_owned(), 3));
        // Of all classes, neutral phrases and neutral sentences count, too.
        let first = "3 it 's fun .\n2 it\n4 's fun .\n4 's fun\n2 's\n3 fun\n2 .\n";
        let fine = phrase_lines(&sentences, &read("(2 bad)").unwrap(), Grain::Fine);
        assert!(fine.0.starts_with(first), "{}", fine.0);
        assert_eq!((fine.0.contains(" bad\n0"), fine.1), (false, 1));
    }

    #[test]
    fn what_is_no_tree_is_refused_with_its_line() {
        for (line, expected, got) in [
            ("good film", "a tree", "'good film'"),
            (")", "a tree", "')'"),
            ("(3 (2 a) (2 b)", "a ')' for every '('", "the end of the line"),
            ("(3 a))", "the end of the line after the tree", "')'"),
            ("(3 a) (3 b)", "the end of the line after the tree", "'(3 b)'"),
            ("(5 a)", "a class from 0 to 4 after '('", "'5 a)'"),
            ("(12 a)", "a class from 0 to 4 after '('", "'12 a)'"),
            ("(３ a)", "a class from 0 to 4 after '('", "'３ a)'"),
            ("(", "a class from 0 to 4 after '('", "the end of the line"),
            ("()", "a class from 0 to 4 after '('", "')'"),
            ("(3)", "a word or a tree after the class", "')'"),
            ("(3 a b)", "')' after a word", "'b)'"),
            ("(3 a (2 b))", "')' after a word", "'(2 b))'"),
            ("(3 (2 a) b)", "a tree or ')' after a tree", "'b)'"),
        ] {
            let error = read(&format!("(2 fine)\n{line}\n")).unwrap_err().to_string();
            assert_eq!(error, format!("t.txt:2: expected {expected}, got {got}"));
        }
    }

    #[test]
    fn deep_nesting_is_read_and_long_rubbish_is_cut() {
        let deep = "(1".repeat(300_000) + " x" + &")".repeat(300_000);
        let sentence = &read(&deep).unwrap()[0];
        assert_eq!((sentence.label, &sentence.words[..], sentence.phrases.len()), (1, &["x"][..], 300_000));
        assert!(read(&"(1".repeat(300_000)).is_err());
        assert!(read(&"x".repeat(300_000)).unwrap_err().to_string().len() < 1000);
    }

    /// The lines of a file in the `stsa` form as trees, words capitalised: the way back must give the same bytes.
    fn as_trees(lines: &str) -> String {
        let mut trees = String::new();
        for line in lines.lines() {
            let (class, text) = line.split_once(' ').unwrap();
            let words: Vec<&str> = text.split(' ').collect();
            let (last, others) = words.split_last().unwrap();
            trees.push_str(&format!("({class} "));
            for word in others {
                trees.push_str(&format!("(2 {}) (3 ", word.to_uppercase()));
            }
            trees.push_str(&format!("(1 {last}){}\n", ")".repeat(others.len() + 1)));
        }
        trees
    }

    /// Runs on the original files where SPIKETEXT_DATA_DIR names their folder.
    #[test]
    fn the_literature_s_files_come_back_byte_for_byte() {
        let Some(folder) = std::env::var_os("SPIKETEXT_DATA_DIR") else {
            println!("skipped: SPIKETEXT_DATA_DIR is not set");
            return;
        };
        for part in ["train", "dev", "test"] {
            let file = |form: &str| std::fs::read_to_string(Path::new(&folder).join(format!("stsa.{form}.{part}")));
            let fine = file("fine").unwrap();
            let trees = as_trees(&fine);
            let sentences = read(&trees).unwrap();
            assert!(fine_lines(&sentences) == fine, "{part}");
            assert!(binary_lines(&sentences) == file("binary").unwrap(), "{part}");
        }
    }

    /// Trees of any shape beside what they hold.
    fn any_tree() -> impl Strategy<Value = (String, Vec<String>)> {
        let leaf =
            (0..5u8, "[a-zA-Z'.\\\\/-]{1,6}").prop_map(|(label, word)| (format!("({label} {word})"), vec![word]));
        leaf.prop_recursive(6, 40, 3, |inner| {
            (0..5u8, prop::collection::vec(inner, 1..4), "[ \t]{0,2}").prop_map(|(label, parts, space)| {
                let texts: Vec<String> = parts.iter().map(|part| part.0.clone()).collect();
                (
                    format!("({label}{space}{})", texts.join(&space)),
                    parts.into_iter().flat_map(|part| part.1).collect(),
                )
            })
        })
    }

    proptest! {
        #[test]
        fn written_trees_are_read_back((text, words) in any_tree()) {
            let sentences = read(&text).unwrap();
            prop_assert_eq!(sentences.len(), 1);
            prop_assert_eq!(&sentences[0].words, &words);
            prop_assert_eq!(sentences[0].label, text.as_bytes()[1] - b'0');
            let phrases = &sentences[0].phrases;
            prop_assert_eq!(phrases.len(), text.matches('(').count());
            prop_assert_eq!(&phrases[0].words, &(0..words.len()));
            prop_assert!(phrases.iter().all(|phrase| phrase.words.start < phrase.words.end));
        }

        #[test]
        fn nothing_makes_it_panic(text in "[()0-9 a\u{a0}\n]{0,60}|\\PC{0,40}") {
            if let Ok(sentences) = read(&text) {
                let holds = |s: &Sentence| s.label <= HIGHEST && !s.words.is_empty();
                prop_assert!(sentences.iter().all(holds));
                prop_assert_eq!(fine_lines(&sentences).lines().count(), sentences.len());
            }
        }
    }
}
