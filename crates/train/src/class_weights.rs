//! Weights of the classes in the loss: a recipe's choice of them, and a file of a weight for each class.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use spiketext::{Error, Result};

/// By what the loss of a text is multiplied, by its class.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ClassWeights {
    /// By nothing.
    #[default]
    None,
    /// By `n / (K n_class)`: all classes have the same share in the loss (n training texts, K classes that have any).
    /// Where a text may have several labels, by `(n - n_class) / n_class`: the texts of a class weigh as much as all
    /// others.
    Balanced,
    /// By a number for each class, by the class's name.
    Each(BTreeMap<String, f64>),
}

impl ClassWeights {
    /// Checks what can be checked without knowing the classes.
    ///
    /// # Errors
    /// If a weight is no finite number above 0.
    pub fn check(&self) -> Result<()> {
        let Self::Each(weights) = self else { return Ok(()) };
        match weights.iter().find(|(_, weight)| !is_weight(**weight)) {
            Some((name, weight)) => Err(Error::invalid(
                "recipe",
                "class-weights that are finite and above 0",
                format!("{weight} for '{}'", name.escape_debug()),
            )),
            None => Ok(()),
        }
    }

    /// Checks that there is a weight for each of `labels` and for no other.
    ///
    /// # Errors
    /// Names the first class that has none, or that is not there.
    pub fn check_names(&self, labels: &[String]) -> Result<()> {
        let Self::Each(weights) = self else { return Ok(()) };
        let expected = "class-weights with one weight for each class of the texts";
        match unfit(labels, weights.keys().map(String::as_str)) {
            Some(unfit) => Err(Error::invalid("train", expected, unfit.in_words())),
            None => Ok(()),
        }
    }

    /// The weight of each of `labels`, `[K]`, given how many training texts each has; none where nothing is weighed.
    /// A class without training texts weighs 1, and nobody asks. `several` is how many texts there are in all, where
    /// they may have several labels.
    #[must_use]
    pub fn of_classes(&self, labels: &[String], texts: &[usize], several: Option<usize>) -> Option<Vec<f32>> {
        match self {
            Self::None => None,
            Self::Balanced if let Some(all) = several => {
                let weight = |&texts: &usize| match all.saturating_sub(texts) {
                    others if texts > 0 && others > 0 => others as f64 / texts as f64,
                    _ => 1.0,
                };
                Some(texts.iter().map(|texts| weight(texts) as f32).collect())
            }
            Self::Balanced => {
                let all: usize = texts.iter().sum();
                let classes = texts.iter().filter(|&&texts| texts > 0).count();
                let weight = |&texts: &usize| match texts {
                    0 => 1.0,
                    texts => all as f64 / (classes as f64 * texts as f64),
                };
                Some(texts.iter().map(|texts| weight(texts) as f32).collect())
            }
            Self::Each(weights) => {
                Some(labels.iter().map(|label| weights.get(label).map_or(1.0, |&weight| weight as f32)).collect())
            }
        }
    }
}

