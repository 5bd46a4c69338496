//! The steps of recipes that learn the codes of words: the network after its teacher, and a DNN on the codes that it found.

use std::sync::Arc;

use spiketext::{
    Error, Result,
    network::{Codes, NetworkConfig},
    vectors::PUBLISHED_RANGE,
};

use super::Pipeline;
use crate::{
    checkpoint::CheckpointPlace,
    events::{Observer, Phase},
    network::network_config,
    prepare::PreparedData,
    recipe::Step,
    schedule::Saving,
    steps::{StepContext, TrainedDnn, TrainedNetwork},
};

impl Pipeline<'_> {
    /// The network with learnt codes, after the DNN that teaches it, if one does.
    pub(super) fn sparse(&mut self, context: &StepContext, observer: &mut Observer<'_>) -> Result<TrainedNetwork> {
        let dnn = if self.dnn_teaches() { Some(self.dnn(observer)?) } else { None };
        let place = self.checkpoint(observer)?;
        let found = self.found_checkpoint(place.as_ref())?;
        let resume = found.as_ref().filter(|store| store.text("phase") == Some(Phase::Direct.name()));
        let carry = dnn.as_ref().filter(|_| place.is_some()).map(|dnn| dnn.to_store("dnn."));
        let checkpoint = place.as_ref().map(CheckpointPlace::borrowed);
        let saving = Saving { checkpoint, carry: carry.as_ref(), resume };
        let texts = &context.prepared.train;
        let Some(dnn) = dnn else {
            return TrainedNetwork::sparse(context, texts, context.recipe.teacher, saving, observer);
        };
        let logits = dnn.network.logits_of_training(texts)?;
        let texts = texts.clone().taught(logits, context.config.classes());
        TrainedNetwork::sparse(context, &texts, context.recipe.sparse.teacher, saving, observer)
    }

    /// A DNN of the same shape on the codes that a network of a recipe with learnt codes has found, and its configuration.
    /// The codes stay as they are; all else is trained by the `dnn` choices.
    ///
    /// # Errors
    /// As [`Self::direct`], or if the recipe learns no codes.
    pub fn dnn_on_codes(&mut self, observer: &mut Observer<'_>) -> Result<(TrainedDnn, NetworkConfig)> {
        let spiking = self.direct(observer)?;
        let network = &spiking.network;
        if !matches!(network.weights().codes, Codes::Active { .. }) {
            let wanted = "a recipe that learns codes of active inputs (`sparse`)";
            return Err(Error::invalid("a DNN on the codes of a spiking network", wanted, self.recipe.name.clone()));
        }
        let mut recipe = self.recipe.for_step(Step::Dnn);
        (recipe.words.trained, recipe.words.centred, recipe.words.range) = (false, false, PUBLISHED_RANGE);
        let dimension = network.config().dimension();
        let rates = |word: usize| -> Vec<f32> {
            let fixed = network.weights().codes.rates(word, dimension);
            fixed.iter().map(|&rate| f32::from(u8::from(rate > 0))).collect()
        };
        let prepared = self.prepare(observer)?;
        let rates = (0..prepared.vocabulary.len()).flat_map(rates).collect();
        let prepared = PreparedData { dimension, rates: Arc::new(rates), ..(*prepared).clone() };
        let config = network_config(&recipe, dimension, self.dataset.labels().len())?;
        let prepared = Arc::new(prepared);
        let context = StepContext {
            recipe,
            config: config.clone(),
            prepared,
            seed: self.options.seed,
            stop: self.options.stop.clone(),
        };
        Ok((TrainedDnn::train(&context, Phase::Dnn, Saving::default(), observer)?, config))
    }
}
