//! Tables that Python's csv module, pandas, polars and pyarrow wrote, in every dialect they have: each is read back equal,
//! row by row and as a whole, or refused by a line that names the file. `reference/check_readers.py --archive` wrote
//! them.
#![cfg(all(feature = "compressed", feature = "parquet"))]

use std::path::Path;

use serde::Deserialize;
use spiketext::data::{Escape, ReadOptions, TextStream, read_file, read_texts};

const ARCHIVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/tables.jsonl.zst");

/// A table, and what must be read from it.
#[derive(Deserialize)]
struct Written {
    name: String,
    /// The program and its settings.
    writer: String,
    /// Whether everybody reads this dialect, so that nothing may be refused.
    usual: bool,
    /// Whether a backslash stands before what would mean something else.
    escaped: bool,
    /// Whether single quotes enclose fields, which nothing tells from letters where no field needs them.
    single_quotes: bool,
    text: String,
    label: String,
    texts: Vec<String>,
    labels: Vec<String>,
    /// The file, in hexadecimal digits.
    bytes: String,
}

impl Written {
    fn content(&self) -> Vec<u8> {
        let digits = |at| u8::from_str_radix(&self.bytes[at..at + 2], 16).expect("two digits");
        (0..self.bytes.len()).step_by(2).map(digits).collect()
    }

    /// A text or label without what no reader need keep or can tell: white space at the ends, line ends, two backslashes
    /// for one, single quotes around it.
    fn plain(&self, text: &str) -> String {
        let text = text.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned();
        match (self.escaped, self.single_quotes) {
            (_, true) => text.replace('\'', ""),
            (true, _) => text.replace("\\\\", "\\"),
            _ => text,
        }
    }

    fn are(&self, found: &[impl AsRef<str>], wanted: &[String]) -> bool {
        let wanted = wanted.iter().map(|wanted| self.plain(wanted));
        found.iter().map(|found| self.plain(found.as_ref())).eq(wanted)
    }
}

fn streamed(path: &Path, options: &ReadOptions) -> spiketext::Result<Vec<String>> {
    let mut stream = TextStream::open(path, options)?;
    let mut texts = Vec::new();
    loop {
        let batch = stream.next_batch(5)?;
        if batch.is_empty() {
            return Ok(texts);
        }
        texts.extend(batch.into_iter().map(|record| record.text));
    }
}

/// The options that `told` asks for where nothing was said: the name of the column, and then the escape.
fn said(written: &Written, told: Option<&str>) -> ReadOptions {
    let mut options = ReadOptions::default();
    if told.is_some() {
        options.text = vec![written.text.clone()];
    }
    if told.is_some_and(|told| !told.contains("--text-column")) && written.escaped {
        options.escape = Escape::By('\\');
    }
    options
}

#[test]
fn what_other_programs_write_is_read_back_or_refused() {
    let packed = std::fs::read(ARCHIVE).expect("the archive");
    let lines = String::from_utf8(zstd::decode_all(&packed[..]).expect("unpacked")).expect("UTF-8");
    let folder = tempfile::tempdir().expect("a folder");
    let (mut read, mut refused) = (0, 0);
    for line in lines.lines() {
        let written: Written = serde_json::from_str(line).expect("a table");
        let path = folder.path().join(&written.name);
        std::fs::write(&path, written.content()).expect("written");
        // Whoever is asked and answers gets the texts.
        let mut options = said(&written, None);
        let mut found = streamed(&path, &options);
        for _ in 0..2 {
            let Err(error) = &found else { break };
            options = said(&written, Some(&error.to_string()));
            found = streamed(&path, &options);
        }
        let place = format!("{}, {}", written.name, written.writer);
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                assert!(!written.usual && error.to_string().contains(&written.name), "{place}: {error}");
                refused += 1;
                continue;
            }
        };
        assert!(written.are(&found, &written.texts), "{place}: {found:?}, not {:?}", written.texts);
        let whole: Vec<String> =
            read_texts(&path, &options).expect(&written.name).rows.into_iter().map(|row| row.text).collect();
        // A record of the texts themselves is never the same as the header here.
        assert_eq!(whole, found, "{place}");
        options.text = vec![written.text.clone()];
        options.label = Some(written.label.clone());
        let table = read_file(&path, &options).unwrap_or_else(|error| panic!("{place}: {error}"));
        let labels: Vec<&str> = table.rows.iter().map(|row| row.label()).collect();
        assert!(written.are(&labels, &written.labels), "{place}: {labels:?}, not {:?}", written.labels);
        read += 1;
    }
    // A dialect that is not the usual one may be refused; no more of them are than when the archive was made.
    assert!(read >= 361 && refused <= 39, "{read} read, {refused} refused");
}
