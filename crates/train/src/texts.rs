//! The texts that a network is trained on, as numbers, however many: their tokens wait in a temporary file once there are
//! many, and an epoch reads each text from there when its step comes. A text takes some sixteen bytes of memory.

use std::{collections::HashMap, ops::Range, sync::Arc};

use rustc_hash::FxHashMap;
use spiketext::{Result, data::Spool, target::Target, text::Vocabulary};

/// A labelled text as word ids.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedText {
    /// Word ids; [`UNKNOWN`](spiketext::text::UNKNOWN) for unknown words.
    pub words: Vec<u32>,
    /// What is right; of a text that nobody has labelled, what its teacher thinks most likely.
    pub target: Target,
    /// Whether `target` is a label.
    pub is_labelled: bool,
    /// What a teacher says of it: a logit a class, `[K]`.
    pub taught: Option<Arc<[f32]>>,
    /// By what its loss is multiplied; 1 for most.
    pub weight: f32,
}

impl EncodedText {
    /// A text with a label, of which no teacher says anything.
    #[must_use]
    pub fn labelled(words: Vec<u32>, target: Target) -> Self {
        Self { words, target, is_labelled: true, taught: None, weight: 1.0 }
    }
}

/// Lists of numbers, one after the other.
#[derive(Debug, Default)]
pub struct NumberLists {
    numbers: Spool,
    /// Where each list ends, counted in numbers.
    ends: Vec<u64>,
}

impl NumberLists {
    /// No lists yet, of which `limit` bytes may stay in memory.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self { numbers: Spool::with_limit(limit), ends: Vec::new() }
    }

    /// How many lists there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds a list behind the others.
    ///
    /// # Errors
    /// If the folder for temporary files cannot take it.
    pub fn push(&mut self, list: &[u32]) -> Result<()> {
        let bytes: Vec<u8> = list.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.numbers.add(&bytes)?;
        self.ends.push(self.numbers.len() / 4);
        Ok(())
    }

    fn place(&self, list: usize) -> Range<u64> {
        let start = if list == 0 { 0 } else { self.ends[list - 1] };
        start..self.ends[list]
    }

    /// How many numbers list `list` has.
    #[must_use]
    pub fn length(&self, list: usize) -> usize {
        let place = self.place(list);
        (place.end - place.start) as usize
    }

    /// List `list`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn get(&self, list: usize) -> Result<Vec<u32>> {
        let (Range { start, end }, mut bytes) = (self.place(list), Vec::new());
        self.numbers.read(4 * start..4 * end, &mut bytes)?;
        Ok(bytes.as_chunks().0.iter().map(|number| u32::from_le_bytes(*number)).collect())
    }
}

/// Tokens of texts, each kept once under a number.
#[derive(Debug, Default)]
pub struct Tokens {
    texts: Vec<Arc<str>>,
    numbers: FxHashMap<Arc<str>, u32>,
}

impl Tokens {
    /// The number of `token`, which is kept if it is new.
    ///
    /// # Panics
    /// If there are 2^32 different tokens.
    pub fn number(&mut self, token: &str) -> u32 {
        if let Some(&number) = self.numbers.get(token) {
            return number;
        }
        let number = u32::try_from(self.texts.len()).expect("fewer than 2^32 different tokens");
        let token: Arc<str> = token.into();
        self.texts.push(Arc::clone(&token));
        self.numbers.insert(token, number);
        number
    }

    /// All different tokens in the order in which they came.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.texts.iter().map(AsRef::as_ref)
    }
}

/// Which words of a vocabulary stand for each token.
#[derive(Debug)]
pub struct Spellings {
    words: Vec<u32>,
    /// Where the words of each token end.
    ends: Vec<u32>,
}

impl Spellings {
    /// Those of `tokens` in `vocabulary`.
    #[must_use]
    pub fn of(tokens: &Tokens, vocabulary: &Vocabulary) -> Self {
        let (mut words, mut ends) = (Vec::new(), Vec::new());
        for token in tokens.iter() {
            vocabulary.encode_token(token, &mut words);
            ends.push(words.len() as u32);
        }
        Self { words, ends }
    }

    /// The words of a text, given by its tokens.
    #[must_use]
    pub fn words(&self, tokens: &[u32]) -> Vec<u32> {
        let mut words = Vec::with_capacity(tokens.len());
        for &token in tokens {
            let start = if token == 0 { 0 } else { self.ends[token as usize - 1] };
            words.extend_from_slice(&self.words[start as usize..self.ends[token as usize] as usize]);
        }
        words
    }
}

/// Targets of texts: each different one is kept once.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    different: Vec<Target>,
    numbers: HashMap<Target, u32>,
    of: Vec<u32>,
}

impl Targets {
    /// Adds the target of the next text.
    ///
    /// # Panics
    /// If there are 2^32 different targets.
    pub fn push(&mut self, target: &Target) {
        let number = self.numbers.get(target).copied().unwrap_or_else(|| {
            let number = u32::try_from(self.different.len()).expect("fewer than 2^32 different targets");
            self.different.push(target.clone());
            self.numbers.insert(target.clone(), number);
            number
        });
        self.of.push(number);
    }

    fn get(&self, text: usize) -> &Target {
        &self.different[self.of[text] as usize]
    }
}

/// What teachers say of the texts.
#[derive(Clone, Debug, Default)]
enum Taught {
    #[default]
    Nothing,
    /// Of some.
    Some(Arc<[Option<Arc<[f32]>>]>),
    /// Of all, `[N, K]`.
    All { logits: Arc<[f32]>, classes: usize },
}

