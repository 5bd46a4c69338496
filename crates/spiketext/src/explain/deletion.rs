//! What the scores are without a word, and how few words keep the label: asked of the network, nothing assumed.

use std::convert::Infallible;

use serde::Serialize;

use super::{Explainer, Explanation};
use crate::engine;

/// The most sets of words that are tried one size after another before it is no longer known that fewer will not do.
const MOST_SETS: usize = 4096;
/// Texts that are scored at once.
const AT_ONCE: usize = 256;

/// What became of a text whose words were taken out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Deletion {
    /// By how much taking out each token lowers the score of each class, `[L][K]`; nothing for the last known word, without
    /// which nothing is run.
    pub drops: Vec<Option<Vec<f64>>>,
    /// Pearson's correlation, over the known words, of these drops with the words' parts, both between label and runner-up;
    /// nothing where one of them does not vary.
    pub correlation: Option<f64>,
    /// The fewest words that keep the label; nothing for models of several labels.
    pub fewest: Option<Fewest>,
}

/// A set of words that have the label of the whole text when they stand alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fewest {
    /// Their places among the tokens.
    pub words: Vec<usize>,
    /// Whether all smaller sets were tried; else there may be one that keeps the label, too.
    pub proven: bool,
}

impl Explainer<'_> {
    /// Takes words out of an explained text.
    pub fn delete(&mut self, explanation: &Explanation) -> Deletion {
        let Ok(deletion) = self.delete_while(explanation, &always);
        deletion
    }

    /// The same, as long as `go_on` is content: it is asked again and again on the way.
    ///
    /// # Errors
    /// What `go_on` returns.
    pub fn delete_while<E>(
        &mut self,
        explanation: &Explanation,
        go_on: &dyn Fn() -> Result<(), E>,
    ) -> Result<Deletion, E> {
        let text = &explanation.ids;
        let whole = self.scores_while(std::slice::from_ref(text), go_on)?.swap_remove(0);
        let without: Vec<Vec<u32>> = (0..text.len()).map(|left_out| kept(text, |at| at != left_out)).collect();
        let scores = self.scores_while(&without, go_on)?;
        let drops: Vec<Option<Vec<f64>>> = scores
            .into_iter()
            .map(|scores| {
                let whole = whole.as_ref()?;
                Some(
                    whole
                        .iter()
                        .zip(scores?)
                        .map(|(whole, without)| f64::from(*whole) - f64::from(without))
                        .collect(),
                )
            })
            .collect();
        let correlation = correlation(explanation, &drops);
        let fewest = if explanation.labels.is_some() { None } else { self.fewest(explanation, &drops, go_on)? };
        Ok(Deletion { drops, correlation, fewest })
    }

    /// Scores of texts given as word ids, nothing for those without a known word.
    pub(super) fn scores(&mut self, texts: &[Vec<u32>]) -> Vec<Option<Vec<f32>>> {
        let Ok(scores) = self.scores_while(texts, &always);
        scores
    }

    fn scores_while<E>(
        &mut self,
        texts: &[Vec<u32>],
        go_on: &dyn Fn() -> Result<(), E>,
    ) -> Result<Vec<Option<Vec<f32>>>, E> {
        let network = self.model.network();
        let mut all = Vec::with_capacity(texts.len());
        for texts in texts.chunks(AT_ONCE) {
            go_on()?;
            let is_known = |text: &&Vec<u32>| engine::known_words(network.config(), text) > 0;
            let known: Vec<Vec<u32>> = texts.iter().filter(is_known).cloned().collect();
            let scores = self.runner.scores(&known);
            let mut scores = scores.chunks_exact(network.config().classes());
            let answer = |text: &Vec<u32>| if is_known(&text) { scores.next().map(<[f32]>::to_vec) } else { None };
            all.extend(texts.iter().map(answer));
        }
        Ok(all)
    }

    /// By how much each set of tokens, alone, has the label before all others; below zero or zero where it has not, and minus
    /// infinity where it has no known word.
    fn leads<E>(
        &mut self,
        explanation: &Explanation,
        sets: &[Vec<usize>],
        go_on: &dyn Fn() -> Result<(), E>,
    ) -> Result<Vec<f32>, E> {
        let texts: Vec<Vec<u32>> =
            sets.iter().map(|set| set.iter().map(|&at| explanation.ids[at]).collect()).collect();
        let lead = |scores: Option<Vec<f32>>| {
            let Some(scores) = scores else { return f32::NEG_INFINITY };
            let others = scores.iter().enumerate().filter(|&(k, _)| k != explanation.label).map(|(_, &score)| score);
            scores[explanation.label] - others.fold(f32::NEG_INFINITY, f32::max)
        };
        Ok(self.scores_while(&texts, go_on)?.into_iter().map(lead).collect())
    }

    /// A set found greedily from the words that say most and are missed most, thinned out; then all smaller sets, size by size, as
    /// far as [`MOST_SETS`] goes.
    fn fewest<E>(
        &mut self,
        explanation: &Explanation,
        drops: &[Option<Vec<f64>>],
        go_on: &dyn Fn() -> Result<(), E>,
    ) -> Result<Option<Fewest>, E> {
        let pushes = explanation.pushes();
        let hurts = |at: usize| {
            let drop = drops[at].as_ref();
            drop.map_or(f64::INFINITY, |drop| explanation.push(drop, explanation.label, explanation.runner_up))
        };
        let mut order: Vec<usize> = (0..explanation.ids.len()).filter(|&at| explanation.tokens[at].known).collect();
        order.sort_by(|&a, &b| (hurts(b) + pushes[b]).total_cmp(&(hurts(a) + pushes[a])).then(a.cmp(&b)));
        let in_place = |mut set: Vec<usize>| {
            set.sort_unstable();
            set
        };
        let prefixes: Vec<Vec<usize>> = (1..=order.len()).map(|count| in_place(order[..count].to_vec())).collect();
        let leads = self.leads(explanation, &prefixes, go_on)?;
        let Some(found) = leads.into_iter().position(|lead| lead > 0.0) else { return Ok(None) };
        let mut set = prefixes[found].clone();
        while set.len() > 1 {
            let thinner: Vec<Vec<usize>> =
                (0..set.len()).map(|out| [&set[..out], &set[out + 1..]].concat()).collect();
            let leads = self.leads(explanation, &thinner, go_on)?;
            let best = (1..leads.len()).fold(0, |best, i| if leads[i] > leads[best] { i } else { best });
            if leads[best] <= 0.0 {
                break;
            }
            set.clone_from(&thinner[best]);
        }
        let mut budget = MOST_SETS;
        let known = in_place(order);
        for size in 1..set.len() {
            let sets = combinations(&known, size, budget);
            let Some(sets) = sets else { return Ok(Some(Fewest { words: set, proven: false })) };
            budget -= sets.len();
            let leads = self.leads(explanation, &sets, go_on)?;
            let best = (1..leads.len()).fold(0, |best, i| if leads[i] > leads[best] { i } else { best });
            if leads[best] > 0.0 {
                return Ok(Some(Fewest { words: sets[best].clone(), proven: true }));
            }
        }
        Ok(Some(Fewest { words: set, proven: true }))
    }
}

