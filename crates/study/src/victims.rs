//! Networks under attack: what an attack draws on and whom it questions, and the texts of adversarial training, which
//! attacks first and trains then.

use std::{path::PathBuf, rc::Rc, sync::Arc};

use spiketext::{Result, data::Dataset};
use spiketext_attack::{Needs, Origins, Resources, Subject, Victim};
use spiketext_train::{Classifier, SpikingMethod, events::Observer, network_config, recipe::Recipe};

use crate::{
    adversarial::{augmented, subjects},
    attacks::AttackChoices,
    cell::{AttackResult, Method},
    context::{CellContext, unfit},
    grid::PlannedCell,
    identity,
};

/// An original TextCNN to attack.
#[derive(Clone)]
pub(crate) struct Original {
    /// It, and a model that reads its words.
    pub(crate) classifier: Arc<Classifier>,
    /// Percent of the development texts.
    pub(crate) development_accuracy: f64,
}

/// What attacks share, the last ones of each kind.
#[derive(Default)]
pub(crate) struct AttackCache {
    /// The data set of adversarial training, by the cell that asked for it.
    hardened: Option<(PlannedCell, Rc<Dataset>)>,
    /// The original TextCNN that was attacked last, by its network.
    original: Option<(PlannedCell, Original)>,
    /// What the attack drew on.
    resources: Option<(ResourceKey, Rc<Resources>)>,
}

/// All that decides what an attack draws on: the data set, the texts and what it needs.
type ResourceKey = (String, Vec<Subject>, Needs);

/// By which method the network that a cell attacks comes about: a DNN is kept beside the network converted from it.
pub(crate) fn spiking_method(method: Method) -> Result<SpikingMethod> {
    match method {
        Method::Dnn | Method::Converted => Ok(SpikingMethod::Converted),
        Method::FineTuned => Ok(SpikingMethod::FineTuned),
        Method::Direct => Ok(SpikingMethod::Direct),
        Method::BagOfWords
        | Method::FastText
        | Method::Original
        | Method::DnnInt8
        | Method::DnnInt4
        | Method::DnnLevels
        | Method::DnnCodes
        | Method::Teacher => Err(unfit("a network that converts or spikes", "another")),
    }
}

/// Whom a cell attacks.
fn victim<'v>(classifier: &'v Classifier, cell: &PlannedCell, attack: &AttackChoices) -> Result<Victim<'v>> {
    let model = &classifier.model;
    match (cell.method, &classifier.dnn) {
        (Method::Dnn | Method::Original, Some(dnn)) => Ok(Victim::Dnn { model, dnn }),
        (Method::Dnn | Method::Original, None) => Err(unfit("a DNN to attack", "none")),
        _ => {
            let (noise, seed, judges) = (attack.noise_policy(), cell.seed, attack.judges);
            Ok(Victim::Spiking { model, noise, seed, judges })
        }
    }
}

impl AttackCache {
    /// Attacks a cell's network, `classifier`, on test texts of `dataset`.
    pub(crate) fn attack(
        &mut self,
        context: &mut CellContext<'_>,
        cell: &PlannedCell,
        attack: &AttackChoices,
        dataset: &Dataset,
        classifier: &Classifier,
    ) -> Result<AttackResult> {
        let subjects = subjects(&dataset.test, attack.texts);
        let resources = self.resources(context, cell, attack, &subjects)?;
        attack.run(&victim(classifier, cell, attack)?, &resources, &subjects, cell.seed)
    }

    /// The original TextCNN of a cell, which no spiking network comes from, beside a model that reads its words: one of
    /// the same vocabulary after an epoch, which is never asked. The last one is kept.
    pub(crate) fn original(
        &mut self,
        context: &mut CellContext<'_>,
        cell: &PlannedCell,
        recipe: &Recipe,
        dataset: &Dataset,
        observer: &mut Observer<'_>,
    ) -> Result<Original> {
        let asked = identity::network(cell);
        if let Some((_, original)) = self.original.as_ref().filter(|(known, _)| *known == asked) {
            return Ok(original.clone());
        }
        let reader = recipe.clone().with_setting("dnn.epochs=1")?;
        let reader = context.pipeline(cell, &reader, dataset)?.classifier(SpikingMethod::Converted, observer)?;
        let trained = context.pipeline(cell, recipe, dataset)?.original(observer)?;
        let recipe = recipe.original();
        let config = network_config(&recipe, reader.model.network().config().dimension(), dataset.labels.len())?;
        let dnn = Some(trained.to_dnn(&config, &recipe)?);
        let classifier = Arc::new(Classifier { model: reader.model.clone(), dnn });
        let original = Original { classifier, development_accuracy: 100.0 * trained.history.best.accuracy };
        self.original = Some((asked, original.clone()));
        Ok(original)
    }

    /// The data set of adversarial training: with the training texts that fooled a network without it. The last one
    /// is kept.
    pub(crate) fn hardened(
        &mut self,
        context: &mut CellContext<'_>,
        cell: &PlannedCell,
        recipe: &Recipe,
        choices: &AttackChoices,
        observer: &mut Observer<'_>,
    ) -> Result<Rc<Dataset>> {
        // What a cell measures does not decide what its network is trained on.
        let asked = identity::in_any_place(PlannedCell { attack: None, ..cell.clone() });
        if let Some((_, hardened)) = self.hardened.as_ref().filter(|(known, _)| *known == asked) {
            return Ok(Rc::clone(hardened));
        }
        let plain = PlannedCell { adversarial: None, ..asked.clone() };
        let dataset = context.dataset_of(cell)?;
        let classifier =
            context.pipeline(&plain, recipe, &dataset)?.classifier(spiking_method(cell.method)?, observer)?;
        let subjects = subjects(&dataset.train, choices.texts);
        let resources = self.resources(context, &plain, choices, &subjects)?;
        let attack = choices.name.build(choices.protocol(), classifier.model.language(), &resources)?;
        let victim = victim(&classifier, cell, choices)?;
        let (hardened, _) = augmented(&dataset, &victim, &attack, &subjects, cell.seed);
        let hardened = Rc::new(hardened);
        self.hardened = Some((asked, Rc::clone(&hardened)));
        Ok(hardened)
    }

    /// What an attack draws on. The last ones are kept.
    fn resources(
        &mut self,
        context: &mut CellContext<'_>,
        cell: &PlannedCell,
        attack: &AttackChoices,
        subjects: &[Subject],
    ) -> Result<Rc<Resources>> {
        let needs = attack.name.needs(attack.protocol());
        let key = (cell.dataset.clone(), subjects.to_vec(), needs);
        if let Some((_, resources)) = self.resources.as_ref().filter(|(known, _)| *known == key) {
            return Ok(Rc::clone(resources));
        }
        let language = context.language(&cell.dataset)?;
        // The texts of the data set itself: what an attack draws on must not depend on whom it attacks.
        let plain = context.dataset_of(cell)?;
        let corpus: Vec<String> =
            if needs.masked { plain.train.iter().map(|example| example.text.clone()).collect() } else { Vec::new() };
        let vectors = context.sources.vectors.get(language.name()).map(PathBuf::as_path);
        let origins =
            Origins { vectors, lenient: false, built_in: None, wordnet: &context.sources.wordnet, corpus: &corpus };
        let resources = Rc::new(Resources::gather(needs, language, &origins, subjects)?);
        self.resources = Some((key, Rc::clone(&resources)));
        Ok(resources)
    }
}
