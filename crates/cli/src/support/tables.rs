//! Tables for people.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets::NOTHING};

/// A table without lines; the columns in `right` are aligned to the right.
pub fn plain(header: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header.to_vec());
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Names and what they stand for, one a line.
pub fn facts(rows: &[(&str, String)], out: &mut impl Write) -> io::Result<()> {
    let widest = rows.iter().map(|row| row.0.len()).max().unwrap_or(0);
    for (name, fact) in rows {
        writeln!(out, "{name:widest$}  {fact}")?;
    }
    Ok(())
}