/// Content with whatever takes long.
fn always() -> Result<(), Infallible> {
    Ok(())
}

/// The words of a text at the places that are kept.
fn kept(text: &[u32], keep: impl Fn(usize) -> bool) -> Vec<u32> {
    text.iter().enumerate().filter(|&(at, _)| keep(at)).map(|(_, &word)| word).collect()
}

/// All sets of `size` of `members`, in order; nothing if they are more than `most`.
fn combinations(members: &[usize], size: usize, most: usize) -> Option<Vec<Vec<usize>>> {
    let count = (0..size).fold(1usize, |count, i| count.saturating_mul(members.len() - i) / (i + 1));
    if count > most {
        return None;
    }
    let mut all = Vec::with_capacity(count);
    let mut chosen: Vec<usize> = (0..size).collect();
    loop {
        all.push(chosen.iter().map(|&i| members[i]).collect());
        let Some(next) = (0..size).rev().find(|&i| chosen[i] < members.len() - size + i) else { return Some(all) };
        chosen[next] += 1;
        (next + 1..size).for_each(|i| chosen[i] = chosen[i - 1] + 1);
    }
}

fn correlation(explanation: &Explanation, drops: &[Option<Vec<f64>>]) -> Option<f64> {
    let pairs: Vec<(f64, f64)> = explanation
        .pushes()
        .into_iter()
        .zip(drops)
        .zip(&explanation.tokens)
        .filter(|(_, token)| token.known)
        .filter_map(|((push, drop), _)| {
            Some((push, explanation.push(drop.as_ref()?, explanation.label, explanation.runner_up)))
        })
        .collect();
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (mean_push, mean_drop) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let (mut both, mut pushes, mut falls) = (0.0, 0.0, 0.0);
    for (push, drop) in &pairs {
        let (push, drop) = (push - mean_push, drop - mean_drop);
        both += push * drop;
        pushes += push * push;
        falls += drop * drop;
    }
    let found = both / (pushes * falls).sqrt();
    if pairs.len() > 1 && found.is_finite() { Some(found) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sets_of_a_size_each_once() {
        assert_eq!(combinations(&[3, 5, 9], 2, 9), Some(vec![vec![3, 5], vec![3, 9], vec![5, 9]]));
        assert_eq!(combinations(&[3, 5, 9], 3, 1), Some(vec![vec![3, 5, 9]]));
        assert_eq!(combinations(&[0, 1, 2, 3, 4], 3, 9), None);
        let all = combinations(&(0..9).collect::<Vec<_>>(), 4, 126).expect("126 sets");
        assert_eq!(all.len(), 126);
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
