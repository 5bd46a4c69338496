//! The whole job on texts that come in batches, twice: a [`Survey`] takes note of all of them, a [`Production`] makes
//! variants of each and gives those that are new.
//!
//! Texts of a batch are shared out among threads; what is new is decided in their order, so that nothing depends on
//! the number of threads.

use rayon::prelude::*;
use serde::Serialize;

use super::{
    Augmenter, Variant, Way,
    frames::FrameCounter,
    pieces::Cut,
    seen::{Seen, Verdict},
};
use crate::{Result, data::text_hash, text::Language};

/// What is known of all texts before the first is varied.
#[derive(Debug)]
pub struct Survey {
    language: Language,
    seen: Seen,
    frames: Option<FrameCounter>,
    texts: usize,
}

impl Survey {
    /// Of texts of a language, none of which was read; `with_frames` for [`Way::Replace`].
    #[must_use]
    pub fn new(language: Language, with_frames: bool) -> Self {
        Self { language, seen: Seen::default(), frames: with_frames.then(FrameCounter::default), texts: 0 }
    }

    /// Takes note of texts that must not come out, nor be varied. They come before all others.
    pub fn hold_out<S: AsRef<str> + Sync>(&mut self, texts: &[S]) {
        hashes(texts).into_iter().for_each(|hash| self.seen.hold_out(hash));
    }

    /// Takes note of texts that will be varied.
    pub fn add<S: AsRef<str> + Sync>(&mut self, texts: &[S]) {
        self.texts += texts.len();
        hashes(texts).into_iter().for_each(|hash| self.seen.input(hash));
        if let Some(frames) = self.frames.as_mut().filter(|frames| !frames.is_full()) {
            let tokenizer = self.language.tokenizer();
            let cuts: Vec<Cut<'_>> = texts.par_iter().map(|text| Cut::of(text.as_ref(), tokenizer)).collect();
            cuts.iter().for_each(|cut| frames.add_cut(cut));
        }
    }

    /// How many texts will be varied.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.texts
    }

    /// What stands between which words, if it was counted; it is here no longer.
    pub fn take_frames(&mut self) -> Option<FrameCounter> {
        self.frames.take()
    }
}

/// What came of all texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Texts that were varied.
    pub texts: usize,
    /// Texts that came before, not varied once more.
    pub repeated: usize,
    /// Texts that are held out as well, not varied.
    pub held_out: usize,
    /// Texts that came out.
    pub written: usize,
    /// How many of them each way had a part in, in the order of [`Way::ALL`].
    #[serde(skip)]
    pub ways: [usize; 5],
    /// Texts that were made and did not come out.
    pub left_out: LeftOut,
    /// The runs of words among the texts that came out.
    pub runs: Runs,
}

/// Texts that were made and did not come out, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Equal to one that came out.
    pub repeated: usize,
    /// Equal to a text of the input; one that no way changed is.
    pub input: usize,
    /// Equal to a text that is held out.
    pub held_out: usize,
}

/// Runs of words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Runs {
    /// How many there are.
    pub count: usize,
    /// Words of the shortest.
    pub least: usize,
    /// Words of the longest.
    pub most: usize,
    /// Words of all.
    pub words: usize,
}

impl Runs {
    fn add(&mut self, words: usize) {
        self.least = if self.count == 0 { words } else { self.least.min(words) };
        self.most = self.most.max(words);
        self.words += words;
        self.count += 1;
    }
}

/// Makes new texts of all texts.
#[derive(Debug)]
pub struct Production {
    augmenter: Augmenter,
    seen: Seen,
    /// How many texts there will be, and how many came.
    texts: usize,
    came: usize,
    most: Option<usize>,
    report: Report,
}

impl Production {
    /// Of the texts of a survey; `most` new ones, spread evenly over them.
    #[must_use]
    pub fn new(augmenter: Augmenter, survey: Survey, most: Option<usize>) -> Self {
        let Survey { seen, texts, .. } = survey;
        Self { augmenter, seen, texts, came: 0, most, report: Report::default() }
    }