impl Serialize for ClassWeights {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Balanced => serializer.serialize_str("balanced"),
            Self::Each(weights) => weights.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ClassWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = ClassWeights;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"none\", \"balanced\" or a weight for each class by its name")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> std::result::Result<ClassWeights, E> {
                match name {
                    "none" => Ok(ClassWeights::None),
                    "balanced" => Ok(ClassWeights::Balanced),
                    _ => Err(E::invalid_value(de::Unexpected::Str(name), &self)),
                }
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> std::result::Result<ClassWeights, A::Error> {
                let weights = BTreeMap::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(ClassWeights::Each(weights))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// A file of a weight for each class: TOML (`label = weight`) where its name ends in `.toml`, otherwise lines of
/// `label,weight`, with such a line as header or without.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightFile {
    path: PathBuf,
    /// Label, weight and line.
    rows: Vec<(String, f64, u64)>,
}

impl WeightFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, is not of its format, names a class twice, or has a weight that is no finite number
    /// above 0; the message names the line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let is_toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
        let rows = if is_toml { of_toml(path, text)? } else { of_lines(path, text)? };
        let mut seen = HashSet::new();
        for (label, weight, line) in &rows {
            if !is_weight(*weight) {
                return Err(Error::malformed(path, *line, "a weight that is finite and above 0", weight.to_string()));
            }
            if !seen.insert(label) {
                let got = format!("'{}' twice", label.escape_debug());
                return Err(Error::malformed(path, *line, "each class once", got));
            }
        }
        Ok(Self { path: path.to_owned(), rows })
    }

    /// Checks that there is a weight for each of `labels` and for no other.
    ///
    /// # Errors
    /// Names the first class that has none, or that is not there, and its line.
    pub fn check_names(&self, labels: &[String]) -> Result<()> {
        let Some(unfit) = unfit(labels, self.rows.iter().map(|row| row.0.as_str())) else { return Ok(()) };
        let line = match &unfit {
            Unfit::Unknown(name) => self.rows.iter().find(|row| row.0 == *name).map(|row| row.2),
            Unfit::Missing(_) => None,
        };
        Err(Error::malformed(&self.path, line, "one weight for each class of the texts", unfit.in_words()))
    }

    /// The weights as a recipe has them.
    #[must_use]
    pub fn weights(&self) -> ClassWeights {
        ClassWeights::Each(self.rows.iter().map(|(label, weight, _)| (label.clone(), *weight)).collect())
    }
}

fn is_weight(weight: f64) -> bool {
    // The loss is of single precision.
    weight > 0.0 && (weight as f32).is_finite() && weight as f32 > 0.0
}

/// A name that does not fit the classes.
enum Unfit {
    Unknown(String),
    Missing(String),
}

impl Unfit {
    fn in_words(&self) -> String {
        match self {
            Self::Unknown(name) => format!("'{}', which is no class", name.escape_debug()),
            Self::Missing(name) => format!("none for '{}'", name.escape_debug()),
        }
    }
}

/// The first of `names` that is no label, or else the first label that is not named.
fn unfit<'a>(labels: &[String], names: impl Iterator<Item = &'a str> + Clone) -> Option<Unfit> {
    let known: HashSet<&str> = labels.iter().map(String::as_str).collect();
    let named: HashSet<&str> = names.clone().collect();
    let unknown = names.into_iter().find(|name| !known.contains(name)).map(|name| Unfit::Unknown(name.to_owned()));
    unknown.or_else(|| labels.iter().find(|label| !named.contains(label.as_str())).cloned().map(Unfit::Missing))
}

fn of_toml(path: &Path, text: &str) -> Result<Vec<(String, f64, u64)>> {
    let line = |at: usize| text[..at.min(text.len())].matches('\n').count() as u64 + 1;
    let table: BTreeMap<String, toml::Spanned<f64>> = toml::from_str(text).map_err(|error: toml::de::Error| {
        let at = error.span().map(|span| line(span.start));
        Error::malformed(path, at, "a weight for each class, as label = weight", error.message().to_owned())
    })?;
    let mut rows: Vec<_> =
        table.into_iter().map(|(label, weight)| (label, *weight.get_ref(), line(weight.span().start))).collect();
    rows.sort_by_key(|row| row.2);
    Ok(rows)
}

