//! The steps of recipes that learn the codes of words: the network after its teachers, and a DNN on the codes that it found.

use std::{path::PathBuf, sync::Arc};

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
    sparse::teacher::committee_logits,
    steps::{StepContext, TrainedDnn, TrainedNetwork},
    store::Store,
};

/// What the teachers said, `[N, K]`, in checkpoints and in the folder of what is kept.
const TAUGHT: &str = "teacher.logits";

impl Pipeline<'_> {
    /// The network with learnt codes, after its teachers, if it has any.
    pub(super) fn sparse(&mut self, context: &StepContext, observer: &mut Observer<'_>) -> Result<TrainedNetwork> {
        let first = if self.recipe.has_teacher() { Some(self.dnn(observer)?) } else { None };
        let place = self.checkpoint(observer)?;
        let found = self.found_checkpoint(place.as_ref())?;
        let resume = found.as_ref().filter(|store| store.text("phase") == Some(Phase::Direct.name()));
        let logits = match &first {
            Some(first) => Some(self.taught(first, resume, observer)?),
            None => None,
        };
        let carry = first.as_ref().zip(logits.as_ref()).filter(|_| place.is_some()).map(|(first, logits)| {
            let mut carry = first.to_store("dnn.");
            carry.put(TAUGHT.to_owned(), logits.clone());
            carry
        });
        let checkpoint = place.as_ref().map(CheckpointPlace::borrowed);
        let saving = Saving { checkpoint, carry: carry.as_ref(), resume };
        TrainedNetwork::sparse(context, logits, saving, observer)
    }

    /// What the teachers say of the training texts: by a checkpoint of the later phase, by what was kept, or by training them.
    fn taught(
        &mut self,
        first: &TrainedDnn,
        resume: Option<&Store>,
        observer: &mut Observer<'_>,
    ) -> Result<Vec<f32>> {
        let teacher = self.recipe.sparse.teacher;
        let context = self.context(self.recipe.for_step(Step::Dnn), observer)?;
        let numbers = context.prepared.train.len() * context.config.classes();
        if let Some(store) = resume {
            return store.get(TAUGHT, numbers);
        }
        let kept = match &self.cache.folder {
            Some((folder, _)) if !teacher.is_one() => Some(folder.clone()),
            _ => None,
        };
        let kept: Option<PathBuf> = match kept {
            Some(folder) => Some(folder.join(format!("teacher-{}.safetensors", self.name_of_teacher(observer)?))),
            None => None,
        };
        let found = kept.as_deref().filter(|path| path.is_file());
        if let Some(logits) = found.and_then(|path| Store::read(path).ok()?.get(TAUGHT, numbers).ok()) {
            return Ok(logits);
        }
        let logits = committee_logits(&context, &teacher, first, observer)?;
        if let Some(path) = kept {
            let mut store = Store::default();
            store.put(TAUGHT.to_owned(), logits.clone());
            store.write(&path)?;
        }
        Ok(logits)
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
        // Of the network's own shape, whatever its teachers have.
        recipe.network.filters = self.recipe.network.filters;
        (recipe.words.trained, recipe.words.centred, recipe.words.range) = (false, false, PUBLISHED_RANGE);
        let dimension = network.config().dimension();
        let rates = |word: usize| -> Vec<f32> {
            let fixed = network.weights().codes.rates(word, dimension);
            fixed.iter().map(|&rate| f32::from(u8::from(rate > 0))).collect()
        };
        let prepared = self.prepare(observer)?;
        let rates = (0..prepared.vocabulary.len()).flat_map(rates).collect();
        let prepared = PreparedData { dimension, rates: Arc::new(rates), ..(*prepared).clone() };
        let config = network_config(&recipe, dimension, self.dataset.labels.len())?;
        let prepared = Arc::new(prepared);
        let context = StepContext { recipe, config: config.clone(), prepared, seed: self.options.seed };
        Ok((TrainedDnn::train(&context, Phase::Dnn, Saving::default(), observer)?, config))
    }
}
