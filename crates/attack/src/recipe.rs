//! Published attacks by name, with their parameters, and what each needs.

use serde::{Deserialize, Serialize};
use spiketext::{Error, Result, text::Language};

use crate::{
    attack::{Attack, Ranking, Search},
    limits::{Limits, Measure, Similarity, stop_words},
    substitution::{Substitution, characters::Edit, neighbours::Neighbours, synonyms::WordNet},
};

/// An attack by name. `docs/attacks.md` tells where each departs from its publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// DeepWordBug (Gao et al. 2018): typos; words ranked by an unknown word in their place.
    #[serde(rename = "deepwordbug")]
    DeepWordBug,
    /// TextBugger (Li et al. 2019): typos, look-alike letters and neighbours; ranked by leaving out.
    #[serde(rename = "textbugger")]
    TextBugger,
    /// PWWS (Ren et al. 2019): synonyms; ranked by saliency and the best exchange.
    Pwws,
    /// TextFooler (Jin et al. 2020): neighbours that keep the meaning; ranked by leaving out.
    #[serde(rename = "textfooler")]
    TextFooler,
    /// Typos of words drawn by chance, whatever they do: the floor.
    Random,
}

/// With which parameters an attack runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Those of its publication.
    Published,
    /// Those with which Lv, Xu and Zheng (2023) compared spiking and other networks: whatever the attack, words are exchanged for
    /// their 15 nearest neighbours, a tenth of the words at most (or another share), the text around a change stays alike.
    SpikingPaper {
        /// The largest share of the words.
        share: f64,
    },
}

/// What attacks draw on.
#[derive(Default)]
pub struct Resources {
    /// Neighbours by word vectors.
    pub neighbours: Option<Neighbours>,
    /// Synonyms.
    pub synonyms: Option<WordNet>,
}

/// The most neighbours of a word that any attack asks for.
pub const MOST_NEIGHBOURS: usize = 50;

impl Recipe {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::DeepWordBug, Self::TextBugger, Self::Pwws, Self::TextFooler, Self::Random];

    /// The name used in files and flags.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DeepWordBug => "deepwordbug",
            Self::TextBugger => "textbugger",
            Self::Pwws => "pwws",
            Self::TextFooler => "textfooler",
            Self::Random => "random",
        }
    }

    /// Whether it needs word vectors.
    #[must_use]
    pub fn needs_neighbours(self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::Published => matches!(self, Self::TextBugger | Self::TextFooler),
            Protocol::SpikingPaper { .. } => true,
        }
    }

    /// Whether it needs WordNet.
    #[must_use]
    pub fn needs_synonyms(self, protocol: Protocol) -> bool {
        self == Self::Pwws && protocol == Protocol::Published
    }

    /// The attack on texts of a language.
    ///
    /// # Errors
    /// If a resource is missing that it needs, or the language has none of that kind.
    pub fn build(self, protocol: Protocol, language: Language, resources: &Resources) -> Result<Attack<'_>> {
        let missing = |expected: &str| Error::invalid("attack", format!("{expected} for {}", self.name()), "none");
        let neighbours = || resources.neighbours.as_ref().ok_or_else(|| missing("word vectors"));
        let near = |of, most, least| Substitution::Neighbours { of, most, least };
        let ranking = match self {
            Self::DeepWordBug => Ranking::Unknown,
            Self::TextBugger | Self::TextFooler => Ranking::Delete,
            Self::Pwws => Ranking::WeightedSaliency,
            Self::Random => Ranking::Random,
        };
        let search = if self == Self::Random { Search::Blind } else { Search::Greedy };
        let mut limits = Limits { stop_words: stop_words(language), ..Limits::default() };
        let typos = [Edit::Swap, Edit::Substitute, Edit::Delete, Edit::Insert].map(Substitution::Edit);
        let substitutions = match (protocol, self) {
            (Protocol::SpikingPaper { share }, _) => {
                limits.share = Some(share);
                limits.similarity = Some(Similarity {
                    vectors: neighbours()?,
                    least: 0.8,
                    measure: Measure::Angular,
                    window: Some(15),
                    against_last: true,
                    spares_short: true,
                });
                vec![near(neighbours()?, 15, -1.0)]
            }
            (Protocol::Published, Self::DeepWordBug | Self::Random) => {
                limits.edit_distance = Some(30);
                typos.to_vec()
            }
            (Protocol::Published, Self::TextBugger) => {
                limits.similarity = Some(Similarity {
                    vectors: neighbours()?,
                    least: 0.8,
                    measure: Measure::Cosine,
                    window: None,
                    against_last: false,
                    spares_short: false,
                });
                let edits = [Edit::InsertSpace, Edit::DeleteInside, Edit::SwapInside, Edit::LookAlike];
                let mut all = edits.map(Substitution::Edit).to_vec();
                all.push(near(neighbours()?, 5, -1.0));
                all
            }
            (Protocol::Published, Self::Pwws) => {
                if language != Language::English {
                    return Err(Error::invalid("attack", "English texts for pwws (WordNet)", language.name()));
                }
                vec![Substitution::Synonyms(resources.synonyms.as_ref().ok_or_else(|| missing("WordNet"))?)]
            }
            (Protocol::Published, Self::TextFooler) => {
                limits.similarity = Some(Similarity {
                    vectors: neighbours()?,
                    // 1 - arccos(0.8775...) / pi, the published bound.
                    least: 0.840_845_06,
                    measure: Measure::Angular,
                    window: Some(15),
                    against_last: true,
                    spares_short: true,
                });
                vec![near(neighbours()?, MOST_NEIGHBOURS, 0.5)]
            }
        };
        Ok(Attack { ranking, search, substitutions, limits })
    }
}
