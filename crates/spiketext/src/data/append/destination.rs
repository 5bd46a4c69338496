//! Where a table is written, and in which form: beside its place until it is whole, packed where the name says so.

use std::{
    fmt,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::{
    Error, Result,
    files::{NewFile, Overlap, check_place, overlap},
};

/// The name that stands for standard output.
const STANDARD_OUTPUT: &str = "-";

/// The form of a table that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableForm {
    /// Fields between commas, or between what the source has.
    Csv,
    /// Fields between tabs.
    Tsv,
    /// A JSON object a line.
    JsonLines,
    /// One JSON array of objects.
    JsonArray,
    /// Apache Parquet.
    Parquet,
}

impl TableForm {
    /// The names that [`TableForm::from_str`] takes.
    pub const NAMES: [&str; 5] = ["csv", "tsv", "jsonl", "json", "parquet"];
}

impl fmt::Display for TableForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::JsonLines => "JSON lines",
            Self::JsonArray => "a JSON array",
            Self::Parquet => "Parquet",
        })
    }
}

impl FromStr for TableForm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name.to_lowercase().as_str() {
            "csv" => Self::Csv,
            "tsv" | "tab" => Self::Tsv,
            "jsonl" | "ndjson" => Self::JsonLines,
            "json" => Self::JsonArray,
            "parquet" | "pq" => Self::Parquet,
            _ => {
                let known = Self::NAMES.iter().map(|&name| name.to_owned()).collect();
                return Err(Error::UnknownName { what: "form of a table", name: name.to_owned(), known });
            }
        })
    }
}

/// What packs a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

/// Where a table is written.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The place; none for standard output.
    path: Option<PathBuf>,
    form: Option<TableForm>,
    packing: Packing,
    replace: bool,
}

impl Destination {
    /// The file at `path`, whose ending says its form unless `form` does (`.gz` or `.zst` behind it packs it); `-` is
    /// standard output. A file that is there is replaced if `replace` says so.
    ///
    /// # Errors
    /// If the ending says nothing; if Parquet, whose columns are packed one by one, is to be packed again.
    pub fn of(path: &Path, form: Option<TableForm>, replace: bool) -> Result<Self> {
        if path.as_os_str() == STANDARD_OUTPUT {
            return Ok(Self { path: None, form, packing: Packing::None, replace });
        }
        let ending = |path: &Path| path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
        let packing = match ending(path).as_deref() {
            Some("gz") => Packing::Gzip,
            Some("zst") => Packing::Zstd,
            _ => Packing::None,
        };
        let inner = if packing == Packing::None { path.to_owned() } else { path.with_extension("") };
        let told = ending(&inner).and_then(|ending| TableForm::from_str(&ending).ok());
        let Some(form) = form.or(told) else {
            return Err(Error::invalid(
                "write a table",
                "a name that ends in .csv, .tsv, .jsonl, .ndjson, .json or .parquet, all but the last with .gz or .zst \
                 behind it, or a form beside it (--out-format)",
                format!("'{}'", path.display()),
            ));
        };
        if packing != Packing::None && (form == TableForm::Parquet || cfg!(not(feature = "compressed"))) {
            let expected = match form {
                TableForm::Parquet => "Parquet without .gz or .zst: its columns are packed one by one",
                _ => "a name without .gz or .zst: this build does not pack",
            };
            return Err(Error::invalid("write a table", expected, format!("'{}'", path.display())));
        }
        Ok(Self { path: Some(path.to_owned()), form: Some(form), packing, replace })
    }

    /// The form, if it is known without the source.
    #[must_use]
    pub fn form(&self) -> Option<TableForm> {
        self.form
    }

    /// The place, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new("standard output"))
    }

    /// Whether a file is there that will be replaced.
    #[must_use]
    pub fn replaces(&self) -> bool {
        self.path.as_deref().is_some_and(Path::exists)
    }

    /// Whether something made of `source` may be written here, to find out before any work.
    ///
    /// # Errors
    /// If it is the source itself, under any name, or in the folder that is the source; if there is a file that is not to be
    /// replaced, or something that is no file; if the folder takes no files.
    pub fn check(&self, source: &Path) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let refuse = |expected: &str, got: &str| {
            Err(Error::invalid("write a table", expected, format!("'{}', {got}", path.display())))
        };
        match overlap(path, source).filter(|_| !path.is_dir()) {
            Some(Overlap::Same(same)) if same == source => {
                return refuse("another file than the one that is read", "which is that file");
            }
            Some(overlap) => return refuse("a place outside of what is read", &overlap.to_string()),
            None => {}
        }
        let Ok(metadata) = std::fs::metadata(path) else {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            return match folder.filter(|folder| !folder.is_dir()) {
                _ if path.is_symlink() => refuse("the name of a file", "which is a link that leads nowhere"),
                Some(folder) => refuse("a folder that is there", &format!("but there is no {}", folder.display())),
                None => check_place(path),
            };
        };
        if metadata.is_dir() {
            return refuse("the name of a file", "which is a folder");
        }
        if !metadata.is_file() {
            return refuse("the name of a file, or `-` for standard output", "which is a device or a pipe");
        }
        match self.replace {
            true => check_place(&std::fs::canonicalize(path).unwrap_or_else(|_| path.clone())),
            false => refuse("the name of a new file, or --force to replace it", "which exists"),
        }
    }

    /// Begins to write.
    pub(super) fn create(&self) -> Result<Output> {
        let raw = match &self.path {
            None => Raw::Standard(io::stdout()),
            // What a link points to is replaced, not the link.
            Some(path) => Raw::File(NewFile::at(&std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()))?),
        };
        let buffered = BufWriter::with_capacity(1 << 16, raw);
        let writer = match self.packing {
            Packing::None => Packed::Plain(buffered),
            #[cfg(feature = "compressed")]
            Packing::Gzip => Packed::Gzip(flate2::write::GzEncoder::new(buffered, flate2::Compression::default())),
            #[cfg(feature = "compressed")]
            Packing::Zstd => {
                Packed::Zstd(zstd::stream::write::Encoder::new(buffered, 3).map_err(Error::write(self.path()))?)
            }
            #[cfg(not(feature = "compressed"))]
            _ => Packed::Plain(buffered),
        };
        Ok(Output { path: self.path().to_owned(), replace: self.replace, writer })
    }
}

