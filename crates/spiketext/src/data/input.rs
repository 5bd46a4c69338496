//! What is read: a file or standard input, unpacked and in UTF-8, as often as its readers begin anew.

use std::{
    fs::File,
    io::{self, BufRead, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tempfile::NamedTempFile;

use super::lines::Lines;
#[cfg(feature = "compressed")]
use crate::unpack;
use crate::{Error, Result};

/// How much of the content is looked at to tell its form.
pub(crate) const HEAD: usize = 1 << 16;

/// Extensions of packed files.
pub(super) const PACKED: [&str; 4] = ["gz", "zst", "bz2", "xz"];

/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// Lines of what was opened.
pub(crate) type TextLines = Lines<Box<dyn Read>>;

/// Bytes that can be read more than once.
pub(crate) struct Input {
    /// What errors call it.
    pub(crate) name: PathBuf,
    place: PathBuf,
    /// Standard input, kept so long: it can be read only once.
    _copy: Option<NamedTempFile>,
}

impl Input {
    /// The file at `path`; `-` is standard input, which is read to its end.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        if is_standard_input(path) {
            return Self::copied(io::stdin().lock(), Path::new("standard input"));
        }
        let metadata = std::fs::metadata(path).map_err(Error::read(path))?;
        if !metadata.is_file() {
            let got = "something else (a device or a pipe; `-` reads standard input)";
            return Err(Error::malformed(path, None, "a file or a folder", got));
        }
        if metadata.len() == 0 {
            return Err(Error::malformed(path, None, "texts", "an empty file"));
        }
        Ok(Self { name: path.to_owned(), place: path.to_owned(), _copy: None })
    }

    /// The same bytes once more, for as long as this value lasts.
    pub(crate) fn again(&self) -> Self {
        Self { name: self.name.clone(), place: self.place.clone(), _copy: None }
    }

    /// What `reader` gives, in a temporary file that goes with this value.
    pub(crate) fn copied(mut reader: impl Read, name: &Path) -> Result<Self> {
        let mut copy = NamedTempFile::new().map_err(Error::write(std::env::temp_dir()))?;
        if io::copy(&mut reader, &mut copy).and_then(|read| copy.flush().map(|()| read)).map_err(Error::read(name))?
            == 0
        {
            return Err(Error::malformed(name, None, "texts", "nothing"));
        }
        Ok(Self { name: name.to_owned(), place: copy.path().to_owned(), _copy: Some(copy) })
    }

    /// The content in a temporary file, for readers that go back and forth in it; none where the file is Parquet as
    /// it lies there.
    #[cfg(feature = "parquet")]
    pub(crate) fn unpacked(&self) -> Result<Option<Self>> {
        let mut magic = Vec::new();
        let mut file = File::open(&self.place).map_err(Error::read(&self.name))?;
        Read::by_ref(&mut file).take(4).read_to_end(&mut magic).map_err(Error::read(&self.name))?;
        if magic == b"PAR1" { Ok(None) } else { Self::copied(self.open()?, &self.name).map(Some) }
    }

    /// Where the bytes lie, as they are.
    #[cfg(feature = "parquet")]
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// The content from its beginning: unpacked, and in UTF-8 if a mark says that it is in UTF-16.
    pub(crate) fn open(&self) -> Result<Box<dyn Read>> {
        self.content().map(|content| content.reader)
    }

    /// [`Input::open`], with what it was.
    pub(crate) fn content(&self) -> Result<Content> {
        let file = File::open(&self.place).map_err(Error::read(&self.name))?;
        let bytes = file.metadata().map_err(Error::read(&self.name))?.len();
        let read = Arc::new(AtomicU64::new(0));
        let content = Content::of(Counted { file, read: Arc::clone(&read) }, &self.name)?;
        Ok(Content { extent: Extent::Bytes { all: bytes, read }, ..content })
    }

    /// The first bytes of the content.
    pub(crate) fn head(&self) -> Result<Vec<u8>> {
        let mut head = Vec::new();
        self.open()?.take(HEAD as u64).read_to_end(&mut head).map_err(Error::read(&self.name))?;
        Ok(head)
    }

    /// The lines of the content.
    pub(crate) fn lines(&self) -> Result<TextLines> {
        Ok(Lines::new(&self.name, self.open()?))
    }
}

/// Content that is read once, unpacked and in UTF-8.
pub(crate) struct Content {
    pub(crate) reader: Box<dyn Read>,
    /// Whether it was in UTF-16.
    pub(crate) was_utf_16: bool,
    /// How far it was read.
    pub(crate) extent: Extent,
}

/// How much of a source there is, and how far it was read.
#[derive(Clone, Debug)]
pub enum Extent {
    /// So many rows.
    Rows(u64),
    /// So many bytes as they lie in the file, of which some were read.
    Bytes {
        /// All of them.
        all: u64,
        /// Those that were read.
        read: Arc<AtomicU64>,
    },
    /// It may never end.
    Unknown,
}

