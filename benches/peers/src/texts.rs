//! What spiketext is run on: the data set and vectors of a comparison, and texts as word ids, real or without shared words.

use std::{collections::HashSet, path::PathBuf};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;
use spiketext::{
    data::{self, Dataset},
    engine::known_words,
    network::NetworkConfig,
    seed::{Purpose, shuffle, stream},
    target::Target,
};
use spiketext_train::{
    VectorSource,
    prepare::{EncodedText, PreparedData},
};

/// Texts of a training step, on both sides.
pub const BATCH: usize = 32;

/// Tokens of a text of the peers, and of one without shared words.
pub const TOKENS: usize = 25;

/// Where texts and vectors come from.
#[derive(Clone, Debug, Args)]
pub struct Source {
    /// The folder with the original files of SST-2 and MR (see `spiketext data list`) [default: the built-in reviews].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// A file of word vectors [default: the built-in ones].
    #[arg(long, value_name = "FILE")]
    pub vectors: Option<PathBuf>,
    /// The seed of every random choice.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

impl Source {
    /// SST-2, or the built-in reviews where no folder was given.
    pub fn dataset(&self) -> Result<Dataset> {
        Ok(match &self.data_dir {
            Some(folder) => data::load("sst2", Some(folder))?,
            None => data::load("reviews-en", None)?,
        })
    }

    /// The vectors, for training.
    pub fn vectors(&self) -> VectorSource {
        self.vectors.clone().map_or(VectorSource::BuiltIn(None), VectorSource::File)
    }
}

/// How the texts of a measurement come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Those of the data set's training part, in a shuffled order.
    Real,
    /// [`TOKENS`] words each, all words different as far as the vocabulary reaches. Spiketext computes a word once a
    /// batch, and real texts repeat words: this is how fast it is where that gains nothing.
    Distinct,
}

impl Kind {
    /// The name of the flag's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Distinct => "distinct",
        }
    }
}

/// Texts to run on.
pub fn texts(kind: Kind, prepared: &PreparedData, config: &NetworkConfig, seed: u64) -> Result<Vec<EncodedText>> {
    let mut rng = stream(seed, Purpose::Shuffle, u64::MAX, 0);
    let texts: Vec<EncodedText> = match kind {
        Kind::Real => {
            let mut texts = prepared.train.several(0..prepared.train.len())?;
            texts.retain(|text| known_words(config, &text.words) > 0);
            shuffle(&mut rng, &mut texts);
            texts
        }
        Kind::Distinct => {
            let mut words: Vec<u32> = (0..prepared.vocabulary.len() as u32).collect();
            shuffle(&mut rng, &mut words);
            let texts = words.chunks_exact(TOKENS).enumerate();
            texts.map(|(i, words)| EncodedText::labelled(words.to_vec(), Target::of(i % config.classes()))).collect()
        }
    };
    ensure!(texts.len() >= BATCH, "too few texts or words to measure on: {} texts, {BATCH} needed", texts.len());
    Ok(texts)
}

/// What a training batch of such texts holds on average: tokens that are read of a text, and different words of a batch.
pub fn averages(texts: &[EncodedText], config: &NetworkConfig) -> (f64, f64) {
    let read = |text: &EncodedText| text.words.len().min(config.padding.longest());
    let tokens: usize = texts.iter().map(read).sum();
    let batches = texts.chunks_exact(BATCH);
    let count = batches.len().max(1);
    let different: usize = batches
        .map(|batch| batch.iter().flat_map(|text| &text.words[..read(text)]).collect::<HashSet<_>>().len())
        .sum();
    (tokens as f64 / texts.len().max(1) as f64, different as f64 / count as f64)
}
