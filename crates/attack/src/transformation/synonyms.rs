//! Synonyms from WordNet (Miller 1995), read from its database files (`data.noun`, `index.noun`, ...), as Debian's
//! package `wordnet-base` installs them.
//!
//! A word is brought to its base forms by the rules of WordNet's own `morphy` (wndb, morphy(7)): exceptions first,
//! else endings taken off, once or until something is found. Synonyms are all single words of all synsets of those
//! forms.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
};

use spiketext::{Error, Result};
use wordnet_db::{LoadMode, WordNet as Database};
use wordnet_types::Pos;

/// Endings: what is taken off, and what is put in its place.
type Endings = &'static [(&'static str, &'static str)];

/// Parts of speech with their exception files and endings.
const PARTS: [(Pos, &str, Endings); 4] = [
    (
        Pos::Noun,
        "noun.exc",
        &[
            ("s", ""),
            ("ses", "s"),
            ("ves", "f"),
            ("xes", "x"),
            ("zes", "z"),
            ("ches", "ch"),
            ("shes", "sh"),
            ("men", "man"),
            ("ies", "y"),
        ],
    ),
    (
        Pos::Verb,
        "verb.exc",
        &[("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")],
    ),
    (Pos::Adj, "adj.exc", &[("er", ""), ("est", ""), ("er", "e"), ("est", "e")]),
    (Pos::Adv, "adv.exc", &[]),
];

/// The dictionary of synonyms.
pub struct WordNet {
    database: Database,
    /// Base forms of irregular forms, in the order of [`PARTS`].
    exceptions: [HashMap<String, Vec<String>>; 4],
}

/// What is wrong with a line of a data file, as far as the library would stumble over it: it takes a gloss for
/// granted, and makes room for as many pointers as a line says it has.
fn odd_synset(line: &str) -> Option<String> {
    if line.is_empty() || line.starts_with([' ', '\t']) {
        return None;
    }
    let Some((synset, _)) = line.split_once('|') else { return Some("a synset without a gloss".to_owned()) };
    let fields: Vec<&str> = synset.split_ascii_whitespace().collect();
    let words = fields.get(3).and_then(|count| usize::from_str_radix(count, 16).ok())?;
    let pointers = fields.get(4 + words.min(1 << 16) * 2)?;
    (pointers.len() > 3).then(|| format!("'{pointers}' pointers of a synset"))
}

impl WordNet {
    /// Reads the database files of a folder.
    ///
    /// # Errors
    /// If one is missing or is not what it should be.
    pub fn load(folder: &Path) -> Result<Self> {
        // Of a missing file the library says no more than that it is missing, and it trusts the files it reads.
        for part in ["noun", "verb", "adj", "adv"] {
            for kind in ["index", "data"] {
                let path = folder.join(format!("{kind}.{part}"));
                let bytes = fs::read(&path).map_err(Error::read(&path))?;
                let broken = |line: Option<u64>, got: String| {
                    Error::malformed(&path, line, "a database file of WordNet (wndb(5WN))", got)
                };
                let text = std::str::from_utf8(&bytes).map_err(|error| broken(None, error.to_string()))?;
                if kind == "data" {
                    let odd = text.lines().zip(1..).find_map(|(line, number)| Some((number, odd_synset(line)?)));
                    if let Some((line, got)) = odd {
                        return Err(broken(Some(line), got));
                    }
                }
            }
        }
        // In memory, not mapped: a file that changes under a running program must not change its answers.
        let database = Database::load_with_mode(folder, LoadMode::Owned)
            .map_err(|error| Error::malformed(folder, None, "the database files of WordNet", format!("{error:#}")))?;
        let mut exceptions: [HashMap<String, Vec<String>>; 4] = Default::default();
        for (forms, (_, file, _)) in exceptions.iter_mut().zip(PARTS) {
            let path = folder.join(file);
            let text = fs::read_to_string(&path).map_err(Error::read(&path))?;
            for line in text.lines() {
                let mut words = line.split_whitespace().map(str::to_owned);
                if let Some(form) = words.next() {
                    forms.entry(form).or_default().extend(words);
                }
            }
        }
        Ok(Self { database, exceptions })
    }

    /// Single words that share a synset with `word`, in the order of the alphabet; capitals are those of the
    /// dictionary.
    #[must_use]
    pub fn of(&self, word: &str) -> Vec<String> {
        let lower = word.to_lowercase();
        let mut found = BTreeSet::new();
        for (i, (part, _, endings)) in PARTS.into_iter().enumerate() {
            for form in self.base_forms(&lower, i, part, endings) {
                for &id in self.database.synsets_for_lemma(part, &form) {
                    let Some(synset) = self.database.get_synset(id) else { continue };
                    // Adjectives can carry a mark of their place: `galore(ip)`.
                    let words = synset.words.iter().map(|lemma| lemma.text.split('(').next().unwrap_or_default());
                    found.extend(words.filter(|other| is_one_word(other) && *other != word).map(str::to_owned));
                }
            }
        }
        found.into_iter().collect()
    }

    fn base_forms(&self, word: &str, place: usize, part: Pos, endings: Endings) -> Vec<String> {
        let known = |forms: Vec<String>| -> Vec<String> {
            let mut kept: Vec<String> = Vec::new();
            for form in forms {
                if !kept.contains(&form) && self.database.lemma_exists(part, &form) {
                    kept.push(form);
                }
            }
            kept
        };
        if let Some(bases) = self.exceptions[place].get(word) {
            return known(std::iter::once(word.to_owned()).chain(bases.iter().cloned()).collect());
        }
        let shorter = |forms: &[String]| -> Vec<String> {
            let cut = |form: &String| {
                let form = form.clone();
                endings.iter().filter_map(move |(ending, other)| Some(form.strip_suffix(ending)?.to_owned() + other))
            };
            forms.iter().flat_map(cut).collect()
        };
        let mut forms = shorter(&[word.to_owned()]);
        let mut found = known(std::iter::once(word.to_owned()).chain(forms.iter().cloned()).collect());
        while found.is_empty() && !forms.is_empty() {
            forms = shorter(&forms);
            found = known(forms.clone());
        }
        found
    }
}

/// Whether a lemma is a single word: no compound, and not cut by a full stop or an apostrophe at its end.
fn is_one_word(lemma: &str) -> bool {
    let inner = |letter: char| letter.is_alphanumeric() || ['\'', '-', '*', '@'].contains(&letter);
    !lemma.is_empty()
        && lemma.chars().all(inner)
        && lemma.starts_with(char::is_alphanumeric)
        && lemma.ends_with(char::is_alphanumeric)
}
