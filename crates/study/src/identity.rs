//! What makes cells the same: the choices that decide what a method measures.
//!
//! A converted network, say, is the same however fine-tuning would go on. Which part of a recipe a method looks at is
//! [`Recipe::for_step`]'s matter, so that a study and the steps of training never differ in it.

use serde_json::{Map, Value};
use spiketext_train::{Recipe, recipe::Step};

use crate::{
    bag_of_words::BagOfWords,
    cell::{Method, Settings},
    grid::{Choices, PlannedCell, fields},
};

/// The last step of a method; those without a network take none, nor does one for which every choice decides.
fn step(method: Method) -> Option<Step> {
    match method {
        Method::BagOfWords | Method::FastText | Method::DnnCodes | Method::Teacher => None,
        Method::Original | Method::Dnn | Method::DnnInt8 | Method::DnnInt4 | Method::DnnLevels => Some(Step::Dnn),
        Method::Converted => Some(Step::Conversion),
        Method::FineTuned => Some(Step::FineTuning),
        Method::Direct => Some(Step::Direct),
    }
}

/// A cell without its place in the report and in the order of the study.
pub(crate) fn in_any_place(cell: PlannedCell) -> PlannedCell {
    let axis = std::collections::BTreeMap::new();
    PlannedCell { table: String::new(), row: String::new(), axis, selected: None, quick: false, priority: 0, ..cell }
}

/// The cell's network: two cells measure, or attack, the same one where these are equal.
pub(crate) fn network(cell: &PlannedCell) -> PlannedCell {
    let mut network = in_any_place(PlannedCell { attack: None, ..cell.clone() });
    if let (Choices::Network(recipe), Some(step)) = (&mut network.choices, step(cell.method)) {
        **recipe = recipe.for_step(step);
    }
    network
}

/// The settings that decide what `method` measures; word vectors among them unless `any_vectors` serve.
pub(crate) fn deciding(settings: &Settings, method: Method, any_vectors: bool) -> Settings {
    let mut deciding = settings.clone();
    // Choices that were written down before there was a field have the value that was the only one then.
    let recipe = serde_json::from_value::<Recipe>(Value::Object(settings.choices.clone()));
    if let (Ok(recipe), Some(step)) = (recipe, step(method)) {
        deciding.choices = recipe.for_step(step).to_choices();
    }
    if let Ok(choices) = serde_json::from_value::<BagOfWords>(Value::Object(settings.choices.clone())) {
        deciding.choices = fields(&choices);
    }
    if any_vectors {
        deciding.vectors = None;
    }
    deciding
}

/// The first field in which two settings differ, in words.
pub(crate) fn difference(found: &Settings, wanted: &Settings) -> Option<String> {
    first_difference("", &Value::Object(fields(found)), &Value::Object(fields(wanted)))
}

fn first_difference(path: &str, found: &Value, wanted: &Value) -> Option<String> {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            let mut keys: Vec<&String> = found.keys().chain(wanted.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            let of = |map: &Map<String, Value>, key: &String| map.get(key).cloned().unwrap_or(Value::Null);
            keys.into_iter().find_map(|key| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                first_difference(&path, &of(found, key), &of(wanted, key))
            })
        }
        _ if found == wanted => None,
        _ => Some(format!("{path} = {found}, now {wanted}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_decided_by_what_it_uses() {
        let lean = Recipe::lean();
        let of = |recipe: &Recipe, method| {
            let choices = Settings { choices: recipe.to_choices(), ..Settings::default() };
            deciding(&choices, method, false)
        };
        let set = |setting: &str| lean.clone().with_setting(setting).expect(setting);
        for (setting, decided) in [
            ("network.filters=7", [true; 5]),
            ("network.surrogate={kind=\"triangle\",slope=1.0}", [false, false, true, true, true]),
            ("dnn.epochs=3", [true, true, true, true, false]),
            ("conversion.normalisation.q=0.5", [false, false, true, true, false]),
            ("fine-tuning.batch=7", [false, false, false, true, true]),
            ("direct.gain=2.0", [false, false, false, false, true]),
        ] {
            let methods = [Method::Original, Method::Dnn, Method::Converted, Method::FineTuned, Method::Direct];
            let differs = methods.map(|method| of(&set(setting), method) != of(&lean, method));
            assert_eq!(differs, decided, "{setting}");
        }
        let mut older = Settings { choices: lean.to_choices(), ..Settings::default() };
        older.choices["words"].as_object_mut().expect("a part").remove("range");
        assert_eq!(deciding(&older, Method::Dnn, false), of(&set("words.range=3.0"), Method::Dnn));
        let named = Settings { vectors: Some("en".into()), ..older.clone() };
        assert_eq!(deciding(&named, Method::Dnn, true), deciding(&older, Method::Dnn, false));
        assert_ne!(deciding(&named, Method::Dnn, false), deciding(&older, Method::Dnn, false));
    }

    #[test]
    fn a_bag_of_words_without_a_weighting_is_one_by_presence() {
        let of = |choices: &BagOfWords| Settings { choices: fields(choices), ..Settings::default() };
        let mut older = of(&BagOfWords::default());
        assert!(older.choices.remove("weighting").is_some());
        let deciding = |settings: &Settings| deciding(settings, Method::BagOfWords, false);
        assert_eq!(deciding(&older), of(&BagOfWords::default()));
        let weighted = of(&BagOfWords::default().with_setting("weighting=tf-idf").expect("a setting"));
        let told = difference(&deciding(&older), &deciding(&weighted));
        assert_eq!(told.as_deref(), Some("choices.weighting = \"presence\", now \"tf-idf\""));
    }

    #[test]
    fn a_difference_is_told_by_its_field() {
        let of = |recipe: Recipe| Settings { choices: recipe.to_choices(), ..Settings::default() };
        let set = |setting: &str| of(Recipe::lean().with_setting(setting).expect("a setting"));
        let told = difference(&set("dnn.epochs=14"), &set("dnn.epochs=3"));
        assert_eq!(told.as_deref(), Some("choices.dnn.epochs = 14, now 3"));
        assert_eq!(difference(&of(Recipe::lean()), &of(Recipe::lean())), None);
        let named = Settings { vectors: Some("en".into()), ..Settings::default() };
        assert_eq!(difference(&Settings::default(), &named).as_deref(), Some("vectors = null, now \"en\""));
    }
}
