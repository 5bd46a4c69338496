//! What a run refuses before it begins.

use spiketext::{
    Error, Result,
    data::{Example, LabelledTexts, Split},
};

/// Refuses what cannot be trained on. The readers of [`spiketext::data`] let none of it through; a data set put
/// together by hand may hold it.
///
/// # Errors
/// If there are fewer than two classes, no training or development texts, or a text has a class that is not there, or texts
/// cannot be read again. Test texts may be lacking: then nothing says how good the model is on new texts.
pub fn check(dataset: &dyn LabelledTexts) -> Result<()> {
    let classes = dataset.labels().len();
    if classes < 2 {
        return Err(Error::invalid("train", "texts of two classes or more", classes.to_string()));
    }
    for (part, name) in [(Split::Train, "training"), (Split::Development, "development"), (Split::Test, "test")] {
        if dataset.texts_of(part) == 0 && part != Split::Test {
            return Err(Error::invalid("train", format!("{name} texts"), "none"));
        }
        let multi_label = dataset.is_multi_label();
        let refuse = |expected: &str, example: &Example| {
            let got = format!("{:?} for a {name} text", example.target.classes());
            Err(Error::invalid("train", expected, got))
        };
        dataset.each_block(part, &mut |block| {
            if let Some(example) = block.iter().find(|example| !example.target.fits(classes)) {
                return refuse(&format!("classes from 0 to {}", classes - 1), example);
            }
            match block.iter().find(|example| example.target.class().is_none() != multi_label) {
                Some(example) if multi_label => refuse("a set of classes for each text", example),
                Some(example) => refuse("one class a text", example),
                None => Ok(()),
            }
        })?;
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