/// Texts to train on, the labelled ones first. A copy shares what is large.
#[derive(Clone, Debug, Default)]
pub struct TrainingTexts {
    tokens: Arc<NumberLists>,
    /// The words of each token; none where the lists are of words.
    spellings: Option<Arc<Spellings>>,
    targets: Arc<Targets>,
    labelled: usize,
    taught: Taught,
    /// By what the loss of each is multiplied; empty where all are multiplied by 1.
    weights: Arc<[f32]>,
}

impl TrainingTexts {
    /// Texts of these tokens and targets, of which the first `labelled` have labels; `taught` is what a teacher says of
    /// each, empty where there is none.
    ///
    /// # Panics
    /// If the numbers of texts differ.
    #[must_use]
    pub fn new(
        tokens: NumberLists,
        spellings: Spellings,
        targets: Targets,
        labelled: usize,
        taught: Vec<Option<Arc<[f32]>>>,
    ) -> Self {
        assert_eq!(tokens.len(), targets.of.len(), "a target a text");
        assert!(taught.is_empty() || taught.len() == tokens.len(), "a teacher's word a text, or none at all");
        Self {
            tokens: Arc::new(tokens),
            spellings: Some(Arc::new(spellings)),
            targets: Arc::new(targets),
            labelled,
            taught: if taught.is_empty() { Taught::Nothing } else { Taught::Some(taught.into()) },
            weights: Arc::default(),
        }
    }

    /// The same texts, whose losses are multiplied by `weights`, one for each labelled text.
    #[must_use]
    pub fn weighed(self, weights: Arc<[f32]>) -> Self {
        Self { weights, ..self }
    }

    /// The same texts with what a teacher says of them: `logits` are `[N, K]`.
    ///
    /// # Panics
    /// If these are not so many.
    #[must_use]
    pub fn taught(self, logits: Vec<f32>, classes: usize) -> Self {
        assert_eq!(logits.len(), self.len() * classes, "logits of each text");
        Self { taught: Taught::All { logits: logits.into(), classes }, ..self }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// How many of them are labelled.
    #[must_use]
    pub fn labelled(&self) -> usize {
        self.labelled
    }

    /// The targets of those that are labelled.
    pub fn labelled_targets(&self) -> impl Iterator<Item = Target> {
        (0..self.labelled).map(|text| self.targets.get(text).clone())
    }

    /// The words of text `text`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn words(&self, text: usize) -> Result<Vec<u32>> {
        let tokens = self.tokens.get(text)?;
        Ok(self.spellings.as_ref().map_or(tokens.clone(), |spellings| spellings.words(&tokens)))
    }

    /// Text `text`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn get(&self, text: usize) -> Result<EncodedText> {
        let taught = match &self.taught {
            Taught::Nothing => None,
            Taught::Some(taught) => taught[text].clone(),
            Taught::All { logits, classes } => Some(logits[text * classes..][..*classes].into()),
        };
        Ok(EncodedText {
            words: self.words(text)?,
            target: self.targets.get(text).clone(),
            is_labelled: text < self.labelled,
            taught,
            weight: self.weights.get(text).copied().unwrap_or(1.0),
        })
    }

    /// Those at `places`, in that order.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn several(&self, places: impl IntoIterator<Item = usize>) -> Result<Vec<EncodedText>> {
        places.into_iter().map(|text| self.get(text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_wherever_they_lie() {
        let vocabulary = Vocabulary::from_words(["good", "film", "making"].map(str::to_owned).to_vec()).unwrap();
        let texts = ["good film", "", "film-making good", "unheard-of", "good good"];
        let all = |limit: usize| {
            let (mut tokens, mut lists, mut targets) =
                (Tokens::default(), NumberLists::with_limit(limit), Targets::default());
            for (text, class) in texts.iter().zip([0, 1, 1, 0, 2]) {
                let numbers: Vec<u32> = text.split_whitespace().map(|token| tokens.number(token)).collect();
                lists.push(&numbers).unwrap();
                targets.push(&Target::of(class));
            }
            assert_eq!((lists.length(0), lists.length(1), lists.length(4)), (2, 0, 2));
            let spellings = Spellings::of(&tokens, &vocabulary);
            let texts = TrainingTexts::new(lists, spellings, targets, 4, Vec::new());
            texts.weighed([1.0, 0.5, 1.0, 1.0].into()).taught((0..10).map(|n| n as f32).collect(), 2)
        };
        let (memory, file) = (all(1 << 20), all(8));
        let own: Vec<EncodedText> = memory.several(0..5).unwrap();
        assert_eq!(own, file.several(0..5).unwrap());
        let mut whole = Vec::new();
        for (text, own) in texts.iter().zip(&own) {
            whole.clear();
            let tokens: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            vocabulary.encode(&tokens, &mut whole);
            assert_eq!(own.words, whole, "{text}");
        }
        assert_eq!(own.iter().map(|text| text.weight).collect::<Vec<_>>(), [1.0, 0.5, 1.0, 1.0, 1.0]);
        assert_eq!((own[4].is_labelled, own[3].is_labelled), (false, true));
        assert_eq!(own[3].taught.as_deref(), Some(&[6.0, 7.0][..]));
        assert_eq!(own[4].target, Target::of(2));
        assert_eq!(
            memory.labelled_targets().map(|target| target.class()).collect::<Vec<_>>(),
            [0, 1, 1, 0].map(Some)
        );
    }
}
