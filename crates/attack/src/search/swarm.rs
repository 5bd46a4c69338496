//! A swarm of drafts (particle swarm optimisation, Zang et al. 2020): each moves towards the worst text for the
//! classifier that it has met itself and towards the worst that any has met, and mutates where it has changed little.
//!
//! Steps and parameters are those of TextAttack 0.3.11 (`ParticleSwarmOptimization`). Answers are remembered, but
//! every text that is asked for counts as a query, as it does there.

use std::collections::HashMap;

use rand_chacha::rand_core::Rng;
use spiketext::seed::{below, uniform};

use super::{Answer, Examination, Space};
use crate::words::Draft;

/// The parameters of a swarm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Swarm {
    /// Drafts in the swarm.
    pub particles: usize,
    /// Rounds of moving and mutating.
    pub rounds: usize,
    /// How much of its velocity a particle keeps in the first and after the last round.
    pub inertia: [f32; 2],
    /// The probabilities, in the first round, that a particle moves towards its own best and towards that of all; in
    /// the end they have changed places.
    pub pull: [f32; 2],
    /// The largest velocity.
    pub velocity: f32,
}

impl Swarm {
    /// The published parameters.
    #[must_use]
    pub fn published() -> Self {
        Self { particles: 60, rounds: 20, inertia: [0.8, 0.2], pull: [0.8, 0.2], velocity: 3.0 }
    }
}

/// A draft with its answer.
#[derive(Clone)]
struct Particle<'w> {
    draft: Draft<'w>,
    answer: Answer,
}

/// Answers by the text that was asked for.
struct Memory(HashMap<String, Answer>);

impl Memory {
    fn ask(&mut self, examination: &mut Examination<'_>, drafts: &[Draft<'_>]) -> Vec<Answer> {
        let texts: Vec<String> = drafts.iter().map(Draft::text).collect();
        let mut new: Vec<String> = texts.iter().filter(|text| !self.0.contains_key(*text)).cloned().collect();
        new.sort_unstable();
        new.dedup();
        let answers = examination.ask(&new);
        examination.count((texts.len() - new.len()) as u64);
        self.0.extend(new.into_iter().zip(answers));
        texts.iter().map(|text| self.0[text]).collect()
    }
}