impl Extent {
    /// The share of the source that was read when `rows` were done; none where nobody knows.
    #[must_use]
    pub fn share(&self, rows: u64) -> Option<f64> {
        let (part, all) = match self {
            Self::Rows(all) => (rows, *all),
            Self::Bytes { all, read } => (read.load(Ordering::Relaxed), *all),
            Self::Unknown => return None,
        };
        (all > 0).then(|| (part as f64 / all as f64).min(1.0))
    }
}

/// A file that counts what is read of it.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Content {
    /// The content of what `raw` gives, which errors call `name`.
    pub(crate) fn of(mut raw: impl Read + 'static, name: &Path) -> Result<Self> {
        // As much as readers look at: they take the first bytes that come for a sample of all.
        let mut head = Vec::new();
        raw.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(Error::read(name))?;
        if let Some(form) = packed(&head) {
            return Err(Error::malformed(name, None, "a file that this program can unpack", form));
        }
        #[cfg(feature = "compressed")]
        let magic = head[..head.len().min(unpack::MAGIC)].to_vec();
        let whole = io::BufReader::with_capacity(HEAD, io::Cursor::new(head).chain(raw));
        #[cfg(feature = "compressed")]
        let whole = unpack::opened(&magic, whole).map_err(Error::read(name))?;
        let (mark, whole) = marked(whole).map_err(Error::read(name))?;
        Ok(match mark {
            Some(encoding) => {
                Self { reader: Box::new(Utf16::new(whole, encoding)), was_utf_16: true, extent: Extent::Unknown }
            }
            None => Self { reader: Box::new(whole), was_utf_16: false, extent: Extent::Unknown },
        })
    }

    /// Content of standard input, which is not kept.
    pub(crate) fn of_standard_input() -> Result<(PathBuf, Self)> {
        let name = PathBuf::from("standard input");
        Self::of(io::stdin().lock(), &name).map(|content| (name, content))
    }

    /// The first bytes of the content, and all of it.
    pub(crate) fn with_head(mut self, name: &Path) -> Result<(Vec<u8>, Self)> {
        let mut head = Vec::new();
        self.reader.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(Error::read(name))?;
        let reader = Box::new(io::Cursor::new(head.clone()).chain(self.reader));
        Ok((head, Self { reader, ..self }))
    }
}

/// Whether `path` stands for standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == STANDARD_INPUT
}

/// What packs a file that is not unpacked here, and what does.
fn packed(magic: &[u8]) -> Option<&'static str> {
    let never = [
        (&b"PK\x03\x04"[..], "a zip archive or a spreadsheet: unpack it, or save the sheet as CSV"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first (7z x FILE)"),
        (b"Rar!\x1a\x07", "a RAR archive: unpack it first (unrar x FILE)"),
    ];
    // Where the feature `compressed` was left out.
    let others = [
        (&b"\x1f\x8b"[..], "gzip data, which this build cannot unpack: gzip -d FILE does"),
        (b"\x28\xb5\x2f\xfd", "zstd data, which this build cannot unpack: zstd -d FILE does"),
        (b"BZh", "bzip2 data, which this build cannot unpack: bzip2 -d FILE does"),
        (b"\xfd7zXZ", "xz data, which this build cannot unpack: xz -d FILE does"),
    ];
    let others = others.into_iter().filter(|_| !cfg!(feature = "compressed"));
    never.into_iter().chain(others).find_map(|(start, name)| magic.starts_with(start).then_some(name))
}

/// The encoding that the first two bytes mark, and the content behind the mark; all of it without one.
fn marked(reader: impl Read) -> io::Result<(Option<&'static encoding_rs::Encoding>, impl Read)> {
    let mut reader = io::BufReader::with_capacity(HEAD, reader);
    let encoding = match reader.fill_buf()? {
        [0xff, 0xfe, ..] => Some(encoding_rs::UTF_16LE),
        [0xfe, 0xff, ..] => Some(encoding_rs::UTF_16BE),
        _ => None,
    };
    if encoding.is_some() {
        reader.consume(2);
    }
    Ok((encoding, reader))
}

