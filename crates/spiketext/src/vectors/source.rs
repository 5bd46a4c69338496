//! Opens a file of word vectors as a stream of its unpacked content, and tells its format.

use std::{
    fs::File,
    io::{BufReader, Read, Seek},
    path::Path,
};

use zip::ZipArchive;

use super::Format;
use crate::{
    Error, Result,
    unpack::{MAGIC, Unpacked, opened},
};

/// How much of the content [`recognise`] looks at.
pub(super) const HEAD: usize = 64 * 1024;

const BUFFER: usize = 256 * 1024;

/// Gives the unpacked content of the file at `path` to `use_stream`. What packs it is told from its first bytes.
pub(super) fn with_stream<T>(path: &Path, use_stream: impl FnOnce(&mut dyn Read) -> Result<T>) -> Result<T> {
    let (file_path, member) = split_member(path);
    let mut file = File::open(file_path).map_err(Error::read(file_path))?;
    if file.metadata().map_err(Error::read(path))?.is_dir() {
        return Err(Error::malformed(path, None, "a file of word vectors", "a folder"));
    }
    let mut magic = Vec::new();
    file.by_ref().take(MAGIC as u64).read_to_end(&mut magic).map_err(Error::read(path))?;
    if magic.starts_with(b"PK\x03\x04") {
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|fault| unpacking(path, &fault.to_string()))?;
        return with_member(path, archive, member, use_stream);
    }
    // Not by seeking back: the file may be a pipe.
    let whole = BufReader::with_capacity(BUFFER, magic.as_slice().chain(file));
    use_stream(&mut *opened(&magic, whole).map_err(Error::read(path))?)
}

/// Splits `archive.zip/member.txt`, where such a path is no file, into archive and member.
fn split_member(path: &Path) -> (&Path, Option<&str>) {
    let archive = path.ancestors().skip(1).find(|folder| {
        folder.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) && folder.is_file()
    });
    match archive.and_then(|archive| Some((archive, path.strip_prefix(archive).ok()?.to_str()?))) {
        Some((archive, member)) => (archive, Some(member)),
        None => (path, None),
    }
}

/// Gives one member of a zip archive to `use_stream`: the one that is named, the only one, or the only text.
fn with_member<T>(
    path: &Path,
    mut archive: ZipArchive<impl Read + Seek>,
    member: Option<&str>,
    use_stream: impl FnOnce(&mut dyn Read) -> Result<T>,
) -> Result<T> {
    // Members whose names cannot be read cannot be asked for either.
    let names = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned()));
    let names: Vec<String> = names.filter(|name| !name.ends_with('/')).collect();
    let is_text = |name: &&String| [".txt", ".vec"].iter().any(|end| name.ends_with(end));
    let chosen = match (member, names.as_slice()) {
        (Some(member), _) => names.iter().find(|name| *name == member).ok_or_else(|| Error::UnknownName {
            what: "member of the archive",
            name: member.to_owned(),
            known: names.iter().take(20).cloned().collect(),
        })?,
        (None, [only]) => only,
        (None, _) => {
            let mut texts = names.iter().filter(is_text);
            match (texts.next(), texts.next()) {
                (Some(only), None) => only,
                _ => {
                    let some: Vec<&str> = names.iter().take(20).map(String::as_str).collect();
                    let expected = "an archive of one text file, or a path like ARCHIVE.zip/MEMBER";
                    return Err(Error::malformed(path, None, expected, format!("members: {}", some.join(", "))));
                }
            }
        }
    };
    let stream = archive.by_name(chosen).map_err(|fault| unpacking(path, &fault.to_string()))?;
    use_stream(&mut Unpacked::new("zip", BufReader::with_capacity(BUFFER, stream)))
}

fn unpacking(path: &Path, fault: &str) -> Error {
    Error::malformed(path, None, "a whole compressed file", fault)
}

/// Tells the format of unpacked content from its first bytes. Anything unknown is taken for text, whose reader says
/// what is wrong with it.
///
/// # Errors
/// Well-known files that hold no plain word vectors.
pub(super) fn recognise(path: &Path, head: &[u8]) -> Result<Format> {
    if let Some((length, [b'{', ..])) = head.split_first_chunk::<8>()
        && u64::from_le_bytes(*length) < 1 << 27
    {
        return Ok(Format::Compact);
    }
    if head.starts_with(&793_712_314u32.to_le_bytes()) {
        let got = "a fastText model (.bin); its .vec file holds the vectors";
        return Err(Error::malformed(path, None, "a file of word vectors", got));
    }
    let is_binary = head.iter().position(|&byte| byte == b'\n').is_some_and(|end| {
        let body = &head[end + 1..];
        parse_header(&head[..end]).is_some() && !begins_as_text(body)
    });
    Ok(if is_binary { Format::Word2vecBinary } else { Format::GloveText })
}

/// The two whole numbers of a header line `V D`, if the line is one.
pub(super) fn parse_header(line: &[u8]) -> Option<(u64, u64)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut fields = line.split_ascii_whitespace();
    let header = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    fields.next().is_none().then_some(header)
}

