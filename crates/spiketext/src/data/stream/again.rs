//! A file whose texts are read more than once.

use std::path::{Path, PathBuf};

use super::TextStream;
use crate::{
    Result,
    data::{input::Input, options::ReadOptions},
};

/// A file of texts, each time from its beginning. Standard input lies in a temporary file for so long.
pub struct TextFile {
    path: PathBuf,
    input: Input,
}

impl TextFile {
    /// The file at `path`; `-` is standard input, which is read to its end.
    ///
    /// # Errors
    /// A file that is not there, holds nothing or is none.
    pub fn of(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Ok(Self { path: path.to_owned(), input: Input::of(path)? })
    }

    /// Its texts.
    ///
    /// # Errors
    /// Those of [`TextStream::open`].
    pub fn texts<'a>(&self, options: &'a ReadOptions) -> Result<TextStream<'a>> {
        let input = self.input.again();
        let content = input.content()?;
        TextStream::of(&self.path, input.name.clone(), Some(input), content, options, &[], false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "id,text\n1,\"a, b\"\n2,c\n").unwrap();
        let (file, options) = (TextFile::of(&path).unwrap(), ReadOptions::default());
        for _ in 0..2 {
            let batch = file.texts(&options).unwrap().next_batch(10).unwrap();
            assert_eq!(batch.iter().map(|record| record.text.as_str()).collect::<Vec<_>>(), ["a, b", "c"]);
        }
        assert!(TextFile::of(folder.path().join("no")).is_err() && TextFile::of(folder.path()).is_err());
    }
}
