//! The page that grows section by section: foreign text made harmless, tables, figures.

use spiketext::Result;

/// A Markdown page and the figures it shows.
#[derive(Debug, Default)]
pub struct Page {
    /// The Markdown so far.
    pub text: String,
    /// File names without their folder, and SVG.
    pub figures: Vec<(String, String)>,
    /// What stands before a figure's file name in a link, `results/figures/`.
    pub link: String,
}

impl Page {
    /// A heading of `level` (2 for a section).
    pub fn heading(&mut self, level: usize, text: &str) {
        self.text.push_str(&format!("{} {}\n\n", "#".repeat(level), escaped(text)));
    }

    /// A paragraph of Markdown.
    pub fn paragraph(&mut self, markdown: &str) {
        self.text.push_str(markdown);
        self.text.push_str("\n\n");
    }

    /// A list of Markdown items.
    pub fn list(&mut self, items: impl IntoIterator<Item = String>) {
        for item in items {
            self.text.push_str(&format!("- {item}\n"));
        }
        self.text.push('\n');
    }

    /// A table.
    pub fn table(&mut self, table: &Table) {
        self.text.push_str(&table.markdown());
        self.text.push('\n');
    }

    /// What `inside` adds, folded away under `summary` until somebody opens it.
    pub fn folded(&mut self, summary: &str, inside: impl FnOnce(&mut Self)) {
        self.text.push_str(&format!("<details><summary>{}</summary>\n\n", escaped(summary)));
        inside(self);
        self.text.push_str("</details>\n\n");
    }

    /// A figure under `name` (made into a file name that no other figure has) with what it shows in words.
    ///
    /// # Errors
    /// If `svg` is one.
    pub fn figure(&mut self, name: &str, alternative: &str, svg: Result<String>) -> Result<()> {
        let stem = file_stem(name);
        let mut file = format!("{stem}.svg");
        let mut number = 2;
        while self.figures.iter().any(|(taken, _)| *taken == file) {
            file = format!("{stem}-{number}.svg");
            number += 1;
        }
        self.text.push_str(&format!("![{}]({}{file})\n\n", escaped(alternative), self.link));
        self.figures.push((file, svg?));
        Ok(())
    }
}

/// A table of Markdown cells.
#[derive(Debug)]
pub struct Table {
    columns: Vec<String>,
    /// How many columns from the left hold words; the others hold numbers and stand at the right.
    words: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows, whose first `words` columns are words.
    pub fn new(words: usize, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), words, rows: Vec::new() }
    }

    /// Adds a row of Markdown cells.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        let row: Vec<String> = cells.into_iter().map(Into::into).collect();
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule: Vec<String> =
            (0..self.columns.len()).map(|i| if i < self.words { "---".into() } else { "---:".to_owned() }).collect();
        let mut text = line(&self.columns) + &line(&rule);
        text.extend(self.rows.iter().map(|row| line(row)));
        text
    }
}

/// `text` on one line, with nothing in it that Markdown or HTML would read as more than text.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '|' | '$' | '!' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// `text` on one line: control characters, those that turn the direction of writing and those that XML does not know
/// become spaces.
#[must_use]
pub fn plain(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
    };
    text.chars().map(|c| if harmful(c) { ' ' } else { c }).collect()
}

/// Lower case, digits and single hyphens; `figure` where nothing is left.
fn file_stem(name: &str) -> String {
    let lower: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let stem = lower.split('-').filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join("-");
    let stem: String = stem.chars().take(80).collect();
    if stem.is_empty() { "figure".into() } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_only_text() {
        assert_eq!(escaped("a|b <i>\n&`*_"), "a\\|b &lt;i&gt; &amp;\\`\\*\\_");
        assert_eq!(plain("a\u{202e}\u{7}\r\nb\u{ffff}"), "a    b ");
    }

    #[test]
    fn figures_have_names_of_their_own() {
        let mut page = Page { link: "r/figures/".into(), ..Page::default() };
        for name in ["../A b", "a-B", "好"] {
            page.figure(name, "x]", Ok("<svg/>".into())).expect("a figure");
        }
        let names: Vec<&str> = page.figures.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a-b.svg", "a-b-2.svg", "figure.svg"]);
        assert!(page.text.starts_with("![x\\]](r/figures/a-b.svg)\n\n"));
    }

    #[test]
    fn tables_put_numbers_at_the_right() {
        let mut table = Table::new(1, ["row", "a"]);
        table.row(["x", "1"]);
        assert_eq!(table.markdown(), "| row | a |\n| --- | ---: |\n| x | 1 |\n");
    }
}
