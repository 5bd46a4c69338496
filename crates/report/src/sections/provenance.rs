//! How the study was made, and what of it is missing.

use std::collections::{BTreeMap, BTreeSet};

use spiketext::Result;

use crate::{
    cells::{Study, dataset_name, named},
    markdown::{Page, Table, escaped},
    numbers::{duration, plural},
};

/// Commits, machines, seeds and time.
pub fn cells(study: &Study, page: &mut Page) -> Result<()> {
    page.heading(2, "How it was made");
    let counted = |of: fn(&spiketext_study::Cell) -> &str| {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for cell in &study.cells {
            *counts.entry(of(cell)).or_default() += 1;
        }
        counts
    };
    let commits = counted(|cell| &cell.commit);
    let machines = counted(|cell| &cell.machine);
    let with_counts = |counts: &BTreeMap<&str, usize>| {
        let parts: Vec<String> =
            counts.iter().map(|(name, count)| format!("{} ({})", escaped(name), plural(*count, "cell"))).collect();
        parts.join("; ")
    };
    let seeds: BTreeSet<u64> = study.cells.iter().map(|cell| cell.seed).collect();
    let seeds: Vec<String> = seeds.into_iter().map(|seed| seed.to_string()).collect();
    let total: f64 = study.cells.iter().map(|cell| cell.seconds.total).sum();
    let shared: f64 = study.cells.iter().map(|cell| cell.seconds.shared).sum();
    let rows: Vec<Vec<String>> =
        commits.iter().map(|(commit, count)| vec![(*commit).to_owned(), count.to_string()]).collect();
    let list = page.csv("commits", &["commit", "cells"], &rows)?;
    page.list([
        format!("Cells: {}. A cell is one network of one data set and one seed.", study.cells.len()),
        format!("Commits of the program: {} ({list}).", commits.len()),
        format!("Machines: {}.", with_counts(&machines)),
        format!("Seeds: {}.", seeds.join(", ")),
        format!(
            "Time: {} in all, {} of it for networks that several cells start from.",
            duration(total),
            duration(shared)
        ),
    ]);
    if commits.len() > 1 {
        page.paragraph(&format!(
            "**The cells come from {} commits**: they were not all made by the same program, and rows may differ for \
             that reason too.",
            commits.len()
        ));
    }
    let dirty =
        commits.keys().filter(|commit| commit.ends_with("-dirty")).map(|commit| commits[commit]).sum::<usize>();
    if dirty > 0 {
        let cells = if dirty == 1 { "1 cell is".into() } else { format!("{dirty} cells are") };
        page.paragraph(&format!("**{cells} of a program with changes that no commit holds** (`-dirty`)."));
    }
    if machines.len() > 1 {
        page.paragraph("Seconds come from several machines and are not to be compared across them.");
    }
    Ok(())
}

/// What the declared grid holds beyond the cells. Gives the number of cells missing, if there is a grid.
pub fn missing(study: &Study, page: &mut Page) -> Option<usize> {
    page.heading(2, "What is missing");
    let Some(expected) = &study.expected else {
        page.paragraph(
            "No grid (NAME`.grid.json`) is declared beside the cells, so the report cannot tell what is missing; it shows \
             what is there.",
        );
        return None;
    };
    let place = |table: &str, row: &str, axis: &BTreeMap<String, String>, dataset: &str, seed: u64| {
        (table.to_owned(), row.to_owned(), axis.clone(), dataset.to_owned(), seed)
    };
    let there: BTreeSet<_> =
        study.cells.iter().map(|cell| place(&cell.table, &cell.row, &cell.axis, &cell.dataset, cell.seed)).collect();
    let wanted: BTreeSet<_> =
        expected.iter().map(|cell| place(&cell.table, &cell.row, &cell.axis, &cell.dataset, cell.seed)).collect();
    let mut tables: Vec<&str> = study.tables();
    for cell in expected {
        if !tables.contains(&cell.table.as_str()) {
            tables.push(&cell.table);
        }
    }
    let mut counts = Table::new(1, ["table", "cells there", "cells declared", "missing"]);
    for table in tables {
        let declared = wanted.iter().filter(|cell| cell.0 == table).count();
        let lacking = wanted.iter().filter(|cell| cell.0 == table && !there.contains(*cell)).count();
        counts.row([escaped(table), (declared - lacking).to_string(), declared.to_string(), lacking.to_string()]);
    }
    let lacking: Vec<_> = wanted.difference(&there).collect();
    let extra = there.difference(&wanted).count();
    page.paragraph(&match lacking.len() {
        0 => format!("Nothing: all {} of the declared grid are there.", plural(wanted.len(), "cell")),
        some => format!("**The study is not finished**: {some} of {} are missing.", plural(wanted.len(), "cell")),
    });
    page.table(&counts);
    if extra > 0 {
        let verb = if extra == 1 { "is" } else { "are" };
        page.paragraph(&format!("{} {verb} there that the grid does not declare.", plural(extra, "cell")));
    }
    if !lacking.is_empty() {
        let lacking: BTreeSet<_> = lacking.iter().copied().collect();
        // In the order of the grid, which is that of its author.
        let mut rows: Vec<((&str, String), SeedsOfSets<'_>)> = Vec::new();
        for cell in expected {
            if !lacking.contains(&place(&cell.table, &cell.row, &cell.axis, &cell.dataset, cell.seed)) {
                continue;
            }
            let row = (cell.table.as_str(), named(&cell.row, &cell.axis));
            let sets = entry(&mut rows, row);
            entry(sets, cell.dataset.as_str()).insert(cell.seed);
        }
        page.folded("The missing cells", |page| {
            let mut table = Table::new(3, ["table", "row", "data set: seeds"]);
            for ((name, row), sets) in &rows {
                let sets: Vec<String> = sets
                    .iter()
                    .map(|(dataset, seeds)| format!("{}: {}", escaped(dataset_name(dataset)), ranges(seeds)))
                    .collect();
                table.row([escaped(name), escaped(row), sets.join("; ")]);
            }
            page.table(&table);
        });
    }
    Some(lacking.len())
}

/// Seeds by data set.
type SeedsOfSets<'a> = Vec<(&'a str, BTreeSet<u64>)>;

/// The value of a key in a list that keeps the order in which keys came; empty where the key is new.
fn entry<K: PartialEq, V: Default>(list: &mut Vec<(K, V)>, key: K) -> &mut V {
    let place = list.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
        list.push((key, V::default()));
        list.len() - 1
    });
    &mut list[place].1
}

/// Numbers with neighbours drawn together: `0-2, 4`.
fn ranges(numbers: &BTreeSet<u64>) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if number == *last + 1 => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let parts: Vec<String> = runs
        .into_iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_drawn_together() {
        let of = |numbers: &[u64]| ranges(&numbers.iter().copied().collect());
        assert_eq!(of(&[]), "");
        assert_eq!(of(&[3]), "3");
        assert_eq!(of(&[0, 1, 2, 4, 6, 7]), "0-2, 4, 6-7");
    }
}
