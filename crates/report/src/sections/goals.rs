//! What the study was to reach, and whether it did.

use crate::{
    cells::{Study, dataset_name, named},
    goals::Goals,
    history::History,
    markdown::{Page, Table, escaped},
};

/// A line for each goal; of those that are not judged, why.
pub fn section(study: &Study, goals: &Goals, history: &dyn History, page: &mut Page) {
    if goals.list.is_empty() {
        return;
    }
    page.heading(2, "Goals");
    page.paragraph(
        "What the grid asks of its rows. A goal is *met* or *missed* only where it lies outside the 95 % interval over \
         seeds and test texts of what was reached, and *open* inside it. It is judged only if no cell of its row on that \
         data set is missing, all name one cross-validation and its commit, that is the one the goal names, its file is \
         as that commit holds it, and it chose this row: its method, vectors (by name) and choices, on other texts than those that are \
         tested, if the files were the same. A cell that names a commit's hash was made after it. When the goals themselves \
         were set, the history of the grid says.",
    );
    let mut table = Table::new(3, ["goal", "row", "data set", "at least", "reached", "verdict", "cross-validation"]);
    for goal in &goals.list {
        let mut cells = vec![
            escaped(&goal.name),
            escaped(&named(&goal.row, &goal.axis)),
            escaped(dataset_name(&goal.dataset)),
            format!("{:.2}", goal.at_least),
        ];
        match goals.judge(goal, study, history) {
            Ok(reached) => {
                let [low, high] = reached.spread.interval();
                cells.push(format!("{:.2} ({low:.2} to {high:.2})", reached.spread.mean()));
                cells.push(reached.verdict.to_owned());
                cells.push(format!("{}: {}", escaped(&goal.selection), reached.chosen));
            }
            Err(reason) => {
                cells.extend(["–".to_owned(), format!("not judged: {}", escaped(&reason)), escaped(&goal.selection)]);
            }
        }
        table.row(cells);
    }
    page.table(&table);
}
