//! What a run refuses before it begins.

use spiketext::{
    Error, Result,
    data::{Dataset, Split},
};

/// Refuses what cannot be trained on. The readers of [`spiketext::data`] let none of it through; a data set put
/// together by hand may hold it.
///
/// # Errors
/// If there are fewer than two classes, no training or development texts, or a text has a class that is not there. Test
/// texts may be lacking: then nothing says how good the model is on new texts.
pub fn check(dataset: &Dataset) -> Result<()> {
    let classes = dataset.labels.len();
    if classes < 2 {
        return Err(Error::invalid("train", "texts of two classes or more", classes.to_string()));
    }
    for (part, name) in [(Split::Train, "training"), (Split::Development, "development"), (Split::Test, "test")] {
        let examples = dataset.part(part);
        if examples.is_empty() && part != Split::Test {
            return Err(Error::invalid("train", format!("{name} texts"), "none"));
        }
        if let Some(example) = examples.iter().find(|example| !example.target.fits(classes)) {
            let got = format!("{:?} for a {name} text", example.target.classes());
            return Err(Error::invalid("train", format!("classes from 0 to {}", classes - 1), got));
        }
        if let Some(example) = examples.iter().find(|example| example.target.class().is_none() != dataset.multi_label)
        {
            let expected = if dataset.multi_label { "a set of classes for each text" } else { "one class a text" };
            let got = format!("{:?} for a {name} text", example.target.classes());
            return Err(Error::invalid("train", expected, got));
        }
    }
    Ok(())
}

/// Refuses weights of training texts that a loss cannot be multiplied by.
pub(super) fn check_weights(weights: &[f32], texts: usize) -> Result<()> {
    let refuse = |expected: String, got: String| Err(Error::invalid("train with weights of texts", expected, got));
    if weights.len() != texts {
        return refuse(format!("a weight for each of {texts} training texts"), format!("{} weights", weights.len()));
    }
    if let Some(weight) = weights.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
        return refuse("finite weights, 0 or more".to_owned(), weight.to_string());
    }
    if weights.iter().all(|&weight| weight == 0.0) {
        return refuse("a weight above 0".to_owned(), "zeros".to_owned());
    }
    Ok(())
}
