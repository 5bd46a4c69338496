//! What a network with learnt codes is taught: logits of the training texts by one DNN or several.

use std::sync::Arc;

use spiketext::{
    Result,
    seed::{Purpose, shuffle, stream},
};

use crate::{
    events::{Event, Observer, Phase},
    prepare::PreparedData,
    recipe::Distillation,
    schedule::Saving,
    steps::{StepContext, TrainedDnn},
};

/// The logits of the training texts, `[N, K]`: the mean of those of all DNNs that teach, or, where what they were trained on is
/// held back from them, those of the one that did not see the text.
///
/// `first` is the DNN of the run, and one of the committee unless texts are held back. The others are trained here, each
/// of a seed of its own; there are no checkpoints of them, so that a run that goes on trains them again.
///
/// # Errors
/// If training leaves the finite numbers.
pub fn committee_logits(
    context: &StepContext,
    choices: &Distillation,
    first: &TrainedDnn,
    observer: &mut Observer<'_>,
) -> Result<Vec<f32>> {
    let (prepared, classes) = (&context.prepared, context.config.classes());
    let mut train = |member: usize, prepared: Arc<PreparedData>| {
        let message = format!("DNN {} of {} that teach", member + 1, choices.networks);
        observer(&Event::Note { message });
        let seed = context.seed.wrapping_add((member as u64).wrapping_mul(NEXT_SEED));
        let context = StepContext { recipe: context.recipe.clone(), config: context.config.clone(), prepared, seed };
        TrainedDnn::train(&context, Phase::Dnn, Saving::default(), observer)
    };
    let texts = &prepared.train;
    if !choices.held_back {
        let mut sums = first.network.logits(texts);
        for member in 1..choices.networks {
            let trained = train(member, Arc::clone(prepared))?;
            sums.iter_mut().zip(trained.network.logits(texts)).for_each(|(sum, logit)| *sum += logit);
        }
        sums.iter_mut().for_each(|sum| *sum /= choices.networks as f32);
        return Ok(sums);
    }
    let mut order: Vec<usize> = (0..texts.len()).collect();
    shuffle(&mut stream(context.seed, Purpose::Shuffle, HELD_BACK, 0), &mut order);
    let mut logits = vec![0.0; texts.len() * classes];
    for member in 0..choices.networks {
        let (own, others): (Vec<usize>, Vec<usize>) =
            (0..texts.len()).partition(|&place| place % choices.networks == member);
        let of = |places: &[usize]| places.iter().map(|&place| texts[order[place]].clone()).collect::<Vec<_>>();
        let trained = train(member, Arc::new(PreparedData { train: of(&others), ..(**prepared).clone() }))?;
        let told = trained.network.logits(&of(&own));
        for (place, told) in own.iter().zip(told.chunks_exact(classes)) {
            logits[order[*place] * classes..][..classes].copy_from_slice(told);
        }
    }
    Ok(logits)
}

/// From the seed of one DNN to that of the next: the golden ratio of 64 bits, so that seeds of neighbouring runs never meet.
const NEXT_SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// Names the stream that deals texts to the DNNs, beside those of the phases.
const HELD_BACK: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use spiketext::{seed::below, target::Target};

    use super::*;
    use crate::{
        VectorSource, network_config,
        prepare::prepare,
        recipe::{Recipe, Step},
    };

    /// Labels drawn by chance can only be learnt by heart: who has seen a text knows its label, who has not does not.
    #[test]
    fn teachers_that_hold_texts_back_know_no_label_by_heart() {
        let mut dataset = spiketext::data::load("reviews-en", None).expect("the built-in reviews");
        dataset.train.truncate(300);
        let mut rng = stream(1, Purpose::Split, 0, 0);
        for example in &mut dataset.train {
            example.target = Target::of(below(&mut rng, 2));
        }
        let mut recipe = Recipe::named("sparse").expect("a recipe");
        recipe.words.also_first = 100;
        (recipe.network.filters, recipe.dnn.epochs) = (6, 20.into());
        (recipe.dnn.dropout, recipe.dnn.word_dropout) = (0.0, 0.0);
        (recipe.dnn.learning_rate, recipe.dnn.code_learning_rate) = (0.01, 0.03);
        let prepared = prepare(&dataset, None, &VectorSource::BuiltIn(None), &recipe.words, 0).expect("prepared");
        let recipe = recipe.for_step(Step::Dnn);
        let config = network_config(&recipe, prepared.dimension, 2).expect("a network");
        let context = StepContext { recipe, config, prepared: Arc::new(prepared), seed: 7 };
        let first = TrainedDnn::train(&context, Phase::Dnn, Saving::default(), &mut |_| {}).expect("trained");
        let right = |networks, held_back| {
            let teacher = Distillation { weight: 0.5, temperature: 2.0, networks, filters: 0, held_back };
            let logits = committee_logits(&context, &teacher, &first, &mut |_| {}).expect("told");
            let texts = &context.prepared.train;
            assert_eq!(logits.len(), 2 * texts.len());
            let told = logits.chunks_exact(2).map(|own| usize::from(own[1] > own[0]));
            let right = told.zip(texts).filter(|(told, text)| text.target == Target::of(*told)).count();
            (right as f64 / texts.len() as f64, logits)
        };
        let ((alone, own), (committee, mean), (held_back, _)) = (right(1, false), right(3, false), right(3, true));
        assert!(alone > 0.9 && committee > 0.9, "{alone} {committee}");
        assert!((0.35..0.65).contains(&held_back), "{held_back}");
        assert_eq!(own, first.network.logits(&context.prepared.train));
        assert_ne!(own, mean, "the others have a say");
    }
}