/// UTF-16 as UTF-8. Halves of a character that stand alone become U+FFFD.
struct Utf16<R> {
    reader: R,
    decoder: encoding_rs::Decoder,
    /// Bytes not yet decoded.
    waiting: Vec<u8>,
    /// UTF-8 not yet given, from `given` on.
    decoded: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Utf16<R> {
    fn new(reader: R, encoding: &'static encoding_rs::Encoding) -> Self {
        let decoder = encoding.new_decoder_without_bom_handling();
        Self { reader, decoder, waiting: vec![0; 1 << 15], decoded: Vec::new(), given: 0, ended: false }
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.decoded.len() && !self.ended {
            let read = self.reader.read(&mut self.waiting)?;
            self.ended = read == 0;
            // Three bytes for two, and room for what was half read.
            self.decoded.resize(3 * read + 16, 0);
            let (_, _, written, _) =
                self.decoder.decode_to_utf8(&self.waiting[..read], &mut self.decoded, self.ended);
            self.decoded.truncate(written);
            self.given = 0;
        }
        let given = (&self.decoded[self.given..]).read(buffer)?;
        self.given += given;
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: &[u8]) -> Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, bytes).unwrap();
        let mut content = String::new();
        Input::of(&path)?.open()?.read_to_string(&mut content).map_err(Error::read(&path))?;
        Ok(content)
    }

    #[test]
    fn utf_16_with_a_mark_is_read_in_either_order() {
        let text = "fine 电影 😀\n".repeat(20_000);
        for (mark, bytes) in [
            (&b"\xff\xfe"[..], text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
            (b"\xfe\xff", text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ] {
            assert_eq!(content(&[mark, &bytes].concat()).unwrap(), text);
        }
        assert_eq!(content(b"\xff\xfea\0\x3d\xd8").unwrap(), "a\u{fffd}", "half a character at the end");
        assert_eq!(content(b"a").unwrap(), "a");
    }

    #[test]
    fn nothing_and_archives_are_told() {
        assert!(content(b"").unwrap_err().to_string().contains("an empty file"));
        assert!(content(b"PK\x03\x04....").unwrap_err().to_string().contains("save the sheet as CSV"));
        assert!(content(b"BZh91AY&SY").unwrap_err().to_string().contains("bzip2"));
        assert!(content(b"7z\xbc\xaf\x27\x1c\0").unwrap_err().to_string().contains("7z x FILE"));
        assert!(Input::copied(&b""[..], Path::new("standard input")).is_err());
        let copied = Input::copied(&b"a line"[..], Path::new("standard input")).unwrap();
        assert_eq!((copied.head().unwrap(), copied.head().unwrap()), (b"a line".to_vec(), b"a line".to_vec()));
    }

    /// `text,label` and a line end, as `bzip2` and `xz` pack it.
    #[cfg(feature = "compressed")]
    const BZIP2: &[u8] = &[
        0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 0xba, 0x02, 0x81, 0x45, 0x00, 0x00, 0x04, 0xd1,
        0x80, 0x00, 0x10, 0x00, 0x04, 0x32, 0x04, 0x04, 0x40, 0x20, 0x00, 0x22, 0x06, 0x9b, 0x48, 0x43, 0x02, 0x19,
        0x9c, 0xd0, 0x48, 0xbc, 0x5d, 0xc9, 0x14, 0xe1, 0x42, 0x42, 0xe8, 0x0a, 0x05, 0x14,
    ];
    #[cfg(feature = "compressed")]
    const XZ: &[u8] = &[
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x16, 0x00,
        0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x0a, 0x74, 0x65, 0x78, 0x74, 0x2c, 0x6c, 0x61, 0x62, 0x65,
        0x6c, 0x0a, 0x00, 0x00, 0x0e, 0x8e, 0x98, 0x47, 0x3b, 0xd2, 0xb3, 0x34, 0x00, 0x01, 0x23, 0x0b, 0xc2, 0x1b,
        0xfd, 0x09, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a,
    ];

    #[cfg(feature = "compressed")]
    #[test]
    fn packed_content_is_unpacked_and_damage_is_told() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(b"text,label\n").unwrap();
        let gzip = packer.finish().unwrap();
        assert_eq!(content(&gzip).unwrap(), "text,label\n");
        assert_eq!(content(&zstd::encode_all(&b"text"[..], 3).unwrap()).unwrap(), "text");
        assert_eq!(content(BZIP2).unwrap(), "text,label\n");
        assert_eq!(content(XZ).unwrap(), "text,label\n");
        assert_eq!(content(&[BZIP2, BZIP2].concat()).unwrap(), "text,label\ntext,label\n");
        assert_eq!(content(&[XZ, XZ].concat()).unwrap(), "text,label\ntext,label\n");
        for (packed, form) in [(BZIP2, "bzip2"), (XZ, "xz")] {
            let message = content(&packed[..packed.len() - 6]).unwrap_err().to_string();
            assert!(message.contains("damaged or cut short") && message.contains(form), "{message}");
        }
        assert_eq!(content(b"BZhang,great film\n").unwrap(), "BZhang,great film\n");
        let message = content(&gzip[..gzip.len() - 4]).unwrap_err().to_string();
        assert!(message.contains("damaged or cut short"), "{message}");
    }
}
