//! Goals: accuracies that a row was to reach, set beforehand, and the cross-validation that the row was chosen by.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use spiketext::{Error, Result};
use spiketext_study::{Cell, Goal, selection::Selection};

use crate::{
    cells::{Entry, Key, Study, dataset_name},
    numbers::plural,
    paired::Spread,
    published::DATASETS,
};

/// The goals beside a folder of cells.
#[derive(Debug)]
pub struct Goals {
    /// In the order of their file.
    pub list: Vec<Goal>,
    /// The folder of that file.
    folder: PathBuf,
}

/// What came of a goal.
#[derive(Debug)]
pub struct Reached {
    /// The accuracy over seeds and texts.
    pub spread: Spread,
    /// `met`, `missed` or `open`.
    pub verdict: &'static str,
    /// What its cross-validation said of the row.
    pub chosen: &'static str,
}

impl Goals {
    /// Those of the file at `path`; none where there is no file.
    ///
    /// # Errors
    /// If the file is there and cannot be read as a list of goals.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(path).map_err(Error::read(path))?;
        let broken = |got: String| {
            Error::malformed(path, None, "a list of {name, table, row, axis, dataset, at-least, selection}", got)
        };
        let list: Vec<Goal> = serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
        if let Some(goal) = list.iter().find(|goal| !(0.0..=100.0).contains(&goal.at_least)) {
            let expected = format!("a goal from 0 to 100 percent for '{}'", goal.name);
            return Err(Error::malformed(path, None, expected, goal.at_least.to_string()));
        }
        Ok(Some(Self { list, folder: path.parent().map(Path::to_owned).unwrap_or_default() }))
    }

    /// What came of a goal, or why that is not said.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn judge(&self, goal: &Goal, study: &Study) -> std::result::Result<Reached, String> {
        let of_goal = |cell: &&Cell| cell.table == goal.table && cell.row == goal.row && cell.axis == goal.axis;
        let cells: Vec<&Cell> = study.cells.iter().filter(of_goal).collect();
        let Some(first) = cells.first() else { return Err("the row has no cells".into()) };
        let expected = study.expected.iter().flatten().filter(|cell| {
            let is_its = goal.dataset == "mean" || cell.dataset == goal.dataset;
            is_its && cell.table == goal.table && cell.row == goal.row && cell.axis == goal.axis
        });
        let there = |dataset: &str, seed: u64| cells.iter().any(|cell| cell.dataset == dataset && cell.seed == seed);
        let (all, lacking) = expected
            .fold((0, 0), |(all, lacking), cell| (all + 1, lacking + usize::from(!there(&cell.dataset, cell.seed))));
        if lacking > 0 {
            return Err(format!("{lacking} of its {} are missing", plural(all, "cell")));
        }
        Self::same_selection(goal, &cells)?;
        let chosen = self.candidate(goal)?;
        let key = Key::of(first);
        if cells.iter().any(|cell| Key::of(cell) != key) {
            return Err("the row's networks are of several kinds".into());
        }
        let names: Vec<&str> = match goal.dataset.as_str() {
            "mean" => DATASETS.iter().map(|(name, _)| *name).collect(),
            name => vec![name],
        };
        let mut spreads = Vec::new();
        for name in names {
            let own: Vec<&Cell> = cells.iter().copied().filter(|cell| cell.dataset == name).collect();
            if own.is_empty() {
                return Err(format!("the row has no cells on {}", dataset_name(name)));
            }
            if own.len() < 2 {
                return Err(format!("one seed on {}, which has no interval over seeds", dataset_name(name)));
            }
            let entry = Entry { key, dataset: name, cells: own };
            let without = || format!("cells on {} do not say what they answered", dataset_name(name));
            spreads.push(Spread::of(&entry).ok_or_else(without)?);
        }
        let spread = match spreads.as_slice() {
            [one] => Some(one.clone()),
            several => Spread::mean_of(&several.iter().collect::<Vec<_>>()),
        };
        let spread = spread.ok_or("no accuracy")?;
        let [low, high] = spread.interval();
        let verdict = match goal.at_least {
            goal if goal < low => "met",
            goal if goal > high => "missed",
            _ => "open",
        };
        Ok(Reached { spread, verdict, chosen })
    }

    /// Whether all cells of a row were chosen by the cross-validation that the goal names.
    fn same_selection(goal: &Goal, cells: &[&Cell]) -> std::result::Result<(), String> {
        let without = cells.iter().filter(|cell| cell.selected.is_none()).count();
        if without > 0 {
            return Err(format!("{without} of {} name no cross-validation", plural(cells.len(), "cell")));
        }
        let mut chosen: Vec<_> = cells.iter().filter_map(|cell| cell.selected.as_ref()).collect();
        chosen.sort_unstable();
        chosen.dedup();
        let [selected] = chosen.as_slice() else {
            return Err(format!("the cells name {}", plural(chosen.len(), "cross-validation")));
        };
        if selected.file.is_empty() || selected.commit.is_empty() {
            return Err("the cells name a cross-validation without its file or commit".into());
        }
        if selected.file != goal.selection {
            return Err(format!("the cells were chosen by {}, and the goal names {}", selected.file, goal.selection));
        }
        Ok(())
    }

    /// What the goal's cross-validation says of its row, where the file is to be found.
    fn candidate(&self, goal: &Goal) -> std::result::Result<&'static str, String> {
        let inside = Path::new(&goal.selection).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || goal.selection.is_empty() {
            return Err(format!("'{}' is no path from the root of the repository", goal.selection));
        }
        let Some(path) = self.find(&goal.selection) else { return Err(format!("{} is not here", goal.selection)) };
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}", goal.selection))?;
        let selection: Selection = serde_json::from_str(&text)
            .map_err(|error| format!("{} is no cross-validation: {error}", goal.selection))?;
        let mut places = selection.tables.iter().flat_map(|table| table.candidates.iter().enumerate());
        let own = places.find(|(_, candidate)| candidate.row == goal.row && candidate.axis == goal.axis);
        match own {
            Some((0, _)) => Ok("chosen"),
            Some(_) => Err(format!("{} holds the row, and chose another", goal.selection)),
            None => Err(format!("{} does not hold the row as a candidate", goal.selection)),
        }
    }

    /// A file of the repository, looked for upward from the goals to the repository's root.
    fn find(&self, file: &str) -> Option<PathBuf> {
        let start = fs::canonicalize(if self.folder.as_os_str().is_empty() { Path::new(".") } else { &self.folder });
        for folder in start.ok()?.ancestors() {
            let path = folder.join(file);
            if path.is_file() {
                return Some(path);
            }
            if folder.join(".git").exists() {
                return None;
            }
        }
        None
    }
}
