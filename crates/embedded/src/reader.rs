//! A text, word by word.

use crate::{
    Image,
    words::{parts, pieces, spellings},
};

/// What is remembered of a text, and how it goes on.
#[derive(Debug)]
pub struct Reader<'i, 'm> {
    image: &'i Image<'i>,
    /// Membranes of the positions that still wait for words, `[M]`: for each width as many positions as it has taps, the
    /// filters of each side by side.
    membranes: &'m mut [i32],
    /// Spikes of each channel, `[C]`.
    counts: &'m mut [i32],
    /// `[K]`.
    scores: &'m mut [i32],
    tokens: u32,
    known: u32,
}

/// What a network says of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'m> {
    /// The class with the largest score, of equals the first; that of most training texts where no word was known.
    pub class: usize,
    /// Whether no word was known.
    pub unknown: bool,
    /// Scores of all classes in units of the read-out, times the tokens of the text.
    pub scores: &'m [i32],
}

impl<'i, 'm> Reader<'i, 'm> {
    /// Numbers of memory that a reader of `image` needs.
    #[must_use]
    pub fn memory(image: &Image<'_>) -> usize {
        image.products() + image.channels() + image.classes
    }

    /// A reader in `memory`, of which it takes [`Self::memory`]; none if there is less.
    #[must_use]
    pub fn new(image: &'i Image<'i>, memory: &'m mut [i32]) -> Option<Self> {
        let (membranes, rest) = memory.split_at_mut_checked(image.products())?;
        let (counts, rest) = rest.split_at_mut_checked(image.channels())?;
        let scores = rest.get_mut(..image.classes)?;
        let mut reader = Self { image, membranes, counts, scores, tokens: 0, known: 0 };
        reader.clear();
        Some(reader)
    }

    /// Forgets the text, for the next one.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.scores.fill(0);
        (self.tokens, self.known) = (0, 0);
    }

    /// Reads all pieces of a text between white space.
    pub fn text(&mut self, text: &str) {
        pieces(text).for_each(|piece| self.piece(piece));
    }

    /// Reads a token: a word, in another spelling, in parts, or as one unknown word.
    pub fn piece(&mut self, piece: &str) {
        if let Some(word) = spellings(piece).find_map(|spelling| self.image.word(spelling)) {
            return self.word(Some(word));
        }
        let mut any = false;
        for part in parts(piece) {
            if let Some(word) = self.image.word(part) {
                self.word(Some(word));
                any = true;
            }
        }
        if !any {
            self.word(None);
        }
    }

    /// Reads a word by its number; none is an unknown word, which is silent but takes its place.
    pub fn word(&mut self, word: Option<usize>) {
        let Some(now) = usize::try_from(self.tokens).ok().filter(|_| self.tokens < u32::MAX) else { return };
        let (image, filters) = (self.image, self.image.filters);
        // This word is the first that a position sees: its membranes begin.
        self.of_widths(|first, width, membranes, _| {
            let slot = now % width;
            membranes[first + slot * filters..][..filters].fill(0);
        });
        if let Some(word) = word.filter(|&word| word < image.words()) {
            self.known += 1;
            for (input, sign) in image.inputs(word) {
                let mut weights = image.weights(input);
                self.of_widths(|first, width, membranes, _| {
                    for tap in 0..width {
                        let own = weights.by_ref().take(filters);
                        // Tap j lies on this word where the kernel lies j words before it.
                        match now.checked_sub(tap) {
                            Some(position) => {
                                let slot = &mut membranes[first + position % width * filters..][..filters];
                                slot.iter_mut().zip(own).for_each(|(membrane, weight)| *membrane += sign * weight);
                            }
                            None => own.for_each(drop),
                        }
                    }
                });
            }
        }
        self.tokens += 1;
        self.fire(|width| (now + 1).checked_sub(width));
    }

    /// Runs over the kernel widths: the first of its membranes, the width, all membranes, its channels' counts.
    fn of_widths(&mut self, mut of: impl FnMut(usize, usize, &mut [i32], &mut [i32])) {
        let image = self.image;
        let mut first = 0;
        for (which, &width) in image.widths[..image.width_count].iter().enumerate() {
            let counts = &mut self.counts[which * image.filters..][..image.filters];
            of(first, width, self.membranes, counts);
            first += width * image.filters;
        }
    }

    /// Neurons at the position that `position` names for a width, if it names one, fire or do not.
    fn fire(&mut self, position: impl Fn(usize) -> Option<usize>) {
        let (image, filters) = (self.image, self.image.filters);
        let mut channel = 0;
        self.of_widths(|first, width, membranes, counts| {
            if let Some(position) = position(width) {
                let slot = &membranes[first + position % width * filters..][..filters];
                for (f, (count, &membrane)) in counts.iter_mut().zip(slot).enumerate() {
                    *count += i32::from(membrane > image.threshold(channel + f));
                }
            }
            channel += filters;
        });
    }

    /// The answer to the words read so far, which end with it.
    pub fn answer(&mut self) -> Answer<'_> {
        let image = self.image;
        if self.known == 0 {
            self.scores.fill(0);
            return Answer { class: image.unknown, unknown: true, scores: self.scores };
        }
        let tokens = self.tokens as usize;
        // A text shorter than a kernel has one position, which waits in vain.
        self.fire(|width| (tokens < width).then_some(0));
        for (class, score) in self.scores.iter_mut().enumerate() {
            let spikes = self.counts.iter().enumerate();
            let sum: i64 = spikes.map(|(c, &count)| i64::from(count) * i64::from(image.readout(c, class))).sum();
            let all = sum + tokens as i64 * i64::from(image.bias(class));
            *score = all.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        }
        let best = |best: usize, class: usize| if self.scores[class] > self.scores[best] { class } else { best };
        let class = (1..image.classes).fold(0, best);
        Answer { class, unknown: false, scores: self.scores }
    }
}
