//! What the inputs of an exported network mean, and the spike trains that a text puts into them.
//!
//! An input has the shape `[channels, L, 1]`: a channel for each dimension of a word, and some more that carry what
//! NIR has no words for. L is the length of a text, in tokens.

use std::fmt;

use spiketext::{engine::token_trains, model::Model, text::UNKNOWN};

use crate::target::Target;

/// What a channel of the input past the dimensions of a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// 1 at every step where a word stands that is not silent: its presence current.
    Presence,
    /// 1 at all places in the first step alone: the first membranes.
    Onset,
    /// 1 at every step where a token stands, known or not.
    Token,
    /// 1 at every step at the places that a kernel of this width must not see: those past the end of the text.
    Past(usize),
}

impl fmt::Display for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Presence => formatter.write_str("presence"),
            Self::Onset => formatter.write_str("onset"),
            Self::Token => formatter.write_str("token"),
            Self::Past(width) => write!(formatter, "past {width}"),
        }
    }
}

/// The inputs of an exported network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// For whom it was exported.
    pub target: Target,
    /// Time steps T.
    pub steps: usize,
    /// Places for tokens L.
    pub length: usize,
    /// Dimensions of a word D, which are the first channels.
    pub dimension: usize,
    /// The channels past these.
    pub further: Vec<Channel>,
}

/// A text as it goes into an exported network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTrain {
    /// Tokens of the text, as the network reads them.
    pub tokens: usize,
    /// Tokens past the last place, which were cut off.
    pub cut: usize,
    /// Whether a word that stands in a place is known; if not, the model itself would not be asked.
    pub known: bool,
    /// The inputs `[T, channels, L]`, 0 or 1.
    pub values: Vec<u8>,
}

impl Layout {
    /// All channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.dimension + self.further.len()
    }

    /// Where one of the further channels lies.
    #[must_use]
    pub fn channel(&self, channel: Channel) -> Option<usize> {
        self.further.iter().position(|&further| further == channel).map(|at| self.dimension + at)
    }

    /// The shape of an input at a step.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        [self.channels(), self.length, 1]
    }

    /// The spikes of a text.
    #[must_use]
    pub fn train(&self, model: &Model, text: &str) -> TextTrain {
        let (_, words) = model.words(text);
        self.train_of(model, &words)
    }

    /// The spikes of a text of word ids.
    ///
    /// # Panics
    /// If an id is no word of the model.
    #[must_use]
    pub fn train_of(&self, model: &Model, words: &[u32]) -> TextTrain {
        let read = &words[..words.len().min(self.length)];
        let trains = token_trains(model.network(), model.noise(), read);
        let (length, channels) = (self.length, self.channels());
        let mut values = vec![0u8; self.steps * channels * length];
        for t in 0..self.steps {
            let step = &mut values[t * channels * length..][..channels * length];
            for (place, train) in trains.iter().enumerate() {
                let Some(train) = train else { continue };
                (0..self.dimension)
                    .filter(|&dimension| train.get(t, dimension))
                    .for_each(|dimension| step[dimension * length + place] = 1);
            }
            for (at, channel) in self.further.iter().enumerate() {
                let row = &mut step[(self.dimension + at) * length..][..length];
                let on = |place: usize| match channel {
                    Channel::Presence => trains.get(place).is_some_and(Option::is_some),
                    Channel::Onset => t == 0,
                    Channel::Token => place < read.len(),
                    // A text shorter than the kernel has one position all the same.
                    Channel::Past(width) => place >= read.len().max(*width),
                };
                (0..length).filter(|&place| on(place)).for_each(|place| row[place] = 1);
            }
        }
        let known = read.iter().any(|&word| word != UNKNOWN);
        TextTrain { tokens: words.len(), cut: words.len() - read.len(), known, values }
    }
}