/// Whether content after a header begins with a word and a number in decimals. Four bytes of a float may by chance
/// look like a digit between blanks, but a whole vector of them has bytes that no text has.
fn begins_as_text(body: &[u8]) -> bool {
    let line = body.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let fields = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|field| !field.is_empty());
    let is_number = |field: &[u8]| std::str::from_utf8(field).is_ok_and(|f| f.trim_ascii().parse::<f32>().is_ok());
    let is_clean = line.iter().all(|byte| !byte.is_ascii_control() || matches!(byte, b'\t' | b'\r'));
    body.is_empty() || (is_clean && fields.skip(1).take(4).any(is_number))
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use super::*;

    #[test]
    fn formats_are_told_by_content() {
        let tell = |head: &[u8]| recognise(Path::new("x"), head).unwrap();
        assert_eq!(tell(b"the 0.1 0.2\n"), Format::GloveText);
        assert_eq!(tell(b"2 2\nthe 0.1 0.2\n"), Format::GloveText);
        assert_eq!(tell(b"2 2\nthe \x00\x00\x80\x3f\x00\x00\x80\x3f\n"), Format::Word2vecBinary);
        assert_eq!(tell(b"1 2\nthe \x00\x00 5 \x00\x3f\n"), Format::Word2vecBinary);
        assert_eq!(tell(b"\x20\0\0\0\0\0\0\0{\"codes\""), Format::Compact);
        assert_eq!(tell(b""), Format::GloveText);
        assert!(
            recognise(Path::new("x"), b"\xba\x16\x4f\x2f...").unwrap_err().to_string().contains("fastText model")
        );
        assert_eq!(parse_header(b"3 4 5"), None);
        assert_eq!(parse_header(b"3 4\r"), Some((3, 4)));
    }

    const CONTENT: &[u8] = b"a 1 2\nb 3 4\n";

    /// Writes a file and reads all of it back through [`with_stream`].
    fn unpack(name: &str, packed: &[u8], ask: &str) -> Result<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), packed).unwrap();
        let path = folder.path().join(ask);
        with_stream(&path, |stream| {
            let mut out = Vec::new();
            stream.read_to_end(&mut out).map_err(Error::read(&path))?;
            Ok(out)
        })
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, content) in members {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn packed_files_are_unpacked_whatever_their_name() {
        for packed in [CONTENT.to_vec(), gzip(CONTENT), zstd::encode_all(CONTENT, 3).unwrap()] {
            assert_eq!(unpack("v", &packed, "v").unwrap(), CONTENT);
        }
        let two_parts = [gzip(&CONTENT[..5]), gzip(&CONTENT[5..])].concat();
        assert_eq!(unpack("v.gz", &two_parts, "v.gz").unwrap(), CONTENT);
    }

    #[test]
    fn bzip2_and_xz_are_unpacked_too() {
        for name in ["ref.csv.bz2", "ref.csv.xz"] {
            let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cases");
            let packed = std::fs::read(cases.join(name)).unwrap();
            assert_eq!(unpack("v", &packed, "v").unwrap(), std::fs::read(cases.join("ref.csv")).unwrap(), "{name}");
            assert!(unpack("v", &packed[..packed.len() / 2], "v").is_err());
        }
    }

    #[test]
    fn an_archive_gives_its_one_text_or_the_named_member() {
        let one = archive(&[("readme", b"x"), ("v.txt", CONTENT)]);
        assert_eq!(unpack("v.zip", &one, "v.zip").unwrap(), CONTENT);
        let two = archive(&[("50.txt", b"x"), ("d/100.txt", CONTENT)]);
        assert!(unpack("v.zip", &two, "v.zip").unwrap_err().to_string().contains("members: 50.txt, d/100.txt"));
        assert_eq!(unpack("v.zip", &two, "v.zip/d/100.txt").unwrap(), CONTENT);
        assert!(unpack("v.zip", &two, "v.zip/x").unwrap_err().to_string().contains("known: 50.txt, d/100.txt"));
    }

    #[test]
    fn what_unpacks_without_end_is_refused() {
        let content = vec![b'x'; 100_000];
        let limited = |most| {
            let packed = gzip(&content);
            let mut out = Vec::new();
            let decoder = flate2::read::MultiGzDecoder::new(packed.as_slice());
            let read = Unpacked::with_limit("gzip", decoder, most).read_to_end(&mut out);
            (read, out.len())
        };
        assert_eq!(limited(100_000).0.unwrap(), 100_000);
        let (read, kept) = limited(99_999);
        let message = Error::read("v.gz")(read.unwrap_err()).to_string();
        assert!(message.starts_with("cannot read v.gz: expected at most 99999 bytes"), "{message}");
        assert!(message.contains("unpack it first"), "{message}");
        assert!(kept < 100_000);
    }

    #[test]
    fn a_packed_file_that_is_cut_short_says_so() {
        let long: Vec<u8> = (0..90_000u32).flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
        for packed in [gzip(&long), zstd::encode_all(long.as_slice(), 3).unwrap(), archive(&[("v.txt", &long)])] {
            assert!(unpack("v", &packed[..packed.len() / 2], "v").is_err());
        }
        let error = unpack("v", &gzip(&long)[..9999], "v").unwrap_err().to_string();
        assert!(error.contains("the compressed data is damaged or cut short"), "{error}");
        assert!(unpack("v", CONTENT, "no").unwrap_err().to_string().starts_with("cannot read"));
    }
}