/// The weight is what stands behind the last comma, so that a label may hold commas; quotes around it are taken off.
fn of_lines(path: &Path, text: &str) -> Result<Vec<(String, f64, u64)>> {
    let mut rows = Vec::new();
    for (line, record) in (1..).zip(text.lines()) {
        if record.trim().is_empty() {
            continue;
        }
        let refuse = || Error::malformed(path, line, "label,weight", format!("'{}'", record.escape_debug()));
        let (label, weight) = record.rsplit_once(',').ok_or_else(refuse)?;
        let weight = weight.trim();
        if rows.is_empty() && line == 1 && weight.eq_ignore_ascii_case("weight") {
            continue;
        }
        let weight: f64 = weight.parse().map_err(|_| refuse())?;
        let quoted = label.strip_prefix('"').and_then(|label| label.strip_suffix('"'));
        let label = quoted.map_or_else(|| label.to_owned(), |label| label.replace("\"\"", "\""));
        rows.push((label, weight, line));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<String> {
        ["ok", "fraud", "a, b"].map(str::to_owned).to_vec()
    }

    /// Writes `text` as `name` and reads it for the three classes.
    fn read(name: &str, text: &str) -> std::result::Result<ClassWeights, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        let file = WeightFile::read(&path).and_then(|file| file.check_names(&labels()).map(|()| file));
        file.map(|file| file.weights()).map_err(|error| error.to_string())
    }

    #[test]
    fn files_of_both_kinds_give_the_same_weights() {
        let of_lines = read("w.csv", "label,weight\nok,0.5\nfraud, 50\n\"a, b\",1e0\n").expect("weights");
        assert_eq!(read("w.csv", "ok,0.5\r\nfraud,50\r\n\r\na, b,1").expect("without a header"), of_lines);
        assert_eq!(read("w.toml", "ok = 0.5\n# rare\nfraud = 50\n\"a, b\" = 1.0\n").expect("TOML"), of_lines);
        assert_eq!(of_lines.of_classes(&labels(), &[9, 1, 1], None), Some(vec![0.5, 50.0, 1.0]));
        of_lines.check_names(&labels()).expect("all classes");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_line() {
        for (name, text, told) in [
            ("w.csv", "ok,1\nfraud,0\na, b,1", "w.csv:2: expected a weight that is finite and above 0, got 0"),
            ("w.csv", "ok,1\nfraud,-1\na, b,1", ":2"),
            ("w.csv", "ok,1\nfraud,inf\na, b,1", ":2"),
            ("w.csv", "ok,1\nfraud,nan\na, b,1", ":2"),
            ("w.csv", "ok,1\nfraud,1e39\na, b,1", ":2"),
            ("w.csv", "ok,1\nfraud,much\na, b,1", ":2: expected label,weight"),
            ("w.csv", "ok,1\nfraud\na, b,1", ":2: expected label,weight"),
            ("w.csv", "ok,1\nok,1\nfraud,1\na, b,1", "w.csv:2: expected each class once, got 'ok' twice"),
            ("w.csv", "ok,1\nfraud,1\na, b,1\nspam,1", "w.csv:4: expected one weight for each class"),
            ("w.csv", "ok,1\nfraud,1", "got none for 'a, b'"),
            ("w.toml", "ok = 1\nfraud = 0\n\"a, b\" = 1", "w.toml:2: expected a weight that is finite"),
            ("w.toml", "ok = 1\nfraud = \"1\"\n\"a, b\" = 1", "w.toml:2: expected a weight for each class"),
            ("w.toml", "ok = 1\nfraud = 1\n\"a, b\" = 1\nspam = 1", "w.toml:4: expected one weight for each class"),
            ("w.toml", "ok = = 1", "w.toml:1"),
        ] {
            let error = read(name, text).expect_err(text);
            assert!(error.contains(told), "{text:?}: {error}");
        }
    }

    #[test]
    fn balanced_weights_give_each_class_the_same_share() {
        // As sklearn.utils.class_weight.compute_class_weight("balanced", ...): 100 / (3 * n).
        let weights = ClassWeights::Balanced.of_classes(&labels(), &[90, 6, 4], None).expect("weights");
        for (weight, texts) in weights.iter().zip([90.0f32, 6.0, 4.0]) {
            assert!((weight * texts - 100.0 / 3.0).abs() < 1e-4, "{weights:?}");
        }
        assert_eq!(ClassWeights::Balanced.of_classes(&labels(), &[3, 0, 1], None), Some(vec![4.0 / 6.0, 1.0, 2.0]));
        assert_eq!(ClassWeights::None.of_classes(&labels(), &[3, 0, 1], None), None);
        let several = ClassWeights::Balanced.of_classes(&labels(), &[3, 0, 4], Some(4));
        assert_eq!(several, Some(vec![1.0 / 3.0, 1.0, 1.0]));
    }

    #[test]
    fn choices_that_cannot_be_are_refused_without_a_file_too() {
        let each = |weight: f64| ClassWeights::Each(BTreeMap::from([("ok".to_owned(), weight)]));
        for weight in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-60] {
            assert!(each(weight).check().is_err(), "{weight}");
        }
        each(2.0).check().expect("a weight");
        let error = each(2.0).check_names(&labels()).expect_err("two are missing").to_string();
        assert!(error.contains("none for 'fraud'"), "{error}");
    }
}