#[cfg(not(feature = "parquet"))]
pub(super) fn no_parquet(path: &Path) -> Error {
    let got = format!("'{}' for Parquet, whose feature is off", path.display());
    Error::invalid("write a table", "a form that this build writes", got)
}

/// A file on its way to its place, or standard output.
pub(super) struct Output {
    path: PathBuf,
    replace: bool,
    writer: Packed,
}

enum Packed {
    Plain(BufWriter<Raw>),
    #[cfg(feature = "compressed")]
    Gzip(flate2::write::GzEncoder<BufWriter<Raw>>),
    #[cfg(feature = "compressed")]
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<Raw>>),
}

enum Raw {
    File(NewFile),
    Standard(io::Stdout),
}

impl Output {
    /// Writes all of `bytes`.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(Error::write(&self.path))
    }

    /// Gives a reader of standard output what there is.
    pub(super) fn pass_on(&mut self) -> Result<()> {
        match &mut self.writer {
            Packed::Plain(writer) if matches!(writer.get_ref(), Raw::Standard(_)) => {
                writer.flush().map_err(Error::write(&self.path))
            }
            _ => Ok(()),
        }
    }

    /// What errors call it.
    #[cfg(feature = "parquet")]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in its place.
    pub(super) fn finish(self) -> Result<()> {
        let Self { path, replace, writer } = self;
        let buffered = match writer {
            Packed::Plain(writer) => writer,
            #[cfg(feature = "compressed")]
            Packed::Gzip(encoder) => encoder.finish().map_err(Error::write(&path))?,
            #[cfg(feature = "compressed")]
            Packed::Zstd(encoder) => encoder.finish().map_err(Error::write(&path))?,
        };
        match buffered.into_inner().map_err(|error| Error::write(&path)(error.into_error()))? {
            Raw::File(file) => file.commit(replace),
            Raw::Standard(mut out) => out.flush().map_err(Error::write(&path)),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.writer {
            Packed::Plain(writer) => writer.write(bytes),
            #[cfg(feature = "compressed")]
            Packed::Gzip(writer) => writer.write(bytes),
            #[cfg(feature = "compressed")]
            Packed::Zstd(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.writer {
            Packed::Plain(writer) => writer.flush(),
            #[cfg(feature = "compressed")]
            Packed::Gzip(writer) => writer.flush(),
            #[cfg(feature = "compressed")]
            Packed::Zstd(writer) => writer.flush(),
        }
    }
}

impl Write for Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Standard(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Standard(out) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(name: &str) -> Result<Option<TableForm>> {
        Destination::of(Path::new(name), None, false).map(|destination| destination.form())
    }

    #[test]
    fn endings_say_the_form() {
        assert_eq!(form("a/b.CSV").unwrap(), Some(TableForm::Csv));
        assert_eq!(form("b.jsonl").unwrap(), Some(TableForm::JsonLines));
        assert_eq!(form("b.json").unwrap(), Some(TableForm::JsonArray));
        assert_eq!(form("b.parquet").unwrap(), Some(TableForm::Parquet));
        assert_eq!(form("-").unwrap(), None);
        let message = form("b.txt").unwrap_err().to_string();
        assert!(message.contains("'b.txt'") && message.contains("--out-format"), "{message}");
        let said = Destination::of(Path::new("b.txt"), Some(TableForm::Tsv), false).unwrap();
        assert_eq!(said.form(), Some(TableForm::Tsv));
        assert!(form("b.parquet.gz").unwrap_err().to_string().contains("one by one"));
        #[cfg(feature = "compressed")]
        assert_eq!(form("b.tsv.gz").unwrap(), Some(TableForm::Tsv));
    }

    #[test]
    fn what_is_there_is_replaced_only_if_asked_for_and_never_the_source() {
        let folder = tempfile::tempdir().unwrap();
        let (source, other) = (folder.path().join("a.csv"), folder.path().join("b.csv"));
        std::fs::write(&source, "a").unwrap();
        std::fs::write(&other, "b").unwrap();
        let check =
            |path: &Path, replace| Destination::of(path, Some(TableForm::Csv), replace).unwrap().check(&source);
        assert!(check(&other, false).unwrap_err().to_string().contains("--force"));
        check(&other, true).unwrap();
        check(&folder.path().join("c.csv"), false).unwrap();
        check(Path::new("c.csv"), false).unwrap();
        assert!(check(&folder.path().join("no/c.csv"), false).unwrap_err().to_string().contains("there is no"));
        assert!(check(folder.path(), true).unwrap_err().to_string().contains("a folder"));
        assert!(check(&source, true).unwrap_err().to_string().contains("which is that file"));
        #[cfg(unix)]
        {
            let (link, hard) = (folder.path().join("link.csv"), folder.path().join("hard.csv"));
            std::os::unix::fs::symlink(&source, &link).unwrap();
            std::fs::hard_link(&source, &hard).unwrap();
            for name in [link, hard] {
                assert!(check(&name, true).unwrap_err().to_string().contains("which is that file"));
            }
            assert!(check(Path::new("/dev/null"), true).unwrap_err().to_string().contains("a device"));
        }
    }
}