    /// Makes variants of the next texts and gives each that is new to `write`, with the text it was made of. False if
    /// there are as many as were asked for.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn make<S: AsRef<str> + Sync>(
        &mut self,
        texts: &[S],
        mut write: impl FnMut(&str, &str) -> Result<()>,
    ) -> Result<bool> {
        // Texts that will not be varied need no variants.
        let verdicts: Vec<Verdict> = hashes(texts).into_iter().map(|hash| self.seen.varies(hash)).collect();
        self.augmenter.prepare(texts);
        let augmenter = &self.augmenter;
        let mixed = self.most.is_some();
        let made: Vec<Vec<(Variant, u64)>> = texts
            .par_iter()
            .zip(&verdicts)
            .map(|(text, verdict)| {
                let text = text.as_ref();
                let variants = if *verdict == Verdict::New { augmenter.variants(text) } else { Vec::new() };
                let hashed = variants.into_iter().map(|variant| {
                    let hash = text_hash(&variant.text);
                    (variant, hash)
                });
                let mut hashed: Vec<(Variant, u64)> = hashed.collect();
                if mixed {
                    augmenter.mix(text, &mut hashed);
                }
                hashed
            })
            .collect();
        for ((text, verdict), variants) in texts.iter().zip(verdicts).zip(made) {
            self.came += 1;
            match verdict {
                Verdict::New => self.report.texts += 1,
                Verdict::HeldOut => self.report.held_out += 1,
                _ => self.report.repeated += 1,
            }
            for (variant, hash) in variants {
                if self.written_enough() {
                    break;
                }
                match self.seen.judge(hash) {
                    Verdict::Repeated => self.report.left_out.repeated += 1,
                    Verdict::Input => self.report.left_out.input += 1,
                    Verdict::HeldOut => self.report.left_out.held_out += 1,
                    Verdict::New => {
                        write(&variant.text, text.as_ref())?;
                        self.note(&variant);
                    }
                }
            }
        }
        Ok(self.most.is_none_or(|most| self.report.written < most))
    }

    /// Whether the texts that came have their share: what one left open, a later one may fill.
    fn written_enough(&self) -> bool {
        let share = |most: usize| most as u128 * self.came as u128 / self.texts.max(self.came).max(1) as u128;
        self.most.is_some_and(|most| self.report.written as u128 >= share(most))
    }

    fn note(&mut self, variant: &Variant) {
        self.report.written += 1;
        for (count, way) in self.report.ways.iter_mut().zip(Way::ALL) {
            *count += usize::from(variant.ways.has(way));
        }
        variant.run.into_iter().for_each(|words| self.report.runs.add(words));
    }

    /// What came of the texts so far.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }
}

/// The hashes of texts.
fn hashes<S: AsRef<str> + Sync>(texts: &[S]) -> Vec<u64> {
    texts.par_iter().map(|text| text_hash(text.as_ref())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::augment::{Options, Ways};

    const TEXTS: [&str; 4] = ["a warm and funny film", "a dull film", "A DULL FILM", "a very dull and loud film"];

    fn job(held_out: &[&str], most: Option<usize>, sizes: usize) -> (Vec<(String, String)>, Report) {
        let ways = [Way::Mask, Way::Replace, Way::Sample].into_iter().fold(Ways::default(), Ways::with);
        let mut survey = Survey::new(Language::English, true);
        survey.hold_out(held_out);
        TEXTS.chunks(sizes).for_each(|batch| survey.add(batch));
        let frames = survey.take_frames().map(FrameCounter::finish);
        let options = Options { ways, times: 50, ..Options::default() };
        let augmenter = Augmenter::new(options, Language::English, frames, None).unwrap();
        let mut production = Production::new(augmenter, survey, most);
        let mut made = Vec::new();
        for batch in TEXTS.chunks(sizes) {
            let go_on = production.make(batch, |text, from| {
                made.push((text.to_owned(), from.to_owned()));
                Ok(())
            });
            if !go_on.unwrap() {
                break;
            }
        }
        (made, production.report().clone())
    }

    #[test]
    fn nothing_comes_twice_and_nothing_that_is_held_out() {
        let (free, report) = job(&[], None, 2);
        assert_eq!((report.texts, report.repeated, report.written), (3, 1, free.len()));
        let different: BTreeMap<u64, &str> = free.iter().map(|(text, _)| (text_hash(text), text.as_str())).collect();
        assert_eq!(different.len(), free.len());
        assert!(TEXTS.iter().all(|text| !different.contains_key(&text_hash(text))));
        assert!(different.contains_key(&text_hash("a film")), "{free:?}");
        // One that was made of another text than the one that is held out, too.
        let (first, from) = &free[0];
        assert_eq!(from, TEXTS[0]);
        let (kept, report) = job(&[first, TEXTS[1]], None, 2);
        assert!(kept.iter().all(|(text, from)| text != first && from != TEXTS[1]), "{kept:?}");
        assert!(report.left_out.held_out > 0 && report.held_out == 2 && report.left_out.input > 0, "{report:?}");
        assert!(report.runs.count > 0 && report.runs.least == 1 && report.runs.most < 6, "{report:?}");
    }

    #[test]
    fn few_are_spread_evenly_whatever_the_batches() {
        let (made, report) = job(&[], Some(6), 2);
        assert_eq!((made.len(), report.written), (6, 6));
        let of = |text: &str| made.iter().filter(|made| made.1 == text).count();
        assert_eq!((of(TEXTS[0]), of(TEXTS[1])), (1, 2), "{made:?}");
        assert_eq!(job(&[], Some(6), 1), (made, report));
        assert_eq!(job(&[], None, 1), job(&[], None, 4));
    }
}
