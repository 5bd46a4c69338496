//! What goes into a file and what comes out of it, as arrays by name: for readers to run and to check themselves
//! against.
//!
//! ```text
//! inputs          [texts, T, channels, L, 1]   the spikes of each text
//! outputs         [texts, T, O]                what reaches the output node
//! spikes_NODE     [texts, T, ...]              the spikes of each node of neurons
//! operations      [texts, nodes]               inputs times weights, neither zero, of each node of weights
//! scores          [texts, K]                   outputs of each class, the mean over them and over time
//! labels          [texts]                      the class with the largest score, of equal ones the first
//! model_labels    [texts]                      what the model itself answers to the whole text
//! known           [texts]                      1 where the text has a known word in its places
//! tokens, cut     [texts]                      tokens of each text, and how many of them were cut off
//! ```

use rayon::prelude::*;
use spiketext::{Error, Model, Result, slices::argmax};

use crate::{
    array::{Array, shape_name},
    export::Export,
    graph::Flaw,
    layout::TextTrain,
    npz::Values,
    simulate::{Recording, Simulator},
};

/// The most numbers of all arrays together.
const MOST_NUMBERS: usize = 1 << 30;

/// Texts with the answers of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// The arrays, with their names.
    pub arrays: Vec<(String, Values)>,
    /// Texts.
    pub texts: usize,
    /// Texts with a known word, which the model itself runs.
    pub known: usize,
    /// Those of them to which the file answers what the model answers.
    pub agree: usize,
    /// Texts that were cut.
    pub cut: usize,
}

fn refuse<T>(operation: &'static str, flaw: Flaw) -> Result<T> {
    Err(Error::invalid(operation, flaw.expected, flaw.got))
}

/// Runs texts through an exported network as its reader would, and asks the model, too.
///
/// # Errors
/// If there are more texts than arrays can hold.
pub fn answer(model: &Model, exported: &Export, texts: &[String]) -> Result<Answers> {
    let layout = &exported.layout;
    let simulator = Simulator::new(&exported.graph, layout.target.rule()).or_else(|flaw| refuse("export", flaw))?;
    bounded("export", &simulator, texts.len(), layout.steps)?;
    let trains: Vec<TextTrain> = texts.par_iter().map(|text| layout.train(model, text)).collect();
    let run = |train: &TextTrain| {
        let inputs: Vec<f32> = train.values.iter().map(|&value| value.into()).collect();
        simulator.run(&inputs)
    };
    let recordings: std::result::Result<Vec<Recording>, Flaw> = trains.par_iter().map(run).collect();
    let recordings = recordings.or_else(|flaw| refuse("export", flaw))?;
    let config = model.network().config();
    let (classes, group) = (config.classes(), config.outputs_per_class());
    let scores: Vec<f32> = recordings
        .iter()
        .flat_map(|recording| {
            let share = 1.0 / (layout.steps * group) as f64;
            (0..classes).map(move |class| {
                let rows = recording.outputs.chunks_exact(classes * group);
                (rows.flat_map(|row| &row[class * group..][..group]).map(|&x| f64::from(x)).sum::<f64>() * share)
                    as f32
            })
        })
        .collect();
    let labels: Vec<usize> = scores.chunks_exact(classes).map(argmax).collect();
    let (predictions, _) = model.predict(texts);
    let asked = |i: &usize| trains[*i].known;
    let agree = (0..texts.len()).filter(asked).filter(|&i| labels[i] == predictions[i].label).count();
    let known = (0..texts.len()).filter(asked).count();
    let row = |values: Vec<i64>| Values::Whole(Array::new(vec![texts.len()], values));
    let [channels, length, one] = layout.shape();
    let inputs: Vec<u8> = trains.iter().flat_map(|train| train.values.iter().copied()).collect();
    let mut arrays = vec![(
        "inputs".to_owned(),
        Values::Bytes(Array::new(vec![texts.len(), layout.steps, channels, length, one], inputs)),
    )];
    arrays.extend(recorded(&simulator, &recordings, layout.steps));
    arrays.extend([
        ("scores".to_owned(), Values::Numbers(Array::new(vec![texts.len(), classes], scores))),
        ("labels".to_owned(), row(labels.iter().map(|&label| label as i64).collect())),
        ("model_labels".to_owned(), row(predictions.iter().map(|prediction| prediction.label as i64).collect())),
        ("known".to_owned(), row(trains.iter().map(|train| train.known.into()).collect())),
        ("tokens".to_owned(), row(trains.iter().map(|train| train.tokens as i64).collect())),
        ("cut".to_owned(), row(trains.iter().map(|train| train.cut as i64).collect())),
    ]);
    let cut = trains.iter().filter(|train| train.cut > 0).count();
    Ok(Answers { arrays, texts: texts.len(), known, agree, cut })
}