impl Space<'_> {
    /// See [`Search::Swarm`](crate::Search::Swarm).
    pub(crate) fn swarm<'w>(
        &self,
        swarm: Swarm,
        examination: &mut Examination<'_>,
        draft: Draft<'w>,
        answer: Answer,
        rng: &mut impl Rng,
    ) -> (Draft<'w>, Answer) {
        let mut memory = Memory(HashMap::from([(draft.text(), answer)]));
        let start = Particle { draft, answer };
        let words = start.draft.original().len();
        let first = self.mutations(examination, &mut memory, &start, rng);
        let mut particles: Vec<Particle<'w>> = (0..swarm.particles).map(|_| drawn(&first, &start, rng)).collect();
        let mut velocities: Vec<Vec<f32>> =
            particles.iter().map(|_| vec![swarm.velocity * (2.0 * uniform(rng) - 1.0); words]).collect();
        let mut own_best = particles.clone();
        let Some(mut best) = worst_of(&particles).cloned() else { return (start.draft, start.answer) };
        for round in 0..swarm.rounds {
            if best.answer.wrong {
                break;
            }
            let passed = round as f32 / swarm.rounds as f32;
            let between = |[first, last]: [f32; 2]| first + passed * (last - first);
            let (inertia, pull) =
                (between(swarm.inertia), [between(swarm.pull), between([swarm.pull[1], swarm.pull[0]])]);
            let mut drafts = Vec::with_capacity(particles.len());
            for ((particle, velocity), own) in particles.iter().zip(&mut velocities).zip(&own_best) {
                let mut draft = particle.draft.clone();
                for (place, velocity) in velocity.iter_mut().enumerate() {
                    let apart = |other: &Draft<'_>| {
                        if draft.word(place) == other.word(place) { -swarm.velocity } else { swarm.velocity }
                    };
                    *velocity = inertia * *velocity + (1.0 - inertia) * (apart(&own.draft) + apart(&best.draft));
                }
                for (towards, pull) in [(&own.draft, pull[0]), (&best.draft, pull[1])] {
                    if uniform(rng) < pull {
                        draft = self.turned(&draft, towards, velocity, rng);
                    }
                }
                drafts.push(draft);
            }
            let answers = memory.ask(examination, &drafts);
            particles = drafts.into_iter().zip(answers).map(|(draft, answer)| Particle { draft, answer }).collect();
            if !particles.iter().any(|particle| particle.answer.wrong) {
                for particle in &mut particles {
                    if uniform(rng) < 1.0 - 2.0 * particle.draft.share() as f32 {
                        let mutations = self.mutations(examination, &mut memory, particle, rng);
                        *particle = drawn(&mutations, particle, rng);
                    }
                    if particle.answer.wrong {
                        break;
                    }
                }
            }
            for (own, particle) in own_best.iter_mut().zip(&particles) {
                if particle.answer.score > own.answer.score {
                    own.clone_from(particle);
                }
            }
            if let Some(found) = worst_of(&particles).filter(|found| found.answer.score > best.answer.score) {
                best = found.clone();
            }
        }
        (best.draft, best.answer)
    }

    /// The worst substitution at each place, with how much worse it is, not less than 0.
    fn mutations<'w>(
        &self,
        examination: &mut Examination<'_>,
        memory: &mut Memory,
        of: &Particle<'w>,
        rng: &mut impl Rng,
    ) -> Vec<(Particle<'w>, f32)> {
        let mut found = Vec::new();
        for place in self.touchable(&of.draft) {
            let drafts: Vec<Draft<'w>> =
                self.candidates(&of.draft, place, rng).into_iter().map(|candidate| candidate.draft).collect();
            let answers = memory.ask(examination, &drafts);
            let particles: Vec<Particle<'w>> =
                drafts.into_iter().zip(answers).map(|(draft, answer)| Particle { draft, answer }).collect();
            if let Some(worst) = worst_of(&particles) {
                found.push((worst.clone(), (worst.answer.score - of.answer.score).max(0.0)));
            }
        }
        found
    }

    /// The draft with the words of another in some places, drawn by velocity; the draft itself where limits forbid
    /// that.
    fn turned<'w>(&self, draft: &Draft<'w>, towards: &Draft<'w>, velocity: &[f32], rng: &mut impl Rng) -> Draft<'w> {
        let mut next = draft.clone();
        for (place, velocity) in velocity.iter().enumerate() {
            if uniform(rng) < 1.0 / (1.0 + (-velocity).exp()) && next.word(place) != towards.word(place) {
                let other = next.with(place, towards.word(place));
                if self.limits.allow(&next, &other, place).is_some() {
                    next = other;
                }
            }
        }
        next
    }
}

/// One of the mutations, drawn in proportion to how much worse they are; any of them where none is worse.
fn drawn<'w>(mutations: &[(Particle<'w>, f32)], otherwise: &Particle<'w>, rng: &mut impl Rng) -> Particle<'w> {
    if mutations.is_empty() {
        return otherwise.clone();
    }
    let sum: f32 = mutations.iter().map(|(_, gain)| gain).sum();
    if sum <= 0.0 {
        return mutations[below(rng, mutations.len())].0.clone();
    }
    let mut left = sum * uniform(rng);
    for (particle, gain) in mutations {
        left -= gain;
        if left < 0.0 {
            return particle.clone();
        }
    }
    // Rounding may leave a little.
    mutations.iter().rfind(|(_, gain)| *gain > 0.0).unwrap_or(&mutations[0]).0.clone()
}

/// The particle that the classifier takes most wrongly, of equal ones the first.
fn worst_of<'a, 'w>(particles: &'a [Particle<'w>]) -> Option<&'a Particle<'w>> {
    let mut worst = particles.first()?;
    for particle in particles {
        if particle.answer.score > worst.answer.score {
            worst = particle;
        }
    }
    Some(worst)
}
