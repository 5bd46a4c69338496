//! Published attacks by name, with their parameters, and what each needs.

use serde::{Deserialize, Serialize};
use spiketext::{Error, Result, text::Language};

use crate::{
    attack::{Attack, Search},
    limits::{Limits, Measure, Similarity, stop_words},
    resources::{MOST_NEIGHBOURS, Needs, Resources},
    search::{Beam, Ranking, Swarm},
    transformation::{Transformation, characters::Edit, chinese::Alike},
};

/// Declares [`AttackRecipe`]: a line holds a variant and its name in files and flags.
macro_rules! attack_recipes {
    ($($(#[$about:meta])* $variant:ident = $name:literal;)*) => {
        /// An attack by name. `docs/attacks.md` tells where each departs from its publication.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum AttackRecipe {
            $($(#[$about])* #[serde(rename = $name)] $variant,)*
        }

        impl AttackRecipe {
            /// All of them.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The name used in files and flags.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

attack_recipes! {
    /// DeepWordBug (Gao et al. 2018): typos; words ranked by an unknown word in their place.
    DeepWordBug = "deepwordbug";
    /// TextBugger (Li et al. 2019): typos, look-alike letters and neighbours; ranked by leaving out.
    TextBugger = "textbugger";
    /// PWWS (Ren et al. 2019): synonyms; ranked by saliency and the best substitution.
    Pwws = "pwws";
    /// TextFooler (Jin et al. 2020): neighbours that keep the meaning; ranked by leaving out.
    TextFooler = "textfooler";
    /// BAE-R (Garg and Ramakrishnan 2020) with another model than BERT: words that fit around the gap; ranked by
    /// leaving out.
    BaeNgram = "bae-ngram";
    /// Particle swarm (Zang et al. 2020) over neighbours.
    Pso = "pso";
    /// HotFlip (Ebrahimi et al. 2018): at most two words, along the gradient. A white box.
    HotFlip = "hotflip";
    /// Chinese: a character that sounds alike; ranked by leaving out.
    Homophones = "homophones";
    /// Chinese: a character that looks alike; ranked by leaving out.
    LookAlikes = "look-alikes";
    /// Chinese: characters that sound or look alike, and neighbours; ranked by leaving out.
    Chinese = "chinese";
    /// Typos of words drawn by chance, whatever they do: the floor.
    Random = "random";
}

/// With which parameters an attack runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Those of its publication.
    Published,
    /// Those with which Lv, Xu and Zheng (2023) compared spiking and other networks: whatever the attack, words are
    /// replaced by their 15 nearest neighbours (but for `bae-ngram`, which keeps its own), a tenth of the words at
    /// most (or another share), the text around a change stays alike.
    SpikingPaper {
        /// The largest share of the words.
        share: f64,
    },
}

/// Characters that are tried for each one of a word.
const MOST_CHARACTERS: usize = 10;
/// Neighbours of a word in the paper's protocol, and those that a swarm draws on.
const PAPER_NEIGHBOURS: usize = 15;

impl AttackRecipe {
    /// The attack of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|recipe| recipe.name() == name)
    }

    /// What it needs.
    #[must_use]
    pub fn needs(self, protocol: Protocol) -> Needs {
        let published = protocol == Protocol::Published;
        let needless =
            matches!(self, Self::DeepWordBug | Self::Random | Self::Pwws | Self::Homophones | Self::LookAlikes);
        Needs {
            neighbours: !(published && needless),
            synonyms: published && self == Self::Pwws,
            masked: self == Self::BaeNgram,
            characters: published && matches!(self, Self::Homophones | Self::LookAlikes | Self::Chinese),
        }
    }

    /// The one language that it is for, if it is for one.
    fn language(self, protocol: Protocol) -> Option<Language> {
        match self {
            Self::Pwws if protocol == Protocol::Published => Some(Language::English),
            Self::Homophones | Self::LookAlikes | Self::Chinese => Some(Language::Chinese),
            _ => None,
        }
    }

    /// Whether it is for texts of a language.
    #[must_use]
    pub fn suits(self, protocol: Protocol, language: Language) -> bool {
        self.language(protocol).is_none_or(|wanted| wanted == language)
    }

    fn search(self) -> Search {
        match self {
            Self::DeepWordBug => Search::Greedy(Ranking::Unknown),
            Self::Pwws => Search::Greedy(Ranking::WeightedSaliency),
            Self::TextBugger
            | Self::TextFooler
            | Self::BaeNgram
            | Self::Homophones
            | Self::LookAlikes
            | Self::Chinese => Search::Greedy(Ranking::Delete),
            Self::Pso => Search::Swarm(Swarm::published()),
            Self::HotFlip => Search::Beam(Beam::published()),
            Self::Random => Search::Blind,
        }
    }

    /// The attack on texts of a language.
    ///
    /// # Errors
    /// If a resource is missing that it needs, or it is not for the language.
    pub fn build(self, protocol: Protocol, language: Language, resources: &Resources) -> Result<Attack<'_>> {
        if let Some(wanted) = self.language(protocol).filter(|&wanted| wanted != language) {
            let expected = format!("texts of the language {} for {}", wanted.name(), self.name());
            return Err(Error::invalid("attack", expected, language.name()));
        }
        let missing = |expected: &str| Error::invalid("attack", format!("{expected} for {}", self.name()), "none");
        let neighbours = || resources.neighbours.as_deref().ok_or_else(|| missing("word vectors"));
        let masked =
            || resources.masked.as_deref().map(Transformation::Masked).ok_or_else(|| missing("a masked model"));
        let near = |of, most, least| Transformation::Neighbours { of, most, least };
        let like = |alike| {
            let of = resources.characters.as_ref().ok_or_else(|| missing("Chinese characters"))?;
            Ok::<_, Error>(Transformation::Character { of, alike, most: MOST_CHARACTERS })
        };
        let window = |vectors, least, against_last| Similarity {
            vectors,
            least,
            measure: Measure::Angular,
            window: Some(15),
            against_last,
            spares_short: true,
        };
        let mut limits = Limits { stop_words: stop_words(language), ..Limits::default() };
        let typos = [Edit::Swap, Edit::Substitute, Edit::Delete, Edit::Insert].map(Transformation::Edit);
        let transformations = match (protocol, self) {
            (Protocol::SpikingPaper { share }, _) => {
                limits.share = Some(share);
                limits.similarity = Some(window(neighbours()?, 0.8, true));
                vec![if self == Self::BaeNgram { masked()? } else { near(neighbours()?, PAPER_NEIGHBOURS, -1.0) }]
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
                let mut all = edits.map(Transformation::Edit).to_vec();
                all.push(near(neighbours()?, 5, -1.0));
                all
            }
            (Protocol::Published, Self::Pwws) => {
                vec![Transformation::Synonyms(resources.synonyms.as_ref().ok_or_else(|| missing("WordNet"))?)]
            }
            (Protocol::Published, Self::TextFooler) => {
                // 1 - arccos(0.8775...) / pi, the published bound.
                limits.similarity = Some(window(neighbours()?, 0.840_845_06, true));
                vec![near(neighbours()?, MOST_NEIGHBOURS, 0.5)]
            }
            (Protocol::Published, Self::BaeNgram) => {
                // 1 - arccos(0.98) / pi.
                limits.similarity = Some(window(neighbours()?, 0.936_338, false));
                vec![masked()?]
            }
            (Protocol::Published, Self::Pso) => vec![near(neighbours()?, PAPER_NEIGHBOURS, -1.0)],
            (Protocol::Published, Self::HotFlip) => {
                limits.words = Some(Beam::published().rounds);
                vec![near(neighbours()?, MOST_NEIGHBOURS, 0.8)]
            }
            (Protocol::Published, Self::Homophones) => vec![like(Alike::Sound)?],
            (Protocol::Published, Self::LookAlikes) => vec![like(Alike::Shape)?],
            (Protocol::Published, Self::Chinese) => {
                vec![like(Alike::Sound)?, like(Alike::Shape)?, near(neighbours()?, PAPER_NEIGHBOURS, 0.5)]
            }
        };
        Ok(Attack { search: self.search(), transformations, limits })
    }
}
