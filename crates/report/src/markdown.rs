//! The page that grows section by section: foreign text made harmless, tables on it and beside it, figures.

use spiketext::{Error, Result};

/// The most characters of a line of prose.
const WIDTH: usize = 118;

/// A Markdown page, and the figures and tables that lie beside it.
#[derive(Debug, Default)]
pub struct Page {
    /// The Markdown so far.
    pub text: String,
    /// File names without their folder, and SVG.
    pub figures: Vec<(String, String)>,
    /// Tables too long for the page: file names without their folder, and CSV.
    pub tables: Vec<(String, String)>,
    /// The folder of what lies beside the page, as a link begins: `results/`.
    pub link: String,
    /// What could not be read, for whoever makes the page.
    pub notes: Vec<String>,
}

impl Page {
    /// A heading of `level` (2 for a section).
    pub fn heading(&mut self, level: usize, text: &str) {
        self.text.push_str(&format!("{} {}\n\n", "#".repeat(level), escaped(text)));
    }

    /// A paragraph of Markdown.
    pub fn paragraph(&mut self, markdown: &str) {
        self.text.push_str(&wrapped(markdown, ""));
        self.text.push_str("\n\n");
    }

    /// A list of Markdown items.
    pub fn list(&mut self, items: impl IntoIterator<Item = String>) {
        for item in items {
            self.text.push_str(&format!("{}\n", wrapped(&format!("- {item}"), "  ")));
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
        let file = free_name(name, "svg", &self.figures);
        self.text.push_str(&format!("![{}]({}figures/{file})\n\n", escaped(alternative), self.link));
        self.figures.push((file, svg?));
        Ok(())
    }

    /// A figure that is not shown but linked, as `words`; gives the link.
    ///
    /// # Errors
    /// If `svg` is one.
    pub fn linked_figure(&mut self, name: &str, words: &str, svg: Result<String>) -> Result<String> {
        let file = free_name(name, "svg", &self.figures);
        let link = format!("[{}]({}figures/{file})", escaped(words), self.link);
        self.figures.push((file, svg?));
        Ok(link)
    }

    /// Lays a table of plain cells beside the page, under `name`, and gives a link to it.
    ///
    /// # Errors
    /// If a row has another number of cells than there are columns.
    pub fn csv(&mut self, name: &str, columns: &[&str], rows: &[Vec<String>]) -> Result<String> {
        let broken = |error: String| Error::invalid("report", "rows of as many cells as columns", error);
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(columns.iter().map(|name| plain(name))).map_err(|error| broken(error.to_string()))?;
        for row in rows {
            writer.write_record(row.iter().map(|cell| plain(cell))).map_err(|error| broken(error.to_string()))?;
        }
        let bytes = writer.into_inner().map_err(|error| broken(error.to_string()))?;
        let file = free_name(name, "csv", &self.tables);
        let link = format!("[{file}]({}tables/{file})", self.link);
        self.tables.push((file, String::from_utf8_lossy(&bytes).into_owned()));
        Ok(link)
    }
}

/// A file name out of `name` that no other file has.
fn free_name(name: &str, ending: &str, taken: &[(String, String)]) -> String {
    let stem = file_stem(name);
    let mut file = format!("{stem}.{ending}");
    let mut number = 2;
    while taken.iter().any(|(other, _)| *other == file) {
        file = format!("{stem}-{number}.{ending}");
        number += 1;
    }
    file
}

/// Prose in lines of at most [`WIDTH`] characters where its words allow it; lines after the first begin with
/// `indent`.
fn wrapped(text: &str, indent: &str) -> String {
    // A word that may not begin a line stays with the one before it.
    let mut pieces: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match pieces.last_mut().filter(|_| begins_a_block(word)) {
            Some(last) => *last = format!("{last} {word}"),
            None => pieces.push(word.to_owned()),
        }
    }
    let mut out = String::new();
    let mut width = 0;
    for piece in pieces {
        let length = piece.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            out.push('\n');
            out.push_str(indent);
            width = indent.len();
        } else if width > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(&piece);
        width += length;
    }
    out
}

/// Whether Markdown would take a line that begins with `word` for something else than more of a paragraph.
fn begins_a_block(word: &str) -> bool {
    let number = word.trim_start_matches(|c: char| c.is_ascii_digit());
    word.chars().all(|c| "-+*=_".contains(c))
        || word.starts_with(['#', '>', '<', '|'])
        || word.starts_with("```")
        || word.starts_with("~~~")
        || (number.len() < word.len() && number.starts_with(['.', ')']))
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
        let mut page = Page { link: "r/".into(), ..Page::default() };
        for name in ["../A b", "a-B", "好"] {
            page.figure(name, "x]", Ok("<svg/>".into())).expect("a figure");
        }
        let names: Vec<&str> = page.figures.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a-b.svg", "a-b-2.svg", "figure.svg"]);
        assert!(page.text.starts_with("![x\\]](r/figures/a-b.svg)\n\n"));
    }

    #[test]
    fn prose_is_wrapped_where_markdown_allows_it() {
        let words = vec!["word"; 40].join(" ");
        let mut page = Page::default();
        page.paragraph(&words);
        assert!(page.text.lines().all(|line| line.len() <= WIDTH) && page.text.lines().count() == 3, "{}", page.text);
        assert_eq!(page.text.split_whitespace().collect::<Vec<_>>().join(" "), words);
        // A sign or a number with a point at the beginning of a line would make a list of it.
        let long = "x".repeat(WIDTH - 2);
        assert_eq!(wrapped(&format!("{long} a - b"), ""), format!("{long}\na - b"));
        assert_eq!(wrapped(&format!("{long} a 8. b"), "  "), format!("{long}\n  a 8. b"));
    }

    #[test]
    fn long_tables_lie_beside_the_page() {
        let mut page = Page { link: "r/".into(), ..Page::default() };
        let link = page.csv("A b", &["row", "a"], &[vec!["x, \"y\"\n".into(), "1".into()]]).expect("a table");
        assert_eq!(link, "[a-b.csv](r/tables/a-b.csv)");
        assert_eq!(page.tables, [("a-b.csv".to_owned(), "row,a\n\"x, \"\"y\"\" \",1\n".to_owned())]);
        assert!(page.csv("A b", &["row", "a"], &[vec!["x".into()]]).is_err());
    }

    #[test]
    fn tables_put_numbers_at_the_right() {
        let mut table = Table::new(1, ["row", "a"]);
        table.row(["x", "1"]);
        assert_eq!(table.markdown(), "| row | a |\n| --- | ---: |\n| x | 1 |\n");
    }
}
