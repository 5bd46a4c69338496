//! A beam along the classifier's own gradient (HotFlip: Ebrahimi et al. 2018): of all substitutions of all words,
//! those that hurt most to first order are tried, and the worst drafts of each round are built upon in the next.

use rand_chacha::rand_core::Rng;
use spiketext::score::Substitution;

use super::{Answer, Candidate, Examination, Space};
use crate::words::Draft;

/// The parameters of a beam.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beam {
    /// Drafts that are kept from round to round, and substitutions of each that are tried.
    pub width: usize,
    /// Rounds: words that may be changed.
    pub rounds: usize,
}

impl Beam {
    /// The published parameters, as TextAttack 0.3.11 has them.
    #[must_use]
    pub fn published() -> Self {
        Self { width: 10, rounds: 2 }
    }
}

impl Space<'_> {
    /// See [`Search::Beam`](crate::Search::Beam). Of a classifier that shows no gradient, substitutions are tried in
    /// the order in which they stand.
    pub(crate) fn beam<'w>(
        &self,
        beam: Beam,
        examination: &mut Examination<'_>,
        draft: Draft<'w>,
        answer: Answer,
        rng: &mut impl Rng,
    ) -> (Draft<'w>, Answer) {
        let mut best = (draft, answer);
        let mut kept = vec![best.clone()];
        for _ in 0..beam.rounds {
            let mut drafts: Vec<Draft<'w>> = Vec::new();
            for (draft, _) in &kept {
                for next in self.flips(beam.width, examination, draft, rng) {
                    if !drafts.contains(&next) {
                        drafts.push(next);
                    }
                }
            }
            let texts: Vec<String> = drafts.iter().map(Draft::text).collect();
            kept = drafts.into_iter().zip(examination.ask(&texts)).collect();
            kept.sort_by(|(_, a), (_, b)| b.score.total_cmp(&a.score));
            kept.truncate(beam.width);
            match kept.first() {
                Some(worst) if worst.1.score > best.1.score => best.clone_from(worst),
                _ => {}
            }
            if best.1.wrong || kept.is_empty() {
                break;
            }
        }
        best
    }

    /// The drafts one substitution away that hurt most to first order, at most `most`; none that would help.
    fn flips<'w>(
        &self,
        most: usize,
        examination: &mut Examination<'_>,
        draft: &Draft<'w>,
        rng: &mut impl Rng,
    ) -> Vec<Draft<'w>> {
        let (text, spans) = draft.text_with_spans();
        let (mut substitutions, mut drafts) = (Vec::new(), Vec::new());
        for place in self.touchable(draft) {
            for Candidate { draft, .. } in self.candidates(draft, place, rng) {
                substitutions.push(Substitution { span: spans[place].clone(), to: draft.word(place).to_owned() });
                drafts.push(draft);
            }
        }
        let gains = examination.first_order(&text, &substitutions).unwrap_or_else(|| vec![1.0; substitutions.len()]);
        let mut flips: Vec<(Draft<'w>, f32)> =
            drafts.into_iter().zip(gains).filter(|(_, gain)| *gain > 0.0).collect();
        flips.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        flips.truncate(most);
        flips.into_iter().map(|(draft, _)| draft).collect()
    }
}
