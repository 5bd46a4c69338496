//! Changing single fields of a set of choices, by `key=value` or a table that holds any part of one.

use serde::{Serialize, de::DeserializeOwned};
use spiketext::{Error, Result};

/// See [`crate::Recipe::with_setting`], of any set of choices.
///
/// # Errors
/// If there is no such field or the value is not of its kind.
///
/// # Panics
/// If the choices hold what TOML cannot.
pub fn with_setting<T: Serialize + DeserializeOwned>(choices: &T, setting: &str) -> Result<T> {
    let refuse = |got: String| Error::invalid("recipe setting", "KEY=VALUE with a key of the recipe", got);
    let (key, value) = setting.split_once('=').ok_or_else(|| refuse(format!("'{setting}'")))?;
    let (key, value) = (key.trim(), value.trim());
    let mut parts: Vec<&str> = key.split('.').collect();
    let mut table = toml::Table::try_from(choices).expect("choices have only values that TOML can hold");
    if !has_field(&table, &parts) {
        return Err(refuse(format!("'{key}'")));
    }
    let now = field(&table, &parts).cloned();
    let parse = |value: &str| format!("value = {value}").parse::<toml::Table>().ok()?.remove("value");
    let mut value = match (parse(value), &now) {
        // A bare word is a string, and so is anything bare where a string stands: `encoder=regular` and `bits=16`
        // need no quotes.
        (None, _) => toml::Value::String(value.to_owned()),
        (Some(parsed), Some(toml::Value::String(_))) if !(parsed.is_str() || parsed.is_table()) => {
            toml::Value::String(value.to_owned())
        }
        (Some(parsed), _) => parsed,
    };
    while let Some(part) = parts.pop() {
        value = toml::Value::Table(toml::Table::from_iter([(part.to_owned(), value)]));
    }
    if let toml::Value::Table(over) = value {
        lay_over(&mut table, over);
    }
    table.try_into().map_err(|error: toml::de::Error| {
        let wanted =
            now.map_or_else(|| "a value of its kind".to_owned(), |now| format!("a value like {now}, which it has"));
        Error::invalid(
            "recipe setting",
            format!("{wanted} for {key}"),
            format!("'{setting}': {}", plainly(error.message())),
        )
    })
}

/// What a reader of TOML says, without the types of this program.
pub(super) fn plainly(message: &str) -> String {
    let words = message.split(' ').map(|word| match word.trim_end_matches(',') {
        "usize" | "u64" | "u32" | "i64" | "i32" => "a whole number",
        "f64" | "f32" => "a number",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The value at `path` of a table.
fn field<'a>(table: &'a toml::Table, path: &[&str]) -> Option<&'a toml::Value> {
    match path {
        [] => None,
        [last] => table.get(*last),
        [first, rest @ ..] => field(table.get(*first)?.as_table()?, rest),
    }
}

/// Whether `path` leads to a field of `table`; inside a tagged choice any field may be set.
fn has_field(table: &toml::Table, path: &[&str]) -> bool {
    match path {
        [] => false,
        [last] => table.contains_key(*last) || table.contains_key("kind"),
        [first, rest @ ..] => match table.get(*first) {
            Some(toml::Value::Table(inner)) => has_field(inner, rest),
            _ => false,
        },
    }
}

/// Lays `over` upon `base`: tables merge, except where a tagged choice changes its kind; all else is replaced. A
/// whole number where a string stands is its digits: `bits = 16` means `bits = "16"`.
pub(super) fn lay_over(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(over))
                if over.get("kind").is_none_or(|kind| base.get("kind") == Some(kind)) =>
            {
                lay_over(base, over);
            }
            (Some(toml::Value::String(base)), toml::Value::Integer(number)) => *base = number.to_string(),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use spiketext::{
        encode::Encoder,
        network::{CodeBits, Padding},
    };

    use crate::{Recipe, recipe::Normalisation};

    #[test]
    fn settings_reach_every_depth() {
        let recipe = Recipe::lean()
            .with_setting("network.steps=4")
            .and_then(|r| r.with_setting("network.encoder = bernoulli"))
            .and_then(|r| r.with_setting("conversion.normalisation.q=1.0"))
            .and_then(|r| r.with_setting("network.widths=[2, 3]"))
            .and_then(|r| r.with_setting(r#"network.averaging={kind="padded", length=9}"#))
            .expect("good settings");
        assert_eq!(recipe.network.steps, 4);
        assert_eq!(recipe.network.encoder, Encoder::Bernoulli);
        assert_eq!(recipe.conversion.normalisation, Normalisation::Percentile { q: 1.0 });
        assert_eq!(recipe.network.widths, [2, 3]);
        assert_eq!(recipe.network.averaging, Padding::Padded { length: 9 });
    }

    #[test]
    fn strings_that_look_like_numbers_need_no_quotes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("own.toml");
        for bits in ["16", "\"16\""] {
            let recipe = Recipe::lean().with_setting(&format!("words.bits={bits}")).expect("two bytes");
            assert_eq!(recipe.words.bits, CodeBits::Sixteen);
            std::fs::write(&path, format!("[words]\nbits = {bits}\n")).expect("written");
            assert_eq!(Recipe::lean().with_file(&path).expect("two bytes"), recipe);
        }
        assert_eq!(Recipe::lean().with_setting("name=1.50").expect("any name").name, "1.50");
    }

    #[test]
    fn bad_settings_say_what_is_wrong() {
        for (setting, word) in [
            ("steps", "steps"),
            ("network.stepz=3", "stepz"),
            ("network.steps=many", "many"),
            ("network.encoder=morse", "morse"),
            ("network.steps=\"4\"", "a value like 8, which it has for network.steps"),
            ("network.averaging=5", "kind = \"valid\""),
            ("words.bits=7", "expected `8` or `16`"),
            ("network.readout=1", "spike-count"),
            ("selection=best", "balanced"),
            ("class-weights=fair", "a weight for each class"),
            ("class-weights=5", "a weight for each class"),
            ("class-weights={ok=\"much\"}", "much"),
            ("dnn=5", "a table of fields"),
            ("network.filters=-1", "a whole number"),
            ("dnn.dropout=much", "a number"),
            ("conversion=none", "a table of fields"),
        ] {
            let error = Recipe::lean().with_setting(setting).expect_err(setting).to_string();
            assert!(!["usize", "f32", "f64", "struct"].iter().any(|word| error.contains(word)), "{error}");
            assert!(error.contains(word), "{setting}: {error}");
        }
    }
}
