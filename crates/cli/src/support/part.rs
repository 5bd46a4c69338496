//! Which texts of a data set a verb works on: the parts that `train` makes, or those of a study's splits and folds.

use serde_json::{Value, json};
use spiketext::data::{Dataset, SplitRule};
use spiketext_study::{cell::Fold, folds};

/// A split or a fold of a study.
#[derive(Debug, clap::Args)]
pub struct PartArgs {
    /// The split by hash of this number, as `splits` of a study's grid makes them; of a data set without an official one.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..folds::MOST_SPLITS))]
    number: Option<u64>,
    /// Leave out fold I of K, as cross-validation does; of a data set without an official split it keeps away from the test
    /// texts of --splits.
    #[arg(long, value_name = "I/K", value_parser = fold, conflicts_with = "number")]
    fold: Option<Fold>,
    /// The texts that none of a study's splits tests, of a data set without an official split: for what is made once and
    /// serves all splits.
    #[arg(long, conflicts_with_all = ["number", "fold"])]
    pub untested: bool,
    /// With --fold or --untested: how many splits the grid has.
    #[arg(long, value_name = "N", default_value_t = folds::MOST_SPLITS)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=folds::MOST_SPLITS))]
    splits: u64,
}

fn fold(text: &str) -> Result<Fold, String> {
    let wrong = || format!("expected I/K with I from 1 to K, such as 1/5, got '{text}'");
    let (number, of) = text.split_once('/').ok_or_else(wrong)?;
    let fold = Fold { number: number.parse().map_err(|_| wrong())?, of: of.parse().map_err(|_| wrong())? };
    folds::check(fold.of).map_err(|error| error.to_string())?;
    if (1..=fold.of).contains(&fold.number) { Ok(fold) } else { Err(wrong()) }
}

impl PartArgs {
    /// What the flags say, by their names; nothing where none is given.
    pub fn told(&self) -> serde_json::Map<String, Value> {
        let fold = self.fold.map(|fold| json!(format!("{}/{}", fold.number, fold.of)));
        let splits = (self.untested || self.fold.is_some()).then(|| json!(self.splits));
        let all = [
            ("number", self.number.map(Value::from)),
            ("fold", fold),
            ("untested", self.untested.then_some(Value::Bool(true))),
            ("splits", splits),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// `dataset` as the flags divide it.
    ///
    /// # Errors
    /// If a flag is for other data sets, or would be passed over.
    pub fn of(&self, dataset: Dataset) -> anyhow::Result<Dataset> {
        if self.splits != folds::MOST_SPLITS && !self.untested && self.fold.is_none() {
            anyhow::bail!("--splits is for --fold and --untested: expected one of them, got neither");
        }
        let by_hash = dataset.rule == SplitRule::Hash;
        Ok(match (self.number, self.fold) {
            (number, _) if (number.is_some() || self.untested) && !by_hash => {
                let (rule, flag) = (dataset.rule, if self.untested { "--untested" } else { "--number" });
                anyhow::bail!(
                    "{flag}: expected a data set that is split by hash, got one with parts of its own ({rule})"
                )
            }
            _ if self.untested => folds::untested(&dataset, self.splits)?,
            (Some(number), _) => folds::in_split(&dataset, number)?,
            (None, Some(fold)) if by_hash => folds::held_back(&folds::outside_tests(&dataset, self.splits), fold)?,
            (None, Some(fold)) => folds::held_back(&dataset, fold)?,
            (None, None) => dataset,
        })
    }
}
