//! What attacks draw on beside the classifier, and where it comes from.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use spiketext::{
    Result,
    text::{Language, candidate_words},
    vectors::{self, Neighbours, Selection, WordVectors},
};

use crate::{
    transformation::{
        chinese::Characters,
        masked::{MaskedWords, NeighboursInContext, Trigrams},
        synonyms::WordNet,
    },
    trial::Subject,
    words::Words,
};

/// What attacks draw on.
#[derive(Default)]
pub struct Resources {
    /// Neighbours by word vectors.
    pub neighbours: Option<Arc<Neighbours>>,
    /// Synonyms.
    pub synonyms: Option<WordNet>,
    /// A model that fills gaps.
    pub masked: Option<Box<dyn MaskedWords>>,
    /// Chinese characters.
    pub characters: Option<Characters>,
}

/// Which of the [`Resources`] an attack needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Word vectors.
    pub neighbours: bool,
    /// WordNet.
    pub synonyms: bool,
    /// A model that fills gaps.
    pub masked: bool,
    /// Chinese characters.
    pub characters: bool,
}

impl Needs {
    /// What both need.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            neighbours: self.neighbours || other.neighbours,
            synonyms: self.synonyms || other.synonyms,
            masked: self.masked || other.masked,
            characters: self.characters || other.characters,
        }
    }
}

/// Where resources come from.
#[derive(Clone, Debug)]
pub struct Origins<'a> {
    /// A file of word vectors; the built-in ones of a language serve without.
    pub vectors: Option<&'a Path>,
    /// Leave out what cannot be read of that file.
    pub lenient: bool,
    /// The language of the built-in vectors, if it is not that of the texts.
    pub built_in: Option<Language>,
    /// The folder of WordNet's database files.
    pub wordnet: &'a Path,
    /// Texts whose trigrams say what fits.
    pub corpus: &'a [String],
}

/// The most neighbours of a word that any attack asks for.
pub const MOST_NEIGHBOURS: usize = 50;

/// Of those, the words that fit best which `bae-ngram` tries.
const MOST_FITTING: usize = 20;

/// Words among which neighbours are looked for, beside those of the texts: the most frequent of a file.
const NEIGHBOURHOOD: usize = 50_000;

/// The folder of WordNet that is named, else `$SPIKETEXT_WORDNET`, else where Debian's package puts it.
#[must_use]
pub fn wordnet_folder(named: Option<&Path>) -> PathBuf {
    let folder = named.map(Path::to_owned).or_else(|| std::env::var_os("SPIKETEXT_WORDNET").map(PathBuf::from));
    folder.unwrap_or_else(|| PathBuf::from("/usr/share/wordnet"))
}

impl Resources {
    /// Gathers what is needed for attacks on `subjects`, whose words are looked up.
    ///
    /// # Errors
    /// If vectors or WordNet cannot be read.
    pub fn gather(needs: Needs, language: Language, origins: &Origins<'_>, subjects: &[Subject]) -> Result<Self> {
        let mut resources = Self::default();
        if needs.neighbours || needs.masked || needs.characters {
            let found = vectors_of(language, origins, subjects)?;
            if needs.characters {
                resources.characters = Some(Characters::of(found.words.words()));
            }
            let neighbours = Arc::new(Neighbours::new(&found, MOST_NEIGHBOURS));
            let cut: Vec<Words> = subjects.iter().map(|subject| Words::of(language, &subject.text)).collect();
            neighbours.prepare(cut.iter().flat_map(|words| (0..words.len()).map(|place| words.word(place))));
            if needs.masked {
                resources.masked = Some(Box::new(NeighboursInContext {
                    neighbours: Arc::clone(&neighbours),
                    trigrams: Trigrams::of(language, origins.corpus.iter().map(String::as_str)),
                    of: MOST_NEIGHBOURS,
                    most: MOST_FITTING,
                }));
            }
            resources.neighbours = Some(neighbours);
        }
        if needs.synonyms {
            resources.synonyms = Some(WordNet::load(origins.wordnet)?);
        }
        Ok(resources)
    }
}

/// The vectors of the words of the texts and of the most frequent words.
fn vectors_of(language: Language, origins: &Origins<'_>, subjects: &[Subject]) -> Result<WordVectors> {
    let Some(path) = origins.vectors else { return vectors::built_in(origins.built_in.unwrap_or(language)) };
    let tokenizer = language.tokenizer();
    let mut needed = HashSet::new();
    for subject in subjects {
        for token in tokenizer.tokenize(&subject.text) {
            needed.extend(candidate_words(&token).map(str::to_owned));
        }
    }
    vectors::read(path, &Selection { needed, also_first: NEIGHBOURHOOD, lenient: origins.lenient })
}
