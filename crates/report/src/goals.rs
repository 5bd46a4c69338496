//! Goals: accuracies that a row is to reach, and the cross-validation that the row was chosen by.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use spiketext::{Error, Result};
use spiketext_study::{Cell, Goal, Selected, goal::OF_MEAN, selection::Selection};

use crate::{
    cells::{Entry, Key, Study, dataset_name},
    history::History,
    numbers::plural,
    paired::Spread,
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
    /// What its cross-validation said of the row, at which commit, and what of that is not known.
    pub chosen: String,
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
    pub fn judge(&self, goal: &Goal, study: &Study, history: &dyn History) -> std::result::Result<Reached, String> {
        let of_goal = |cell: &&Cell| goal.is_of(&cell.table, &cell.row, &cell.axis, &cell.dataset);
        let cells: Vec<&Cell> = study.cells.iter().filter(of_goal).collect();
        let Some(first) = cells.first() else {
            return Err(match goal.dataset.as_str() {
                "mean" => "the row has no cells".to_owned(),
                dataset => format!("the row has no cells on {}", dataset_name(dataset)),
            });
        };
        let Some(declared) = &study.expected else {
            return Err("no grid is declared beside the cells, so nobody knows what is missing".into());
        };
        let declared = declared.iter();
        let expected: Vec<_> =
            declared.filter(|cell| goal.is_of(&cell.table, &cell.row, &cell.axis, &cell.dataset)).collect();
        let extra = |cell: &&&Cell| !expected.iter().any(|own| own.dataset == cell.dataset && own.seed == cell.seed);
        let undeclared = cells.iter().filter(extra).count();
        if undeclared > 0 {
            return Err(format!("{undeclared} of its {} are not declared in the grid", plural(cells.len(), "cell")));
        }
        let there = |dataset: &str, seed: u64| cells.iter().any(|cell| cell.dataset == dataset && cell.seed == seed);
        let (all, lacking) = expected
            .iter()
            .fold((0, 0), |(all, lacking), cell| (all + 1, lacking + usize::from(!there(&cell.dataset, cell.seed))));
        if lacking > 0 {
            return Err(format!("{lacking} of its {} are missing", plural(all, "cell")));
        }
        let selected = Self::same_selection(goal, &cells)?;
        let chosen = self.chosen(selected, &cells, history)?;
        let key = Key::of(first);
        if cells.iter().any(|cell| Key::of(cell) != key) {
            return Err("the row's networks are of several kinds".into());
        }
        let names: Vec<&str> = match goal.dataset.as_str() {
            "mean" => OF_MEAN.to_vec(),
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
    fn same_selection<'a>(goal: &Goal, cells: &[&'a Cell]) -> std::result::Result<&'a Selected, String> {
        let without = cells.iter().filter(|cell| cell.selected.is_none()).count();
        if without > 0 {
            let all = plural(cells.len(), "cell");
            return Err(format!("{without} of {all} name no cross-validation, as they were made"));
        }
        let mut chosen: Vec<_> = cells.iter().filter_map(|cell| cell.selected.as_ref()).collect();
        chosen.sort_unstable();
        chosen.dedup();
        let [selected] = chosen.as_slice() else {
            return Err(format!("the cells name {} or commits", plural(chosen.len(), "cross-validation")));
        };
        if selected.file.is_empty() || selected.commit.is_empty() {
            return Err("the cells name a cross-validation without its file or commit".into());
        }
        if selected.file != goal.selection {
            return Err(format!("the cells were chosen by {}, and the goal names {}", selected.file, goal.selection));
        }
        Ok(selected)
    }

    /// What a cross-validation says of a row with these cells, where its file is to be found and is what the commit holds.
    fn chosen(
        &self,
        selected: &Selected,
        cells: &[&Cell],
        history: &dyn History,
    ) -> std::result::Result<String, String> {
        let Selected { file, commit } = selected;
        let inside = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside {
            return Err(format!("'{file}' is no path from the root of the repository"));
        }
        let Some(path) = self.find(file) else { return Err(format!("{file} is not here")) };
        let bytes = fs::read(&path).map_err(|error| format!("{file} cannot be read: {error}"))?;
        match history.content(commit, file) {
            Some(committed) if committed == bytes => {}
            Some(_) => return Err(format!("{file} is not what commit {commit} holds")),
            None => {
                return Err(format!(
                    "no commit {commit} with {file} (from the root of the repository) is known here"
                ));
            }
        }
        let selection = Selection::parse(&bytes).map_err(|problem| format!("{file} {problem}"))?;
        let first = cells[0];
        let places = selection.tables.iter().flat_map(|table| table.candidates.iter().enumerate());
        let own = places.filter(|(_, candidate)| candidate.row == first.row && candidate.axis == first.axis);
        let candidate = match own.collect::<Vec<_>>().as_slice() {
            [(0, candidate)] => *candidate,
            [_] => return Err(format!("{file} holds the row, and chose another")),
            [] => return Err(format!("{file} does not hold the row as a candidate")),
            _ => return Err(format!("{file} holds the row in several tables")),
        };
        for cell in cells {
            let dataset = dataset_name(&cell.dataset);
            if candidate.method != cell.method {
                let [own, chosen] = [cell.method, candidate.method].map(spiketext_study::Method::name);
                return Err(format!("the method of the cells is {own}, and {file} chose one by {chosen}"));
            }
            if !candidate.datasets.contains_key(&cell.dataset) {
                return Err(format!("{file} chose without {dataset}"));
            }
            if cell.settings.adversarial.is_some() || cell.settings.attack.is_some() {
                return Err(
                    "the cells are of adversarial training or an attack, which no cross-validation chose".into()
                );
            }
            if selection.format == 1 {
                continue;
            }
            if candidate.settings.get(&cell.dataset) != Some(&cell.settings.digest()) {
                return Err(format!("the row that {file} chose has other vectors or choices on {dataset}"));
            }
            let spared = selection.spared_splits.get(&cell.dataset).copied().unwrap_or(0);
            // Where no split is told the test texts are those of the usual one, which spared splits do not hold.
            let is_tested = match cell.settings.split {
                Some(split) => split >= spared,
                None => spared > 0,
            };
            if is_tested {
                return Err(format!("{file} was chosen on texts of {dataset} that are tested here (splits)"));
            }
        }
        let unknown = match selection.format {
            1 => "; not known: its choices and the texts it kept away from (file of format 1)",
            _ => "",
        };
        Ok(format!("chosen, commit {commit}{unknown}"))
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
