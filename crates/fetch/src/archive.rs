//! Single members of `.tar.gz` and `.zip` archives, read into memory.
//!
//! Members are found by the last component of their path, and nothing is ever written where an archive says: a path
//! like `../../x` in it does no harm.

use std::io::{BufReader, Read, Seek};

use flate2::read::GzDecoder;
use zip::ZipArchive;

use crate::{Error, Result};

/// The most bytes that a member may have.
const MOST_MEMBER: u64 = 64 << 20;

/// The most bytes that are unpacked of a `.tar.gz` in search of its members.
const MOST_UNPACKED: u64 = 256 << 20;

/// The content of each member in `wanted`, in their order. `url` is what errors call the archive, and its end tells
/// the format.
///
/// # Errors
/// An archive that cannot be read, is damaged, lacks a member or has one too large.
pub(crate) fn members(archive: impl Read + Seek, url: &str, wanted: &[&str]) -> Result<Vec<Vec<u8>>> {
    let file = BufReader::new(archive);
    let mut found: Vec<Option<Vec<u8>>> = vec![None; wanted.len()];
    if url.ends_with(".zip") {
        from_zip(file, url, wanted, &mut found)?;
    } else {
        from_tar(file, url, wanted, &mut found)?;
    }
    let all = found.into_iter().zip(wanted);
    all.map(|(content, name)| content.ok_or_else(|| fault(url, format!("a member {name}"), "none"))).collect()
}

fn from_tar(file: impl Read, url: &str, wanted: &[&str], found: &mut [Option<Vec<u8>>]) -> Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(file).take(MOST_UNPACKED));
    for entry in archive.entries().map_err(damaged(url))? {
        let mut entry = entry.map_err(damaged(url))?;
        let index = place(&String::from_utf8_lossy(&entry.path_bytes()), wanted);
        if let Some(index) = index.filter(|&index| found[index].is_none())
            && entry.header().entry_type().is_file()
        {
            found[index] = Some(content(&mut entry, url, wanted[index])?);
        }
        if found.iter().all(Option::is_some) {
            break;
        }
    }
    Ok(())
}

fn from_zip(file: impl Read + Seek, url: &str, wanted: &[&str], found: &mut [Option<Vec<u8>>]) -> Result<()> {
    let mut archive = ZipArchive::new(file).map_err(|error| damaged(url)(error.into()))?;
    // A name that cannot be read is none that is wanted.
    let places: Vec<Option<usize>> =
        archive.file_names().map(|name| name.ok().and_then(|name| place(&name, wanted))).collect();
    for (member, index) in places.into_iter().enumerate() {
        let Some(index) = index.filter(|&index| found[index].is_none()) else { continue };
        let mut entry = archive.by_index(member).map_err(|error| damaged(url)(error.into()))?;
        if entry.is_file() {
            found[index] = Some(content(&mut entry, url, wanted[index])?);
        }
    }
    Ok(())
}

/// Which of `wanted` the member called `name` is.
fn place(name: &str, wanted: &[&str]) -> Option<usize> {
    let last = name.rsplit('/').next()?;
    wanted.iter().position(|&wanted| wanted == last)
}

/// All of one member.
fn content(member: &mut impl Read, url: &str, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    member.take(MOST_MEMBER + 1).read_to_end(&mut bytes).map_err(damaged(url))?;
    if bytes.len() as u64 > MOST_MEMBER {
        return Err(fault(url, format!("at most {MOST_MEMBER} bytes in {name}"), "more"));
    }
    Ok(bytes)
}

/// An archive that cannot be unpacked; for use with `map_err`.
fn damaged(url: &str) -> impl FnOnce(std::io::Error) -> Error {
    move |error| fault(url, "a whole archive", format!("a damaged one ({error})"))
}

/// An archive that does not hold what it should.
pub(crate) fn fault(url: &str, expected: impl Into<String>, got: impl Into<String>) -> Error {
    Error::Archive { archive: url.to_owned(), expected: expected.into(), got: got.into() }
}

#[cfg(test)]
#[path = "../tests/made/mod.rs"]
mod made;

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::{
        made::{tarred, zipped},
        *,
    };

    fn unpack(end: &str, archive: &[u8], wanted: &[&str]) -> Result<Vec<Vec<u8>>> {
        members(std::io::Cursor::new(archive), &format!("http://h/a{end}"), wanted)
    }

    #[test]
    fn members_come_in_the_order_asked_for_wherever_they_lie() {
        let inside: [(&str, &[u8]); 4] =
            [("a/b/two", b"2"), ("../one", b"1"), ("/etc/three", b"3"), ("x/two", b"no")];
        for (end, archive) in [(".tar.gz", tarred(&inside)), (".zip", zipped(&inside))] {
            let got = unpack(end, &archive, &["one", "two", "three"]).unwrap();
            assert_eq!(got, [b"1", b"2", b"3"], "{end}");
            let error = unpack(end, &archive, &["one", "four"]).unwrap_err().to_string();
            assert_eq!(error, format!("http://h/a{end}: expected a member four, got none"));
        }
    }

    #[test]
    fn links_are_no_members() {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "one", "/etc/hostname").unwrap();
        let archive = builder.into_inner().unwrap().finish().unwrap();
        assert!(unpack(".tar.gz", &archive, &["one"]).unwrap_err().to_string().contains("got none"));
    }

    #[test]
    fn damaged_archives_are_refused() {
        let long: Vec<u8> = (0..9000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let inside: [(&str, &[u8]); 1] = [("one", &long)];
        for (end, archive) in [(".tar.gz", tarred(&inside)), (".zip", zipped(&inside))] {
            for damaged in [&archive[..archive.len() / 2], b"", b"<html>no</html>"] {
                let error = unpack(end, damaged, &["one"]).unwrap_err().to_string();
                assert!(error.starts_with(&format!("http://h/a{end}: expected a")), "{error}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), spot in 0..400usize, new: u8) {
            let _ = unpack(".zip", &bytes, &["one"]);
            let _ = unpack(".tar.gz", &bytes, &["one"]);
            let members = [("one", &bytes[..])];
            for (end, mut archive) in [(".tar.gz", tarred(&members)), (".zip", zipped(&members))] {
                if let Some(byte) = archive.get_mut(spot) {
                    *byte = new;
                }
                let _ = unpack(end, &archive, &["one"]);
            }
        }
    }
}
