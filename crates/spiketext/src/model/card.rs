//! The model card: what a person should know of a model before using it.

use std::fmt::Write;

use serde_json::Value;

use super::{Choices, Model};
use crate::energy::HOROWITZ_45NM_FP32;

/// The card as Markdown.
pub(super) fn write(model: &Model) -> String {
    let t = model.training();
    let network = model.network().config();
    let table = HOROWITZ_45NM_FP32;
    let (dnn, snn) = (table.microjoules(t.costs.dnn_macs, 0.0), table.microjoules(t.costs.snn_macs, t.costs.snn_acs));
    let mut card = String::new();
    let mut line = |text: String| {
        card.push_str(&text);
        card.push('\n');
    };
    line(format!("# A spiking text classifier: {}\n", t.dataset));
    line(format!(
        "It reads {} text and answers with one of: {}.\n",
        model.language().title(),
        model.labels().join(", ")
    ));
    line("    spiketext predict FOLDER \"some text\"".into());
    line("    spiketext inspect FOLDER\n".into());
    line("## Results\n".into());
    line(format!(
        "On {} test texts, which were looked at once; choices were made on {} development texts.\n",
        t.texts[2], t.texts[1]
    ));
    line("| network | test accuracy | development accuracy |".into());
    line("| --- | --- | --- |".into());
    for (name, test, development) in [
        ("DNN (tailored TextCNN)", t.test.dnn, t.development.dnn),
        ("converted SNN", t.test.converted, t.development.converted),
        ("this SNN", t.test.snn, t.development.snn),
    ] {
        line(format!("| {name} | {test:.2} % | {development:.2} % |"));
    }
    if let Some(original) = t.original {
        line(format!("| original TextCNN (maximum pooling), beside | {original:.2} % | |"));
    }
    if t.fine_tuning_epochs[0] == 0 {
        line("\nThis SNN is the converted one: it was not fine-tuned.".into());
    } else if t.fine_tuning_epochs[1] == 0 {
        line("\nFine-tuning did not improve on the converted weights, so this SNN is the converted one.".into());
    }
    line(format!("\nUnknown tokens in the test texts: {:.1} %.\n", 100.0 * t.unknown_share));
    line("## Activity and cost of a text, mean over the test texts\n".into());
    line("| what | value |".into());
    line("| --- | --- |".into());
    line(format!("| time steps | {} |", network.steps));
    line(format!("| firing rate: input | {:.3} |", t.costs.input_rate));
    line(format!("| firing rate: convolution | {:.3} |", t.costs.convolution_rate));
    line(format!("| firing rate: features | {:.3} |", t.costs.feature_rate));
    if t.costs.output_rate > 0.0 {
        line(format!("| firing rate: outputs | {:.3} |", t.costs.output_rate));
    }
    line(format!("| DNN multiply-accumulations | {:.0} |", t.costs.dnn_macs));
    line(format!("| SNN accumulations | {:.0} |", t.costs.snn_acs));
    if t.costs.snn_macs > 0.0 {
        line(format!("| SNN multiply-accumulations | {:.0} |", t.costs.snn_macs));
    }
    line(format!("| additions of pooling (not among them) | {:.0} |", t.costs.pooling_additions));
    line(format!("| energy, {}: DNN | {dnn:.2} uJ |", table.name));
    line(format!("| energy, {}: SNN | {snn:.2} uJ ({:.2} of the DNN) |", table.name, snn / dnn));
    line("\nThe energy is that of the arithmetic alone: no memory traffic, no idle current.\n".into());
    line(format!(
        "Neurons that never fired on the calibration texts: {} of {} convolution channels, {} of {} features; that \
         always fired: {} and {}.\n",
        t.extremes.convolution.dead,
        t.extremes.convolution.neurons,
        t.extremes.features.dead,
        t.extremes.features.neurons,
        t.extremes.convolution.saturated,
        t.extremes.features.saturated,
    ));
    line("## How it was made\n".into());
    line(format!("- data: {} ({}); {} training texts", t.dataset, t.source, t.texts[0]));
    if let Some(a) = &t.adversarial {
        line(format!(
            "- {} of them are adversarial examples: texts that fooled an earlier network, of {} attacked with {}",
            a.found, a.attacked, a.attack
        ));
    }
    line(format!("- words: {} of {} dimensions, from {}", model.vocabulary().len(), network.dimension(), t.vectors));
    line(format!("- recipe: {}, seed {}, by {}, in {:.0} seconds", t.recipe, t.seed, t.program, t.seconds));
    line(format!(
        "- DNN: {} epochs, best {}; fine-tuning: {} epochs, best {}",
        t.dnn_epochs[0], t.dnn_epochs[1], t.fine_tuning_epochs[0], t.fine_tuning_epochs[1]
    ));
    let (language, choices) = match &t.choices {
        Choices::Fields(fields) => ("json", format!("{:#}\n", Value::Object(fields.clone()))),
        Choices::Toml(text) => ("toml", text.clone()),
    };
    let _ = write!(card, "\n## Every choice\n\n```{language}\n{choices}```\n");
    card
}
