//! The finished model of a run, with what it says of how it came about and how good it is.

use std::iter;

use spiketext::{
    Result,
    data::{LabelledTexts, Split, text_hash},
    encode::Noise,
    metrics::LabelCounts,
    model::{Accuracies, Choices, ClassReport, ColumnNames, Costs, Model, SeenTexts, Training},
    target::class_counts,
};

use super::{PROGRAM, Pipeline, SpikingMethod};
use crate::{
    events::{Observer, Phase},
    fine_tune::label_counts,
    prepare::EncodedText,
    teaching::Teaching,
    texts::TrainingTexts,
};

impl Pipeline<'_> {
    /// The finished model with its report.
    ///
    /// # Errors
    /// As [`Self::spiking`].
    pub fn model(&mut self, method: SpikingMethod, observer: &mut Observer<'_>) -> Result<Model> {
        let spiking = self.spiking(method, observer)?;
        let original = match self.options.original {
            true => Some(self.original(observer)?),
            false => None,
        };
        let prepared = self.prepare(observer)?;
        let test = &prepared.test;
        let measured = self.measure(&spiking, observer)?;
        let macro_f1_of = |counts: &LabelCounts| percent(counts.macro_f1().unwrap_or(0.0));
        let micro_f1_of = |counts: &LabelCounts| percent(counts.micro_f1().unwrap_or(0.0));
        let mut accuracies = Accuracies { snn: percent(measured.counts.accuracy()), ..Accuracies::default() };
        let mut micro_f1 = Accuracies { snn: micro_f1_of(&measured.counts), ..Accuracies::default() };
        let mut macro_f1 = Accuracies { snn: macro_f1_of(&measured.counts), ..Accuracies::default() };
        if method != SpikingMethod::Direct || self.dnn_teaches() {
            let trained = self.dnn(observer)?;
            let of_dnn = trained.network.label_counts(test, &trained.history.best.thresholds);
            micro_f1.dnn = micro_f1_of(&of_dnn);
            (accuracies.dnn, macro_f1.dnn) = (percent(of_dnn.accuracy()), macro_f1_of(&of_dnn));
        }
        if method != SpikingMethod::Direct {
            let converted = self.convert(observer)?;
            let noise = Noise::inference(self.options.seed);
            let thresholds = &converted.score.thresholds;
            let of_converted = label_counts(&converted.network, noise, &prepared, test, thresholds);
            micro_f1.converted = micro_f1_of(&of_converted);
            (accuracies.converted, macro_f1.converted) =
                (percent(of_converted.accuracy()), macro_f1_of(&of_converted));
        }
        let counts =
            |part: &[EncodedText]| class_counts(prepared.labels.len(), part.iter().map(|text| text.target.clone()));
        let of_training = class_counts(prepared.labels.len(), prepared.train.labelled_targets());
        let texts = [of_training, counts(&prepared.development), counts(test)];
        let run = self.run(observer)?;
        let dataset = self.dataset;
        let mut training = Training {
            program: PROGRAM.to_owned(),
            dataset: dataset.name().to_owned(),
            source: dataset.source().to_owned(),
            columns: columns(dataset),
            readings: readings(dataset),
            altered: Vec::new(),
            texts: [prepared.train.labelled(), prepared.development.len(), test.len()],
            straddling: dataset.report().straddling,
            tokens: Some(token_counts(&prepared.train)?),
            vectors: prepared.vectors.clone(),
            recipe: self.recipe.name.clone(),
            choices: Choices::Fields(self.recipe.to_choices()),
            seed: self.options.seed,
            run: Some(run),
            dnn_epochs: spiking.epochs_of(&[Phase::Dnn]),
            fine_tuning_epochs: spiking.epochs_of(&[Phase::FineTuning, Phase::Direct]),
            development: spiking.development,
            test: accuracies,
            test_interval: None,
            micro_f1: prepared.multi_label.then_some(micro_f1),
            macro_f1: Some(macro_f1),
            classes: ClassReport::of(
                texts.each_ref().map(Vec::as_slice),
                &measured.counts,
                &spiking.score.never_answered,
            ),
            original: original.map(|trained| {
                percent(trained.network.label_counts(test, &trained.history.best.thresholds).accuracy())
            }),
            adversarial: self.options.adversarial.clone(),
            teacher: self.options.teaching.as_ref().map(|teaching| teaching.report.clone()),
            unknown_share: prepared.unknown_share,
            language_share: prepared.familiarity.share(),
            extremes: spiking.extremes,
            costs: Costs::of(&measured.firing, &measured.operations),
            seconds: self.started.elapsed().as_secs_f64(),
        };
        training.test_interval = training.interval(training.test.snn);
        let model = Model::new(
            prepared.language,
            dataset.labels().to_vec(),
            prepared.priors.clone(),
            self.options.seed,
            prepared.vocabulary.clone(),
            spiking.network,
            training,
        )?;
        let model = model.with_seen(seen(dataset, self.options.teaching.as_deref())?);
        if prepared.multi_label { model.with_thresholds(spiking.score.thresholds) } else { Ok(model) }
    }
}

/// Tokens of the middle text, of the longest but for one in a hundred, and of the longest.
fn token_counts(texts: &TrainingTexts) -> Result<[usize; 3]> {
    let mut counts = (0..texts.len()).map(|text| Ok(texts.words(text)?.len() as u32)).collect::<Result<Vec<_>>>()?;
    counts.sort_unstable();
    let last = counts.len().saturating_sub(1);
    Ok([last / 2, last * 99 / 100, last].map(|place| counts.get(place).map_or(0, |&count| count as usize)))
}

/// What the model is to know of its texts.
fn seen(dataset: &dyn LabelledTexts, teaching: Option<&Teaching>) -> Result<SeenTexts> {
    let mut train = dataset.hashes(Split::Train)?;
    train.extend(teaching.map_or(&[][..], |teaching| &teaching.unlabelled).iter().map(|text| text_hash(text)));
    Ok(SeenTexts::new(train, dataset.hashes(Split::Development)?))
}

/// The names of the columns that the texts were read from, for whoever reads more of such files.
#[must_use]
pub fn columns(dataset: &dyn LabelledTexts) -> Option<ColumnNames> {
    let named =
        dataset.readings().iter().find(|reading| reading.header != Some(false) && !reading.text.is_empty())?;
    Some(ColumnNames { text: named.text.clone(), label: named.label.clone() })
}

/// How each file was read, and what was noticed, a line each.
fn readings(dataset: &dyn LabelledTexts) -> Vec<String> {
    dataset
        .readings()
        .iter()
        .flat_map(|reading| iter::once(reading.to_string()).chain(reading.notes.clone()))
        .collect()
}

pub(super) fn percent(share: f64) -> f64 {
    100.0 * share
}