/// Runs trains of inputs, `[texts, T, ...input]` or one alone, `[T, ...input]`.
///
/// # Errors
/// If they have another shape than the graph's input, or there are more than arrays can hold.
pub fn run(simulator: &Simulator, inputs: &Array<f32>) -> Result<Vec<(String, Values)>> {
    let own = simulator.input();
    let (texts, steps) = match inputs.shape.strip_suffix(own) {
        Some([texts, steps]) => (*texts, *steps),
        Some([steps]) => (1, *steps),
        _ => {
            let expected = format!("inputs of the shape (texts, steps) and {}", shape_name(own));
            return Err(Error::invalid("import", expected, shape_name(&inputs.shape)));
        }
    };
    bounded("import", simulator, texts, steps)?;
    let size = own.iter().product::<usize>() * steps;
    let recordings: std::result::Result<Vec<Recording>, Flaw> =
        (0..texts).into_par_iter().map(|text| simulator.run(&inputs.values[text * size..][..size])).collect();
    Ok(recorded(simulator, &recordings.or_else(|flaw| refuse("import", flaw))?, steps))
}

/// Refuses more than arrays can hold, before anything is run.
fn bounded(operation: &'static str, simulator: &Simulator, texts: usize, steps: usize) -> Result<()> {
    let size = |shape: &[usize]| shape.iter().product::<usize>();
    let neurons: usize = simulator.neurons().map(|(_, shape)| size(shape)).sum();
    let a_text = steps.saturating_mul(size(simulator.input()) + neurons + size(simulator.output())).max(1);
    if texts.saturating_mul(a_text) > MOST_NUMBERS {
        let expected = format!("at most {} texts of {a_text} spikes each", MOST_NUMBERS / a_text);
        return Err(Error::invalid(operation, expected, texts.to_string()));
    }
    Ok(())
}

/// What was recorded, as arrays.
fn recorded(simulator: &Simulator, recordings: &[Recording], steps: usize) -> Vec<(String, Values)> {
    let shape = |own: &[usize]| [&[recordings.len(), steps], own].concat();
    let outputs: Vec<f32> = recordings.iter().flat_map(|recording| recording.outputs.iter().copied()).collect();
    let mut arrays = vec![("outputs".to_owned(), Values::Numbers(Array::new(shape(simulator.output()), outputs)))];
    for (at, (name, own)) in simulator.neurons().enumerate() {
        let spikes = recordings.iter().flat_map(|recording| recording.spikes[at].iter().map(|&spikes| spikes as u8));
        arrays.push((format!("spikes_{name}"), Values::Bytes(Array::new(shape(own), spikes.collect()))));
    }
    let operations = recordings.iter().flat_map(|recording| recording.operations.iter().map(|&count| count as i64));
    let shape = vec![recordings.len(), simulator.weights().count()];
    arrays.push(("operations".to_owned(), Values::Whole(Array::new(shape, operations.collect()))));
    arrays
}
